import { InvalidGrant, type LineOutage } from '../line/errors.ts'
import type { TokenResponse } from '../line/responses.ts'
import { readOutage, writeOutage } from '../tokens/shared-outcomes.ts'

/** The tokens of a refresh, with what a process must know to treat them as its own. */
export type Refreshed = {
  readonly tokens: IssuedTokens
  /** The start of the call to LINE (process time, ms). */
  readonly askedAt: number
  /** The `count` of forgotten users when the call began. Another process's call counts as begun before all of them. */
  readonly begunAt: number
  /** The key of the first refresh token of the session. */
  readonly family: string
  readonly userId: string | undefined
}

export type IssuedTokens = Omit<TokenResponse, 'idToken' | 'refreshToken'> & { readonly refreshToken: string }

/** How a refresh ended, as all replicas hear it. */
export type RefreshOutcome = Refreshed | InvalidGrant | LineOutage

/** A better outcome replaces a worse one. Between two successes, the first one stays. */
export const ranks = { open: '0', refused: '1', success: '2' } as const

export type Rank = (typeof ranks)[keyof typeof ranks]

export function rankOf(outcome: RefreshOutcome): Rank {
  if (outcome instanceof InvalidGrant) return ranks.refused
  return outcome instanceof Error ? ranks.open : ranks.success
}

/** Process time and wall time (epoch ms) of this process. Another process understands only the second one. */
export type Times = { readonly now: () => number; readonly toWall: (time: number) => number }

type Written = Omit<Refreshed, 'begunAt'>

export function writeOutcome(outcome: RefreshOutcome, { toWall }: Pick<Times, 'toWall'>): Buffer {
  if (outcome instanceof InvalidGrant) return Buffer.from(ranks.refused)
  if (outcome instanceof Error) return Buffer.concat([Buffer.from(ranks.open), writeOutage(outcome)])
  const { tokens, askedAt, family, userId } = outcome
  const { accessToken, tokenType, expiresInMs, refreshToken, scopes } = tokens
  const written: Written = {
    tokens: { accessToken, tokenType, expiresInMs, refreshToken, scopes },
    askedAt: toWall(askedAt),
    family,
    userId,
  }
  return Buffer.from(ranks.success + JSON.stringify(written))
}

/** `undefined`: a later release wrote it, and this one does not understand it. */
export function readOutcome(bytes: Buffer, { now, toWall }: Times): RefreshOutcome | undefined {
  const rank = bytes.toString('latin1', 0, 1)
  if (rank === ranks.refused) return new InvalidGrant('LINE refused the refresh token: log in again')
  if (rank === ranks.open) return readOutage(bytes.subarray(1))
  if (rank !== ranks.success) return undefined
  const { tokens, askedAt, family, userId }: Written = JSON.parse(bytes.toString('utf8', 1))
  const aheadBy = now() - toWall(now())
  // JSON has no `undefined`: what LINE did not say is absent.
  return { tokens, askedAt: askedAt + aheadBy, begunAt: 0, family, userId }
}
