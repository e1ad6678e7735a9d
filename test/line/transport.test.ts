import { Agent } from 'undici'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.ts'
import { isLineOutage, LineRateLimited, LineUnavailable } from '../../src/line/errors.ts'
import {
  answerText,
  certs,
  closedPort,
  profile,
  type Road,
  rejectionOf,
  startMs,
  token,
  useRoads,
  verify,
} from '../harness/line-transport.ts'

const { toEmulator, to, sockets, recorder, closeLater } = useRoads()

describe('an answer', () => {
  it('is handed on unjudged: status, JSON and request id', async () => {
    const { transport } = await toEmulator()
    const answer = await transport.send(verify)
    expect(answer).toEqual({
      status: 400,
      body: { error: 'invalid_request', error_description: 'The access token not JWS' },
      lineRequestId: expect.stringMatching(/^[0-9a-f]{16}$/),
    })
  })

  it.each<[string, Fault, unknown]>([
    ['JSON behind a byte order mark', { body: '\uFEFF{"a":1}' }, { a: 1 }],
    ['JSON of no known type', { body: '{"a":1}', headers: { 'content-type': 'text/plain' } }, { a: 1 }],
    ['JSON null', { body: 'null' }, null],
    ['a mark and nothing else', { body: '\uFEFF' }, undefined],
    ['two marks', { body: '\uFEFF\uFEFF{"a":1}' }, undefined],
    ['HTML', { body: '<html>{"a":1}</html>' }, undefined],
    ['half of it', { body: '{"a":' }, undefined],
    ['nothing', { empty: true }, undefined],
    ['garbage', { garbage: true }, undefined],
    ['gzip nobody asked for', { gzip: true }, undefined],
    ['a gzip bomb', { gzip: 'bomb' }, undefined],
    ['a content coding in name only', { body: '{"a":1}', headers: { 'content-encoding': 'br' } }, undefined],
  ])('is read as JSON or as nothing: %s', async (_, fault, body) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('certs', fault)
    expect(await transport.send(certs)).toMatchObject({ status: 200, body })
  })

  it.each([
    ['8d48c8577e739b9c', '8d48c8577e739b9c'],
    ['a-b_C-1', 'a-b_C-1'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['x'.repeat(65), undefined],
    ['', undefined],
    ['a b', undefined],
    ['<script>', undefined],
    ['eyJhbGciOiJIUzI1NiJ9.payload.signature', undefined],
  ])('has a request id only where it looks like one: %j', async (sent, kept) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { status: 200, body: {}, headers: { 'x-line-request-id': sent } })
    expect((await transport.send(profile)).lineRequestId).toBe(kept)
  })

  it.each([301, 302, 303, 307, 308])('that redirects is not followed: %i', async (status) => {
    const elsewhere = await recorder()
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('*', { status, headers: { location: `${elsewhere.url}/stolen` } })
    expect(await transport.send(profile)).toMatchObject({ status, body: undefined })
    expect(await transport.send(token)).toMatchObject({ status, body: undefined })
    expect(elsewhere.requests).toEqual([])
  })

  it('of more than 64 KB is not one', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { huge: true })
    expect(await outageOf(transport.send(profile))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    emulator.faults.set('profile', { body: 'x'.repeat(64 * 1024) })
    expect(await transport.send(profile)).toMatchObject({ status: 200 })
    expect(emulator.calls.of('profile')).toBe(2)
  })

  it('is asked for without content coding, and by a request that carries nothing we did not put there', async () => {
    const { url, requests } = await recorder()
    const { transport } = to(url)
    await transport.send({ ...profile, headers: { authorization: 'Bearer x' } })
    expect(requests[0]?.headers).toEqual({
      host: new URL(url).host,
      connection: 'keep-alive',
      authorization: 'Bearer x',
    })
  })
})

describe('5xx', () => {
  it.each([500, 501, 502, 503, 504, 599])('%i is LINE being unavailable, said once and asked once', async (status) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('*', { status, body: { error: 'invalid_request' }, headers: { 'x-line-request-id': 'abc123' } })
    for (const request of [verify, token]) {
      const outage = await outageOf(transport.send(request))
      expect(outage).toBeInstanceOf(LineUnavailable)
      expect(outage).toMatchObject({ lineRequestId: 'abc123', retryAfter: 1, sent: true })
    }
    expect(emulator.calls.total()).toBe(2)
  })
})

