import { longestLifeMs } from '../line/responses.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import type { TokenRecord } from '../tokens/record.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import type { Families } from './families.ts'
import type { Refresher } from './refresher.ts'
import { longestRefreshLifeMs } from './token-set.ts'

/** Forgets tokens in this process, at once and without a call to LINE. */
export type Forgetting = {
  /** `expiresAt`: when the token expires (epoch ms), if we know. */
  forgetAccessToken(key: string, channelId: string, expiresAt: number | undefined): void
  /** Forgets a refresh token and all access tokens issued from it through us. Returns the keys of all of them. */
  forgetRefreshToken(key: string, channelId: string): readonly string[]
  /** Forgets the user's access tokens of this channel and the refresh tokens of these. LINE revokes all of them. */
  forgetUserOf(record: TokenRecord): void
}

export type ForgettingOptions = {
  readonly memory: Pick<MemoryTier, 'drop' | 'find'>
  readonly refresher: Pick<Refresher, 'dropReplay' | 'dropReplaysOf'>
  readonly families: Families
  readonly tombstones: Tombstones
  readonly now: () => number
}

/** The tombstone always comes first, so that no answer in flight stores the token again. */
export function createForgetting({ memory, refresher, families, tombstones, now }: ForgettingOptions): Forgetting {
  return { forgetAccessToken, forgetRefreshToken, forgetUserOf }

  function forgetAccessToken(key: string, channelId: string, expiresAt: number | undefined): void {
    tombstones.raise(key, { until: expiresAt ?? now() + longestLifeMs, channelId })
    memory.drop(key)
    refresher.dropReplaysOf(key)
  }

  function forgetRefreshToken(key: string, channelId: string): readonly string[] {
    forgetRefreshKey(key, channelId)
    return [key, ...forgetFamily(families.of(key), channelId)]
  }

  function forgetUserOf(record: TokenRecord): void {
    const { userId, channelId } = record
    const isTheirs = (other: TokenRecord) => other.channelId === channelId && other.userId === userId
    const theirs = userId === undefined ? [] : forgetAll(isTheirs)
    const families = new Set([record.family, ...theirs.map(([, { family }]) => family)])
    for (const family of families) if (family !== undefined) forgetFamily(family, channelId)
  }

  function forgetRefreshKey(key: string, channelId: string): void {
    tombstones.raise(key, { until: now() + longestRefreshLifeMs, channelId })
    refresher.dropReplay(key)
  }

  function forgetFamily(family: string, channelId: string): readonly string[] {
    forgetRefreshKey(family, channelId)
    return [family, ...forgetAll((record) => record.family === family).map(([key]) => key)]
  }

  function forgetAll(matches: (record: TokenRecord) => boolean): readonly (readonly [string, TokenRecord])[] {
    const found = memory.find(matches)
    for (const [key, record] of found) forgetAccessToken(key, record.channelId, record.expiresAt)
    return found
  }
}
