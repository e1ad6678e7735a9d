import { type KeptReadings, keptReadings, type ReadingName, readings } from './readings.ts'

/** What can be asked about a token. Each but the verification is one call to LINE that also proves the token alive. */
export type Subject = 'verification' | ReadingName

/**
 * LINE's facts about one access token, and when we learned them. A record is frozen and replaced as a whole. Every reader
 * judges the facts again by its own clock and settings, whoever wrote them.
 */
export type TokenRecord = KeptReadings & {
  readonly channelId: string
  readonly scopes: readonly string[]
  /** Epoch ms at which LINE last proved the token alive. */
  readonly verifiedAt: number
  /** Epoch ms; the record is never served from then on. */
  readonly expiresAt: number
  /** The user of the token, once a reading has told us. */
  readonly userId: string | undefined
  /** Key of the refresh token it was issued with: revoking that one forgets this one too. */
  readonly family: string | undefined
}

/** What a verification tells. */
type VerifiedFacts = Pick<TokenRecord, 'channelId' | 'scopes' | 'verifiedAt' | 'expiresAt'>

/** `undefined` where the record does not hold the subject: then LINE has to be asked. */
export type Age = 'fresh' | 'aging' | 'stale' | undefined

export type Ages = {
  /** Younger than this (ms), an answer is served from the record. */
  readonly freshForMs: number
  /** From this age (ms) on, LINE is asked before the record is served. */
  readonly maxStaleMs: number
}

/** Makes a record; facts that are not given are unknown. */
export function createRecord(facts: VerifiedFacts & Partial<TokenRecord>): TokenRecord {
  return Object.freeze({ ...unknownFacts, ...facts, scopes: Object.freeze(facts.scopes) })
}

const unknownFacts = { profile: undefined, friendship: undefined, userId: undefined, family: undefined }

/** A record with some facts replaced. */
export function withFacts(record: TokenRecord, changed: Partial<TokenRecord>): TokenRecord {
  const { channelId, scopes, verifiedAt, expiresAt, userId, family } = record
  // A stored record has getters, which a spread would not copy.
  const kept = mapReadings((name) => record[name])
  return createRecord({ channelId, scopes, verifiedAt, expiresAt, userId, family, ...kept, ...changed })
}

/** How old a record's answer about a subject is. A negative age (the clock was set back) counts as stale. */
export function ageOf(record: TokenRecord, subject: Subject, now: number, ages: Ages): Age {
  const learnedAt = subject === 'verification' ? record.verifiedAt : readings[subject].learnedAt(record)
  if (learnedAt === undefined) return undefined
  const age = now - learnedAt
  if (age < 0 || age >= ages.maxStaleMs) return 'stale'
  return age < ages.freshForMs ? 'fresh' : 'aging'
}

/** The scope that a subject needs and the token lacks; `undefined` where nothing is lacking. */
export function scopeMissing(record: TokenRecord, subject: Subject): string | undefined {
  if (subject === 'verification') return undefined
  const { scope } = readings[subject]
  return record.scopes.includes(scope) ? undefined : scope
}

/**
 * Merges an answer with the record stored meanwhile. Of each reading the newer one is kept. Channel, scopes and end come
 * from the answer only if it is a verification.
 */
export function merge(
  answer: TokenRecord,
  current: TokenRecord | undefined,
  subject: Subject,
  now: number,
): TokenRecord {
  if (current === undefined) return answer
  const { channelId, scopes, expiresAt } = subject === 'verification' ? answer : current
  return createRecord({
    channelId,
    scopes,
    verifiedAt: answer.verifiedAt,
    expiresAt,
    userId: answer.userId ?? current.userId,
    family: answer.family ?? current.family,
    ...mapReadings((name) => newer(answer[name], current[name], now)),
  })
}

function mapReadings(readingOf: (name: keyof KeptReadings) => KeptReadings[keyof KeptReadings]): KeptReadings {
  return Object.fromEntries(keptReadings.map((name) => [name, readingOf(name)])) as KeptReadings
}

/** A reading with a time in the future was made before the clock was set back: it is the older one. */
function newer<Value extends { readonly readAt: number }>(
  answer: Value | undefined,
  current: Value | undefined,
  now: number,
): Value | undefined {
  if (answer === undefined || current === undefined) return answer ?? current
  return answer.readAt >= current.readAt || current.readAt > now ? answer : current
}
