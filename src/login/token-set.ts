import { longestLifeMs, type TokenResponse } from '../line/responses.ts'
import type { Origin } from '../tokens/families.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { createRecord } from '../tokens/record.ts'
import { digestOf } from '../tokens/token-key.ts'

/** The tokens of a login or a refresh, as callers get them. */
export type TokenSet = {
  readonly accessToken: string
  readonly tokenType: string
  /** Seconds. 0 where LINE sent no usable number: the client then refreshes before it relies on the token. */
  readonly expiresIn: number
  /** A time of the process (epoch ms). Callers get it as a time of the wall clock. */
  readonly expiresAt: number
  /** `null` where LINE issues none (LIFF). */
  readonly refreshToken: string | null
  readonly scopes: readonly string[]
}

export function toTokenSet(answer: TokenResponse, askedAt: number): TokenSet {
  const livesForMs = answer.expiresInMs ?? 0
  return Object.freeze({
    accessToken: answer.accessToken,
    tokenType: answer.tokenType,
    expiresIn: Math.floor(livesForMs / 1_000),
    expiresAt: askedAt + livesForMs,
    refreshToken: answer.refreshToken ?? null,
    scopes: answer.scopes,
  })
}

/**
 * LINE's token answer counts as a verification: channel, lifetime, scopes. Without a usable lifetime only the token's
 * origin is remembered.
 */
export function learnTokens(
  memory: Pick<MemoryTier, 'learn' | 'remember'>,
  accessKey: string,
  { scopes, expiresInMs }: TokenResponse,
  origin: Origin,
  askedAt: number,
): void {
  if (expiresInMs === undefined) memory.remember(accessKey, origin)
  else
    memory.learn(accessKey, createRecord({ ...origin, scopes, verifiedAt: askedAt, expiresAt: askedAt + expiresInMs }))
}

/** The key of a refresh token in our memory. The channel is part of it: LINE binds a refresh token to its channel. */
export function refreshKeyOf(channelId: string, refreshToken: string): string {
  return digestOf('refresh', channelId, refreshToken)
}

/** A refresh token lives at most 90 days. Refreshing does not extend that. */
export const longestRefreshLifeMs = 3 * longestLifeMs
