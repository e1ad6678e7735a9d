import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { InvalidGrant, LineUnavailable } from '../line/errors.ts'
import { longestLifeMs, parseTokenResponse } from '../line/responses.ts'
import { type CommandOptions, patientOptions } from '../redis.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { Families } from '../tokens/families.ts'
import { createFlights } from '../tokens/flights.ts'
import type { Forgotten } from '../tokens/forgotten.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { createRefusals } from '../tokens/refusals.ts'
import { seal, unseal } from '../tokens/seal.ts'
import { guarded, type SourceGate } from '../tokens/source-gate.ts'
import { digestOf } from '../tokens/token-key.ts'
import type { Caller, Outage } from '../tokens/token-resolver.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { createUnusables } from '../tokens/unusables.ts'
import type { Refreshed } from './refresh-outcomes.ts'
import { type AskOnce, askAtOnce } from './shared-refreshes.ts'
import { learnTokens, refreshKeyOf, type TokenSet, toTokenSet } from './token-set.ts'

export type Refresher = {
  /** Throws `InvalidGrant` when LINE refuses the refresh token or it was revoked here, else an outage. */
  refresh(refreshToken: string, channel: Channel, caller: Caller): Promise<TokenSet>
}

export type RefresherOptions = {
  readonly line: Pick<LineClient, 'refresh'>
  readonly memory: Pick<MemoryTier, 'learn' | 'learnShared' | 'remember' | 'isRefused' | 'resolve'>
  readonly gate: SourceGate
  readonly forgotten: Forgotten
  readonly tombstones: Tombstones
  readonly families: Families
  readonly now: () => number
  /** With Redis: one call to LINE for all replicas. */
  readonly askOnce?: AskOnce | undefined
  /** With Redis: learns what other replicas know about the session of a refresh token. */
  readonly learnSession?: ((refreshKey: string, options: CommandOptions) => Promise<void>) | undefined
}

/** A refresh token and the operation that it was sent in. */
type Presented = {
  readonly key: string
  readonly refreshToken: string
  readonly channel: Channel
  readonly caller: Caller
  /** For the commands to Redis. */
  readonly options: CommandOptions
}

type Replay = {
  readonly sealed: Buffer
  readonly accessKey: string
  /** The `count` of forgotten users when the call to LINE began. */
  readonly begunAt: number
  readonly until: number
  /** Nobody got the tokens: after `until` they are handed out up to this time if LINE still accepts them. */
  keptUntil?: number
}

/** The tokens of a call to LINE. */
type Fetched = Pick<Replay, 'begunAt'> & { readonly tokens: TokenSet }

/** Double taps, parallel tabs and retries after a lost answer come within this time. */
const replayForMs = 30_000
/** Refusals are remembered for 30 s, and clocks differ by 5 s. LINE is asked about the tokens of an older answer. */
const trustedForMs = 25_000
/** How long tokens are kept that nobody got yet. */
const keptForMs = 60 * 60_000
const maxReplays = 20_000
/** A `count` of forgotten users: other processes count for themselves, so each departure may have come after their call. */
const beforeAll = 0

/**
 * The same refresh token presented many times within 30 s costs one call to LINE, and all get the same answer. The
 * answer is kept encrypted under the refresh token itself, so our memory holds nothing that is usable without it.
 */
