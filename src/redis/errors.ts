/**
 * Replies that say "not now", whatever the command: it loads its data, has no primary, runs a long script, becomes a replica,
 * or wants a password.
 */
const notNow = new Set(['LOADING', 'MASTERDOWN', 'BUSY', 'CLUSTERDOWN', 'TRYAGAIN', 'UNBLOCKED', 'NOAUTH'])
/** A connection that fails for these reasons fails until the operator changes something. */
const badCertificate = /CERT|SELF_SIGNED|HOSTNAME_MISMATCH|UNABLE_TO|^ERR_TLS|^ERR_SSL|^EPROTO$/

/** Whether Redis itself answered with this error (`ReplyError` of ioredis). Otherwise there was no connection. */
export function isReply(error: unknown): boolean {
  return error instanceof Error && error.name === 'ReplyError'
}

export function isNotNow(error: unknown): boolean {
  return isReply(error) && notNow.has(wordOf(error))
}

/** Whether a connection failed for a reason that waiting does not mend: its password, its rights, its certificate. */
export function needsOperator(error: unknown): boolean {
  const word = wordOf(error)
  return isReply(error) ? !notNow.has(word) || word === 'NOAUTH' : badCertificate.test(word)
}

export function isRefusedDatabase(error: unknown): boolean {
  return isReply(error) && (error as { command?: { name?: string } }).command?.name === 'select'
}

/** The other words that Redis and Valkey say to our commands. A server could invent any number of them. */
const known = new Set([
  ...notNow,
  'OOM',
  'READONLY',
  'NOPERM',
  'WRONGPASS',
  'WRONGTYPE',
  'MISCONF',
  'NOREPLICAS',
  'MOVED',
])

/** One word for the log: the first of Redis's reply, or the system's code. Messages can contain the address: never logged. */
export function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown'
  if (isReply(error)) {
    const [word = ''] = error.message.split(' ', 1)
    return known.has(word) ? word : 'ERR'
  }
  if (error.message.startsWith('Socket timeout')) return 'timeout'
  return 'code' in error && typeof error.code === 'string' ? error.code : 'closed'
}
