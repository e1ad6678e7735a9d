import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.ts'
import { createRequestSeconds } from '../../src/line/request-seconds.ts'
import { lineCallEnds, lineEndpoints, lineErrorWords } from '../../src/telemetry/metric-labels.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { holdAnswers } from '../harness/held-answers.ts'
import { closedPort, profile, token, useTransports, verify, withLeft } from '../harness/line-transport.ts'
import { metricValue } from '../harness/metric-value.ts'
import { noSourceLimit, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'

const calls = 'gateway_line_calls_total'
const requests = 'http_client_request_duration_seconds_count'

/** The series of a metric that are not 0: their labels, in the order of the table, and their numbers. */
function counts(text: string, name: string): Record<string, number> {
  const lines = [...text.matchAll(new RegExp(`^${name}\\{(.*)\\} (\\S+)$`, 'gm'))]
  const series = lines.map(([, labels = '', value]) => {
    const own = [...labels.matchAll(/(\w+)="([^"]*)"/g)].filter(([, label = '']) => !label.startsWith('server_'))
    return [
      own
        .map(([, , word]) => word)
        .join(' ')
        .trim(),
      Number(value),
    ] as const
  })
  return Object.fromEntries(series.filter(([, value]) => value !== 0))
}

const seriesIn = (text: string) => text.match(/^(gateway_line|http_client)\S+/gm)

describe('a gateway in front of LINE', () => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startRunningGateway({ METRICS_PORT: '0', LOG_LEVEL: 'silent', ...noSourceLimit })
  })
  afterAll(() => gateway.close())

  const metrics = async () => (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  const viewer = () => gateway.ask('{ viewer { displayName } }', { token: gateway.issue().accessToken })
  const check = (accessToken: string) => gateway.ask(`{ verifyAccessToken(accessToken: "${accessToken}") { active } }`)
  const refresh = (refreshToken: string) =>
    gateway.ask(`mutation { refreshToken(input: { refreshToken: "${refreshToken}" }) { tokenType } }`)

  /** Asks about a new token while LINE has this fault. Afterwards no breaker is open. */
  async function withFault(endpoint: 'verifyAccessToken' | 'profile' | 'token', fault: Fault): Promise<void> {
    gateway.emulator.faults.set(endpoint, fault)
    if (endpoint === 'profile') await viewer()
    else if (endpoint === 'token') await refresh(String(gateway.issue().refreshToken))
    else await check(gateway.issue().accessToken)
    gateway.emulator.faults.clear()
    gateway.advance(1_000)
  }

  it('each call counts once, by outcome and LINE’s word, as a call and as an HTTP request; no series is new', async () => {
    const before = await metrics()
    expect(counts(before, calls)).toEqual({})
    expect(counts(before, requests)).toEqual({})

    await viewer()
    await check('not-a-token')
    await refresh('not-a-token')
    await withFault('verifyAccessToken', { status: 429 })
    await withFault('verifyAccessToken', { status: 500 })
    await withFault('verifyAccessToken', { status: 599 })
    await withFault('verifyAccessToken', { garbage: true })
    await withFault('verifyAccessToken', { status: 302 })
    await withFault('verifyAccessToken', { status: 403, body: { error: 'insufficient_scope' } })
    await withFault('verifyAccessToken', { status: 418, body: { error: 'a word of somebody' } })
    await withFault('verifyAccessToken', { truncated: true })
    await withFault('profile', { reset: true, times: 1 })
    await withFault('profile', { status: 401, body: { message: 'no' } })
    await withFault('profile', { status: 401, body: { error: 'invalid_token' } })
    await withFault('token', { status: 401, body: { error: 'invalid_client' } })
    await withFault('token', { close: true })

    const text = await metrics()
    expect(counts(text, calls)).toEqual({
      'verify answered': 4,
      'verify refused invalid_request': 1,
      'verify limited': 1,
      'verify failed': 2,
      'verify unreadable': 2,
      'verify unreadable insufficient_scope': 1,
      'verify unreadable other': 1,
      'verify no_answer': 1,
      'profile answered': 2,
      'profile no_answer': 1,
      'profile refused': 1,
      'profile refused invalid_token': 1,
      'token refused invalid_grant': 1,
      'token refused invalid_client': 1,
      'token no_answer': 1,
    })
    expect(counts(text, requests)).toEqual({
      'GET 200': 7,
      'GET other': 1,
      'GET 400 400': 1,
      'GET 401 401': 2,
      'GET 403 403': 1,
      'GET other other': 1 + 1,
      'GET 429 429': 1,
      'GET 500 500': 1,
      'GET  connection': 2,
      'POST 400 400': 1,
      'POST 401 401': 1,
      'POST  connection': 1,
    })
    const all = gateway.emulator.calls.total()
    expect(metricValue(text, calls)).toBe(all)
    expect(metricValue(text, requests)).toBe(all)
    expect(metricValue(text, 'gateway_line_call_duration_seconds_count')).toBe(all)
    expect(metricValue(text, 'gateway_line_calls_not_sent_total')).toBe(0)
    expect(metricValue(text, 'gateway_misconfigured_total{setting="LINE_CHANNEL_SECRET"}')).toBe(1)
    expect(seriesIn(text)).toEqual(seriesIn(before))
    const { hostname, port } = new URL(gateway.emulator.url)
    expect(text).toContain(`server_address="${hostname}",server_port="${port}"} 7`)
  })
})

