import { judgeFriendship, judgeProfile, judgeUserinfo, type ProfileFacts, type Verdict } from '../line/responses.ts'
import type { LineAnswer } from '../line/transport.ts'

/** The readings that a record keeps. `readAt` (epoch ms) is the start of the call to LINE. */
export type KeptReadings = {
  readonly profile: (Omit<ProfileFacts, 'userId'> & ReadAt) | undefined
  /** `isFriend: null`: no official account is linked to the channel. */
  readonly friendship: ({ readonly isFriend: boolean | null } & ReadAt) | undefined
}

type ReadAt = { readonly readAt: number }

/** What a reading adds to a record. */
export type Learned = Partial<KeptReadings> & { readonly userId?: string }

type KnownFacts = KeptReadings & { readonly userId: string | undefined; readonly verifiedAt: number }

export type Reading = {
  /** The scope that LINE requires. */
  readonly scope: string
  /** Checks LINE's answer and returns the facts that the record gets from it. `readAt`: epoch ms. */
  read(answer: LineAnswer, readAt: number): Verdict<Learned>
  /** When the record got the reading (epoch ms). `undefined`: the record does not have it. */
  learnedAt(record: KnownFacts): number | undefined
}

/**
 * The endpoints of LINE that are read with an access token. One row is one endpoint and has the name of its call in
 * `line/client.ts`. The tiers, the record and the tests take their subjects from this table.
 */
export const readings = {
  profile: reading({
    scope: 'profile',
    judge: judgeProfile,
    learn: ({ userId, ...profile }, readAt) => ({ userId, profile: Object.freeze({ ...profile, readAt }) }),
    learnedAt: ({ profile }) => profile?.readAt,
  }),
  userinfo: reading({
    scope: 'openid',
    judge: judgeUserinfo,
    learn: ({ userId }) => ({ userId }),
    // The user of a token never changes, so each verification confirms it.
    learnedAt: ({ userId, verifiedAt }) => (userId === undefined ? undefined : verifiedAt),
  }),
  friendship: reading({
    scope: 'profile',
    judge: judgeFriendship,
    learn: ({ isFriend }, readAt) => ({ friendship: Object.freeze({ isFriend, readAt }) }),
    learnedAt: ({ friendship }) => friendship?.readAt,
  }),
} satisfies Record<string, Reading>

export type ReadingName = keyof typeof readings

export const readingNames = Object.keys(readings) as readonly ReadingName[]

/** Each member of each kept reading: a forgotten one does not compile. */
const kept: {
  readonly [Name in keyof KeptReadings]: Readonly<Record<keyof Omit<NonNullable<KeptReadings[Name]>, 'readAt'>, true>>
} = {
  profile: { displayName: true, pictureUrl: true, statusMessage: true },
  friendship: { isFriend: true },
}

/** The members of a record that contain a reading. */
export const keptReadings = Object.keys(kept) as readonly (keyof KeptReadings)[]

/** A reading of the record, as if it had been read later by this (ms). A stored one has getters, which a spread would not copy. */
export function shiftReading<Name extends keyof KeptReadings>(
  record: KeptReadings,
  name: Name,
  byMs: number,
): KeptReadings[Name] {
  const reading = record[name]
  if (reading === undefined) return reading
  const facts = reading as Readonly<Record<PropertyKey, unknown>>
  const members = Object.keys(kept[name]).map((member) => [member, facts[member]])
  return Object.freeze({ ...Object.fromEntries(members), readAt: reading.readAt + byMs })
}

type Row<Facts> = Pick<Reading, 'scope' | 'learnedAt'> & {
  readonly judge: (answer: LineAnswer) => Verdict<Facts>
  readonly learn: (facts: Facts, readAt: number) => Learned
}

function reading<Facts>({ scope, judge, learn, learnedAt }: Row<Facts>): Reading {
  return { scope, read, learnedAt }

  function read(answer: LineAnswer, readAt: number): Verdict<Learned> {
    const verdict = judge(answer)
    return verdict.verdict === 'valid' ? { verdict: 'valid', facts: learn(verdict.facts, readAt) } : verdict
  }
}
