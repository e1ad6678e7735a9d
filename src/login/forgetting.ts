import type { Clock } from '../clock.ts'
import { longestLifeMs } from '../line/responses.ts'
import type { Families } from '../tokens/families.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import type { TokenRecord } from '../tokens/record.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import type { UserTombstones } from '../tokens/user-tombstones.ts'
import { longestRefreshLifeMs } from './token-set.ts'

/**
 * Forgets in this process, at once and without a call to LINE. Each method raises a tombstone and searches nothing: the
 * tokens that it concerns are found when they are used. `isOurs`: LINE has accepted or issued the token to us.
 */
export type Forgetting = {
  forgetAccessToken(key: string, token: { channelId: string; isOurs: boolean; record?: TokenRecord | undefined }): void
  /** How long LINE can accept the token from now on (ms). At most that if it is not known, or if the clock was changed. */
  lifeOf(record: TokenRecord | undefined): number
  /** Forgets a refresh token and all access tokens that were issued from it through us. */
  forgetSession(refreshKey: string, session: { channelId: string; isOurs: boolean }): void
  /** LINE has revoked the refresh token too. */
  confirmSession(refreshKey: string): void
  /** Forgets all tokens that the user has in this channel, with their sessions. */
  forgetUser(channelId: string, userId: string): void
}

export type ForgettingOptions = {
  readonly memory: Pick<MemoryTier, 'drop'>
  readonly families: Families
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  readonly clock: Pick<Clock, 'now' | 'driftedAt'>
}

/** The tombstone always comes first, so that no answer in flight stores the token again. */
export function createForgetting({ memory, families, tombstones, users, clock }: ForgettingOptions): Forgetting {
  return { lifeOf, forgetAccessToken, forgetSession, confirmSession, forgetUser: users.raise }

  function lifeOf(record: TokenRecord | undefined): number {
    const now = clock.now()
    return record === undefined || record.verifiedAt < clock.driftedAt() ? longestLifeMs : record.expiresAt - now
  }

  function forgetAccessToken(
    key: string,
    { channelId, isOurs, record }: { channelId: string; isOurs: boolean; record?: TokenRecord | undefined },
  ): void {
    tombstones.raise(key, { kind: 'token', forMs: lifeOf(record), channelId, isOurs })
    memory.drop(key)
  }

  function forgetSession(refreshKey: string, session: { channelId: string; isOurs: boolean }): void {
    for (const key of keysOf(refreshKey))
      tombstones.raise(key, { kind: 'session', forMs: longestRefreshLifeMs, ...session })
  }

  function confirmSession(refreshKey: string): void {
    for (const key of keysOf(refreshKey)) tombstones.confirm(key)
  }

  /** The first refresh token of a session stands for all of them. */
  function keysOf(refreshKey: string): readonly string[] {
    const family = families.find(refreshKey)?.id ?? refreshKey
    return family === refreshKey ? [refreshKey] : [refreshKey, family]
  }
}
