import type { Clock } from '../clock.ts'
import { createBoundedMap } from './bounded-map.ts'

/**
 * A user's tombstone says when the user left the service (`deauthorize`). LINE then revokes all tokens of this user and
 * channel, but the user can log in again. So the tombstone has a time: tokens from before it are dead.
 */
export type UserTombstones = {
  isEmpty(): boolean
  /** The user leaves now. Until LINE was told, it still accepts the user's tokens. */
  raise(channelId: string, userId: string): void
  /** LINE was told, or will not be told any more. */
  confirm(channelId: string, userId: string): void
  find(channelId: string, userId: string): UserTombstone | undefined
  /** Whether the user left at this time of the wall clock (epoch ms) or later. */
  leftSince(channelId: string, userId: string, wallTime: number): boolean
  /** The latest tombstone of the channel. */
  latestOf(channelId: string): UserTombstone | undefined
  /** Whether a user of the channel leaves, and LINE does not know it yet. */
  isAnyLeaving(channelId: string): boolean
  /** How many changes there were so far. A call to LINE that begins now comes after all of them, even within one millisecond. */
  count(): number
}

/** Times are process time (ms). */
export type UserTombstone = {
  /** When we were told that the user leaves. */
  readonly raisedAt: number
  /** The same on the steady clock. */
  readonly raisedSteady: number
  /** The value of `count` from then on. */
  readonly raisedNumber: number
  /** When LINE was told, or else `raisedAt`. What LINE said before this is no proof of a token. */
  readonly at: number
  /** The value of `count` from then on. */
  readonly number: number
  readonly isLeaving: boolean
}

/** With more than this, the least recently used one is dropped. LINE has revoked the tokens of nearly all of these users. */
const mostUsers = 100_000

export function createUserTombstones(clock: Clock, most = mostUsers): UserTombstones {
  const { now, wall, toWall, steady } = clock
  const users = createBoundedMap<UserTombstone>(most, leftOut)
  const latest = new Map<string, UserTombstone>()
  const leaving = new Map<string, Set<string>>()
  let count = 0

  return {
    isEmpty: () => users.size === 0,
    raise,
    confirm,
    find,
    leftSince,
    latestOf: (channelId) => latest.get(channelId),
    isAnyLeaving: (channelId) => (leaving.get(channelId)?.size ?? 0) > 0,
    count: () => count,
  }

  function raise(channelId: string, userId: string): void {
    count += 1
    leaving.set(channelId, (leaving.get(channelId) ?? new Set()).add(userId))
    put(channelId, userId, {
      raisedAt: now(),
      raisedSteady: steady(),
      raisedNumber: count,
      at: now(),
      number: count,
      isLeaving: true,
    })
  }

  /** What LINE said while it did not know of the departure is no proof either. */
  function confirm(channelId: string, userId: string): void {
    const existing = find(channelId, userId)
    if (existing?.isLeaving !== true) return
    count += 1
    leaving.get(channelId)?.delete(userId)
    put(channelId, userId, { ...existing, at: now(), number: count, isLeaving: false })
  }

  function put(channelId: string, userId: string, stone: UserTombstone): void {
    users.set(keyOf(channelId, userId), stone)
    latest.set(channelId, stone)
  }

  function leftOut(key: string): void {
    const [channelId = '', userId = ''] = key.split(' ')
    leaving.get(channelId)?.delete(userId)
  }

  function leftSince(channelId: string, userId: string, wallTime: number): boolean {
    const stone = find(channelId, userId)
    if (stone === undefined) return false
    // A wall clock that was slow then and is right now: the user left later than it seemed.
    const bySteady = wall() - (steady() - stone.raisedSteady)
    return wallTime <= Math.max(toWall(stone.raisedAt), bySteady)
  }

  function find(channelId: string, userId: string): UserTombstone | undefined {
    return users.get(keyOf(channelId, userId))
  }
}

/** A channel ID has no spaces. */
function keyOf(channelId: string, userId: string): string {
  return `${channelId} ${userId}`
}
