import type { Clock } from '../clock.ts'
import { isLineOutage } from '../line/errors.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Families, Origin } from './families.ts'
import { type Claim, createFlights, type OnWait } from './flights.ts'
import type { Concern, Forgotten } from './forgotten.ts'
import { confirmedBy, countLookUps, fromFlight } from './look-ups.ts'
import { createProofs } from './proofs.ts'
import { createRechecks } from './rechecks.ts'
import {
  type Ages,
  ageOf,
  isStaleWithin,
  merge,
  type Subject,
  scopeMissing,
  spreadOf,
  type TokenRecord,
  withFacts,
} from './record.ts'
import { createRecordStore } from './record-store.ts'
import { createRefusals } from './refusals.ts'
import type { Answer, Invalid, Outage, Question, Resolver, Unknown, Valid } from './token-resolver.ts'
import { isOfOneClient } from './waiting-room.ts'

export type MemoryTier = {
  /** Answers without a promise if the answer is in memory. */
  readonly resolve: Resolver
  /** Stores a record made from LINE's answer to a login or a refresh, for other processes too. */
  learn(key: string, record: TokenRecord): void
  /** The same, where another process got the answer and has stored the record for all. */
  learnShared(key: string, record: TokenRecord): void
  /** Remembers where a token comes from, if LINE's answer is no verification. */
  remember(key: string, origin: Origin): void
  /** Whether we have heard of the token: it has a record, an origin, a refusal or a tombstone. */
  knows(key: string): boolean
  /** A record that has not expired. It can be one that a tombstone concerns. */
  peek(key: string): TokenRecord | undefined
  /** Where a token comes from that LINE accepted or issued before, if it has no record any more. */
  originOf(key: string): Origin | undefined
  /** Drops a record, but not its origin. The caller raises the tombstone, so that no answer in flight stores it again. */
  drop(key: string): void
  /** LINE has refused the token to another process. */
  learnRefusal(key: string, reason: TokenRefusal): void
  /** Whether LINE refused the token in the last 30 s, here or to another process. */
  isRefused(key: string): boolean
  size(): number
  sizes(): MemorySizes
}

/** Entries of each kind, and the bytes of the records. */
export type MemorySizes = Readonly<Record<'record' | 'refusal' | 'origin' | 'bytes', number>>

/** The counts of refusals and of forgotten users when a call to LINE began. They order events even within one millisecond. */
type Counts = { readonly refusals: number; readonly forgotten: number }