export function createRefresher(options: RefresherOptions): Refresher {
  const { line, memory, gate, forgotten, tombstones, families, now, askOnce = askAtOnce, learnSession } = options
  const replays = createBoundedMap<Replay>(maxReplays)
  const refusals = createRefusals<'INVALID_GRANT'>(now)
  const unusables = createUnusables(now)
  const flights = createFlights<Fetched>()

  return { refresh }

  async function refresh(refreshToken: string, channel: Channel, caller: Caller): Promise<TokenSet> {
    const key = refreshKeyOf(channel.id, refreshToken)
    const options = patientOptions()
    if (learnSession !== undefined) await learnSession(key, options)
    if (forgotten.isDeadSession(key) || refusals.find(key) !== undefined) throw refused()
    const found = findReplay(key)
    const presented = { key, refreshToken, channel, caller, options }
    const replayed = found && (await replay(found, presented))
    if (replayed !== undefined) return replayed
    // Without a replay there was no pause up to here: in a pause, a flight could have ended that this caller can join.
    const outage = unusables.find(key)
    if (outage !== undefined) throw outage
    const fetched = await flights.fly(key, caller, () => fetchTokens(presented))
    const tokens = await handOut(fetched, key, caller)
    if (tokens === undefined)
      throw new LineUnavailable('LINE does not accept its new tokens: try again', { retryAfter: 1 })
    return tokens
  }

  async function replay(found: Replay, { key, refreshToken, caller }: Presented) {
    const tokens = JSON.parse(unseal(found.sealed, refreshToken, 'refresh'))
    const handedOut = await handOut({ tokens, begunAt: found.begunAt }, key, caller, now() >= found.until)
    if (handedOut === undefined) replays.delete(key)
    return handedOut
  }

  async function fetchTokens(presented: Presented): Promise<Fetched> {
    const { key, caller, options } = presented
    const limits = { deadline: caller.deadline, options }
    try {
      const refreshed = await guarded(gate, caller, () => askOnce(key, () => askLine(presented), limits))
      if (learnSession !== undefined) await learnSession(key, options)
      return remember(refreshed, presented)
    } catch (error) {
      if (error instanceof InvalidGrant) refusals.add(key, 'INVALID_GRANT')
      throw error
    }
  }

  async function askLine({ key, refreshToken, channel, caller }: Presented): Promise<Refreshed> {
    const askedAt = now()
    const begunAt = forgotten.count()
    try {
      const answer = parseTokenResponse(await line.refresh(channel, refreshToken, caller))
      // Where LINE returns no refresh token, the one sent is still the one to use.
      const tokens = { ...answer, refreshToken: answer.refreshToken ?? refreshToken }
      const start = { channelId: channel.id, begunAt, begunTime: askedAt, userId: undefined }
      const family = families.continueWith(refreshKeyOf(channel.id, tokens.refreshToken), key, start)
      return { tokens, askedAt, begunAt, family }
    } catch (error) {
      unusables.add(key, error)
      throw error
    }
  }

  function remember({ tokens, askedAt, begunAt, family }: Refreshed, { key, refreshToken }: Presented): Fetched {
    const { id, channelId, userId } = family
    const isOurs = begunAt !== undefined
    if (!isOurs) for (const one of [key, refreshKeyOf(channelId, tokens.refreshToken)]) families.learn(one, family)
    const accessKey = digestOf(tokens.accessToken)
    // The clock of another process may be ahead of ours.
    const verifiedAt = Math.min(askedAt, now())
    const learnFromPeer = now() - verifiedAt < trustedForMs ? memory.learnShared : memory.remember
    learnTokens({ ...memory, learn: isOurs ? memory.learn : learnFromPeer }, accessKey, tokens, {
      channelId,
      family: id,
      userId,
      verifiedAt,
    })
    const fetched = { tokens: toTokenSet(tokens, askedAt), begunAt: begunAt ?? beforeAll }
    const sealed = seal(JSON.stringify(fetched.tokens), refreshToken, 'refresh')
    const until = (isOurs ? now() : verifiedAt) + replayForMs
    replays.set(key, { sealed, accessKey, begunAt: fetched.begunAt, until })
    return fetched
  }

  /**
   * The session may have been forgotten since LINE issued the tokens. Then nobody gets them. `undefined`: LINE does not
   * accept them any more. Rejects with an outage if it is not known whose they are. `isOld`: LINE may have refused them so long
   * ago that it is not remembered.
   */
  async function handOut(
    { tokens, begunAt }: Fetched,
    key: string,
    caller: Caller,
    isOld = false,
  ): Promise<TokenSet | undefined> {
    const family = families.find(key)
    const isDead = () => forgotten.isDeadSession(key)
    const isDoubtful = () => isOld || forgotten.mayConcern(family, begunAt)
    if (!isDead() && isDoubtful() && !(await isAccepted(tokens.accessToken, key, caller))) return undefined
    if (!isDead()) return tokens
    if (family !== undefined)
      tombstones.raise(digestOf(tokens.accessToken), {
        kind: 'token',
        forMs: longestLifeMs,
        channelId: family.channelId,
        isOurs: true,
      })
    throw refused()
  }

  /**
   * A user left, and we do not know whether it is the user of this session, or whether the session began before that: LINE says
   * so.
   */
  async function isAccepted(raw: string, key: string, { clientAddress, deadline }: Caller): Promise<boolean> {
    const token = { raw, key: digestOf(raw) }
    let outage: Outage | undefined
    for (const subject of ['profile', 'userinfo'] as const) {
      const answer = await memory.resolve({ token, subject, clientAddress, deadline })
      if (answer.verdict === 'invalid') return false
      if (answer.verdict === 'unknown') outage = answer.outage
      else if (families.find(key)?.userId !== undefined) return true
    }
    if (outage === undefined || forgotten.isDeadSession(key)) return true
    keepForNextTry(key)
    throw outage
  }

  /** LINE may have replaced the refresh token, so its answer must not be lost. */
  function keepForNextTry(key: string): void {
    const replay = replays.get(key)
    if (replay !== undefined) replay.keptUntil = now() + keptForMs
  }

  function findReplay(key: string): Replay | undefined {
    const replay = replays.get(key)
    if (replay === undefined) return undefined
    const { until, keptUntil = until, accessKey } = replay
    if (now() < Math.max(until, keptUntil) && !tombstones.has(accessKey) && !memory.isRefused(accessKey)) return replay
    replays.delete(key)
    return undefined
  }
}

function refused(): InvalidGrant {
  return new InvalidGrant('The refresh token is no longer valid: log in again')
}
