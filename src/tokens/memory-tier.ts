import type { TokenRefusal } from '../line/responses.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { createBoundedMap } from './bounded-map.ts'
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
  /** Answers at once, without a promise, where the answer is here. */
  readonly resolve: Resolver
  /** Takes a record we have from somewhere better than asking: LINE's answer to a login or a refresh. */
  learn(key: string, record: TokenRecord): void
  peek(key: string): TokenRecord | undefined
  /** Drops a record; the tombstone that keeps it away is the caller's. */
  drop(key: string): void
  /** The records that match, with their keys. Walks over all of them: for the rare forgetting of a whole user. */
  find(matches: (record: TokenRecord) => boolean): readonly (readonly [key: string, record: TokenRecord])[]
  size(): number
}

export type MemoryTierOptions = Ages & {
  readonly maxTokens: number
  readonly tombstones: Tombstones
  readonly now: () => number
  readonly telemetry: Telemetry
}

type Flight = { readonly clientAddress: string; readonly answer: Promise<Answer> }

/** After LINE left a re-check open, the record is served for this long before the next try. */
const postponedForMs = 5_000

/**
 * Remembers what LINE said. Records are held until their token expires and judged on every hit; refusals have a cache of
 * their own; one question is under way only once, in a map beside the caches, so that nothing evicted takes a flight down.
 */
export function rememberInMemory(behind: Resolver, options: MemoryTierOptions): MemoryTier {
  const { tombstones, now, telemetry } = options
  const records = createRecordStore(options.maxTokens)
  const refusals = createRefusals<TokenRefusal>(now)
  const postponed = createBoundedMap<number>(20_000)
  const flights = new Map<string, Flight>()

  return { resolve, learn, peek, drop, find, size: records.size }

  function resolve(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const record = records.get(key)
    if (record === undefined) return resolveCold(question)
    const time = now()
    if (record.expiresAt <= time) return expire(key)
    // There is nothing to read then, but the token may have died all the same.
    if (scopeMissing(record, question.subject)) return resolve({ ...question, subject: 'verification' })
    switch (ageOf(record, question.subject, time, options)) {
      case 'fresh':
        telemetry.lookUp('fresh')
        return { verdict: 'valid', record }
      case 'aging':
        telemetry.lookUp('rechecking')
        recheckBehind(question, record)
        return { verdict: 'valid', record }
      case 'stale':
        return recheckFirst(question, record)
      case undefined:
        telemetry.lookUp('missed')
        return fly({ ...question, known: record })
    }
  }

  /** Nothing good is known of this token: perhaps something bad is, else LINE knows. */
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

  /** The verification, with the reading alongside or, where there was no room for that, after it. */
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

  /** An aging record is served while one re-check is under way behind it, however many ask. */
  function recheckBehind(question: Question, record: TokenRecord): void {
    if (flights.has(flightId(question)) || isPostponed(question)) return
    recheck(question, record).catch((error) => telemetry.unexpected(error, 'recheck'))
  }

  /** A stale record is served only where LINE cannot say better. */
  async function recheckFirst(question: Question, record: TokenRecord): Promise<Answer> {
    if (!isPostponed(question)) {
      const answer = await recheck(question, record)
      if (answer.verdict !== 'unknown') return answer
    }
    const kept = records.get(question.token.key)
    if (kept === undefined) return resolve(question)
    if (kept.expiresAt <= now()) return expire(question.token.key)
    telemetry.lookUp('stale')
    return { verdict: 'valid', record: kept }
  }

  /** Reading a subject again proves the token alive too. Where LINE leaves the reading open, the token is verified itself. */
  async function recheck(question: Question, record: TokenRecord): Promise<Answer> {
    const answer = await fly({ ...question, known: record })
    if (answer.verdict !== 'unknown' || question.subject === 'verification') return answer
    if (ageOf(record, 'verification', now(), options) === 'fresh') return answer
    const verified = await fly({ ...question, known: record, subject: 'verification' })
    return verified.verdict === 'invalid' ? verified : answer
  }

  /** Single flight: whoever asks what is under way already waits for that answer. */
  function fly(question: Question): Promise<Answer> {
    const id = flightId(question)
    const flight = flights.get(id)
    if (flight !== undefined) return join(flight, question)
    const answer = launch(question).finally(() => flights.delete(id))
    flights.set(id, { clientAddress: question.clientAddress, answer })
    return answer
  }

  /** A flight refused because of who launched it says nothing to those who joined it from elsewhere. */
  async function join(flight: Flight, question: Question): Promise<Answer> {
    telemetry.lookUp('joined')
    const answer = await flight.answer
    const limited = answer.verdict === 'unknown' && answer.outage instanceof SourceLimited
    return limited && flight.clientAddress !== question.clientAddress ? fly(question) : answer
  }

  async function launch(question: Question): Promise<Answer> {
    const refusedBefore = refusals.count()
    const answer = await behind(question)
    return land(question, answer, refusedBefore)
  }

  /** What an answer means for what is kept. Of a token we were told to forget meanwhile nothing is kept. */
  function land(question: Question, answer: Answer, refusedBefore: number): Answer {
    const { key } = question.token
    if (tombstones.has(key)) return invalid('REVOKED')
    switch (answer.verdict) {
      case 'invalid':
        return refuse(key, answer)
      case 'unknown':
        telemetry.lookUp(answer.outage instanceof SourceLimited ? 'limited' : 'unanswered')
        if (question.known !== undefined) postponed.set(flightId(question), now())
        return answer
      case 'valid':
        if (refusals.isRefusedSince(key, refusedBefore)) return invalid(refusals.find(key) ?? 'INVALID')
        return serve(answer, keep(key, answer.record, question.subject), key)
    }
  }

  /** A token may have come to its end while LINE was answering. */
  function serve(answer: Valid, record: TokenRecord, key: string): Answer {
    return record.expiresAt <= now() ? expire(key) : { ...answer, record }
  }

  function refuse(key: string, refusal: Invalid): Answer {
    telemetry.lookUp('refused_by_line')
    records.delete(key)
    refusals.add(key, refusal.reason)
    return refusal
  }

  /** LINE need not be asked whether a token is dead that it told us the end of. */
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

  function isPostponed(question: Question): boolean {
    const since = postponed.get(flightId(question))
    return since !== undefined && Math.abs(now() - since) < postponedForMs
  }
}

function flightId({ subject, token }: Question): string {
  return `${subject} ${token.key}`
}
