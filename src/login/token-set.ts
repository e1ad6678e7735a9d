import { longestLifeMs, type TokenResponse } from '../line/responses.ts'
import { createRecord, type TokenRecord } from '../tokens/record.ts'
import { digestOf } from '../tokens/token-key.ts'

/** The tokens of a login or a refresh. `null` in place of a fact that LINE's answer did not contain: it is unknown. */
export type TokenSet = {
  readonly accessToken: string
  readonly tokenType: string
  /** Seconds. */
  readonly expiresIn: number | null
  /** Epoch ms. */
  readonly expiresAt: number | null
  /** `null` where LINE issues none (LIFF). */
  readonly refreshToken: string | null
  readonly scopes: readonly string[] | null
}

export function toTokenSet(answer: TokenResponse, askedAt: number): TokenSet {
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
 * LINE's token answer counts as a verification: channel, lifetime, scopes. `undefined` if a fact is missing in it: then
 * there is no record, and LINE is asked.
 */
export function toRecord(
  { scopes, expiresInMs }: TokenResponse,
  channelId: string,
  askedAt: number,
  family: string | undefined,
): TokenRecord | undefined {
  if (expiresInMs === undefined || scopes === undefined) return undefined
  return createRecord({ channelId, scopes, verifiedAt: askedAt, expiresAt: askedAt + expiresInMs, family })
}

/** The key of a refresh token in our memory. The channel is part of it: LINE binds a refresh token to its channel. */
export function refreshKeyOf(channelId: string, refreshToken: string): string {
  return digestOf('refresh', channelId, refreshToken)
}

/** A refresh token lives at most 90 days. Refreshing does not extend that. */
export const longestRefreshLifeMs = 3 * longestLifeMs
