import { Agent, type Dispatcher, request } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import { readConfig } from '../../src/config.ts'
import {
  type Emulator,
  type EmulatorOptions,
  type IssuedTokens,
  startEmulator,
  type TokenRequest,
} from '../../src/emulator/emulator.ts'
import { createGateway, type Gateway, type Surroundings } from '../../src/gateway.ts'
import { createRedis } from '../../src/redis.ts'
import { createTelemetry, type Telemetry } from '../../src/telemetry/telemetry.ts'
import { foreign, liff, native, START_MS, web } from './channels.ts'

export { foreign, liff, native, noSourceLimit, ourChannels, START_MS, web } from './channels.ts'

/**
 * LINE_TIMEOUT_MS runs in real time, so it is long here: a slow machine must not look like an outage of LINE. The drain
 * starts without a delay, because no load balancer has to notice it.
 */
const defaults = {
  HOST: '127.0.0.1',
  PORT: '0',
  LOG_LEVEL: 'trace',
  LINE_TIMEOUT_MS: '60000',
  SHUTDOWN_DELAY_SECONDS: '0',
}

export type GraphqlError = {
  readonly message: string
  readonly path?: readonly (string | number)[]
  readonly locations?: readonly { readonly line: number; readonly column: number }[]
  readonly extensions: { readonly code: string } & Readonly<Record<string, unknown>>
}

export type Reply = {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly text: string
  readonly data: Readonly<Record<string, unknown>> | null | undefined
  readonly errors: readonly GraphqlError[]
}

export type Ask = {
  readonly variables?: Readonly<Record<string, unknown>>
  /** Sent in `Authorization: Bearer …`. */
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** A gateway on a real port in front of a LINE emulator. Only the test moves their clock. */
export type RunningGateway = {
  readonly url: string
  readonly metricsUrl: string | undefined
  /** What `/metrics` would answer, also without METRICS_PORT and after the drain. */
  metrics(): Promise<string>
  readonly emulator: Emulator
  /** All log lines so far, of all levels. One JSON object a line. */
  log(): string
  /** Moves the clock of LINE and both clocks of the gateway forward. */
  advance(ms: number): void
  /** Sets only the gateway's wall clock, forwards or backwards by this much. */
  setWall(byMs: number): void
  /** From now on the clock of the gateway throws this, which nobody expects. `undefined`: no longer. */
  breakClock(error: unknown): void
  /** The gateway's machine is suspended: its monotonic clock stands still, its wall clock and LINE's clock go on. */
  suspend(ms: number): void
  /** LINE's clock, epoch ms. */
  lineTime(): number
  /** New tokens from LINE, by default of the web channel. The gateway does not know them yet. */
  issue(request?: TokenRequest): IssuedTokens
  /** Sends one operation by POST. */
  ask(query: string, options?: Ask): Promise<Reply>
  /** Sends any HTTP request. */
  send(path: string, options?: Partial<Omit<Dispatcher.RequestOptions, 'path'>>): Promise<Reply>
  /** Does the same as SIGTERM: answers the accepted requests and refuses new ones. */
  drain(): Promise<void>
  /** Closes all at once, also while calls to LINE hang. A second call changes nothing. */
  close(): Promise<void>
}

export type StartOptions = EmulatorOptions &
  Pick<Surroundings, 'dev' | 'dispatcher' | 'redis'> & {
    /** Wraps the telemetry of the gateway. */
    readonly watch?: (telemetry: Telemetry) => Telemetry
    /** How long a look-up waits for Redis, where it is not what the test is about (ms). Default: as in production. */
    readonly lookUpMs?: number
    /** Where the clocks start, epoch ms. Default: `START_MS`. */
    readonly startsAt?: number
    /** How far the gateway's wall clock is ahead of LINE's clock at the start (ms). */
    readonly wallAheadBy?: number
    /** Another replica, whose LINE and clock this one shares. Close that one first. */
    readonly beside?: RunningGateway
  }

/** `settings` are environment variables. They win over the defaults here: PORT, LINE_*_URL, the web channel and others. */
export async function startRunningGateway(
  settings: NodeJS.ProcessEnv = {},
  {
    dev,
    dispatcher,
    redis,
    watch,
    lookUpMs,
    startsAt = START_MS,
    wallAheadBy = 0,
    beside,
    ...options
  }: StartOptions = {},
): Promise<RunningGateway> {
  let ownTime = startsAt
  let aheadBy = wallAheadBy
  let suspendedFor = 0
  let clockError: unknown
  let lines = ''
  const time = beside?.lineTime ?? (() => ownTime)
  const advance = beside?.advance ?? advanceOwn
  const emulator =
    beside?.emulator ?? (await startEmulator({ channels: [web, native, liff, foreign], now: time, ...options }))
  const line = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url }
  const channel =
    settings.LINE_CHANNELS === undefined ? { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret } : {}
  const config = readConfig({ ...defaults, ...channel, ...line, ...settings })
  const telemetry = createTelemetry({ ...config, destination: { write: (some) => (lines += some) } })
  const watched = watch?.(telemetry) ?? telemetry
  const { redisUrl } = config
  const patient = redisUrl && lookUpMs ? createRedis(redisUrl, { telemetry: watched, lookUpMs }) : undefined
  const shared = redis ?? patient
  const gateway: Gateway = await createGateway(config, {
    now,
    monotonic: () => time() - suspendedFor,
    telemetry: watched,
    ...(dev && { dev }),
    ...(dispatcher && { dispatcher }),
    ...(shared && { redis: shared }),
  })
  const agent = new Agent()
  let drained: Promise<void> | undefined
  let closed: Promise<void> | undefined

  return {
    url: gateway.url,
    metricsUrl: gateway.metricsUrl,
    metrics: async () => (await telemetry.metrics()).text,
    emulator,
    log: () => lines,
    advance,
    setWall: (byMs) => {
      aheadBy += byMs
    },
    breakClock: (error) => {
      clockError = error
    },
    suspend: (ms) => {
      advance(ms)
      suspendedFor += ms
    },
    lineTime: time,
    issue: (wanted) => emulator.issueTokens(wanted),
    ask,
    send,
    drain,
    close: () => {
      closed ??= close()
      return closed
    },
  }

  function now(): number {
    if (clockError !== undefined) throw clockError
    return time() + aheadBy
  }

  function advanceOwn(ms: number): void {
    ownTime += ms
  }

  function ask(query: string, { variables, token, headers }: Ask = {}): Promise<Reply> {
    return send('/graphql', {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearing(token), ...headers },
      body: JSON.stringify({ query, variables }),
    })
  }

  async function send(path: string, given: Partial<Omit<Dispatcher.RequestOptions, 'path'>> = {}): Promise<Reply> {
    const { statusCode, headers, body } = await request(gateway.url + path, {
      dispatcher: agent,
      ...given,
      method: given.method ?? 'GET',
    })
    return toReply(statusCode, headers, await body.text())
  }

  function drain(): Promise<void> {
    drained ??= gateway.close()
    return drained
  }

  async function close(): Promise<void> {
    await agent.destroy()
    // LINE goes first: the gateway waits for its calls to LINE, and some of them hang.
    if (beside === undefined) await emulator.close()
    await drain()
    await patient?.close()
  }
}

