import type { LineOutage } from '../line/errors.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { ReadingName } from './readings.ts'
import type { Subject, TokenRecord } from './record.ts'
import type { AccessToken } from './token-key.ts'

/**
 * The shape all tiers have: a question about a token goes down until somebody knows, the answer comes back the same way.
 * A cache tier is a resolver that has a resolver behind it.
 */
export type Resolver = (question: Question) => Answer | Promise<Answer>

/** The same for all questions of one tick: each answer comes home on its own, so that nobody waits for a neighbour. */
export type BatchResolver = (questions: readonly Question[]) => readonly Promise<Answer>[]

export type Question = {
  readonly token: AccessToken
  readonly subject: Subject
  /** The address that asks: charged when LINE refuses a token nobody knew. */
  readonly clientAddress: string
  /** `performance.now()` when the asking began: LINE's deadline counts from here, whatever is waited for on the way. */
  readonly since: number
  /** What the tiers above know of the token already; without it the token is cold. */
  readonly known?: TokenRecord | undefined
  /** Asked of LINE at the same time, where there is room for it: a cold token's profile in the round trip of its verification. */
  readonly alongside?: ReadingName | undefined
}

export type Answer = Valid | Invalid | Unknown

/** The token is good; the record holds the subject asked for, unless the token's scopes forbid it. */
export type Valid = {
  readonly verdict: 'valid'
  readonly record: TokenRecord
  /** What was asked `alongside`, where LINE left that open. */
  readonly unread?: { readonly subject: Subject; readonly outage: Outage } | undefined
}

/** The token is bad, and LINE or the caller has told us so. */
export type Invalid = {
  readonly verdict: 'invalid'
  readonly reason: TokenRefusal
  /** Of LINE's answer, for those who waited for it. */
  readonly lineRequestId?: string | undefined
}

/** Nobody could say. Never a reason to log anyone out; `record` is what is known nonetheless. */
export type Unknown = {
  readonly verdict: 'unknown'
  readonly outage: Outage
  readonly record?: TokenRecord | undefined
}

export type Outage = LineOutage | SourceLimited

/** This gateway refuses to ask LINE for a client address that has caused too many refusals. */
export class SourceLimited extends Error {
  readonly code = 'RATE_LIMITED'
  /** Seconds. */
  readonly retryAfter: number

  constructor(retryAfter: number) {
    super('Too many failed attempts from this address; try again later')
    this.name = 'SourceLimited'
    this.retryAfter = retryAfter
  }
}

export function invalid(reason: TokenRefusal): Invalid {
  return { verdict: 'invalid', reason }
}