export type MemoryTierOptions = Ages & {
  /** The outage that the tiers below would answer now for a cold token of this client. It costs no promise. */
  readonly refusalFor: (clientAddress: string) => Outage | undefined
  readonly maxTokens: number
  /** Gets the records that come from no question, for other processes. */
  readonly share?: ((key: string, record: TokenRecord) => void) | undefined
  /** When this process last missed what others were told to forget (process time, ms). -Infinity: never. */
  readonly missedAt?: (() => number) | undefined
  readonly forgotten: Forgotten
  readonly families: Families
  readonly clock: Pick<Clock, 'now' | 'driftedAt'>
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
 *     stale too soon           as stale: for a caller that hands the fact on (`lastsMs`)
 *
 * If the clocks drifted apart since a record was verified (the machine was suspended, the time was corrected), we cannot
 * rely on its age: a fresh record counts as aging, and LINE is asked about an expired one.
 *
 * **Forgetting is a fact as well.** Revoking a token, a session or a user raises one tombstone, and each hit compares the
 * record with the tombstones (`forgotten.ts`). So nobody has to search the records, and records that learn their session
 * or user later are found too:
 *
 *     dead                     REVOKED
 *     unproven                 verified with LINE first; not served if LINE gives no answer
 *     unnamed                  the user is fetched from LINE first; served as stale if LINE gives no answer
 *
 * While LINE does not know that a user left, it still accepts the user's tokens. So a new answer of LINE never makes a token
 * younger that was there before a departure.
 *
 * **We can know a token without a record.** It may have a tombstone (a caller revoked it here) or a remembered refusal
 * (LINE refused it, or it expired, within the last 30 seconds). We call LINE only if there is no tombstone and no
 * refusal. Outages are never remembered here.
 *
 * **Single flight.** Equal questions share one call to LINE. Flights are not part of the cache: when the cache drops a
 * record, the flights of that token go on. So even a cache of ten records makes only one call for each of fifty tokens.
 * The verification and the profile of a new token are fetched at the same time, as one question with a second one
 * alongside, because that saves a round trip. A caller with a share of LINE's places may have to wait for one of them, and
 * only itself: until its question may go to LINE, other callers launch a flight of their own, and it takes their answer.
 *
 * **LINE's answer is compared with the state at its arrival**, not at the start of the call, because the state may have
 * changed between the two:
 *
 *     1. the token is dead              nothing is stored, the answer is REVOKED
 *     2. LINE refused the token         the record is dropped, the refusal is remembered
 *     3. LINE gave no answer            nothing changes; the next re-check waits 5 seconds
 *     4. LINE says valid                if another call was refused after this one started, the refusal wins, because a
 *                                       revoked token never becomes valid again; otherwise the record is merged with
 *                                       the stored one: of each reading the newer one is kept
 *     5. another tombstone concerns it  as for a hit
 *
 * **A hit returns a value, a miss returns a promise.** To wait for a promise costs more than the whole look-up, and
 * nearly all questions are hits. So `resolve` is not an async function, and its callers check whether they got a
 * promise.
 *
 * **Each question counts once**, at its end, with the tier that answered. Each answer says where it is from, and only the
 * `resolve` that others call counts it (`look-ups.ts`).
 */
export function rememberInMemory(behind: Resolver, options: MemoryTierOptions): MemoryTier {
  const { forgotten, families, clock, telemetry, share, missedAt = () => Number.NEGATIVE_INFINITY } = options
  const { now } = clock
  const records = createRecordStore(options.maxTokens)
  const refusals = createRefusals<TokenRefusal>(now)
  const flights = createFlights<Answer>(isOfOne, ({ verdict }) => verdict === 'unknown')
  const rechecks = createRechecks({ ask: fly, isUnderWay, idOf: flightId, ages: options, now, telemetry })
  const proofs = createProofs({
    count: forgotten.count,
    now,
    untoldForMs: options.freshForMs,
    records,
    rechecks,
    ask: fly,
    answerByAge,
    serveStale,
    unanswered,
    refusedHere: () => refusedHere('REVOKED'),
  })

  return {
    resolve: countLookUps(resolve, telemetry.lookUp),
    learn: (key, record) => keepIssued(key, record, share),
    learnShared: (key, record) => keepIssued(key, record),
    remember: records.remember,
    knows,
    peek,
    originOf,
    drop: records.retire,
    learnRefusal,
    isRefused: (key) => refusals.find(key) !== undefined,
    size: records.size,
    sizes,
  }

  function resolve(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const record = records.get(key)
    if (record === undefined) return resolveCold(question)
    const time = now()
    if (record.expiresAt <= time) return resolveExpired(question, record)
    const concern = forgotten.concerns(key, record)
    if (concern === undefined) return answerByAge(question, record, time)
    return concern === 'unproven' && proofs.isProven(key)
      ? answerByAge({ ...question, isProven: true }, record, time)
      : proofs.answer(question, record, concern)
  }

  function answerByAge(question: Question, record: TokenRecord, time = now()): Answer | Promise<Answer> {
    // Without its scope the subject cannot be fetched. The token may be revoked, so its verification is still checked.
    if (scopeMissing(record, question.subject))
      return answerByAge({ ...question, subject: 'verification' }, record, time)
    if (hasDriftedSince(record)) return answerDrifted(question, record, time)
    if (question.lastsMs !== undefined && isStaleWithin(question.lastsMs, record, time, options))
      return recheckFirst(question, record)
    switch (ageOf(record, question.subject, time, options, spreadOf(question.token.key))) {
      case 'fresh':
        if (wasMissed(record)) return serveAndRecheck(question, record)
        return { verdict: 'valid', record, from: 'fresh' }
      case 'aging':
        return serveAndRecheck(question, record)
      case 'stale':
        return recheckFirst(question, record)
      case undefined:
        return flyAndCheck({ ...question, known: record })
    }
  }

  function serveAndRecheck(question: Question, record: TokenRecord): Answer {
    rechecks.startBehind(question, record)
    return { verdict: 'valid', record, from: 'aging' }
  }

  /**
   * The clock was changed since the record was verified, so neither its age nor its end is certain. A verification corrects
   * both. Until then nothing else may make the record look young.
   */
  function answerDrifted(question: Question, record: TokenRecord, time: number): Answer | Promise<Answer> {
    const verification = { ...question, subject: 'verification' } as const
    switch (ageOf(record, question.subject, time, options)) {
      case undefined:
        return proofs.answer(question, record, 'unproven')
      case 'stale':
        return verifyFirst(question, record)
      default:
        return question.lastsMs === undefined ? serveAndRecheck(verification, record) : verifyFirst(question, record)
    }
  }

  async function verifyFirst(question: Question, record: TokenRecord): Promise<Answer> {
    const answer = await rechecks.run({ ...question, subject: 'verification' }, record)
    if (answer === undefined) return serveStale(question)
    return answer.verdict === 'valid' && answer.concern === undefined
      ? confirmedBy(answer, answerByAge(question, answer.record))
      : checkLanded(question, answer)
  }

  /** By our clock the token has expired. If the clock was changed since we verified it, LINE knows better. */
  function resolveExpired(question: Question, record: TokenRecord): Answer | Promise<Answer> {
    if (!hasDriftedSince(record)) return expire(question.token.key)
    records.retire(question.token.key)
    return resolveCold(question)
  }

  function hasDriftedSince(record: TokenRecord): boolean {
    const driftedAt = clock.driftedAt()
    // To read a time from a record costs more than this comparison.
    return driftedAt !== Number.NEGATIVE_INFINITY && record.verifiedAt < driftedAt
  }

  /** Others may have been told to forget it, and we did not hear of it. */
  function wasMissed(record: TokenRecord): boolean {
    const at = missedAt()
    return at !== Number.NEGATIVE_INFINITY && record.verifiedAt < at
  }

  /**
   * There is no record: answers from a tombstone or a remembered refusal, or else calls LINE. A client address that is
   * limited gets its answer here: a flood of junk must cost little.
   */
  function resolveCold(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const reason = forgotten.isDeadCold(key, records.originOf(key)) ? 'REVOKED' : refusals.find(key)
    if (reason !== undefined) return refusedHere(reason)
    const isVerifying = isUnderWay({
      subject: 'verification',
      token: question.token,
      clientAddress: question.clientAddress,
    })
    const refusal = (isVerifying ? flights : options).refusalFor(question.clientAddress)
    return refusal === undefined
      ? verifyAndRead(question)
      : { verdict: 'unknown', outage: refusal, from: isVerifying ? 'flight' : undefined }
  }

  /** Fetches the reading together with the verification, or after it if the tiers below had no room for both. */
  async function verifyAndRead(question: Question): Promise<Answer> {
    const { subject } = question
    const alongside = subject === 'verification' ? question.alsoIfCold : subject
    const verified = await flyAndCheck({ ...question, subject: 'verification', alongside })
    if (verified.verdict !== 'valid' || alongside === undefined) return verified
    const { record, unread } = verified
    if (scopeMissing(record, subject) || ageOf(record, subject, now(), options) !== undefined) return verified
    if (unread?.subject === subject) {
      const unknown: Answer = { verdict: 'unknown', outage: unread.outage, record }
      return verified.from === 'flight' ? fromFlight(unknown) : unknown
    }
    return flyAndCheck({ ...question, known: record })
  }

  async function recheckFirst(question: Question, record: TokenRecord): Promise<Answer> {
    const answer = await rechecks.run(question, record)
    return answer === undefined ? serveStale(question) : checkLanded(question, answer)
  }

  /** LINE gave no answer: serves the record, if it is still there and nothing but an unknown user speaks against it. */
  function serveStale(question: Question): Answer | Promise<Answer> {
    const { key } = question.token
    const kept = records.get(key)
    if (kept === undefined) return resolve(question)
    if (kept.expiresAt <= now()) return resolveExpired(question, kept)
    const concern = forgotten.concerns(key, kept)
    if (concern === 'dead' || (concern === 'unproven' && question.isProven !== true))
      return proofs.answer(question, kept, concern)
    if (ageOf(kept, question.subject, now(), options) === undefined && !scopeMissing(kept, question.subject))
      return flyAndCheck({ ...question, known: kept })
    return { verdict: 'valid', record: kept, from: 'stale' }
  }

  async function flyAndCheck(question: Question): Promise<Answer> {
    return checkLanded(question, await fly(question))
  }

  /** A tombstone may have been raised while LINE was answering. A record of another process can be old already. */
  function checkLanded(question: Question, answer: Answer): Answer | Promise<Answer> {
    if (answer.verdict !== 'valid') return answer
    const { concern, record, isFromStore } = answer
    if (concern !== undefined) return proofs.answer(question, record, concern)
    if (isFromStore && ageOf(record, question.subject, now(), options) === 'aging')
      rechecks.startBehind(question, record)
    return answer
  }

  /** Another question may have brought the answer, even if this one has launched a flight. */
  async function fly(question: Question): Promise<Answer> {
    let own: Answer | undefined
    const launched = async (claim?: Claim<Answer>, onWait?: OnWait) => {
      own = await launch(question, claim, onWait)
      return own
    }
    const isJoining = isUnderWay(question)
    const flown = flights.fly(flightId(question), question, launched)
    const answer = await (isJoining ? flown.catch(unknownAfter) : flown)
    return answer === own ? answer : fromFlight(answer)
  }

  async function launch(question: Question, claim?: Claim<Answer>, onWait?: OnWait): Promise<Answer> {
    if (claim !== undefined) return launchInQueue({ ...question, onWait }, claim)
    const begunAt = counts()
    return land(question, await behind(question), begunAt)
  }

  /** LINE is not called before the claim. If another flight has the answer, it has landed it as well. */
  async function launchInQueue(question: Question, claim: Claim<Answer>): Promise<Answer> {
    let begunAt = counts()
    let other: Promise<Answer> | undefined
    const claimed = () => {
      begunAt = counts()
      other = claim()
      return other
    }
    const answer = await behind({ ...question, claim: claimed })
    return other === undefined ? land(question, answer, begunAt) : fromFlight(answer)
  }

  function counts(): Counts {
    return { refusals: refusals.count(), forgotten: forgotten.count() }
  }

  function land(question: Question, answer: Answer, begunAt: Counts): Answer {
    const { key } = question.token
    if (forgotten.isDeadCold(key, before(key) ?? question.known)) return refusedHere('REVOKED')
    switch (answer.verdict) {
      case 'invalid':
        return refuse(key, answer)
      case 'unknown':
        return unanswered(question, answer)
      case 'valid':
        return landValid(question, answer, begunAt)
    }
  }

  function unanswered(question: Question, answer: Unknown): Answer {
    if (question.known !== undefined && !isOfOne(answer)) rechecks.postpone(question)
    return answer
  }

  /** What another process got from LINE says itself when that was. */
  function landValid({ token: { key }, subject }: Question, answer: Valid, begunAt: Counts): Answer {
    const refusedAs = refusals.findSince(key, begunAt.refusals)
    if (refusedAs !== undefined) return refusedHere(refusedAs)
    const known = before(key)
    const record = keep(key, answer.record, subject)
    const time = now()
    const concern = answer.isFromStore
      ? forgotten.concerns(key, record)
      : (forgotten.concernsLanded(key, record, begunAt.forgotten) ?? concernFromBefore(key, record, known))
    // The machine was suspended, or its clock set, while LINE was answering.
    if (hasDriftedSince(record)) return { ...answer, record, concern: concern ?? 'unproven' }
    if (record.expiresAt <= time) return expire(key)
    return { ...answer, record, concern }
  }

  /** What we know of a token apart from an answer in flight. */
  function before(key: string): Origin | undefined {
    return records.peek(key) ?? records.originOf(key)
  }

  /** A token from before a departure keeps its time, so that each use compares it with the departure again. */
  function concernFromBefore(key: string, record: TokenRecord, known: Origin | undefined): Concern {
    if (known === undefined || forgotten.count() === 0) return undefined
    const asBefore = withFacts(record, { verifiedAt: known.verifiedAt })
    const concern = forgotten.concerns(key, asBefore)
    if (concern !== 'dead' && concern !== 'unnamed') return undefined
    records.set(key, asBefore)
    return concern
  }

  function refuse(key: string, refusal: Invalid): Answer {
    learnRefusal(key, refusal.reason)
    return refusal
  }

  function learnRefusal(key: string, reason: TokenRefusal): void {
    records.retire(key)
    refusals.add(key, reason)
  }

  function expire(key: string): Answer {
    records.delete(key)
    refusals.add(key, 'EXPIRED')
    return refusedHere('EXPIRED')
  }

  function keep(key: string, record: TokenRecord, subject: Subject): TokenRecord {
    const stored = records.set(key, merge(record, records.peek(key), subject, records.originOf(key)))
    const { family, userId } = stored
    if (family !== undefined && userId !== undefined) families.learnUser(family, userId)
    return stored
  }

  /** LINE issued the token some time ago, if another process asked. It may have refused it since. */
  function keepIssued(key: string, record: TokenRecord, tellOthers?: MemoryTierOptions['share']): void {
    if (forgotten.isDeadCold(key, record) || refusals.find(key) !== undefined) {
      records.remember(key, record)
      return
    }
    // Outside the optional call: without `tellOthers`, its arguments are not evaluated.
    const kept = keep(key, record, 'verification')
    tellOthers?.(key, kept)
  }

  function knows(key: string): boolean {
    if (records.has(key) || refusals.find(key) !== undefined) return true
    return records.originOf(key) !== undefined || forgotten.isDeadCold(key, undefined)
  }

  function peek(key: string): TokenRecord | undefined {
    const record = records.peek(key)
    return record !== undefined && record.expiresAt > now() ? record : undefined
  }

  function originOf(key: string): Origin | undefined {
    const origin = records.originOf(key)
    return origin !== undefined && origin.expiresAt > now() ? origin : undefined
  }

  function sizes(): MemorySizes {
    return { record: records.size(), refusal: refusals.size(), origin: records.origins(), bytes: records.bytes() }
  }

  function isUnderWay(question: Pick<Question, 'subject' | 'token' | 'clientAddress'>): boolean {
    return flights.isUnderWay(flightId(question), question.clientAddress)
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

/** A tombstone, an end or a refusal in memory speaks against the token. */
function refusedHere(reason: TokenRefusal): Invalid {
  return { verdict: 'invalid', reason, from: 'memory' }
}