describe('429', () => {
  const inSeconds = (seconds: number) => new Date(startMs + seconds * 1_000).toUTCString()

  it.each([
    ['nothing', undefined, 1],
    ['seconds', '5', 5],
    ['no time', '0', 1],
    ['a day', '86400', 60],
    ['an absurd number', '999999999', 60],
    ['a number beyond numbers', '9'.repeat(400), undefined],
    ['a negative number', '-5', 1],
    ['a fraction', '1.5', undefined],
    ['a word', 'soon', 1],
    ['nothing at all', '', 1],
    ['an HTTP date', inSeconds(7), 7],
    ['an HTTP date in the past', inSeconds(-7), 1],
    ['an HTTP date in a hundred years', 'Fri, 01 Jan 2126 00:00:00 GMT', 60],
    ['a date that is none', 'Fri, 99 Foo 2026 00:00:00 GMT', 1],
  ])('with Retry-After saying %s', async (_, header, expected) => {
    const { emulator, transport, clock } = await toEmulator()
    emulator.faults.set('verifyAccessToken', {
      status: 429,
      headers: { 'x-line-request-id': 'abc123', ...(header !== undefined && { 'retry-after': header }) },
      times: 1,
    })
    const limited = await rateLimitOf(transport.send(verify))
    expect(limited.lineRequestId).toBe('abc123')
    expect(limited.retryAfter).toBe(expected ?? limited.retryAfter)
    expect(limited.retryAfter).toSatisfy((seconds) => Number.isInteger(seconds) && seconds >= 1 && seconds <= 60)

    clock.time += limited.retryAfter * 1_000 - 1
    expect((await rateLimitOf(transport.send(verify))).retryAfter).toBe(1)
    expect(emulator.calls.total()).toBe(1)
    clock.time += 1
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
    expect(emulator.calls.total()).toBe(2)
  })

  it('with two Retry-After headers believes neither', async () => {
    const { url } = await sockets((socket) =>
      socket.write('HTTP/1.1 429 No\r\nretry-after: 30\r\nretry-after: 40\r\ncontent-length: 0\r\n\r\n'),
    )
    expect(await rateLimitOf(to(url).transport.send(verify))).toMatchObject({ retryAfter: 1 })
  })

  it('quiets its own endpoint and no other', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { status: 429 })
    await rateLimitOf(transport.send(verify))
    expect(await transport.send(profile)).toMatchObject({ status: 401 })
  })

  it('is obeyed under pressure: of thousands asked in its two seconds hardly any reach LINE', async () => {
    const { emulator, transport, clock } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '2' } })
    for (let ms = 0; ms < 1_500; ms += 10) {
      const asked = Array.from({ length: 16 }, () => rateLimitOf(transport.send(verify)))
      await Promise.all(asked)
      clock.time += 10
    }
    expect(emulator.calls.total()).toBeLessThanOrEqual(16)
    emulator.faults.clear()
    clock.time = startMs + 2_000
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
  })
})

describe('a connection that breaks before any answer', () => {
  it.each<[string, Fault]>([
    ['reset', { reset: true, times: 1 }],
    ['closed', { close: true, times: 1 }],
  ])('%s: a GET is asked once more, a POST never', async (_, fault) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', fault)
    expect(await transport.send(profile)).toMatchObject({ status: 401 })
    expect(emulator.calls.of('profile')).toBe(2)

    emulator.faults.set('token', fault)
    expect(await outageOf(transport.send(token))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('twice: a GET is not asked a third time', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { reset: true })
    expect(await outageOf(transport.send(profile))).toMatchObject({
      code: 'LINE_UNAVAILABLE',
      retryAfter: 1,
      sent: true,
    })
    expect(emulator.calls.of('profile')).toBe(2)
  })

  it('is no reason to ask again once the answer has begun', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { truncated: true })
    expect(await outageOf(transport.send(profile))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    expect(emulator.calls.of('profile')).toBe(1)
  })

  it('because LINE closed it while it was idle harms neither: the GET is repeated', async () => {
    const { url, seen } = await sockets((socket, nth) =>
      nth === 2 ? socket.destroy() : socket.write(answerText(`{"nth":${nth}}`)),
    )
    const { transport, reports } = to(url)
    expect(await transport.send(profile)).toMatchObject({ body: { nth: 1 } })
    expect(await transport.send(profile)).toMatchObject({ body: { nth: 3 } })
    expect(seen).toMatchObject({ requests: 3, connections: 2 })
    expect(reports).toHaveLength(2)
  })

  it('because LINE closed it while it was idle harms neither: the POST is not repeated', async () => {
    const { url, seen } = await sockets((socket, nth) =>
      nth === 2 ? socket.destroy() : socket.write(answerText('{}')),
    )
    const { transport } = to(url)
    await transport.send(token)
    expect(await outageOf(transport.send(token))).toMatchObject({ sent: true })
    expect(seen.requests).toBe(2)
  })

  it('because nobody listens says that nothing was sent', async () => {
    const { transport } = to(await closedPort())
    for (const request of [verify, token]) {
      expect(await outageOf(transport.send(request))).toMatchObject({
        code: 'LINE_UNAVAILABLE',
        sent: false,
        retryAfter: 1,
      })
    }
  })
})