/** One gateway for each test. */
export function useRunningGateway(settings?: NodeJS.ProcessEnv, options?: StartOptions): () => RunningGateway {
  let started: RunningGateway | undefined
  beforeEach(async () => {
    started = await startRunningGateway(settings, options)
  })
  afterEach(() => started?.close())

  return () => {
    if (started === undefined) throw new Error('The gateway runs only during a test')
    return started
  }
}

/** One gateway for all tests of a file or `describe`. After each test only its faults and call counts are cleared. */
export function useSharedGateway(settings?: NodeJS.ProcessEnv, options?: StartOptions): () => RunningGateway {
  let started: RunningGateway | undefined
  beforeAll(async () => {
    started = await startRunningGateway(settings, options)
  })
  afterEach(() => {
    started?.emulator.faults.clear()
    started?.emulator.calls.reset()
  })
  afterAll(() => started?.close())

  return () => {
    if (started === undefined) throw new Error('The gateway runs only during a test')
    return started
  }
}

/** After each test of a shared gateway: expects that it caused no call to LINE and no unexpected error. */
export function expectNoCallsAfterEach(gateway: () => RunningGateway): void {
  let errorsBefore = 0
  afterEach(() => {
    const { emulator, log } = gateway()
    const errors = log().split('"unexpected error"').length - 1
    const seen = { calls: emulator.calls.total(), unexpected: errors - errorsBefore }
    errorsBefore = errors
    expect(seen).toEqual({ calls: 0, unexpected: 0 })
  })
}

/** The number of calls to LINE so far, by endpoint. Endpoints without a call are left out. */
export function callsTo({ calls }: Emulator): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(calls.byEndpoint()).filter(([, count]) => count > 0))
}

const levels = { debug: 20, info: 30, warn: 40, error: 50 }

/** The log lines of one level so far. */
export function linesOf({ log }: Pick<RunningGateway, 'log'>, level: keyof typeof levels): Record<string, unknown>[] {
  const lines = log().split('\n').filter(Boolean)
  return lines.map((line) => JSON.parse(line)).filter((line) => line.level === levels[level])
}

/** The codes of an answer's errors, in order. */
export function codesOf({ errors }: Pick<Reply, 'errors'>): string[] {
  return errors.map(({ extensions }) => extensions.code)
}

/** An HTTP answer as a GraphQL reply. `data` and `errors` are empty if the body is not a GraphQL answer. */
export function toReply(status: number, headers: Reply['headers'], text: string): Reply {
  const body = parsed(text)
  return { status, headers, text, data: body.data, errors: body.errors ?? [] }
}

function bearing(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

function parsed(text: string): { readonly data?: Reply['data']; readonly errors?: Reply['errors'] } {
  try {
    return JSON.parse(text) ?? {}
  } catch {
    return {}
  }
}
