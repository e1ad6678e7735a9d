import { Agent, type Dispatcher, request } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { readConfig } from '../../src/config.ts'
import {
  type Channel,
  type Emulator,
  type EmulatorOptions,
  type IssuedTokens,
  startEmulator,
  type TokenRequest,
} from '../../src/emulator/emulator.ts'
import { createGateway, type Gateway, type Surroundings } from '../../src/gateway.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'

export const START_MS = Date.UTC(2026, 0, 1)

export const [web, native, liff, foreign]: [Channel, Channel, Channel, Channel] = [
  { id: '1000000001', secret: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', type: 'web' },
  { id: '1000000002', secret: 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', type: 'native' },
  { id: '1000000003', secret: 'cccccccccccccccccccccccccccccccc', type: 'liff' },
  { id: '1000000009', secret: 'dddddddddddddddddddddddddddddddd', type: 'web' },
]

/** For tests in which LINE refuses a lot and the junk shield is not what is looked at. */
export const noSourceLimit = { FAILED_TOKENS_BURST: '1000000', FAILED_TOKENS_PER_SECOND: '1000000' }

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
  /** Goes into `Authorization: Bearer …`. */
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
}

/** A gateway on a real port in front of an emulated LINE, both on a clock that only the test moves. */
export type RunningGateway = {
  readonly url: string
  readonly metricsUrl: string | undefined
  readonly emulator: Emulator
  /** Everything it has logged so far, whatever the level, one JSON object a line. */
  log(): string
  /** Moves on for LINE and for the gateway. */
  advance(ms: number): void
  /** Tokens LINE has just issued for the web channel, known to nobody else. */
  issue(request?: TokenRequest): IssuedTokens
  /** One operation by POST. */
  ask(query: string, options?: Ask): Promise<Reply>
  /** Any HTTP request. */
  send(path: string, options?: Partial<Omit<Dispatcher.RequestOptions, 'path'>>): Promise<Reply>
  /** What SIGTERM does: answers what was accepted, and no more. */
  drain(): Promise<void>
  /** At once, also while requests hang. A second call changes nothing. */
  close(): Promise<void>
}

export type Beginning = EmulatorOptions & Pick<Surroundings, 'dev'>

/** `settings` are those of the environment; `LINE_*_URL`, `PORT` and the web channel are given. */
export async function startRunningGateway(
  settings: NodeJS.ProcessEnv = {},
  { dev, ...options }: Beginning = {},
): Promise<RunningGateway> {
  let time = START_MS
  let lines = ''
  const now = () => time
  const emulator = await startEmulator({ channels: [web, native, liff, foreign], now, ...options })
  const line = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url }
  const channel =
    settings.LINE_CHANNELS === undefined ? { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret } : {}
  const config = readConfig({ HOST: '127.0.0.1', PORT: '0', LOG_LEVEL: 'trace', ...channel, ...line, ...settings })
  const telemetry = createTelemetry({ logLevel: config.logLevel, destination: { write: (some) => (lines += some) } })
  const gateway: Gateway = await createGateway(config, { now, telemetry, ...(dev && { dev }) })
  const dispatcher = new Agent()
  let drained: Promise<void> | undefined
  let closed: Promise<void> | undefined

  return {
    url: gateway.url,
    metricsUrl: gateway.metricsUrl,
    emulator,
    log: () => lines,
    advance: (ms) => {
      time += ms
    },
    issue: (wanted) => emulator.issueTokens(wanted),
    ask,
    send,
    drain,
    close: () => {
      closed ??= close()
      return closed
    },
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
      dispatcher,
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
    await dispatcher.destroy()
    await drain()
    await emulator.close()
  }
}

/** A gateway for each test. */
export function useRunningGateway(settings?: NodeJS.ProcessEnv, options?: Beginning): () => RunningGateway {
  let started: RunningGateway | undefined
  beforeEach(async () => {
    started = await startRunningGateway(settings, options)
  })
  afterEach(() => started?.close())

  return () => {
    if (started === undefined) throw new Error('Only while a test runs')
    return started
  }
}

/** One gateway for all tests of a file or group that leave nothing behind but what is cleared here: calls and faults. */
export function useSharedGateway(settings?: NodeJS.ProcessEnv, options?: Beginning): () => RunningGateway {
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
    if (started === undefined) throw new Error('Only while a test runs')
    return started
  }
}

/** What LINE was asked so far, without what it was not. */
export function callsTo({ calls }: Emulator): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(calls.byEndpoint()).filter(([, count]) => count > 0))
}

/** The codes of an answer's errors, in order. */
export function codesOf({ errors }: Pick<Reply, 'errors'>): string[] {
  return errors.map(({ extensions }) => extensions.code)
}

/** An answer as it came over HTTP; what is no GraphQL answer has neither data nor errors. */
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
