export type ErrorFields = {
  readonly error: string
  readonly message?: string
  readonly stack?: string
  readonly cause?: ErrorFields
}

/** The log fields of an error: its type, message, stack and up to three causes. Possible secrets are redacted. */
export function errorFields(error: unknown, depth = 0): ErrorFields {
  if (!(error instanceof Error)) return { error: typeof error }
  // The message is removed first, because it can have lines that look like stack frames.
  const frames = error.stack
    ?.replace(error.message, '')
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
  return {
    error: error.constructor.name,
    message: withoutSecrets(error.message),
    ...(frames && { stack: frames.join('\n') }),
    ...(error.cause !== undefined && depth < 3 && { cause: errorFields(error.cause, depth + 1) }),
  }
}

/** A message can quote a value of a caller or of LINE. So it redacts every run of 12 or more token characters. */
function withoutSecrets(message: string): string {
  return message.replace(/[\w.~+/=%-]{12,}/g, '[redacted]')
}
