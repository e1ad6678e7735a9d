import type { Clock } from '../clock.ts'
import { InvalidGrant, type LineOutage } from '../line/errors.ts'
import type { TokenResponse } from '../line/responses.ts'
import type { Family } from '../tokens/families.ts'
import { readOutage, writeOutage } from '../tokens/shared-outcomes.ts'

/** The tokens of a refresh, with what a process must know to treat them as its own. */
export type Refreshed = {
  readonly tokens: IssuedTokens
  /** The start of the call to LINE (process time, ms). */
  readonly askedAt: number
  /** The `count` of forgotten users when the call began. `undefined`: another process called. */
  readonly begunAt: number | undefined
  /** The session. */
  readonly family: Omit<Family, 'begunAt'>
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

/** Another process understands only times of the wall clock. */
export type Times = Pick<Clock, 'toWall' | 'fromWall' | 'wall'>

type Written = Omit<Refreshed, 'begunAt'>

export function writeOutcome(outcome: RefreshOutcome, { toWall }: Pick<Times, 'toWall'>): Buffer {
  if (outcome instanceof InvalidGrant) return Buffer.from(ranks.refused)
  if (outcome instanceof Error) return Buffer.concat([Buffer.from(ranks.open), writeOutage(outcome)])
  const { accessToken, tokenType, expiresInMs, refreshToken, scopes } = outcome.tokens
  const { id, channelId, begunTime, userId } = outcome.family
  const written: Written = {
    tokens: { accessToken, tokenType, expiresInMs, refreshToken, scopes },
    askedAt: toWall(outcome.askedAt),
    family: { id, channelId, begunTime: toWall(begunTime), userId },
  }
  return Buffer.from(ranks.success + JSON.stringify(written))
}

/** `undefined`: a later release wrote it, and this one does not understand it. */
export function readOutcome(bytes: Buffer, { fromWall }: Pick<Times, 'fromWall'>): RefreshOutcome | undefined {
  const rank = bytes.toString('latin1', 0, 1)
  if (rank === ranks.refused) return new InvalidGrant('LINE refused the refresh token: log in again')
  if (rank === ranks.open) return readOutage(bytes.subarray(1))
  if (rank !== ranks.success) return undefined
  const { tokens, askedAt, family }: Written = JSON.parse(bytes.toString('utf8', 1))
  const begunTime = fromWall(family.begunTime)
  return { tokens, askedAt: fromWall(askedAt), begunAt: undefined, family: { ...family, begunTime } }
}
