import { longestLifeMs, type TokenResponse } from '../line/responses.ts'
import { createRecord, type TokenRecord } from '../tokens/record.ts'
import { digestOf } from '../tokens/token-key.ts'

/** What a login or a refresh gave, as callers see it. */
export type TokenSet = {
  readonly accessToken: string
  readonly tokenType: string
  /** Seconds; 0 where LINE's number made no sense, which tells a client to refresh before it counts on the token. */
  readonly expiresIn: number
  /** Epoch ms. */
  readonly expiresAt: number
  /** `null` where LINE gives none (LIFF). */
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

/** LINE's token answer is a fresh verification: our channel, its lifetime, its scopes. `undefined` where it tells no lifetime. */
export function toRecord(
  { scopes, expiresInMs }: TokenResponse,
  channelId: string,
  askedAt: number,
  family: string | undefined,
): TokenRecord | undefined {
  if (expiresInMs === undefined) return undefined
  return createRecord({ channelId, scopes, verifiedAt: askedAt, expiresAt: askedAt + expiresInMs, family })
}

/** The name a refresh token has in our memory. A channel is part of it: LINE binds refresh tokens to theirs. */
export function refreshKeyOf(channelId: string, refreshToken: string): string {
  return digestOf('refresh', channelId, refreshToken)
}

/** A refresh token lives 90 days at the most, and refreshing does not extend it. */
export const longestRefreshLifeMs = 3 * longestLifeMs