describe('the deadline', () => {
  it.each<[string, Fault]>([
    ['hang', { hang: true }],
    ['drip', { drip: true }],
    ['late', { latencyMs: 5_000 }],
  ])('is one for the whole call: %s', async (_, fault) => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 300 })
    emulator.faults.set('*', fault)
    const started = performance.now()
    for (const request of [profile, token]) {
      expect(await outageOf(transport.send(request))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    }
    expect(performance.now() - started).toBeLessThan(3_000)
    expect([emulator.calls.of('profile'), emulator.calls.of('token')]).toEqual([1, 1])
  })

  it('ends slow headers and a connection that never opens', async () => {
    const slow = await sockets((socket) => {
      const timer = setInterval(() => socket.write('x'), 10)
      socket.on('close', () => clearInterval(timer))
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
    })
    expect(await outageOf(to(slow.url, { timeoutMs: 100 }).transport.send(token))).toMatchObject({ sent: true })
    const nowhere = new Agent({ connect: () => {} })
    closeLater(() => nowhere.destroy())
    const { transport } = to(slow.url, { timeoutMs: 100, dispatcher: nowhere })
    expect(await outageOf(transport.send(token))).toMatchObject({ sent: false })
  })

  it('is no broken connection: nobody is asked again, whenever exactly the timer fires', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 40, maxConcurrency: 10 })
    emulator.faults.set('profile', { hang: true })
    for (let round = 0; round < 9; round++) {
      await Promise.all([outageOf(transport.send(profile)), busyFor(round)])
    }
    expect(emulator.calls.of('profile')).toBeGreaterThan(0)
    expect(emulator.calls.of('profile')).toBeLessThanOrEqual(9)
  })

  it('counts from where the caller began to wait', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 10_000 })
    emulator.faults.set('profile', { hang: true })
    const started = performance.now()
    await outageOf(transport.send(profile, started - 9_900))
    expect(performance.now() - started).toBeLessThan(5_000)
  })

  it('that has passed before the call asks nothing of LINE', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 1_000 })
    await transport.send(profile)
    await new Promise(setImmediate)
    const late = await outageOf(transport.send(profile, performance.now() - 1_000))
    expect(late).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
    await transport.send(verify)
    expect(emulator.calls.byEndpoint()).toMatchObject({ profile: 1, verifyAccessToken: 1 })
  })

  it('includes waiting for a place, and what waited too long is never sent', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 5_000, maxConcurrency: 1 })
    emulator.faults.set('profile', { hang: true })
    const holder = outageOf(transport.send(profile))
    const started = performance.now()
    const waiting = await outageOf(transport.send(token, started - 4_900))
    expect(waiting).toBeInstanceOf(LineUnavailable)
    expect(waiting).toMatchObject({ sent: false, retryAfter: 1 })
    expect(performance.now() - started).toBeLessThan(3_000)
    await emulator.close()
    await holder
    expect(emulator.calls.byEndpoint()).toMatchObject({ profile: 1, token: 0 })
    expect(transport.room()).toBe(1)
  })
})

describe('the breaker', () => {
  it.each<[string, Fault]>([
    ['server errors', { status: 500 }],
    ['resets', { reset: true }],
    ['answers too long', { huge: 1 }],
  ])('opens after ten failures in a row, probes once after the pause and recovers: %s', async (_, fault) => {
    const { emulator, transport, clock } = await toEmulator()
    emulator.faults.set('verifyAccessToken', fault)
    for (let nth = 0; nth < 10; nth++) await outageOf(transport.send(verify))
    const asked = emulator.calls.total()
    const open = await outageOf(transport.send(verify))
    expect(open).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
    expect(emulator.calls.total()).toBe(asked)
    expect(await transport.send(profile)).toMatchObject({ status: 401 })

    clock.time += 1_000
    emulator.faults.set('verifyAccessToken', { status: 503 })
    emulator.calls.reset()
    const duringProbe = Array.from({ length: 20 }, () => outageOf(transport.send(verify)))
    expect((await Promise.all(duringProbe)).every((outage) => outage.retryAfter === 1)).toBe(true)
    expect(emulator.calls.total()).toBe(1)

    emulator.faults.clear()
    clock.time += 1_000
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
    await Promise.all(Array.from({ length: 20 }, () => transport.send(verify)))
    expect(emulator.calls.total()).toBe(22)
  })

  it('sends callers away at once while it is open, though no place is free', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 1, timeoutMs: 1_000 })
    emulator.faults.set('verifyAccessToken', { status: 429 })
    await rateLimitOf(transport.send(verify))
    emulator.faults.set('profile', { hang: true })
    const holder = outageOf(transport.send(profile))
    await rateLimitOf(transport.send(verify))
    expect(transport.room()).toBe(0)
    await holder
  })

  it('stays closed for refusals and for nonsense that is at least an answer', async () => {
    const { emulator, transport } = await toEmulator()
    for (const fault of [
      { status: 400 },
      { status: 401 },
      { status: 403 },
      { garbage: true },
      { empty: true },
    ] as const) {
      emulator.faults.set('verifyAccessToken', fault)
      for (let nth = 0; nth < 11; nth++) await transport.send(verify)
    }
    expect(emulator.calls.total()).toBe(55)
  })

  it('counts a call that was asked twice as one failure', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { reset: true })
    for (let nth = 0; nth < 9; nth++) await outageOf(transport.send(verify))
    emulator.faults.clear()
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
  })
})