describe('the outcomes and words of a call', () => {
  const { toEmulator } = useTransports()

  it('each word of LINE in each refusal: a series that is there from the start', async () => {
    const { transport, emulator, reports } = await toEmulator()
    const ends = lineCallEnds.map(([outcome, word]) => `${outcome} ${word}`)
    for (const outcome of ['refused', 'unreadable'] as const)
      for (const error of [...lineErrorWords, 'another', undefined]) {
        emulator.faults.set('profile', { status: 403, body: { error } })
        const answer = await transport.send(profile)
        answer.judged?.({ outcome })
      }
    expect(new Set(reports.map(({ outcome, error = '' }) => `${outcome} ${error}`)).size).toBe(reports.length)
    for (const { outcome, error = '' } of reports) expect(ends).toContain(`${outcome} ${error}`)
  })
})

describe('lanes', () => {
  const { toEmulator } = useTransports()

  it('held answers: in flight and waiting by lane, then 0; the wait is part of the call, and not of the HTTP request; not sent is no call', async () => {
    const telemetry = createSilentTelemetry()
    const first = await toEmulator()
    const { dispatcher, answers } = holdAnswers(first.dispatcher)
    const { transport } = await toEmulator({ telemetry, dispatcher, origin: first.emulator.url, maxConcurrency: 2 })
    const read = async () => {
      const { text } = await telemetry.metrics()
      return [counts(text, 'gateway_line_calls_in_flight'), counts(text, 'gateway_line_calls_waiting')]
    }
    expect(await read()).toEqual([{}, {}])

    answers.hold()
    const lanes = ['background', 'recheck', 'background', 'caller', 'caller'] as const
    const beganAt = performance.now()
    const all = lanes.map((lane) => transport.send(profile, { deadline: Number.POSITIVE_INFINITY, lane }))
    const sentAt = performance.now()
    await expect.poll(answers.waiting, { timeout: 30_000 }).toBe(2)
    expect(await read()).toEqual([
      { background: 1, recheck: 1 },
      { background: 1, caller: 2 },
    ])
    await expect(transport.send(profile, withLeft(0))).rejects.toThrow()
    const releasedAt = performance.now()
    await answers.release()
    for (const answer of await Promise.all(all)) answer.judged?.({ outcome: 'refused' })
    const endedAt = performance.now()
    expect(await read()).toEqual([{}, {}])

    const { text } = await telemetry.metrics()
    const sum = (name: string) => 1_000 * metricValue(text, `${name}_duration_seconds_sum`)
    expect(sum('gateway_line_call')).toBeGreaterThanOrEqual(5 * (releasedAt - sentAt))
    expect(sum('http_client_request')).toBeLessThanOrEqual(2 * (endedAt - beganAt) + 3 * (endedAt - releasedAt))
    expect(counts(text, 'gateway_line_calls_not_sent_total')).toEqual({ profile: 1 })
    expect(metricValue(text, requests)).toBe(5)
    expect(first.emulator.calls.total()).toBe(5)
  })
})

