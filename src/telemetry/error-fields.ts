export type ErrorFields = {
  readonly error: string
  readonly message?: string
  readonly stack?: string
  readonly cause?: ErrorFields
}

/** The log fields of an error: its type, message, stack and up to three causes. Possible secrets are redacted. */
export function errorFields(error: unknown, depth = 0): ErrorFields {
  try {
    return error instanceof Error ? fieldsOf(error, depth) : { error: typeof error }
  } catch {
    // A member of it throws. Without a line, nobody would know of the bug.
    return { error: 'unreadable' }
  }
}

function fieldsOf(error: Error, depth: number): ErrorFields {
  const { message, stack, cause } = error
  return {
    error: String(error.constructor?.name ?? 'Error'),
    message: isOfRejection(error) ? 'rejected with a value that is no Error' : withoutSecrets(String(message)),
    ...(typeof stack === 'string' && { stack: framesOf(stack, String(message)) }),
    ...(cause !== undefined && depth < 3 && { cause: errorFields(cause, depth + 1) }),
  }
}

/** Node makes such an error, and its message quotes the value. */
function isOfRejection(error: Error): boolean {
  return 'code' in error && error.code === 'ERR_UNHANDLED_REJECTION'
}

/**
 * The stack begins with the message: this one, or the one when the stack was read first. Its lines can look like frames, so only
 * what follows the last other line is taken.
 */
function framesOf(stack: string, message: string): string {
  const lines = stack.replace(message, '').split('\n')
  return lines.slice(lines.findLastIndex((line) => !frame.test(line)) + 1).join('\n')
}

const frame = /^ +at .*(:\d+:\d+\)?|:0x[\da-f]+\)?|<anonymous>\)?|\(native\)|\(index \d+\))$/

/** A message can quote a value of a caller or of LINE. So it redacts every run of 12 or more token characters. */
function withoutSecrets(message: string): string {
  return message.replace(/[\w.~+/=%@-]{12,}/g, '[redacted]')
}