describe('places', () => {
  it('bound the calls in flight, and everybody is served', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 4 })
    emulator.faults.set('*', { latencyMs: 10 })
    expect(transport.room()).toBe(4)
    const all = Array.from({ length: 60 }, (_, nth) => transport.send(nth % 2 ? profile : verify))
    expect(transport.room()).toBe(0)
    await Promise.all(all)
    expect(emulator.calls.total()).toBe(60)
    expect(emulator.calls.maxInFlight()).toBe(4)
    expect(transport.room()).toBe(4)
  })

  it('have a bounded line behind them: who finds it full is told to come back', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 2 })
    emulator.faults.set('profile', { latencyMs: 50 })
    const served = Array.from({ length: 2 + 2 * 32 }, () => transport.send(profile))
    const turnedAway = await rateLimitOf(transport.send(profile))
    expect(turnedAway.retryAfter).toBe(1)
    emulator.faults.clear()
    await Promise.all(served)
    expect(emulator.calls.total()).toBe(66)
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(2)
  })

  it('are given back however a call ends', async () => {
    const road = await toEmulator({ maxConcurrency: 2, timeoutMs: 200 })
    const faults: Fault[] = [
      { hang: true },
      { reset: true },
      { status: 500 },
      { status: 429 },
      { huge: 1 },
      { garbage: true },
    ]
    for (const fault of faults) await everyEnding(road, fault)
    expect(road.transport.room()).toBe(2)
  })

  async function everyEnding({ emulator, transport, clock }: Road, fault: Fault): Promise<void> {
    emulator.faults.set('profile', fault)
    await Promise.allSettled(Array.from({ length: 4 }, () => transport.send(profile)))
    clock.time += 60_000
  }
})

describe('the reports', () => {
  it('are one a call, with the five facts LINE asks for and how it ended', async () => {
    const { emulator, transport, reports } = await toEmulator({ timeoutMs: 500 })
    const endings: [Fault | undefined, object][] = [
      [undefined, { status: 401, outcome: 'answered' }],
      [{ status: 500 }, { status: 500, outcome: 'failed', failure: 'server error' }],
      [{ reset: true }, { status: undefined, outcome: 'failed', failure: 'The connection to LINE failed' }],
      [{ hang: true }, { status: undefined, outcome: 'failed', failure: 'LINE did not answer in time' }],
      [{ huge: 1 }, { status: undefined, outcome: 'failed', failure: 'LINE answered too much' }],
      [{ status: 429 }, { status: 429, outcome: 'limited' }],
    ]
    for (const [fault, expected] of endings) {
      if (fault) emulator.faults.set('profile', fault)
      await Promise.allSettled([transport.send(profile)])
      expect(reports).toHaveLength(1)
      expect(reports[0]).toMatchObject({ endpoint: 'profile', method: 'GET', ...expected })
      expect(reports[0]?.lineRequestId).toEqual(
        'status' in expected && expected.status ? expect.any(String) : undefined,
      )
      expect(reports[0]?.ms).toBeGreaterThan(0)
      reports.length = 0
    }
  })

  it('are none where LINE was not asked', async () => {
    const { emulator, transport, reports } = await toEmulator()
    emulator.faults.set('profile', { status: 429 })
    await rateLimitOf(transport.send(profile))
    await rateLimitOf(transport.send(profile))
    expect(reports).toHaveLength(1)
  })
})

async function outageOf(promise: Promise<unknown>) {
  const error = await rejectionOf(promise)
  if (!isLineOutage(error)) throw error
  return error
}

async function rateLimitOf(promise: Promise<unknown>): Promise<LineRateLimited> {
  const error = await rejectionOf(promise)
  if (!(error instanceof LineRateLimited)) throw error
  return error
}

/** Blocks the event loop, so that timers were set on a clock that is behind. */
async function busyFor(ms: number): Promise<void> {
  await new Promise(setImmediate)
  const until = performance.now() + ms
  while (performance.now() < until);
}
