import { isLineOutage } from '../line/errors.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { createFlights } from './flights.ts'
import { createRechecks } from './rechecks.ts'
import { type Ages, ageOf, merge, type Subject, scopeMissing, spreadOf, type TokenRecord } from './record.ts'
import { createRecordStore } from './record-store.ts'
import { createRefusals } from './refusals.ts'
import {
  type Answer,
  type Invalid,
  invalid,
  type Outage,
  type Question,
  type Resolver,
  SourceLimited,
  type Unknown,
  type Valid,
} from './token-resolver.ts'
import type { Tombstones } from './tombstones.ts'
import { isOfOneClient } from './waiting-room.ts'

export type MemoryTier = {
  /** Answers without a promise if the answer is in memory. */
  readonly resolve: Resolver
  /** Stores a record made from LINE's answer to a login or a refresh. */
  learn(key: string, record: TokenRecord): void
  peek(key: string): TokenRecord | undefined
  /** Drops a record. The caller raises the tombstone, so that no answer in flight stores the record again. */
  drop(key: string): void
  /** The records that match, with their keys. It reads all records: only for a refresh token's or a user's tokens. */
  find(matches: (record: TokenRecord) => boolean): readonly (readonly [key: string, record: TokenRecord])[]
  size(): number
}

export type MemoryTierOptions = Ages & {
  /** The outage that the tiers below would answer now for a cold token of this client. It costs no promise. */
  readonly refusalFor: (clientAddress: string) => Outage | undefined
  readonly maxTokens: number
  readonly tombstones: Tombstones
  readonly now: () => number
  readonly telemetry: Telemetry
}

/**
 * The cache of LINE's answers about access tokens. (This page of explanation makes the file longer than 200 lines.)
 *
 * It is easy to store an answer. It is hard to know whether it can still be used, for three reasons. When a user unlinks the
 * app, LINE revokes the token and does not notify us. When LINE is down, the cache is all we have. And while a call to
 * LINE is in flight, a thousand more questions about the same token can arrive, or a request to revoke it.
 *
 * **A record holds facts, and its age is computed at each use.** It says what LINE answered and when. It has no state
 * such as "valid", so nothing has to be updated when time passes: each hit compares the record with the clock.
 *
 *     expired                  never served; the answer is EXPIRED, without a call to LINE
 *     fresh                    served
 *     aging                    served, and checked with LINE in the background
 *     stale                    checked with LINE first; served only if LINE gives no answer
 *     subject missing          fetched from LINE
 *
 * **We can know a token without a record.** It may have a tombstone (a caller revoked it here) or a remembered refusal
 * (LINE refused it, or it expired, within the last 30 seconds). We call LINE only if there is no tombstone and no
 * refusal. Outages are never remembered here.
 *
 * **Single flight.** Equal questions share one call to LINE. Flights are not part of the cache: when the cache drops a
 * record, the flights of that token go on. So even a cache of ten records makes only one call for each of fifty tokens.
 * The verification and the profile of a new token are fetched at the same time, as one question with a second one
 * alongside, because that saves a round trip.
 *
 * **LINE's answer is compared with the state at its arrival**, not at the start of the call, because the state may have
 * changed between the two:
 *
 *     1. the token has a tombstone      nothing is stored, the answer is REVOKED
 *     2. LINE refused the token         the record is dropped, the refusal is remembered
 *     3. LINE gave no answer            nothing changes; the next re-check waits 5 seconds
 *     4. LINE says valid                if another call was refused after this one started, the refusal wins, because a
 *                                       revoked token never becomes valid again; otherwise the record is merged with
 *                                       the stored one: of each reading the newer one is kept
 *
 * **A hit returns a value, a miss returns a promise.** To wait for a promise costs more than the whole look-up, and
 * nearly all questions are hits. So `resolve` is not an async function, and its callers check whether they got a
 * promise.
 */
