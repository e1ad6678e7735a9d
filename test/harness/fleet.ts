import { randomBytes } from 'node:crypto'
import { Agent, request } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, expect, type TestOptions } from 'vitest'
import { type Emulator, type EmulatorOptions, startEmulator } from '../../src/emulator/emulator.ts'
import { foreign, noSourceLimit, web } from './channels.ts'
import type { Opener } from './forgetting-session.ts'
import { type Program, startMs, startProgram } from './programs.ts'
import { type RedisProxy, type RedisServer, startProxy, startRedis } from './redis.ts'
import { type Ask, type Reply, toReply } from './running-gateway.ts'
import { timeUntil } from './time-until.ts'

/** A gateway as a process of its own. */
export type Replica = Opener & {
  readonly url: string
  readonly metricsUrl: string
  /** Its way to Redis, in a fleet with `proxies`. */
  readonly proxy: RedisProxy
  readonly program: Program
  /** How often it went without Redis, because Redis had no answer in time or was not there. */
  timesWithoutRedis(): Promise<number>
  isConnected(): Promise<boolean>
  /** SIGKILL: the process ends at once, in the middle of what it does. */
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  pause(): void
  resume(): void
}

/** Replicas in front of one LINE and one Redis. LINE is in the process of the test, all others are processes of their own. */
export type Fleet = {
  readonly emulator: Emulator
  readonly redis: RedisServer
  /** All replicas that were not killed. */
  readonly replicas: readonly Replica[]
  add(settings?: NodeJS.ProcessEnv): Promise<Replica>
  /** What no replica should have written so far: unexpected errors, unhandled rejections, and an end of its own. */
  troubles(): readonly string[]
  close(): Promise<void>
}

export type FleetOptions = EmulatorOptions & {
  /** Default 3. */
  readonly replicas?: number
  /** Replicas start while Redis is away. Otherwise `add` resolves when the new one is connected to Redis. */
  readonly isRedisAway?: boolean
  readonly settings?: NodeJS.ProcessEnv
  /**
   * Each replica reaches Redis through a proxy of its own, which is in the process of the test: what keeps that busy makes
   * Redis late.
   */
  readonly proxies?: boolean
  /** Look-ups wait much longer for Redis than in production, so that a busy machine changes no count. */
  readonly isPatient?: boolean
  /** For error lines that the test causes itself. */
  readonly expectedErrors?: RegExp
  /** More arguments of redis-server. */
  readonly redisSettings?: readonly string[]
}

/** LINE_TIMEOUT_MS runs in real time, so it is long here: a slow machine must not look like an outage of LINE. */
const defaults = {
  HOST: '127.0.0.1',
  PORT: '0',
  METRICS_PORT: '0',
  SHUTDOWN_DELAY_SECONDS: '0',
  LINE_TIMEOUT_MS: '20000',
  LINE_CHANNEL_ID: web.id,
  LINE_CHANNEL_SECRET: web.secret,
  ...noSourceLimit,
}

/** Other outcomes of look-ups and commands mean that Redis had no answer. */
const withRedis = new Set(['done', 'found', 'absent', 'dead', 'old'])

