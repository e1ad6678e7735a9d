/** An error as log fields: its type, its causes and where it was thrown, with whatever could be a secret taken out. */
export function errorFields(error: unknown, depth = 0): object {
  if (!(error instanceof Error)) return { error: typeof error }
  // A message may have lines that look like frames.
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

/** Messages may quote what a caller or LINE sent: every long run of characters a token is made of goes. */
function withoutSecrets(message: string): string {
  return message.replace(/[\w.~+/=%-]{12,}/g, '[redacted]')
}
