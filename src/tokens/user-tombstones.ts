import { createBoundedMap } from './bounded-map.ts'

/**
 * A user's tombstone says when the user left the service (`deauthorize`). LINE then revokes all tokens of this user and
 * channel, but the user can log in again. So the tombstone has a time: what we learned before it proves nothing.
 */
export type UserTombstones = {
  isEmpty(): boolean
  /** The user leaves now. Until LINE confirms it, LINE still accepts the user's tokens. */
  raise(channelId: string, userId: string): void
  /** LINE has revoked the user's tokens. */
  confirm(channelId: string, userId: string): void
  find(channelId: string, userId: string): UserTombstone | undefined
  /** The latest tombstone of the channel. */
  latestOf(channelId: string): UserTombstone | undefined
  /** How many changes there were so far. A call to LINE that begins now comes after all of them, even within one millisecond. */
  count(): number
}

/** Times are process time (ms). */
export type UserTombstone = {
  /** When we were told that the user leaves. */
  readonly raisedAt: number
  /** What LINE said before this is no proof of a token. */
  readonly at: number
  /** The value of `count` from this change on. */
  readonly number: number
  readonly isConfirmed: boolean
}

/** With more than this, the least recently used one is dropped. LINE has revoked the tokens of nearly all of these users. */
const mostUsers = 100_000

export function createUserTombstones(now: () => number, most = mostUsers): UserTombstones {
  const users = createBoundedMap<UserTombstone>(most)
  const latest = new Map<string, UserTombstone>()
  let count = 0

  return {
    isEmpty: () => users.size === 0,
    raise,
    confirm,
    find,
    latestOf: (channelId) => latest.get(channelId),
    count: () => count,
  }

  function raise(channelId: string, userId: string): void {
    put(channelId, userId, now(), false)
  }

  /** What LINE said while it did not know of the departure is no proof either, so the time is the one of this moment. */
  function confirm(channelId: string, userId: string): void {
    const existing = find(channelId, userId)
    if (existing?.isConfirmed === false) put(channelId, userId, existing.raisedAt, true)
  }

  function put(channelId: string, userId: string, raisedAt: number, isConfirmed: boolean): void {
    count += 1
    const stone = { raisedAt, at: now(), number: count, isConfirmed }
    users.set(keyOf(channelId, userId), stone)
    latest.set(channelId, stone)
  }

  function find(channelId: string, userId: string): UserTombstone | undefined {
    return users.get(keyOf(channelId, userId))
  }
}

function keyOf(channelId: string, userId: string): string {
  return `${channelId} ${userId}`
}
