import type { Families, Origin } from './families.ts'
import type { TokenRecord } from './record.ts'
import type { Tombstones } from './tombstones.ts'
import type { UserTombstone, UserTombstones } from './user-tombstones.ts'

/**
 * How a token is concerned by what we were told to forget:
 *
 *     dead        the token or its session was revoked
 *     withheld    its user left, but LINE does not know it yet and would still accept the token
 *     unproven    its user left, and LINE has not confirmed the token since then
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
  concernsCold(key: string, origin: Origin | undefined): 'dead' | 'withheld' | undefined
  /** Whether a session is dead: it was revoked, or its user left after it began. */
  concernsSession(refreshKey: string): boolean
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
  return { concerns, concernsLanded, count: users.count, concernsCold, concernsSession }

  function concerns(key: string, record: TokenRecord): Concern {
    if (!tombstones.isEmpty() && isDead(key, record.family)) return 'dead'
    const latest = users.isEmpty() ? undefined : users.latestOf(record.channelId)
    if (latest === undefined || record.verifiedAt > latest.at + graceMs) return undefined
    const userId = record.userId ?? userOf(record.family)
    if (userId === undefined) return record.verifiedAt <= latest.at ? 'unnamed' : undefined
    const stone = users.find(record.channelId, userId)
    return stone !== undefined && record.verifiedAt <= stone.at + graceMs ? concernOf(stone) : undefined
  }

  function concernsLanded(key: string, record: TokenRecord, begunAt: number): Concern {
    if (!tombstones.isEmpty() && isDead(key, record.family)) return 'dead'
    const latest = users.isEmpty() ? undefined : users.latestOf(record.channelId)
    if (latest === undefined || latest.number <= begunAt) return undefined
    const userId = record.userId ?? userOf(record.family)
    if (userId === undefined) return 'unnamed'
    const stone = users.find(record.channelId, userId)
    return stone !== undefined && stone.number > begunAt ? concernOf(stone) : undefined
  }

  function concernsCold(key: string, origin: Origin | undefined): 'dead' | 'withheld' | undefined {
    if (!tombstones.isEmpty() && isDead(key, origin?.family)) return 'dead'
    if (users.isEmpty() || origin === undefined) return undefined
    const userId = origin.userId ?? userOf(origin.family)
    const stone = userId === undefined ? undefined : users.find(origin.channelId, userId)
    return stone?.isConfirmed === false ? 'withheld' : undefined
  }

  function concernsSession(refreshKey: string): boolean {
    const family = families.find(refreshKey)
    if (isDead(refreshKey, family?.id)) return true
    if (family?.userId === undefined) return false
    const stone = users.find(family.channelId, family.userId)
    return stone !== undefined && family.startedAt <= stone.at
  }

  function isDead(key: string, family: string | undefined): boolean {
    return tombstones.has(key) || (family !== undefined && tombstones.has(family))
  }

  function userOf(family: string | undefined): string | undefined {
    return family === undefined ? undefined : families.find(family)?.userId
  }
}

function concernOf({ isConfirmed }: UserTombstone): Concern {
  return isConfirmed ? 'unproven' : 'withheld'
}