export function rememberInMemory(behind: Resolver, options: MemoryTierOptions): MemoryTier {
  const { tombstones, now, telemetry } = options
  const records = createRecordStore(options.maxTokens)
  const refusals = createRefusals<TokenRefusal>(now)
  const flights = createFlights<Answer>(isOfOne)
  const rechecks = createRechecks({ ask: fly, isUnderWay, idOf: flightId, ages: options, now, telemetry })

  return { resolve, learn, peek, drop, find, size: records.size }

  function resolve(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const record = records.get(key)
    if (record === undefined) return resolveCold(question)
    const time = now()
    if (record.expiresAt <= time) return expire(key)
    // Without its scope the subject cannot be fetched. The token may be revoked, so its verification is still checked.
    if (scopeMissing(record, question.subject)) return resolve({ ...question, subject: 'verification' })
    switch (ageOf(record, question.subject, time, options, spreadOf(key))) {
      case 'fresh':
        telemetry.lookUp('fresh')
        return { verdict: 'valid', record }
      case 'aging':
        telemetry.lookUp('rechecking')
        rechecks.startBehind(question, record)
        return { verdict: 'valid', record }
      case 'stale':
        return recheckFirst(question, record)
      case undefined:
        telemetry.lookUp('missed')
        return fly({ ...question, known: record })
    }
  }

  /**
   * There is no record: answers from a tombstone or a remembered refusal, or else calls LINE. A client address that is
   * limited gets its answer here: a flood of junk must cost little.
   */
  function resolveCold(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const reason = tombstones.has(key) ? 'REVOKED' : refusals.find(key)
    if (reason !== undefined) {
      telemetry.lookUp('refused_here')
      return invalid(reason)
    }
    telemetry.lookUp('missed')
    const isVerifying = flights.isUnderWay(flightId({ subject: 'verification', token: question.token }))
    const refusal = (isVerifying ? flights : options).refusalFor(question.clientAddress)
    return refusal === undefined
      ? verifyAndRead(question)
      : unanswered(question, { verdict: 'unknown', outage: refusal })
  }

  /** Fetches the reading together with the verification, or after it if the tiers below had no room for both. */
  async function verifyAndRead(question: Question): Promise<Answer> {
    const { subject } = question
    const alongside = subject === 'verification' ? undefined : subject
    const verified = await fly({ ...question, subject: 'verification', alongside })
    if (verified.verdict !== 'valid' || alongside === undefined) return verified
    const { record, unread } = verified
    if (scopeMissing(record, subject) || ageOf(record, subject, now(), options) !== undefined) return verified
    if (unread?.subject === subject) return { verdict: 'unknown', outage: unread.outage, record }
    return fly({ ...question, known: record })
  }

  async function recheckFirst(question: Question, record: TokenRecord): Promise<Answer> {
    const { key } = question.token
    const answer = await rechecks.run(question, record)
    if (answer !== undefined) return answer
    const kept = records.get(key)
    if (kept === undefined) return resolve(question)
    if (kept.expiresAt <= now()) return expire(key)
    telemetry.lookUp('stale')
    return { verdict: 'valid', record: kept }
  }

  function fly(question: Question): Promise<Answer> {
    const id = flightId(question)
    if (!flights.isUnderWay(id)) return flights.fly(id, question, () => launch(question))
    telemetry.lookUp('joined')
    return flights.fly(id, question, () => launch(question)).catch(unknownAfter)
  }

  async function launch(question: Question): Promise<Answer> {
    const refusedBefore = refusals.count()
    const answer = await behind(question)
    return land(question, answer, refusedBefore)
  }

  function land(question: Question, answer: Answer, refusedBefore: number): Answer {
    const { key } = question.token
    if (tombstones.has(key)) return invalid('REVOKED')
    switch (answer.verdict) {
      case 'invalid':
        return refuse(key, answer)
      case 'unknown':
        return unanswered(question, answer)
      case 'valid':
        return landValid(question, answer, refusals.findSince(key, refusedBefore))
    }
  }

  function unanswered(question: Question, answer: Unknown): Answer {
    telemetry.lookUp(isLimited(answer) ? 'limited' : 'unanswered')
    if (question.known !== undefined) rechecks.postpone(question)
    return answer
  }

  function landValid(
    { token: { key }, subject }: Question,
    answer: Valid,
    refusedAs: TokenRefusal | undefined,
  ): Answer {
    return refusedAs === undefined ? serve(answer, keep(key, answer.record, subject), key) : invalid(refusedAs)
  }

  /** The token may have expired while LINE was answering. */
  function serve(answer: Valid, record: TokenRecord, key: string): Answer {
    return record.expiresAt <= now() ? expire(key) : { ...answer, record }
  }

  function refuse(key: string, refusal: Invalid): Answer {
    telemetry.lookUp('refused_by_line')
    records.delete(key)
    refusals.add(key, refusal.reason)
    return refusal
  }

  function expire(key: string): Answer {
    records.delete(key)
    refusals.add(key, 'EXPIRED')
    return invalid('EXPIRED')
  }

  function keep(key: string, record: TokenRecord, subject: Subject): TokenRecord {
    return records.set(key, merge(record, records.peek(key), subject, now()))
  }

  function learn(key: string, record: TokenRecord): void {
    if (!tombstones.has(key)) keep(key, record, 'verification')
  }

  function peek(key: string): TokenRecord | undefined {
    const record = records.peek(key)
    return record !== undefined && record.expiresAt > now() ? record : undefined
  }

  function drop(key: string): void {
    records.delete(key)
  }

  function find(matches: (record: TokenRecord) => boolean): (readonly [string, TokenRecord])[] {
    return [...records.entries()].filter(([, record]) => matches(record))
  }

  function isUnderWay(question: Question): boolean {
    return flights.isUnderWay(flightId(question))
  }
}

function flightId({ subject, token }: Pick<Question, 'subject' | 'token'>): string {
  return `${subject} ${token.key}`
}

/** A caller that could not wait for a flight has no answer, but may have a record. Other errors are thrown again. */
function unknownAfter(error: unknown): Answer {
  if (isLineOutage(error)) return { verdict: 'unknown', outage: error }
  throw error
}

/** Whether the answer comes only from the other attempts of one client address. */
function isOfOne(answer: Answer): boolean {
  return answer.verdict === 'unknown' && isOfOneClient(answer.outage)
}

/** Whether the answer says nothing about the token, only that the client address is rate limited. */
function isLimited(answer: Answer): boolean {
  return answer.verdict === 'unknown' && answer.outage instanceof SourceLimited
}
