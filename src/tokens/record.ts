import type { ProfileFacts } from '../line/responses.ts'

/** What can be asked about a token. Each but the first is one call to LINE that also proves the token alive. */
export type Subject = 'verification' | 'profile' | 'userinfo' | 'friendship'

/**
 * LINE's facts about one access token, and when we learned them. Frozen, replaced as a whole, and judged again by whoever
 * reads it: what a fact means depends on the reader's clock and settings, never on who wrote it down.
 */
export type TokenRecord = {
  readonly channelId: string
  readonly scopes: readonly string[]
  /** Epoch ms at which LINE last proved the token alive. */
  readonly verifiedAt: number
  /** Epoch ms; the record is never served from then on. */
  readonly expiresAt: number
  readonly profile: (ProfileFacts & { readonly readAt: number }) | undefined
  /** `isFriend: null`: no official account is linked to the channel. */
  readonly friendship: { readonly isFriend: boolean | null; readonly readAt: number } | undefined
  /** Whose token it is, where something but the profile told us. */
  readonly userId: string | undefined
  /** Key of the refresh token it was issued with, so that revoking the one forgets the other. */
  readonly family: string | undefined
}

/** `undefined` where the record does not hold the subject; then it has to be asked for. */
export type Age = 'fresh' | 'aging' | 'stale' | undefined

export type Ages = {
  /** A record this young is answered as it is. */
  readonly freshForMs: number
  /** A record this old is re-checked before it is answered. */
  readonly maxStaleMs: number
}

/** How old a record's answer on a subject is. A clock that was set back makes its age unknown, which is as good as stale. */
export function ageOf(record: TokenRecord, subject: Subject, now: number, ages: Ages): Age {
  const learnedAt = learnedAtOf(record, subject)
  if (learnedAt === undefined) return undefined
  const age = now - learnedAt
  if (age < 0 || age >= ages.maxStaleMs) return 'stale'
  return age < ages.freshForMs ? 'fresh' : 'aging'
}

function learnedAtOf(record: TokenRecord, subject: Subject): number | undefined {
  switch (subject) {
    case 'verification':
      return record.verifiedAt
    case 'profile':
      return record.profile?.readAt
    case 'friendship':
      return record.friendship?.readAt
    case 'userinfo':
      return userIdOf(record) === undefined ? undefined : record.verifiedAt
  }
}

/** The scope LINE wants for a subject, where the token lacks it. */
export function scopeMissing(record: TokenRecord, subject: Subject): string | undefined {
  const scope = scopeOf[subject]
  return scope === undefined || record.scopes.includes(scope) ? undefined : scope
}

const scopeOf: Record<Subject, string | undefined> = {
  verification: undefined,
  profile: 'profile',
  userinfo: 'openid',
  friendship: 'profile',
}

export function userIdOf(record: TokenRecord): string | undefined {
  return record.profile?.userId ?? record.userId
}

/** A record with some facts replaced. All are named, because a record may be a view, which cannot be spread. */
export function withFacts(record: TokenRecord, facts: Partial<TokenRecord>): TokenRecord {
  const { channelId, scopes, verifiedAt, expiresAt, profile, friendship, userId, family } = record
  return Object.freeze({ channelId, scopes, verifiedAt, expiresAt, profile, friendship, userId, family, ...facts })
}

/**
 * What is known after an answer, where another answer about the same token may have come home meanwhile: each reading is
 * the newer of the two, the verification that of the answer if it is one.
 */
export function merge(
  answer: TokenRecord,
  current: TokenRecord | undefined,
  subject: Subject,
  now: number,
): TokenRecord {
  if (current === undefined) return answer
  const verification = subject === 'verification' ? answer : current
  return Object.freeze({
    channelId: verification.channelId,
    scopes: verification.scopes,
    verifiedAt: answer.verifiedAt,
    expiresAt: verification.expiresAt,
    profile: newer(answer.profile, current.profile, now),
    friendship: newer(answer.friendship, current.friendship, now),
    userId: answer.userId ?? current.userId,
    family: answer.family ?? current.family,
  })
}

/** A reading from the future is one of before the clock was set back. */
function newer<Reading extends { readonly readAt: number }>(
  answer: Reading | undefined,
  current: Reading | undefined,
  now: number,
): Reading | undefined {
  if (answer === undefined || current === undefined) return answer ?? current
  return answer.readAt >= current.readAt || current.readAt > now ? answer : current
}