describe('the state of the breakers', () => {
  const { toEmulator } = useTransports()

  /** The endpoints that are not closed, and their openings. Exactly one state of each endpoint is 1. */
  async function breakersOf(telemetry: ReturnType<typeof createSilentTelemetry>) {
    const { text } = await telemetry.metrics()
    const states = Object.keys(counts(text, 'gateway_line_breaker_state'))
    expect(states).toHaveLength(lineEndpoints.length)
    expect(new Set(states.map((state) => state.split(' ')[0])).size).toBe(lineEndpoints.length)
    const opened = counts(text, 'gateway_line_breaker_opened_total')
    return { states: states.filter((state) => !state.endsWith(' closed')), opened }
  }

  it('closed from the start; a 429: open, half open when the time is over, closed by the next call', async () => {
    const telemetry = createSilentTelemetry()
    const { transport, emulator, clock } = await toEmulator({ telemetry })
    expect(await breakersOf(telemetry)).toEqual({ states: [], opened: {} })
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '7' }, times: 3 })
    await Promise.allSettled([1, 2, 3].map(() => transport.send(verify)))
    const opened = { 'verify limit': 1 }
    expect(await breakersOf(telemetry)).toEqual({ states: ['verify open'], opened })
    clock.time += 6_999
    expect(await breakersOf(telemetry)).toEqual({ states: ['verify open'], opened })
    clock.time += 1
    expect(await breakersOf(telemetry)).toEqual({ states: ['verify half_open'], opened })
    await transport.send(verify)
    expect(await breakersOf(telemetry)).toEqual({ states: [], opened })
  })

  it('ten failures, then a probe that fails: two openings', async () => {
    const telemetry = createSilentTelemetry()
    const { transport, emulator, clock } = await toEmulator({ telemetry })
    emulator.faults.set('token', { status: 503 })
    for (let n = 0; n < 10; n += 1) await Promise.allSettled([transport.send(token)])
    expect(await breakersOf(telemetry)).toEqual({ states: ['token open'], opened: { 'token failures': 1 } })
    clock.time += 1_000
    await Promise.allSettled([transport.send(token)])
    expect(await breakersOf(telemetry)).toEqual({ states: ['token open'], opened: { 'token failures': 2 } })
  })

  it('a pause of another replica: the same; a longer one is no second opening; an endpoint of a later release: none', async () => {
    const telemetry = createSilentTelemetry()
    const { transport, clock } = await toEmulator({ telemetry })
    transport.pause('profile', 5_000)
    transport.pause('profile', 20_000)
    transport.pause('of-a-later-release', 20_000)
    const opened = { 'profile limit': 1 }
    expect(await breakersOf(telemetry)).toEqual({ states: ['profile open'], opened })
    clock.time += 20_000
    expect(await breakersOf(telemetry)).toEqual({ states: ['profile half_open'], opened })
    transport.pause('profile', 5_000)
    expect(await breakersOf(telemetry)).toEqual({ states: ['profile open'], opened: { 'profile limit': 2 } })
  })
})

describe('the labels of an HTTP request', () => {
  const { toEmulator, to } = useTransports()

  it('no complete answer: timeout only where our time limit ended it', async () => {
    const telemetry = createSilentTelemetry()
    const { transport, emulator } = await toEmulator({ telemetry })
    await transport.send(profile)
    emulator.faults.set('profile', { hang: true })
    await Promise.allSettled([transport.send(profile, withLeft(30))])
    emulator.faults.set('profile', { huge: true })
    await Promise.allSettled([transport.send(profile)])
    const { text } = await telemetry.metrics()
    expect(counts(text, requests)).toEqual({ 'GET 401 401': 1, 'GET  timeout': 1, 'GET  connection': 1 })
  })

  it('no server listens: connection, for each try', async () => {
    const telemetry = createSilentTelemetry()
    const { transport } = to(await closedPort(), { telemetry })
    await Promise.allSettled([transport.send(profile), transport.send(token)])
    const { text } = await telemetry.metrics()
    expect(counts(text, requests)).toEqual({ 'GET  connection': 2, 'POST  connection': 1 })
  })

  it.each([
    ['https://api.line.me', 'api.line.me', '443'],
    ['http://line.test', 'line.test', '80'],
    ['http://[::1]:8080', '::1', '8080'],
  ])('%s: server_address %s, server_port %s, on each series from the start', async (origin, address, port) => {
    const telemetry = createSilentTelemetry()
    createRequestSeconds(telemetry, origin)
    const { text } = await telemetry.metrics()
    const series = text.split('\n').filter((line) => line.startsWith(`${requests}{`))
    expect(series.length).toBeGreaterThan(20)
    for (const one of series) expect(one).toContain(`,server_address="${address}",server_port="${port}"} 0`)
  })
})
