import { member } from './members.ts'

/** The parts of a request that hold values of the caller or of the settings. */
export type SentValues = {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** What LINE says about a refusal, in a form that may be logged. Never for control flow: LINE changes its texts. */
export type RefusalWords = {
  /** A word of the fixed list, else `other`. `undefined` if the answer has no `error`. */
  readonly error?: string
  /** `(withheld)` if it may hold a secret. `undefined` if the answer has no description. */
  readonly description?: string
}

/** RFC 6749 sections 4.1.2.1 and 5.2, RFC 6750 section 3.1, RFC 7009 section 2.2.1. LINE documents no other word. */
const errorWords = new Set([
  'invalid_request',
  'invalid_client',
  'invalid_grant',
  'unauthorized_client',
  'unsupported_grant_type',
  'invalid_scope',
  'access_denied',
  'unsupported_response_type',
  'server_error',
  'temporarily_unavailable',
  'invalid_token',
  'insufficient_scope',
  'unsupported_token_type',
])

/** Reads both shapes of LINE's errors: `error` with `error_description`, and `message`. */
export function refusalWords(body: unknown, sent: SentValues): RefusalWords {
  const error = member(body, 'error')
  const description = member(body, 'error_description') ?? member(body, 'message')
  return {
    ...(error != null && { error: typeof error === 'string' && errorWords.has(error) ? error : 'other' }),
    ...(description != null && description !== '' && { description: printable(description, sent) }),
  }
}

/** LINE's text, if it is printable ASCII of at most 200 characters and holds no value that was sent in the same call. */
function printable(description: unknown, sent: SentValues): string {
  const isPlain = typeof description === 'string' && /^[\x20-\x7e]{1,200}$/.test(description)
  const isSafe = isPlain && !holdsCredential(description) && !holdsOneOf(description, valuesIn(sent))
  return isSafe ? description : '(withheld)'
}

/** A part of a token, or another token than the one sent. LINE's tokens, codes and secrets have 20 characters or more. */
function holdsCredential(description: string): boolean {
  return description.match(/[\w-]{20,}/g)?.some((run) => /\d/.test(run)) ?? false
}

/** The values of the query, of the body and of the Authorization header, as the caller or the settings gave them. */
function valuesIn({ path, headers, body = '' }: SentValues): readonly string[] {
  const query = new URLSearchParams(path.split('?')[1])
  const bearer = headers?.authorization?.replace(/^Bearer /, '')
  const sent = [...query.values(), ...(bearer === undefined ? [] : [bearer]), ...bodyValues(body)]
  return sent.filter((value) => value !== '')
}

function bodyValues(body: string): readonly string[] {
  if (body.startsWith('{')) return Object.values(JSON.parse(body)).map(String)
  return [...new URLSearchParams(body).values()]
}

/** Also finds a value in another spelling: percent-encoded once or twice, form-encoded, in other letter case. */
function holdsOneOf(description: string, values: readonly string[]): boolean {
  const folded = foldSpelling(description)
  return values.some((value) => description.includes(value) || folded.includes(foldSpelling(value)))
}

function foldSpelling(value: string): string {
  const bytes = Buffer.from(value).toString('latin1')
  return unescapePercent(unescapePercent(bytes)).replaceAll('+', ' ').toLowerCase()
}

function unescapePercent(value: string): string {
  return value.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
}
