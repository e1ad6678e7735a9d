/** What can go wrong between us and LINE: one class a meaning, so that nothing is ever told apart by its text. */

type LineFacts = {
  /** LINE's `x-line-request-id`, where an answer had one: what LINE's support asks for. */
  readonly lineRequestId?: string | undefined
  /** Seconds after which asking again can help; absent where it cannot. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
}

/** LINE timed out, reset the connection, answered 5xx or something that is not its documented answer. */
export class LineUnavailable extends Error {
  readonly code = 'LINE_UNAVAILABLE'
  readonly lineRequestId: string | undefined
  readonly retryAfter: number | undefined
  /** Whether bytes of the request may have reached LINE. */
  readonly sent: boolean

  constructor(message: string, facts: LineFacts & { readonly sent?: boolean } = {}) {
    super(message, { cause: facts.cause })
    this.name = 'LineUnavailable'
    this.lineRequestId = facts.lineRequestId
    this.retryAfter = facts.retryAfter
    this.sent = facts.sent ?? true
  }
}

/** LINE answered 429, or our own budget of calls to LINE is spent. */
export class LineRateLimited extends Error {
  readonly code = 'LINE_RATE_LIMITED'
  readonly lineRequestId: string | undefined
  readonly retryAfter: number

  constructor(facts: LineFacts & { readonly retryAfter: number }) {
    super('LINE is asked too often; try again later', { cause: facts.cause })
    this.name = 'LineRateLimited'
    this.lineRequestId = facts.lineRequestId
    this.retryAfter = facts.retryAfter
  }
}

/** LINE refused the authorization code or refresh token (RFC 6749 section 5.2 `invalid_grant`): log in again. */
export class InvalidGrant extends Error {
  readonly code = 'INVALID_GRANT'
  readonly lineRequestId: string | undefined

  constructor(message: string, facts: Pick<LineFacts, 'lineRequestId'> = {}) {
    super(message)
    this.name = 'InvalidGrant'
    this.lineRequestId = facts.lineRequestId
  }
}

export type IdTokenRefusal = 'MALFORMED' | 'ALGORITHM' | 'SIGNATURE' | 'ISSUER' | 'AUDIENCE' | 'EXPIRED' | 'NONCE'

/** The ID token cannot be believed; `reason` says which check it failed. */
export class InvalidIdToken extends Error {
  readonly code = 'INVALID_ID_TOKEN'
  readonly reason: IdTokenRefusal

  constructor(reason: IdTokenRefusal, options?: { readonly cause?: unknown }) {
    super(idTokenMessages[reason], options)
    this.name = 'InvalidIdToken'
    this.reason = reason
  }
}

const idTokenMessages: Record<IdTokenRefusal, string> = {
  MALFORMED: 'The ID token is not a well-formed LINE ID token',
  ALGORITHM: 'The ID token is not signed with the algorithm of this channel',
  SIGNATURE: 'The ID token is not signed by LINE for this channel',
  ISSUER: 'The ID token was not issued by LINE',
  AUDIENCE: 'The ID token was issued for another channel',
  EXPIRED: 'The ID token has expired',
  NONCE: 'The nonce of the ID token is not the one of this login, or was used before',
}

/** The two ways in which LINE leaves a question open. Neither says anything about a token. */
export type LineOutage = LineUnavailable | LineRateLimited

export function isLineOutage(error: unknown): error is LineOutage {
  return error instanceof LineUnavailable || error instanceof LineRateLimited
}
