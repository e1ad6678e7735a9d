import type { Families, Family, Origin } from './families.ts'
import type { TokenRecord } from './record.ts'
import type { Tombstones } from './tombstones.ts'
import type { UserTombstone, UserTombstones } from './user-tombstones.ts'

/**
 * How a token is concerned by what we were told to forget:
 *
 *     dead        the token or its session was revoked, or its user left after LINE had confirmed the token
 *     unproven    its user left, and it is not certain that LINE has confirmed the token since then
 *     unnamed     a user of its channel left, and we do not know whether it is this token's user
 *     undefined   not at all
 */
export type Concern = 'dead' | 'unproven' | 'unnamed' | undefined

export type Forgotten = {
  /** How a stored record is concerned: by its time. */
  concerns(key: string, record: TokenRecord): Concern
  /** How LINE's answer to a call is concerned: only by what was forgotten since the call began. `begunAt`: a `count`. */
  concernsLanded(key: string, record: TokenRecord, begunAt: number): Concern
  count(): number
  /** Whether a token is dead that has no record now. */
  isDeadCold(key: string, origin: Origin | undefined): boolean
  /** Whether LINE may still accept a token that is dead here, because it does not know of it yet. */
  isUntold(origin: Origin): boolean
  /** Whether a session is dead: it was revoked, or its user left after it began. */
  isDeadSession(refreshKey: string): boolean
  /**
   * Whether a user left whom the session may belong to, or who may have left after it began, so that tokens which LINE issued
   * for it are no proof. `begunAt`: the `count` when the call began that issued them.
   */
  mayConcern(family: Family | undefined, begunAt: number): boolean
}

export type ForgottenOptions = {
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  readonly families: Families
  /** How much the clocks of the processes that share records can differ (ms). Default 0: records are not shared. */
  readonly skewMs?: number | undefined
}

/**
 * What LINE confirmed less than this after a user left does not count for a stored record of that user: the clocks of
 * several processes differ, and LINE may need a moment.
 */
const graceMs = 5_000

/** Compares a token with the tombstones. It runs on every cache hit, so the usual case comes first: nothing is forgotten. */
export function createForgotten({ tombstones, users, families, skewMs = 0 }: ForgottenOptions): Forgotten {
  return { concerns, concernsLanded, count: users.count, isDeadCold, isUntold, isDeadSession, mayConcern }

  function concerns(key: string, record: TokenRecord): Concern {
    if (!tombstones.isEmpty() && isRevoked(key, record.family)) return 'dead'
    const latest = users.isEmpty() ? undefined : users.latestOf(record.channelId)
    if (latest === undefined || record.verifiedAt > latest.at + graceMs) return undefined
    if (families.userOf(record) === undefined) return record.verifiedAt <= latest.at ? 'unnamed' : undefined
    const stone = stoneOf(record)
    if (stone === undefined || record.verifiedAt > stone.at + graceMs) return undefined
    return isFromBefore(stone, record.verifiedAt) ? 'dead' : 'unproven'
  }

  function concernsLanded(key: string, record: TokenRecord, begunAt: number): Concern {
    if (!tombstones.isEmpty() && isRevoked(key, record.family)) return 'dead'
    const latest = users.isEmpty() ? undefined : users.latestOf(record.channelId)
    if (latest === undefined || latest.number <= begunAt) return undefined
    if (families.userOf(record) === undefined) return 'unnamed'
    const stone = stoneOf(record)
    if (stone === undefined || stone.number <= begunAt) return undefined
    const isBefore = stone.isLearned ? isFromBefore(stone, record.verifiedAt) : stone.raisedNumber > begunAt
    return isBefore ? 'dead' : 'unproven'
  }

  function isDeadCold(key: string, origin: Origin | undefined): boolean {
    if (!tombstones.isEmpty() && isRevoked(key, origin?.family)) return true
    const stone = users.isEmpty() || origin === undefined ? undefined : stoneOf(origin)
    return stone !== undefined && origin !== undefined && isFromBefore(stone, origin.verifiedAt)
  }

  function isUntold(origin: Origin): boolean {
    const ofSession = origin.family === undefined ? undefined : tombstones.find(origin.family)
    return ofSession?.isConfirmed === false || stoneOf(origin)?.isLeaving === true
  }

  function isDeadSession(refreshKey: string): boolean {
    const family = families.find(refreshKey)
    if (isRevoked(refreshKey, family?.id)) return true
    const stone = family?.userId === undefined ? undefined : users.find(family.channelId, family.userId)
    return stone !== undefined && family !== undefined && hasBegunBefore(stone, family)
  }

  /** The order of events in this process is certain. Otherwise their times are compared. */
  function hasBegunBefore(stone: UserTombstone, { begunAt, begunTime }: Family): boolean {
    if (begunAt !== undefined && !stone.isLearned) return stone.raisedNumber > begunAt
    return isFromBefore(stone, begunTime)
  }

  /** The times of two processes are too close to say whether the user left before or after the session began. */
  function mayHaveBegunBefore(stone: UserTombstone, { begunAt, begunTime }: Family): boolean {
    return (begunAt === undefined || stone.isLearned) && begunTime <= stone.at + skewMs
  }

  function mayConcern(family: Family | undefined, begunAt: number): boolean {
    if (family === undefined) return false
    if (family.userId !== undefined) {
      const stone = users.find(family.channelId, family.userId)
      return stone !== undefined && stone.number > begunAt && mayHaveBegunBefore(stone, family)
    }
    const latest = users.latestOf(family.channelId)
    if (latest === undefined || latest.number <= (family.begunAt ?? 0)) return false
    return latest.number > begunAt || users.isAnyLeaving(family.channelId)
  }

  function isRevoked(key: string, family: string | undefined): boolean {
    return tombstones.has(key) || (family !== undefined && tombstones.has(family))
  }

  function stoneOf(origin: Origin): UserTombstone | undefined {
    const userId = families.userOf(origin)
    return userId === undefined ? undefined : users.find(origin.channelId, userId)
  }

  /**
   * Within one millisecond, or within the difference of two clocks, the order is not known: LINE decides. While LINE does not
   * know of the departure, its proof would mislead.
   */
  function isFromBefore({ raisedAt, isLeaving }: UserTombstone, time: number): boolean {
    return isLeaving ? time <= raisedAt + skewMs : time < raisedAt - skewMs
  }
}
