import type { Origin } from './families.ts'
import { type KeptReadings, keptReadings, type ReadingName, readings, shiftReading } from './readings.ts'

/** The subject of a question about a token: one call to LINE each. A good reading also proves the token valid. */
export type Subject = 'verification' | ReadingName

/**
 * LINE's facts about one access token, and when we got them. A record is frozen and replaced as a whole. Each use
 * compares its times with the clock and the settings again.
 */
export type TokenRecord = KeptReadings & {
  readonly channelId: string
  readonly scopes: readonly string[]
  /** Epoch ms: the start of the last call to LINE that proved the token valid. */
  readonly verifiedAt: number
  /** Epoch ms. From then on the record is never served. */
  readonly expiresAt: number
  /** The user of the token. `undefined` until an answer of LINE contains the user ID. */
  readonly userId: string | undefined
  /** The key of the refresh token that it was issued with. When it is revoked, we forget this token too. */
  readonly family: string | undefined
}

/** The facts in a verification. */
type VerifiedFacts = Pick<TokenRecord, 'channelId' | 'scopes' | 'verifiedAt' | 'expiresAt'>

/** `undefined`: the record does not contain the subject. It must be fetched from LINE. */
export type Age = 'fresh' | 'aging' | 'stale' | undefined

export type Ages = {
  /** Younger than this (ms): answered from the record. */
  readonly freshForMs: number
  /** From this age (ms) on: checked with LINE before the record is served. */
  readonly maxStaleMs: number
}

/** Makes a record. Facts that are not given are `undefined`. */
export function createRecord(facts: VerifiedFacts & Partial<TokenRecord>): TokenRecord {
  return Object.freeze({ ...unknownFacts, ...facts, scopes: Object.freeze(facts.scopes) })
}

const unknownFacts = { userId: undefined, family: undefined, ...mapReadings(() => undefined) }

/** A record with some facts replaced. */
export function withFacts(record: TokenRecord, changed: Partial<TokenRecord>): TokenRecord {
  const { channelId, scopes, verifiedAt, expiresAt, userId, family } = record
  // A stored record has getters, which a spread would not copy.
  const kept = mapReadings((name) => record[name])
  return createRecord({ channelId, scopes, verifiedAt, expiresAt, userId, family, ...kept, ...changed })
}

/** How old a record's answer about a subject is. The fresh age is multiplied by `spread`. */
export function ageOf(record: TokenRecord, subject: Subject, now: number, ages: Ages, spread = 1): Age {
  const since = learnedAt(record, subject)
  if (since === undefined) return undefined
  const age = now - since
  if (age >= ages.maxStaleMs) return 'stale'
  return age < ages.freshForMs * spread ? 'fresh' : 'aging'
}

/** Whether LINE must be asked within so many ms if the token shall still be served. No answer of LINE helps after its end. */
export function isStaleWithin(ms: number, record: TokenRecord, now: number, { maxStaleMs }: Ages): boolean {
  const staleAt = record.verifiedAt + maxStaleMs
  return staleAt - now < ms && staleAt < record.expiresAt
}

/** When the record got its answer about a subject (process time, ms). `undefined`: it has none. */
export function learnedAt(record: TokenRecord, subject: Subject): number | undefined {
  return subject === 'verification' ? record.verifiedAt : readings[subject].learnedAt(record)
}

/** The same record with all its times later by this (ms). */
export function shiftTimes(record: TokenRecord, byMs: number): TokenRecord {
  if (byMs === 0) return record
  return withFacts(record, {
    verifiedAt: record.verifiedAt + byMs,
    expiresAt: record.expiresAt + byMs,
    ...mapReadings((name) => shiftReading(record, name, byMs)),
  })
}

/**
 * A factor from 0.9 to 1.1 for the fresh age of a token. So tokens that were verified together, for example after a
 * restart, are not re-checked together. Each character of a key is one byte of a digest: the factors are spread evenly.
 */
export function spreadOf(key: string): number {
  return 0.9 + key.charCodeAt(0) / 1_280
}

/** The scope that a subject needs, if the token lacks it. */
export function scopeMissing(record: TokenRecord, subject: Subject): string | undefined {
  if (subject === 'verification') return undefined
  const { scope } = readings[subject]
  return record.scopes.includes(scope) ? undefined : scope
}

/** The calls to LINE that tell the user of a token, if the token has their scopes. */
export function namingSubjects(record: TokenRecord): readonly ('profile' | 'userinfo')[] {
  return (['profile', 'userinfo'] as const).filter((name) => scopeMissing(record, name) === undefined)
}

/**
 * Merges an answer with the record that is stored now, or with the remembered origin of its token. It keeps the newer one of
 * each reading. Channel, scopes and expiry come from the answer only if it is a verification.
 */
export function merge(
  answer: TokenRecord,
  current: TokenRecord | undefined,
  subject: Subject,
  origin?: Origin,
): TokenRecord {
  if (current === undefined) return origin === undefined ? answer : withFacts(answer, originIn(answer, origin))
  const { channelId, scopes, expiresAt } = subject === 'verification' ? answer : current
  return createRecord({
    channelId,
    scopes,
    verifiedAt: answer.verifiedAt,
    expiresAt,
    ...originIn(answer, current),
    ...mapReadings((name) => newer(answer[name], current[name])),
  })
}

function originIn(answer: Origin, known: Origin) {
  return { userId: answer.userId ?? known.userId, family: answer.family ?? known.family }
}

function mapReadings(readingOf: (name: keyof KeptReadings) => KeptReadings[keyof KeptReadings]): KeptReadings {
  return Object.fromEntries(keptReadings.map((name) => [name, readingOf(name)])) as KeptReadings
}

function newer<Value extends { readonly readAt: number }>(
  answer: Value | undefined,
  current: Value | undefined,
): Value | undefined {
  if (answer === undefined || current === undefined) return answer ?? current
  return answer.readAt >= current.readAt ? answer : current
}
