import type { Dispatcher } from 'undici'
import type { Clock } from '../clock.ts'
import type { Config } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import { createLineClient, type LineClient } from '../line/client.ts'
import { createTransport } from '../line/transport.ts'
import type { Redis } from '../redis.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { inBatches } from './batches.ts'
import { createFamilies, type Families } from './families.ts'
import { createForgotten, type Forgotten } from './forgotten.ts'
import { limitSources } from './limit-sources.ts'
import { askLine } from './line-tier.ts'
import { inOwnTraces, traceLineTier } from './look-up-spans.ts'
import { type MemoryTier, rememberInMemory } from './memory-tier.ts'
import { clockSkewMs } from './shared-forgetting.ts'
import { createSharedTier, type SharedTier } from './shared-tier.ts'
import { createSourceGate, type SourceBuckets, type SourceGate } from './source-gate.ts'
import { addTokenGauges } from './token-gauges.ts'
import { createTombstones, type Tombstones } from './tombstones.ts'
import { rememberUnusable } from './unusable-answers.ts'
import { createUserTombstones, type UserTombstones } from './user-tombstones.ts'

export type TokenTiersOptions = {
  readonly channels: Channels
  readonly dispatcher: Dispatcher
  readonly telemetry: Telemetry
  readonly clock: Clock
  /** Without it, this process shares nothing. */
  readonly redis?: Redis | undefined
  /** A refresh token lives no longer (ms). */
  readonly longestLifeMs: number
}

export type TokenTiers = {
  /** What a caller asks first. */
  readonly memory: MemoryTier
  /** `undefined` without Redis. */
  readonly fleet: SharedTier | undefined
  readonly line: LineClient
  readonly gate: SourceGate & SourceBuckets
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  readonly families: Families
  readonly forgotten: Forgotten
}

/**
 * The tiers that answer for a token: memory, Redis, LINE. Each asks the one behind it about what it does not know itself.
 */
export function createTokenTiers(config: Config, options: TokenTiersOptions): TokenTiers {
  const { channels, dispatcher, telemetry, clock, redis, longestLifeMs } = options
  const { tracing } = telemetry
  const { now, wall } = clock
  const transport = createTransport({
    origin: config.lineApiUrl,
    timeoutMs: config.lineTimeoutMs,
    maxConcurrency: config.lineMaxConcurrency,
    channelSetting: config.channelSetting,
    dispatcher,
    now,
    wall,
    telemetry,
    limited: (endpoint, forMs) => fleet?.pauseOthers(endpoint, forMs),
  })
  const line = createLineClient(transport)
  const tombstones = createTombstones(clock.steady)
  const users = createUserTombstones(clock)
  const families = createFamilies()
  const fleet =
    redis &&
    createSharedTier({
      redis,
      secrets: config.cacheSecrets,
      lineUrl: config.lineApiUrl,
      channels,
      tombstones,
      users,
      families,
      ages: config,
      longestLifeMs,
      patienceMs: config.lineTimeoutMs,
      refused: (key, reason) => memory.learnRefusal(key, reason),
      dropped: (key) => memory.drop(key),
      paused: transport.pause,
      clock,
      telemetry,
    })
  const { shareRecords, shareFlights } = fleet ?? alone
  const forgotten = createForgotten({ tombstones, users, families, skewMs: fleet && clockSkewMs })
  const gate = createSourceGate({ ...config.failedTokens, now, room: transport.room })

  const lineTier = traceLineTier(askLine(line, channels.isOurs, now), tracing)
  const cold = inOwnTraces(limitSources(shareFlights(lineTier), gate), tracing)
  const shared = rememberUnusable(inBatches(shareRecords(cold)), now)
  const memory = rememberInMemory(shared, {
    share: fleet?.put,
    missedAt: fleet?.missedAt,
    freshForMs: config.freshForMs,
    maxStaleMs: config.maxStaleMs,
    maxTokens: config.cacheMaxTokens,
    refusalFor: (network) => gate.refusalFor(network) ?? transport.refusalFor('verify'),
    forgotten,
    families,
    clock,
    telemetry,
  })
  addTokenGauges(telemetry, { memory, maxTokens: config.cacheMaxTokens, tombstones, users, gate })
  return { memory, fleet, line, gate, tombstones, users, families, forgotten }
}

/** The tiers of a process that shares nothing. */
const alone: Pick<SharedTier, 'shareRecords' | 'shareFlights'> = {
  shareRecords: (behind) => behind,
  shareFlights: (behind) => behind,
}
