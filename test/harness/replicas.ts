import { Pool } from 'undici'
import { expect } from 'vitest'
import { type Clock, createClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { createRedis, type Redis } from '../../src/redis.ts'
import type { Services } from '../../src/schema/context.ts'
import { createServices } from '../../src/services.ts'
import type { LookUp } from '../../src/telemetry/metric-labels.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { foreign, liff, native, web } from './channels.ts'
import { type Answers, holdAnswers } from './held-answers.ts'
import { allChannels, times } from './token-layer.ts'

/** One replica: the services as the gateway wires them, with a connection of its own to the shared Redis. */
export type Replica = Services & {
  readonly redis: Redis
  /** LINE's answers to this replica. */
  readonly answers: Answers
  /** How its look-ups ended so far, as in `line/valid`. */
  readonly lookUps: readonly string[]
  /** From now on this replica cannot reach LINE. */
  cutFromLine(): Promise<void>
  /** Its metrics in the Prometheus text format. */
  metrics(): Promise<string>
}

/** Replicas in one process, in front of one emulated LINE. */
export type Replicas = {
  readonly emulator: Emulator
  readonly all: readonly Replica[]
  /** Starts one more. */
  add(settings: NodeJS.ProcessEnv): Replica
  /** Moves the clocks of LINE and of all replicas forwards. The clock of Redis stays. */
  advance(ms: number): void
  close(): Promise<void>
}

/**
 * `settings`: of each replica, with its REDIS_URL. Leases end by the clock of Redis, so these replicas have the real time. Calls to LINE
 * have the longest deadline allowed. Resolves when all are connected to Redis.
 */
export async function startReplicas(settings: readonly NodeJS.ProcessEnv[]): Promise<Replicas> {
  let aheadBy = 0
  const wall = () => Date.now() + aheadBy
  const emulator = await startEmulator({ channels: [web, native, liff, foreign], now: wall })
  const lineUrls = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url }
  const shared = { ...allChannels, ...lineUrls, CACHE_SECRET: 'x'.repeat(32), LINE_TIMEOUT_MS: '60000' }
  const started = settings.map(start)
  await Promise.all(started.map(({ replica }) => isUp(replica)))
  return { emulator, all: started.map(({ replica }) => replica), add, advance, close }

  function start(own: NodeJS.ProcessEnv) {
    return startReplica({ ...shared, ...own }, createClock({ wall, monotonic: () => performance.now() + aheadBy }))
  }

  function add(own: NodeJS.ProcessEnv): Replica {
    const one = start(own)
    started.push(one)
    return one.replica
  }

  function advance(ms: number): void {
    aheadBy += ms
  }

  async function close(): Promise<void> {
    await Promise.all(started.map((one) => one.close()))
    await emulator.close()
  }
}

/** Until a replica is connected to Redis, it asks LINE by itself. */
export async function isUp({ redis }: Replica): Promise<void> {
  await expect.poll(() => redis.read(['{nothing}']), { timeout: 30_000 }).toEqual([undefined])
}

function startReplica(settings: NodeJS.ProcessEnv, clock: Clock) {
  const config = readConfig(settings)
  const pool = new Pool(config.lineApiUrl, { connections: config.lineMaxConcurrency })
  const { dispatcher, answers } = holdAnswers(pool)
  const lookUps: string[] = []
  const lookUp = (end: LookUp) => void lookUps.push(end.join('/'))
  const telemetry = { ...createTelemetry({ logLevel: 'silent' }), lookUp }
  const redis = createRedis(settings.REDIS_URL ?? '', { telemetry, lookUpMs: 20_000 })
  const services = createServices(config, { dispatcher, clock, telemetry, redis })
  const metrics = async () => (await telemetry.metrics()).text
  const replica: Replica = { ...services, redis, answers, lookUps, metrics, cutFromLine: () => pool.destroy() }
  return { replica, close }

  async function close(): Promise<void> {
    await services.close()
    await pool.destroy()
    await redis.close()
  }
}

/** The same replicas several times, one after another: so callers spread over them. */
export function spread<Result>(
  replicas: readonly Replica[],
  count: number,
  ask: (replica: Replica) => Result,
): Result[] {
  return times(count, (n) => ask(replicas[n % replicas.length] as Replica))
}
