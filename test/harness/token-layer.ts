import { Pool } from 'undici'
import { afterEach, beforeEach } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { type Emulator, type EmulatorOptions, startEmulator, type TokenRequest } from '../../src/emulator/emulator.ts'
import type { Services } from '../../src/schema/context.ts'
import { createServices } from '../../src/services.ts'
import type { LookUp } from '../../src/telemetry/metric-labels.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import type { Subject } from '../../src/tokens/record.ts'
import { type AccessToken, toAccessToken } from '../../src/tokens/token-key.ts'
import type { Answer, Caller } from '../../src/tokens/token-resolver.ts'
import { foreign, liff, native, START_MS, web } from './channels.ts'
import { type Answers, holdAnswers } from './held-answers.ts'
import { metricValue } from './metric-value.ts'

export { foreign, liff, native, noSourceLimit, START_MS, web } from './channels.ts'

/** Settings of a gateway with the web channel only. */
export const oneChannel = { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret, CACHE_MAX_TOKENS: '1000' }
/** Settings of a gateway with all channels except the foreign one. */
export const allChannels = { LINE_CHANNELS: JSON.stringify([web, native, liff]), CACHE_MAX_TOKENS: '1000' }
/** An address has its burst of refusals and gets none back during the test, however slow the machine is. */
export const oneBurst = { FAILED_TOKENS_PER_SECOND: '0.001' }

export const here = callerAt('192.0.2.1')
export const elsewhere = callerAt('192.0.2.2')

/** An operation that has more time than any test needs. */
export function callerAt(clientAddress: string): Caller {
  return { clientAddress, deadline: performance.now() + 1_200_000 }
}

export type Token = AccessToken & { readonly refreshToken: string }

/** The token layer as the gateway wires it, in front of an emulated LINE. Only the test moves its clock. */
export type Layer = Services & {
  readonly emulator: Emulator
  readonly answers: Answers
  readonly clock: TestClock
  /** A token that LINE has just issued and the gateway has not seen. */
  issue(request?: TokenRequest): Token
  ask(token: AccessToken, subject?: Subject, caller?: Caller): Promise<Answer>
  /** Whether LINE itself accepts an access token or a refresh token of the web channel now. */
  acceptedByLine(credential: Credential): Promise<boolean>
  /** How many look-ups ended in each way since this was last read, as in `{ 'line/valid': 1 }`. */
  lookUps(): Record<string, number>
  /** The value of one of the gateway's metrics, 0 where it has none. */
  metric(name: string): Promise<number>
  close(): Promise<void>
}

export type Credential = { readonly accessToken: string } | { readonly refreshToken: string }

export type TestClock = {
  /** Moves LINE's clock and both of ours forwards. */
  advance(ms: number): void
  /** Sets only our wall clock, forwards or backwards by this much. */
  set(byMs: number): void
  /** Our machine is suspended: LINE's clock and our wall clock move, our monotonic clock stands still. */
  suspend(ms: number): void
  /** LINE's clock, epoch ms. */
  lineTime(): number
}

/** Calls to LINE have the longest deadline allowed, so that no test fails on a slow machine. Settings override it. */
export async function startLayer(
  settings: NodeJS.ProcessEnv = oneChannel,
  options: EmulatorOptions = {},
): Promise<Layer> {
  let time = START_MS
  let setBy = 0
  let suspendedFor = 0
  const emulator = await startEmulator({ channels: [web, native, liff, foreign], now: () => time, ...options })
  const urls = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url }
  const config = readConfig({ ...urls, LINE_TIMEOUT_MS: '60000', ...settings })
  const pool = new Pool(config.lineApiUrl, { connections: config.lineMaxConcurrency })
  const { dispatcher, answers } = holdAnswers(pool)
  const made = createTelemetry({ logLevel: 'silent' })
  const ends: LookUp[] = []
  const telemetry = { ...made, lookUp }
  const clock = createClock({ wall: () => time + setBy, monotonic: () => time - suspendedFor })
  const services = createServices(config, { dispatcher, clock, telemetry })

  return {
    ...services,
    emulator,
    answers,
    clock: { advance, set, suspend, lineTime: () => time },
    issue,
    ask,
    acceptedByLine,
    lookUps: () => tally(ends.splice(0).map((end) => end.join('/'))),
    metric,
    close,
  }

  function lookUp(end: LookUp): void {
    ends.push(end)
    made.lookUp(end)
  }

  function advance(ms: number): void {
    time += ms
    services.unconfirmed.run()
  }

  function set(byMs: number): void {
    setBy += byMs
  }

  function suspend(ms: number): void {
    time += ms
    suspendedFor += ms
  }

  function issue(request: TokenRequest = {}): Token {
    const { accessToken, refreshToken = '' } = emulator.issueTokens(request)
    return { ...tokenOf(accessToken), refreshToken }
  }

  async function ask(token: AccessToken, subject: Subject = 'verification', caller = here): Promise<Answer> {
    return services.resolve({ ...caller, token, subject })
  }

  async function acceptedByLine(credential: Credential): Promise<boolean> {
    const { status } =
      'accessToken' in credential
        ? await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${encodeURIComponent(credential.accessToken)}`)
        : await fetch(`${emulator.url}/oauth2/v2.1/token`, {
            method: 'POST',
            body: refreshForm(credential.refreshToken),
          })
    return status === 200
  }

  async function metric(name: string): Promise<number> {
    return metricValue((await telemetry.metrics()).text, name)
  }

  async function close(): Promise<void> {
    await pool.destroy()
    await emulator.close()
  }
}

/** Starts a layer before each test and closes it after the test. */
export function useLayer(settings?: NodeJS.ProcessEnv, options?: EmulatorOptions): () => Layer {
  let started: Layer | undefined
  beforeEach(async () => {
    started = await startLayer(settings, options)
  })
  afterEach(() => started?.close())

  return () => {
    if (started === undefined) throw new Error('Only while a test runs')
    return started
  }
}

function refreshForm(refreshToken: string): URLSearchParams {
  return new URLSearchParams({
    grant_type: 'refresh_token',
    refresh_token: refreshToken,
    client_id: web.id,
    client_secret: web.secret,
  })
}

export function tokenOf(raw: string): AccessToken {
  const token = toAccessToken(raw)
  if (token === undefined) throw new TypeError('not a well-formed token')
  return token
}

/** A token that looks like LINE's but that LINE never issued. */
export function junk(n: number | string): AccessToken {
  return tokenOf(`eyJhbGciOiJIUzI1NiJ9.junk-${n}.${'x'.repeat(100)}`)
}

export function times<Result>(count: number, make: (n: number) => Result): Result[] {
  return Array.from({ length: count }, (_, n) => make(n))
}

/** Counts how often each value occurs. */
export function tally(values: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const value of values) counts[value] = (counts[value] ?? 0) + 1
  return counts
}

/** An answer as one word: `valid`, the reason of a refusal, or the code of an outage. */
export function wordFor(answer: Answer): string {
  if (answer.verdict === 'invalid') return answer.reason
  return answer.verdict === 'unknown' ? answer.outage.code : answer.verdict
}
