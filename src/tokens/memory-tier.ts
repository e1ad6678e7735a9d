import type { TokenRefusal } from '../line/responses.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { createFlights } from './flights.ts'
import { createRechecks } from './rechecks.ts'
import { type Ages, ageOf, merge, type Subject, scopeMissing, type TokenRecord } from './record.ts'
import { createRecordStore } from './record-store.ts'
import { createRefusals } from './refusals.ts'
import {
  type Answer,
  type Invalid,
  invalid,
  type Question,
  type Resolver,
  SourceLimited,
  type Valid,
} from './token-resolver.ts'
import type { Tombstones } from './tombstones.ts'

export type MemoryTier = {
  /** Answers without a promise where the answer is in memory. */
  readonly resolve: Resolver
  /** Stores a record that did not come from asking: LINE's answer to a login or a refresh. */
  learn(key: string, record: TokenRecord): void
  peek(key: string): TokenRecord | undefined
  /** Drops a record. The caller raises the tombstone that keeps it away. */
  drop(key: string): void
  /** The records that match, with their keys. Walks over all records: only for forgetting a whole user. */
  find(matches: (record: TokenRecord) => boolean): readonly (readonly [key: string, record: TokenRecord])[]
  size(): number
}

export type MemoryTierOptions = Ages & {
  readonly maxTokens: number
  readonly tombstones: Tombstones
  readonly now: () => number
  readonly telemetry: Telemetry
}

/**
 * The cache of what LINE said about access tokens.
 *
 * The hard part is not to remember but to know when a memory may be used. Three things make it hard. LINE kills a token
 * when its user unlinks the app, and tells nobody. LINE can be down, and then what we remember is all there is. And while
 * one question is on its way to LINE, a thousand others about the same token may arrive, or the order to forget it.
 *
 * **A record is facts, and each reader judges them.** It says what LINE answered and when; it has no state such as "valid".
 * So nothing has to be updated when time passes: each hit compares the record with the clock.
 *
 *     past the token's end     never served; the answer is EXPIRED, and LINE is not asked
 *     fresh                    served
 *     aging                    served, and LINE is asked again behind the caller's back
 *     stale                    LINE is asked first; the record is served only if LINE gives no answer
 *     subject not held         LINE is asked for it
 *
 * **No record is not the same as no knowledge.** A token without a record may have a tombstone (we were told to forget it)
 * or a remembered refusal (LINE refused it within the last 30 seconds). Only a token without any of them is asked of LINE.
 * Outages are never remembered here.
 *
 * **One question is under way once.** The flights are not part of the cache: what the cache drops does not end a flight, so
 * even a cache of ten records asks LINE once for each of fifty tokens. Verification and profile of a new token fly
 * together, as one question with a second one alongside, because that saves a round trip.
 *
 * **A flight is judged when it lands**, not when it starts, because the world may have changed meanwhile:
 *
 *     1. the token has a tombstone      nothing is stored, the answer is REVOKED
 *     2. LINE refused                   the record is dropped, the refusal remembered
 *     3. LINE gave no answer            nothing changes; the next re-check waits a while
 *     4. LINE says valid                unless another flight was refused since this one started: then that one wins,
 *                                       because a dead token does not come back to life; otherwise the record is merged
 *                                       with the stored one, reading by reading, the newer one kept
 *
 * **A hit returns a value, a miss a promise.** Waiting for a promise costs more than the whole look-up, and nearly all
 * questions are hits. So `resolve` is not an async function, and its callers check what they got.
 *
 * (This page is why the file has more than 200 lines.)
 */
export function rememberInMemory(behind: Resolver, options: MemoryTierOptions): MemoryTier {
  const { tombstones, now, telemetry } = options
  const records = createRecordStore(options.maxTokens)
  const refusals = createRefusals<TokenRefusal>(now)
  const flights = createFlights<Answer>(isLimited)
  const rechecks = createRechecks({ ask: fly, isUnderWay, idOf: flightId, ages: options, now, telemetry })

  return { resolve, learn, peek, drop, find, size: records.size }

  function resolve(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const record = records.get(key)
    if (record === undefined) return resolveCold(question)
    const time = now()
    if (record.expiresAt <= time) return expire(key)
    // A subject the token has no scope for cannot be read. The token itself may be dead all the same.
    if (scopeMissing(record, question.subject)) return resolve({ ...question, subject: 'verification' })
    switch (ageOf(record, question.subject, time, options)) {
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

  /** There is no record. Perhaps we know something bad about the token, else LINE has to be asked. */
  function resolveCold(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const reason = tombstones.has(key) ? 'REVOKED' : refusals.find(key)
    if (reason !== undefined) {
      telemetry.lookUp('refused_here')
      return invalid(reason)
    }
    telemetry.lookUp('missed')
    return verifyAndRead(question)
  }

  /** The verification, with the reading alongside. Where the tiers below had no room for both, the reading follows. */
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
    if (isUnderWay(question)) telemetry.lookUp('joined')
    return flights.fly(flightId(question), question.clientAddress, () => launch(question))
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
        telemetry.lookUp(isLimited(answer) ? 'limited' : 'unanswered')
        if (question.known !== undefined) rechecks.postpone(question)
        return answer
      case 'valid':
        if (refusals.isRefusedSince(key, refusedBefore)) return invalid(refusals.find(key) ?? 'INVALID')
        return serve(answer, keep(key, answer.record, question.subject), key)
    }
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

function flightId({ subject, token }: Question): string {
  return `${subject} ${token.key}`
}

/** The answer says nothing about the token: only that the caller's address is limited. */
function isLimited(answer: Answer): boolean {
  return answer.verdict === 'unknown' && answer.outage instanceof SourceLimited
}
