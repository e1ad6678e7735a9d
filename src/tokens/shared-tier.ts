import type { Clock } from '../clock.ts'
import type { Channels } from '../line/channels.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { CommandOptions, Redis } from '../redis.ts'
import type { SharedLookUp } from '../telemetry/metric-labels.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { Families } from './families.ts'
import type { Ages, TokenRecord } from './record.ts'
import { type SharedEvent, toTokenEvent, toUserEvent } from './shared-events.ts'
import { createSharedFamilies } from './shared-families.ts'
import { shareFlights } from './shared-flights.ts'
import { createSharedForgetting } from './shared-forgetting.ts'
import { createLeases, type Leases } from './shared-leases.ts'
import { createSharedLooks } from './shared-looks.ts'
import { createSharedNames, type SharedNames } from './shared-names.ts'
import { shareRecords } from './shared-records.ts'
import { createSharedStore } from './shared-store.ts'
import { createSharedTombstones } from './shared-tombstones.ts'
import type { BatchResolver, Resolver } from './token-resolver.ts'
import type { Tombstones } from './tombstones.ts'
import type { UserTombstones } from './user-tombstones.ts'

/**
 * What all processes with the same REDIS_URL share. Redis only feeds the memory of each process: whether a token is good or
 * dead is decided there, in the same way with and without Redis. So a process whose Redis is away is a process without Redis.
 */
export type SharedTier = {
  shareRecords(behind: BatchResolver): BatchResolver
  shareFlights(behind: Resolver): Resolver
  /** Stores a record that LINE's answer to a login or a refresh contained. */
  put(key: string, record: TokenRecord): void
  /** Learns what others know about the session of a refresh token. */
  learnSession(refreshKey: string, options?: CommandOptions): Promise<void>
  /** Learns whether a user left. */
  learnUser(channelId: string, userId: string): Promise<boolean>
  /** LINE's 429: the others do not call the endpoint either. */
  pauseOthers(endpoint: string, forMs: number): void
  /** Resolves when Redis has all that was forgotten here so far, or does not take it. After 100 ms at most. */
  announced(): Promise<void>
  /** When what others forgot was last missed (process time, ms). -Infinity: never. */
  missedAt(): number
  /** For flights of other kinds. */
  readonly redis: Redis
  readonly names: SharedNames
  readonly leases: Leases
  /** Waits until Redis has what it has not taken so far, or does not take it. */
  close(): Promise<void>
}

export type SharedTierOptions = {
  readonly redis: Redis
  /** CACHE_SECRET. */
  readonly secrets: readonly string[]
  readonly lineUrl: string
  readonly channels: Channels
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  readonly families: Families
  readonly ages: Ages
  /** How long a session can live (ms). */
  readonly longestLifeMs: number
  /** How long another process may take to ask LINE (ms). */
  readonly patienceMs: number
  /** LINE has refused a token to another process. */
  readonly refused: (key: string, reason: TokenRefusal) => void
  /** Another process has forgotten a token. */
  readonly dropped: (key: string) => void
  /** LINE's 429 to another process. */
  readonly paused: (endpoint: string, forMs: number) => void
  readonly clock: Clock
  readonly telemetry: Telemetry
}

export function createSharedTier(options: SharedTierOptions): SharedTier {
  const { redis, secrets, lineUrl, channels, tombstones, users, families, ages, clock, telemetry } = options
  const names = createSharedNames({ secrets, lineUrl, unopened: telemetry.sharedUnopened })
  const leases = createLeases(redis)
  const store = createSharedStore({ redis, names, isOurs: channels.isOurs, clock })
  const shared = createSharedTombstones({ ...options, names, isTold: (verifiedAt) => forgetting.isTold(verifiedAt) })
  const failed = (error: unknown) => telemetry.unexpected(error, 'shared entries')
  const looks = createSharedLooks({ store, shared, now: clock.now, failed })
  const forgetting = createSharedForgetting({
    redis,
    names,
    shared,
    maxStaleMs: ages.maxStaleMs,
    clock,
    telemetry,
    refused: ({ key, reason }) => options.refused(key, reason),
    paused: ({ endpoint, until }) => options.paused(endpoint, until - clock.wall()),
  })
  const { announce, announced, lostAt } = forgetting
  const sessions = createSharedFamilies({ redis, commandFor: shared.commandForFamily, failed })
  tombstones.onChange((key, stone) => tell(() => toTokenEvent(key, stone, clock)))
  users.onChange((channelId, userId, departure) => tell(() => toUserEvent(channelId, userId, departure, clock)))
  families.onChange(sessions.put)

  return {
    shareRecords: (behind) => shareRecords(behind, { looks, ages, now: clock.now, lookedUp }),
    shareFlights: (behind) =>
      shareFlights(behind, {
        store,
        leases,
        shared,
        channels: channels.all
          .map(({ id }) => id)
          .sort()
          .join(),
        patienceMs: options.patienceMs,
        failed,
        refused: (key, { reason }) => tell(() => ({ kind: 'refused', key, reason })),
      }),
    put: store.put,
    learnSession: shared.learnSession,
    learnUser: shared.learnUser,
    pauseOthers: (endpoint, forMs) => tell(() => ({ kind: 'paused', endpoint, until: clock.wall() + forMs })),
    announced,
    missedAt: () => Math.max(lostAt(), looks.missedAt()),
    redis,
    names,
    leases,
    close,
  }

  function lookedUp(outcome: SharedLookUp): void {
    telemetry.count('gateway_shared_lookups_total', outcome)
  }

  /** What is done here goes on if the others cannot be told: LINE hears of a revocation, and its answer is told again. */
  function tell(event: () => SharedEvent): void {
    try {
      announce(event())
    } catch (error) {
      failed(error)
    }
  }

  async function close(): Promise<void> {
    await Promise.all([forgetting.flush(), sessions.close()])
    looks.close()
    forgetting.close()
  }
}
