import { isLineOutage, type LineOutage } from '../line/errors.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { CallLimits } from '../line/transport.ts'
import { ExpectedError } from '../telemetry/expected-error.ts'
import type { Concern } from './forgotten.ts'
import type { ReadingName } from './readings.ts'
import type { Subject, TokenRecord } from './record.ts'
import type { Entries } from './shared-store.ts'
import type { AccessToken } from './token-key.ts'

/**
 * The shape of every tier. A question about a token goes down until a tier has the answer, which returns the same way.
 * A cache tier is a resolver with another resolver behind it.
 */
export type Resolver = (question: Question) => Answer | Promise<Answer>

/** A resolver for many questions at once. Each answer is a promise of its own, so no question waits for another. */
export type BatchResolver = (questions: readonly Question[]) => readonly Promise<Answer>[]

/** The operation that needs an answer. */
export type Caller = CallLimits & {
  /** A refusal by LINE of a credential that is unknown here counts against this address. */
  readonly clientAddress: string
}

export type Question = Caller & {
  readonly token: AccessToken
  readonly subject: Subject
  /** The record that a tier above already has. A token without one is cold. */
  readonly known?: TokenRecord | undefined
  /** LINE has confirmed the token in this question, after its user had left. */
  readonly isProven?: boolean
  /** Only LINE's own answer to this question counts: no record or flight that other processes share. */
  readonly mustAskLine?: boolean
  /** What the processes share about the token, as a tier above has read it. */
  readonly shared?: Entries | undefined
  /** A reading to fetch at the same time, if there is room: a cold token's profile together with its verification. */
  readonly alongside?: ReadingName | undefined
  /** With the subject `verification`: a reading to fetch alongside, if the token turns out to be cold. */
  readonly alsoIfCold?: ReadingName | undefined
  /**
   * Called when the question may go to LINE. Gives the answer that others are already getting, or have got, while the question
   * waited: then LINE is not asked.
   */
  readonly claim?: (() => Promise<Answer> | undefined) | undefined
  /** Called when the question waits for a place in the queue of a share. `renew` gives it the place of one that has just come. */
  readonly onWait?: ((renew: () => void) => void) | undefined
  /** How long the answer must last (ms). A record that becomes stale before that is checked with LINE first, like a stale one. */
  readonly lastsMs?: number | undefined
}

/**
 * Each answer says in `from` which tier it comes from, for the count of look-ups (`look-ups.ts`):
 *
 *     fresh, aging, stale   a record in memory, by its age. `stale`: LINE gave no answer
 *     memory                what memory says against the token
 *     flight                the answer to a question of somebody else
 *     redis                 another process
 *     undefined             LINE
 */
export type Answer = Valid | Invalid | Unknown

/** The token is good. The record holds the subject of the question, unless the token lacks its scope. */
export type Valid = {
  readonly verdict: 'valid'
  readonly record: TokenRecord
  /** The reading `alongside`, where LINE gave no usable answer to it. */
  readonly unread?: { readonly subject: Subject; readonly outage: Outage } | undefined
  /** How the token is concerned by what was forgotten while LINE was answering. */
  readonly concern?: Concern
  /** Another process got the record from LINE, at the time that it says. */
  readonly isFromStore?: boolean
  readonly from?: 'fresh' | 'aging' | 'stale' | 'flight' | 'redis' | undefined
}

/** The token is bad: LINE refused it, a caller revoked it here, or it has expired. */
export type Invalid = {
  readonly verdict: 'invalid'
  readonly reason: TokenRefusal
  /** The `x-line-request-id` of LINE's answer, for the callers that waited for it. */
  readonly lineRequestId?: string | undefined
  readonly from?: 'memory' | 'flight' | 'redis' | undefined
}

/** There is no verdict. Never a reason to log a user out. `record`: the facts that are known all the same. */
export type Unknown = {
  readonly verdict: 'unknown'
  readonly outage: Outage
  readonly record?: TokenRecord | undefined
  readonly from?: 'flight' | undefined
}

export type Outage = LineOutage | SourceLimited

/** We do not call LINE for this client address: it has caused too many refusals. */
export class SourceLimited extends ExpectedError {
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

export function isOutage(error: unknown): error is Outage {
  return error instanceof SourceLimited || isLineOutage(error)
}
