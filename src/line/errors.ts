import { ExpectedError } from '../telemetry/expected-error.ts'

/** What can go wrong between us and LINE. One class for each meaning, so that no code has to compare messages. */

type LineFacts = {
  /** LINE's `x-line-request-id`, if the answer had one. LINE's support asks for it. */
  readonly lineRequestId?: string | undefined
  /** LINE's error word, from a fixed list. For log lines only: callers do not get it. */
  readonly lineError?: string | undefined
  /** Seconds after which a retry can help. Absent if a retry cannot help. */
  readonly retryAfter?: number | undefined
  readonly cause?: unknown
  /**
   * LINE itself answered this call, so every replica would get the same answer now. Default false: a time limit, a broken
   * connection, a full queue or a pause is a matter of this process.
   */
  readonly answered?: boolean
}

/** LINE timed out, reset the connection, answered 5xx or gave an answer that it does not document. */
export class LineUnavailable extends ExpectedError {
  readonly code = 'LINE_UNAVAILABLE'
  readonly lineRequestId: string | undefined
  readonly lineError: string | undefined
  readonly retryAfter: number | undefined
  /** True if bytes of the request may have reached LINE. */
  readonly sent: boolean
  /** True if LINE answered, but neither accepted nor refused the credential: a 403, a 404, an unreadable answer. */
  readonly unusable: boolean
  readonly answered: boolean

  constructor(message: string, facts: LineFacts & { readonly sent?: boolean; readonly unusable?: boolean } = {}) {
    super(message, { cause: facts.cause })
    this.name = 'LineUnavailable'
    this.lineRequestId = facts.lineRequestId
    this.lineError = facts.lineError
    this.retryAfter = facts.retryAfter
    this.sent = facts.sent ?? true
    this.unusable = facts.unusable ?? false
    this.answered = facts.answered ?? this.unusable
  }
}

/**
 * LINE does not accept the settings of our channel, or they lack what a call needs. A retry cannot help: the operator must
 * act. It says nothing about the credential of the caller.
 */
export class Misconfigured extends ExpectedError {
  readonly code = 'MISCONFIGURED'
  readonly retryAfter = undefined
  readonly lineRequestId: string | undefined
  readonly lineError: string | undefined
  /** False if we have no secret for the channel or no key that signs, so that LINE was not called. */
  readonly answered: boolean

  constructor(facts: Pick<LineFacts, 'lineRequestId' | 'lineError' | 'answered'> & { readonly message?: string } = {}) {
    super(facts.message ?? 'The settings of this gateway are wrong for the channel: its operator must correct them')
    this.name = 'Misconfigured'
    this.lineRequestId = facts.lineRequestId
    this.lineError = facts.lineError
    this.answered = facts.answered ?? false
  }
}

/** LINE answered 429, or our own queue of calls to LINE is full. */
export class LineRateLimited extends ExpectedError {
  readonly code = 'LINE_RATE_LIMITED'
  readonly lineRequestId: string | undefined
  readonly lineError: string | undefined
  readonly retryAfter: number
  /** False if our queue is full or LINE's 429 came before. */
  readonly answered: boolean

  constructor(facts: LineFacts & { readonly retryAfter: number; readonly message?: string }) {
    super(facts.message ?? 'Too many calls to LINE: try again later', { cause: facts.cause })
    this.name = 'LineRateLimited'
    this.lineRequestId = facts.lineRequestId
    this.lineError = facts.lineError
    this.retryAfter = facts.retryAfter
    this.answered = facts.answered ?? false
  }
}

/** LINE refused the authorization code or refresh token (RFC 6749 section 5.2 `invalid_grant`): log in again. */
export class InvalidGrant extends ExpectedError {
  readonly code = 'INVALID_GRANT'
  readonly lineRequestId: string | undefined
  readonly lineError: string | undefined

  constructor(message: string, facts: Pick<LineFacts, 'lineRequestId' | 'lineError'> = {}) {
    super(message)
    this.name = 'InvalidGrant'
    this.lineRequestId = facts.lineRequestId
    this.lineError = facts.lineError
  }
}

/** Throws an error again, and `InvalidGrant` with this message. */
export function refusedAs(message: string): (error: unknown) => never {
  return (error) => {
    throw error instanceof InvalidGrant ? new InvalidGrant(message, error) : error
  }
}

export type IdTokenRefusal =
  | 'MALFORMED'
  | 'ALGORITHM'
  | 'SIGNATURE'
  | 'ISSUER'
  | 'AUDIENCE'
  | 'EXPIRED'
  | 'ISSUED_AT'
  | 'NONCE'

/** The ID token must not be trusted. `reason` says which check failed. */
export class InvalidIdToken extends ExpectedError {
  readonly code = 'INVALID_ID_TOKEN'
  readonly reason: IdTokenRefusal

  constructor(reason: IdTokenRefusal, options?: { readonly cause?: unknown }) {
    super(idTokenMessages[reason], options)
    this.name = 'InvalidIdToken'
    this.reason = reason
  }
}

/** Its user has left the service since it was issued. For all who ask about ID tokens, it has expired. */
export class IdTokenOfLeftUser extends InvalidIdToken {
  constructor() {
    super('EXPIRED')
    this.name = 'IdTokenOfLeftUser'
  }
}

const idTokenMessages: Record<IdTokenRefusal, string> = {
  MALFORMED: 'The ID token is malformed: send it exactly as LINE issued it',
  ALGORITHM:
    'The signing algorithm of the ID token is not accepted: only ES256 is, and HS256 where the channel has a secret',
  SIGNATURE: 'The signature of the ID token is not valid for this channel: do not trust it',
  ISSUER: 'The ID token was not issued by LINE: do not trust it',
  AUDIENCE: 'The ID token was issued for another channel: do not trust it',
  EXPIRED: 'The ID token has expired: log in again to get a new one',
  ISSUED_AT: 'The ID token says that it was issued more than 5 minutes in the future: do not trust it',
  NONCE: 'The nonce of the ID token is not the nonce that was sent: send the nonce of this login, or log in again',
}

/** LINE gave no usable answer. None of the three errors says anything about a token. */
export type LineOutage = LineUnavailable | LineRateLimited | Misconfigured

export function isLineOutage(error: unknown): error is LineOutage {
  return error instanceof LineUnavailable || error instanceof LineRateLimited || error instanceof Misconfigured
}

/** LINE answered, and would give the same answer again: a 403, an unreadable answer, a refusal of our settings. */
export function isUnusable(error: unknown): error is LineUnavailable | Misconfigured {
  return error instanceof Misconfigured || (error instanceof LineUnavailable && error.unusable)
}

/** LINE itself answered this call: its answer may be shared with other replicas. A failure of this process may not. */
export function isAnsweredByLine(error: unknown): error is LineOutage {
  return isLineOutage(error) && error.answered
}
