import { createBoundedMap } from './bounded-map.ts'

/** A tombstone marks a token as refused here, because a caller revoked it. Access and refresh tokens, by their keys. */
export type Tombstones = {
  /** Until `until` (epoch ms) the token is refused here, whatever LINE answers. */
  raise(key: string, stone: { readonly until: number; readonly channelId: string }): void
  has(key: string): boolean
  /** LINE has revoked it too. */
  confirm(key: string): void
  isConfirmed(key: string): boolean
  /** The channel of a tombstone that LINE has not confirmed. LINE may still accept the token: revoke it there again. */
  unconfirmedChannel(key: string): string | undefined
}

/**
 * With more than this, the least recently used tombstone is dropped. If LINE has confirmed the revocation, LINE refuses
 * the token all the same. If not, LINE may still accept the token, and then we accept it again too.
 */
const mostTombstones = 100_000

type Tombstone = { readonly until: number; readonly channelId: string; readonly confirmed: boolean }

/** Only revoking, logging out and deauthorizing raise tombstones. A token that LINE refuses needs none. */
export function createTombstones(now: () => number, max = mostTombstones): Tombstones {
  const stones = createBoundedMap<Tombstone>(max)

  return { raise, has: (key) => find(key) !== undefined, confirm, isConfirmed, unconfirmedChannel }

  function raise(key: string, { until, channelId }: { readonly until: number; readonly channelId: string }): void {
    const existing = find(key)
    const confirmed = existing?.confirmed ?? false
    stones.set(key, { until: Math.max(until, existing?.until ?? until), channelId, confirmed })
  }

  function confirm(key: string): void {
    const existing = find(key)
    if (existing !== undefined) stones.set(key, { ...existing, confirmed: true })
  }

  function isConfirmed(key: string): boolean {
    return find(key)?.confirmed === true
  }

  function unconfirmedChannel(key: string): string | undefined {
    const existing = find(key)
    return existing?.confirmed === false ? existing.channelId : undefined
  }

  function find(key: string): Tombstone | undefined {
    const stone = stones.get(key)
    if (stone === undefined || stone.until > now()) return stone
    stones.delete(key)
    return undefined
  }
}