export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const {
    replicas: count = 3,
    isRedisAway = false,
    settings = {},
    proxies = false,
    isPatient = false,
    expectedErrors,
    redisSettings = [],
    ...line
  } = options
  const emulator = await startEmulator({ channels: [web, foreign], ...line })
  const redis = await startRedis(...redisSettings)
  const agent = new Agent({ connections: 200, headersTimeout: 0, bodyTimeout: 0 })
  const secret = randomBytes(32).toString('hex')
  const started: Replica[] = []
  const killed = new Set<Replica>()
  const fleet = { emulator, redis, replicas: [] as Replica[], add, troubles, close }
  await Promise.all(Array.from({ length: count }, () => add()))
  return fleet

  async function add(more: NodeJS.ProcessEnv = {}): Promise<Replica> {
    const proxy = await startProxy(redis.port)
    const program = startProgram(process.execPath, [isPatient ? 'test/harness/patient-gateway.ts' : 'src/main.ts'], {
      ...defaults,
      LINE_API_URL: emulator.url,
      LINE_ACCESS_URL: emulator.url,
      REDIS_URL: proxies ? proxy.url : redis.url,
      CACHE_SECRET: secret,
      ...settings,
      ...more,
    })
    await timeUntil(() => isListening(program), startMs, { what: 'A replica: listening' })
    const [line = ''] = /.*"listening".*/.exec(program.out()) ?? []
    const { url, metricsUrl } = JSON.parse(line)
    const issue = emulator.issueTokens
    const replica: Replica = {
      url,
      metricsUrl,
      proxy,
      program,
      emulator,
      issue,
      ask,
      timesWithoutRedis,
      isConnected,
      kill,
      pause,
      resume,
    }
    started.push(replica)
    fleet.replicas.push(replica)
    // A replica serves at once. What is shared begins with its connection to Redis.
    if (!isRedisAway) await timeUntil(isConnected, startMs, { what: 'A replica: connected to Redis' })
    return replica

    async function ask(query: string, { variables, token, headers }: Ask = {}): Promise<Reply> {
      const bearing = token === undefined ? {} : { authorization: `Bearer ${token}` }
      const answer = await request(`${replica.url}/graphql`, {
        dispatcher: agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearing, ...headers },
        body: JSON.stringify({ query, variables }),
      })
      return toReply(answer.statusCode, answer.headers, await answer.body.text())
    }

    async function timesWithoutRedis(): Promise<number> {
      const counts = (await metrics()).matchAll(
        /^gateway_(shared_lookups|redis_commands)_total\{outcome="(\w+)"\} (\d+)/gm,
      )
      return [...counts].reduce(
        (sum, [, , outcome, count]) => (withRedis.has(`${outcome}`) ? sum : sum + Number(count)),
        0,
      )
    }

    async function isConnected(): Promise<boolean> {
      return (await metrics()).includes('gateway_redis_up 1')
    }

    async function metrics(): Promise<string> {
      return (await fetch(`${metricsUrl}/metrics`, { headers: { connection: 'close' } })).text()
    }

    async function kill(): Promise<void> {
      killed.add(replica)
      fleet.replicas.splice(fleet.replicas.indexOf(replica), 1)
      program.kill('SIGKILL')
      await program.ended
    }

    function pause(): void {
      program.kill('SIGSTOP')
    }

    function resume(): void {
      program.kill('SIGCONT')
    }
  }

  function troubles(): readonly string[] {
    return started.flatMap((replica) => [
      ...(killed.has(replica) ? [] : endOf(replica.program)),
      ...linesOf(replica.program).filter((line) => isTrouble(line) && !expectedErrors?.test(line)),
    ])
  }

  async function close(): Promise<void> {
    await agent.destroy()
    await Promise.all(started.map((replica) => replica.kill()))
    await Promise.all(started.map(({ proxy }) => proxy.close()))
    await redis.close()
    await emulator.close()
  }
}

type UsedFleet = (() => Fleet) & {
  /** Whether a replica went without Redis in the last test. */
  wasRedisLate(): boolean
}

/** One fleet for all tests of a file. After each test LINE works again, and no replica may have been in trouble. */
export function useFleet(options?: FleetOptions): UsedFleet {
  let started: Fleet | undefined
  let [before, during] = [0, 0]
  beforeAll(async () => {
    started = await startFleet(options)
  })
  beforeEach(async () => {
    before = await timesWithoutRedis()
  })
  afterEach(async () => {
    started?.emulator.faults.clear()
    started?.emulator.calls.reset()
    during = (await timesWithoutRedis()) - before
    expect(started?.troubles()).toEqual([])
  })
  afterAll(() => started?.close())
  return Object.assign(fleet, { wasRedisLate: () => during > 0 })

  function fleet(): Fleet {
    if (started === undefined) throw new Error('The fleet runs only during a test')
    return started
  }

  async function timesWithoutRedis(): Promise<number> {
    const counts = await Promise.all(started?.replicas.map((replica) => replica.timesWithoutRedis()) ?? [])
    return counts.reduce((sum, count) => sum + count, 0)
  }
}

/**
 * A test of what replicas share. They go without Redis when its answer takes longer than 100 ms, which happens on a machine
 * that is busy with other things. A failed test is repeated if that was so, and only then.
 */
export function repeatedIfRedisWasLate({ wasRedisLate }: UsedFleet): TestOptions {
  return { retry: { count: 5, delay: 1_000, condition: wasRedisLate } }
}

/** The replica with this number. Numbers after the last one start again at the first. */
export function replicaAt({ replicas }: Fleet, n: number): Replica {
  const replica = replicas[n % replicas.length]
  if (replica === undefined) throw new Error('The fleet has no replica')
  return replica
}

/** All replicas but this one. */
export function othersThan(fleet: Fleet, replica: Replica): readonly Replica[] {
  return fleet.replicas.filter((other) => other !== replica)
}

/** Asks `times` times at once, spread over the replicas. */
export function askSpread<T>(fleet: Fleet, times: number, ask: (replica: Replica) => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: times }, (_, n) => ask(replicaAt(fleet, n))))
}

function isListening(program: Program): boolean {
  if (program.process.exitCode !== null) throw new Error(`The gateway did not start: ${program.err()}`)
  return /"listening".*\n/.test(program.out())
}

function endOf({ process: { exitCode, signalCode, pid } }: Program): readonly string[] {
  return exitCode === null && signalCode === null ? [] : [`replica ${pid} ended: ${exitCode ?? signalCode}`]
}

function linesOf(program: Program): string[] {
  return `${program.out()}${program.err()}`.split('\n').filter(Boolean)
}

function isTrouble(line: string): boolean {
  return !line.startsWith('{') || /unhandled|uncaught|unexpected error|"level":[56]0/i.test(line)
}
