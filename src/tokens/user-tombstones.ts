import type { Clock } from '../clock.ts'
import { createBoundedMap } from './bounded-map.ts'

/**
 * A user's tombstone says when the user left the service (`deauthorize`). LINE then revokes all tokens of this user and
 * channel, but the user can log in again. So the tombstone has a time: tokens from before it are dead.
 */
export type UserTombstones = {
  isEmpty(): boolean
  size(): number
  /** The user leaves now. Until LINE was told, it still accepts the user's tokens. */
  raise(channelId: string, userId: string): void
  /** LINE was told, or will not be told any more. */
  confirm(channelId: string, userId: string): void
  /** Another process was told that the user leaves, or told LINE. A departure that is not later than the known one changes nothing. */
  learn(channelId: string, userId: string, departure: Departure): void
  /** `listener` gets each change that this process makes. */
  onChange(listener: (channelId: string, userId: string, departure: Departure) => void): void
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
export type Departure = {
  /** When we were told that the user leaves. */
  readonly raisedAt: number
  /** When LINE was told, or else `raisedAt`. What LINE said before this is no proof of a token. */
  readonly at: number
  readonly isLeaving: boolean
}

export type UserTombstone = Departure & {
  /** The same on the steady clock. */
  readonly raisedSteady: number
  /** The value of `count` since this process knows of the departure. */
  readonly raisedNumber: number
  /** The value of `count` since `at`. */
  readonly number: number
  /** Another process was told: its clock differs from ours, and what it did came before we knew of it. */
  readonly isLearned: boolean
}

/** With more than this, the least recently used one is dropped. LINE has revoked the tokens of nearly all of these users. */
const mostUsers = 100_000

export function createUserTombstones(clock: Clock, most = mostUsers): UserTombstones {
  const { now, wall, toWall, steady } = clock
  const users = createBoundedMap<UserTombstone>(most, leftOut)
  const latest = new Map<string, UserTombstone>()
  const leaving = new Map<string, Set<string>>()
  let count = 0
  let changed: (channelId: string, userId: string, departure: Departure) => void = () => {}

  return {
    isEmpty: () => users.size === 0,
    size: () => users.size,
    raise,
    confirm,
    learn,
    onChange,
    find,
    leftSince,
    latestOf: (channelId) => latest.get(channelId),
    isAnyLeaving: (channelId) => (leaving.get(channelId)?.size ?? 0) > 0,
    count: () => count,
  }

  function onChange(listener: typeof changed): void {
    changed = listener
  }

  function raise(channelId: string, userId: string): void {
    count += 1
    const time = now()
    const numbers = { raisedNumber: count, number: count, isLearned: false }
    change(channelId, userId, { raisedAt: time, at: time, isLeaving: true, raisedSteady: steady(), ...numbers })
  }

  /** What LINE said while it did not know of the departure is no proof either. */
  function confirm(channelId: string, userId: string): void {
    const existing = find(channelId, userId)
    if (existing?.isLeaving !== true) return
    count += 1
    change(channelId, userId, { ...existing, at: now(), number: count, isLeaving: false })
  }

  function learn(channelId: string, userId: string, departure: Departure): void {
    const existing = find(channelId, userId)
    if (existing !== undefined && !isLater(departure, existing)) return
    count += 1
    const raisedSteady = steady() - (now() - departure.raisedAt)
    const known = existing?.raisedAt === departure.raisedAt ? existing : undefined
    put(channelId, userId, {
      ...departure,
      raisedSteady,
      raisedNumber: known?.raisedNumber ?? count,
      number: count,
      isLearned: known?.isLearned ?? true,
    })
  }

  function change(channelId: string, userId: string, stone: UserTombstone): void {
    put(channelId, userId, stone)
    changed(channelId, userId, stone)
  }

  function put(channelId: string, userId: string, stone: UserTombstone): void {
    users.set(keyOf(channelId, userId), stone)
    const leavingHere = leaving.get(channelId) ?? new Set()
    if (stone.isLeaving) leaving.set(channelId, leavingHere.add(userId))
    else leavingHere.delete(userId)
    latest.set(channelId, latestOfBoth(stone, latest.get(channelId)))
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

/** Confirmed at LINE counts as later than the same departure before. */
function isLater(departure: Departure, known: Departure): boolean {
  if (departure.raisedAt !== known.raisedAt) return departure.raisedAt > known.raisedAt
  return known.isLeaving && !departure.isLeaving
}

/** A departure that we learn of late can be earlier than the latest one. */
function latestOfBoth(stone: UserTombstone, latest: UserTombstone | undefined): UserTombstone {
  if (latest === undefined || stone.at >= latest.at) return stone
  return { ...latest, number: stone.number }
}

/** A channel ID has no spaces. */
function keyOf(channelId: string, userId: string): string {
  return `${channelId} ${userId}`
}
