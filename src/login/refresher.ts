import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { InvalidGrant } from '../line/errors.ts'
import { longestLifeMs, parseTokenResponse } from '../line/responses.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { Families } from '../tokens/families.ts'
import { createFlights } from '../tokens/flights.ts'
import type { Forgotten } from '../tokens/forgotten.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { namingSubject } from '../tokens/record.ts'
import { createRefusals } from '../tokens/refusals.ts'
import { seal, unseal } from '../tokens/seal.ts'
import { guarded, type SourceGate } from '../tokens/source-gate.ts'
import { type AccessToken, digestOf } from '../tokens/token-key.ts'
import type { Caller } from '../tokens/token-resolver.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { createUnusables } from '../tokens/unusables.ts'
import { learnTokens, refreshKeyOf, type TokenSet, toTokenSet } from './token-set.ts'

export type Refresher = {
  /** Throws `InvalidGrant` when LINE refuses the refresh token or it was revoked here, else an outage. */
  refresh(refreshToken: string, channel: Channel, caller: Caller): Promise<TokenSet>
}

export type RefresherOptions = {
  readonly line: Pick<LineClient, 'refresh'>
  readonly memory: Pick<MemoryTier, 'learn' | 'remember' | 'peek' | 'resolve'>
  readonly gate: SourceGate
  readonly forgotten: Forgotten
  readonly tombstones: Tombstones
  readonly families: Families
  readonly now: () => number
}

type Replay = { readonly sealed: Buffer; readonly accessKey: string; readonly at: number }

/** Double taps, parallel tabs and retries after a lost answer come within this time. */
const replayForMs = 30_000
const maxReplays = 20_000

/**
 * The same refresh token presented many times within 30 s costs one call to LINE, and all get the same answer. The
 * answer is kept encrypted under the refresh token itself, so our memory holds nothing that is usable without it.
 */
export function createRefresher(options: RefresherOptions): Refresher {
  const { line, memory, gate, forgotten, tombstones, families, now } = options
  const replays = createBoundedMap<Replay>(maxReplays)
  const refusals = createRefusals<'INVALID_GRANT'>(now)
  const unusables = createUnusables(now)
  const flights = createFlights<TokenSet>()

  return { refresh }

  async function refresh(refreshToken: string, channel: Channel, caller: Caller): Promise<TokenSet> {
    const key = refreshKeyOf(channel.id, refreshToken)
    if (forgotten.concernsSession(key) || refusals.find(key) !== undefined) throw refused()
    const replay = findReplay(key)
    if (replay !== undefined) return JSON.parse(unseal(replay.sealed, refreshToken, 'refresh'))
    const outage = unusables.find(key)
    if (outage !== undefined) throw outage
    return flights.fly(key, caller, () => fetchTokens(key, refreshToken, channel, caller))
  }

  async function fetchTokens(key: string, refreshToken: string, channel: Channel, caller: Caller) {
    const askedAt = now()
    const begunAt = forgotten.count()
    try {
      const answer = await guarded(gate, caller, async () =>
        parseTokenResponse(await line.refresh(channel, refreshToken, caller)),
      )
      // Where LINE returns no refresh token, the one sent is still the one to use.
      const kept = { ...answer, refreshToken: answer.refreshToken ?? refreshToken }
      const start = { channelId: channel.id, begunAt, userId: undefined }
      const family = families.continueWith(refreshKeyOf(channel.id, kept.refreshToken), key, start)
      const accessKey = digestOf(kept.accessToken)
      const { id, userId } = family
      learnTokens(memory, accessKey, kept, { channelId: channel.id, family: id, userId, verifiedAt: askedAt })
      if (forgotten.mayConcern(family)) await nameUser({ key: accessKey, raw: kept.accessToken }, caller)
      if (forgotten.concernsSession(key)) throw forgottenMeanwhile(accessKey, channel)
      return keepReplay(key, refreshToken, accessKey, toTokenSet(kept, askedAt))
    } catch (error) {
      if (error instanceof InvalidGrant) refusals.add(key, 'INVALID_GRANT')
      unusables.add(key, error)
      throw error
    }
  }

  /** A user left, perhaps this one. Without an answer of LINE the tokens are handed out: it is probably another user. */
  async function nameUser(token: AccessToken, { clientAddress, deadline }: Caller): Promise<void> {
    const record = memory.peek(token.key)
    if (record !== undefined)
      await memory.resolve({ token, subject: namingSubject(record), clientAddress, deadline })
  }

  /** The session was forgotten while LINE was answering. Nobody gets the new tokens. */
  function forgottenMeanwhile(accessKey: string, { id }: Channel): InvalidGrant {
    tombstones.raise(accessKey, { forMs: longestLifeMs, channelId: id, isOurs: true })
    return refused()
  }

  function keepReplay(key: string, refreshToken: string, accessKey: string, tokens: TokenSet): TokenSet {
    replays.set(key, { sealed: seal(JSON.stringify(tokens), refreshToken, 'refresh'), accessKey, at: now() })
    return tokens
  }

  function findReplay(key: string): Replay | undefined {
    const replay = replays.get(key)
    if (replay === undefined) return undefined
    if (
      now() - replay.at < replayForMs &&
      !tombstones.has(replay.accessKey) &&
      !forgotten.mayConcern(families.find(key))
    )
      return replay
    replays.delete(key)
    return undefined
  }
}

function refused(): InvalidGrant {
  return new InvalidGrant('The refresh token is no longer valid: log in again')
}
