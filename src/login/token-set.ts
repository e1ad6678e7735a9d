import { longestLifeMs, type TokenResponse } from '../line/responses.ts'
import type { Origin } from '../tokens/families.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { createRecord } from '../tokens/record.ts'
import { digestOf } from '../tokens/token-key.ts'

/** The tokens of a login or a refresh. `null` in place of a fact that LINE's answer did not contain: it is unknown. */
export type TokenSet = {
  readonly accessToken: string
  readonly tokenType: string
  /** Seconds. */
  readonly expiresIn: number | null
  /** Process time (epoch ms). Callers get it as a time of the wall clock. */
  readonly expiresAt: number | null
  /** `null` where LINE issues none (LIFF). */
  readonly refreshToken: string | null
  readonly scopes: readonly string[] | null
}

export function toTokenSet(answer: Omit<TokenResponse, 'idToken'>, askedAt: number): TokenSet {
  const { expiresInMs } = answer
  return Object.freeze({
    accessToken: answer.accessToken,
    tokenType: answer.tokenType,
    expiresIn: expiresInMs === undefined ? null : Math.floor(expiresInMs / 1_000),
    expiresAt: expiresInMs === undefined ? null : askedAt + expiresInMs,
    refreshToken: answer.refreshToken ?? null,
    scopes: answer.scopes ?? null,
  })
}

/**
 * LINE's token answer counts as a verification: channel, lifetime, scopes. Where it lacks one of them, only the token's
 * origin is remembered, and LINE is asked.
 */
export function learnTokens(
  memory: Pick<MemoryTier, 'learn' | 'remember'>,
  accessKey: string,
  { scopes, expiresInMs }: Pick<TokenResponse, 'scopes' | 'expiresInMs'>,
  origin: Omit<Origin, 'expiresAt'>,
): void {
  const expiresAt = origin.verifiedAt + (expiresInMs ?? longestLifeMs)
  if (expiresInMs === undefined || scopes === undefined) memory.remember(accessKey, { ...origin, expiresAt })
  else memory.learn(accessKey, createRecord({ ...origin, scopes, expiresAt }))
}

/** The key of a refresh token in our memory. The channel is part of it: LINE binds a refresh token to its channel. */
export function refreshKeyOf(channelId: string, refreshToken: string): string {
  return digestOf('refresh', channelId, refreshToken)
}

/** A refresh token lives at most 90 days. Refreshing does not extend that. */
export const longestRefreshLifeMs = 3 * longestLifeMs
