import { createBoundedMap } from './bounded-map.ts'

/** What we were told to forget, by the keys of access and refresh tokens. */
export type Tombstones = {
  /** From now until `until` (epoch ms) it is dead here, whatever LINE says. */
  raise(key: string, stone: { readonly until: number; readonly channelId: string }): void
  has(key: string): boolean
  /** LINE has revoked it as well. */
  confirm(key: string): void
  isConfirmed(key: string): boolean
  /** The channel of what is dead here while LINE may still believe in it: revoking it there is worth another try. */
  unconfirmedChannel(key: string): string | undefined
}

/** What falls out at the end is dead at LINE as well. */
const mostTombstones = 100_000

type Tombstone = { readonly until: number; readonly channelId: string; readonly confirmed: boolean }

/** Raised by revoking, logging out and deauthorizing only: what LINE refuses needs none. */
export function createTombstones(now: () => number, max = mostTombstones): Tombstones {
  const stones = createBoundedMap<Tombstone>(max)

  return { raise, has: (key) => find(key) !== undefined, confirm, isConfirmed, unconfirmedChannel }

  function raise(key: string, { until, channelId }: { readonly until: number; readonly channelId: string }): void {
    const standing = find(key)
    const confirmed = standing?.confirmed ?? false
    stones.set(key, { until: Math.max(until, standing?.until ?? until), channelId, confirmed })
  }

  function confirm(key: string): void {
    const standing = find(key)
    if (standing !== undefined) stones.set(key, { ...standing, confirmed: true })
  }

  function isConfirmed(key: string): boolean {
    return find(key)?.confirmed === true
  }

  function unconfirmedChannel(key: string): string | undefined {
    const standing = find(key)
    return standing?.confirmed === false ? standing.channelId : undefined
  }

  function find(key: string): Tombstone | undefined {
    const stone = stones.get(key)
    if (stone === undefined || stone.until > now()) return stone
    stones.delete(key)
    return undefined
  }
}
