import type { Families, Family, Origin } from './families.ts'
import type { TokenRecord } from './record.ts'
import type { Tombstones } from './tombstones.ts'
import type { UserTombstone, UserTombstones } from './user-tombstones.ts'

/**
 * How a token is concerned by what we were told to forget:
 *
 *     dead        the token or its session was revoked, or LINE has revoked all tokens of its user
 *     withheld    its user left, but LINE does not know it yet and would still accept the token
 *     unproven    its user left, and it is not certain that LINE has confirmed the token since then
 *     unnamed     a user of its channel left, and we do not know whether it is this token's user
 *     undefined   not at all
 */
export type Concern = 'dead' | 'withheld' | 'unproven' | 'unnamed' | undefined

export type Forgotten = {
  /** How a stored record is concerned: by its time. */
  concerns(key: string, record: TokenRecord): Concern
  /** How LINE's answer to a call is concerned: only by what was forgotten since the call began. `begunAt`: a `count`. */
  concernsLanded(key: string, record: TokenRecord, begunAt: number): Concern
  count(): number
  /** How a token without a record is concerned. */
  concernsCold(key: string, origin: Origin | undefined): Concern
  /** Whether a session is dead: it was revoked, or its user left after it began. */
  concernsSession(refreshKey: string): boolean
  /** Whether a user left after the session began, and we do not know whether it is the user of the session. */
  mayConcern(family: Family | undefined): boolean
}

export type ForgottenOptions = {
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  readonly families: Families
}

/**
 * What LINE confirmed less than this after a user left does not count for a stored record of that user: the clocks of
 * several processes differ, and LINE may need a moment.
 */
const graceMs = 5_000

/** Compares a token with the tombstones. It runs on every cache hit, so the usual case comes first: nothing is forgotten. */
export function createForgotten({ tombstones, users, families }: ForgottenOptions): Forgotten {
  return { concerns, concernsLanded, count: users.count, concernsCold, concernsSession, mayConcern }

  function concerns(key: string, record: TokenRecord): Concern {
    if (!tombstones.isEmpty() && isDead(key, record.family)) return 'dead'
    const latest = users.isEmpty() ? undefined : users.latestOf(record.channelId)
    if (latest === undefined || record.verifiedAt > latest.at + graceMs) return undefined
    if (!isNamed(record)) return record.verifiedAt <= latest.at ? 'unnamed' : undefined
    const stone = stoneOf(record)
    return stone !== undefined && record.verifiedAt <= stone.at + graceMs ? concernOf(stone, record) : undefined
  }

  function concernsLanded(key: string, record: TokenRecord, begunAt: number): Concern {
    if (!tombstones.isEmpty() && isDead(key, record.family)) return 'dead'
    const latest = users.isEmpty() ? undefined : users.latestOf(record.channelId)
    if (latest === undefined || latest.number <= begunAt) return undefined
    if (!isNamed(record)) return 'unnamed'
    const stone = stoneOf(record)
    return stone !== undefined && stone.number > begunAt ? concernOf(stone, record) : undefined
  }

  function concernsCold(key: string, origin: Origin | undefined): Concern {
    if (!tombstones.isEmpty() && isDead(key, origin?.family)) return 'dead'
    if (users.isEmpty() || origin === undefined) return undefined
    const stone = stoneOf(origin)
    return stone !== undefined && origin.verifiedAt <= stone.at ? concernOf(stone, origin) : undefined
  }

  function concernsSession(refreshKey: string): boolean {
    const family = families.find(refreshKey)
    if (isDead(refreshKey, family?.id)) return true
    if (family?.userId === undefined) return false
    const stone = users.find(family.channelId, family.userId)
    return stone !== undefined && stone.state !== 'unsure' && stone.number > family.begunAt
  }

  function mayConcern(family: Family | undefined): boolean {
    if (family === undefined || family.userId !== undefined) return false
    const latest = users.latestOf(family.channelId)
    return latest !== undefined && latest.number > family.begunAt
  }

  function isNamed({ userId, family }: Origin): boolean {
    return userId !== undefined || userOf(family) !== undefined
  }

  function stoneOf({ channelId, userId, family }: Origin): UserTombstone | undefined {
    const its = userId ?? userOf(family)
    return its === undefined ? undefined : users.find(channelId, its)
  }

  function isDead(key: string, family: string | undefined): boolean {
    return tombstones.has(key) || (family !== undefined && tombstones.has(family))
  }

  function userOf(family: string | undefined): string | undefined {
    return family === undefined ? undefined : families.find(family)?.userId
  }
}

function concernOf({ state, raisedAt, at }: UserTombstone, { verifiedAt }: Origin): Concern {
  if (state === 'leaving' && verifiedAt <= at) return 'withheld'
  return state === 'left' && verifiedAt < raisedAt ? 'dead' : 'unproven'
}
