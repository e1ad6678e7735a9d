import { Agent, type Dispatcher } from 'undici'
import { describe, expect, it, vi } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.ts'
import { isAnsweredByLine, isLineOutage, LineRateLimited, LineUnavailable } from '../../src/line/errors.ts'
import { judgeProfile } from '../../src/line/responses.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import {
  answerText,
  certs,
  closedPort,
  longTimeoutMs,
  profile,
  rejectionOf,
  startMs,
  type TestTransport,
  token,
  useTransports,
  verify,
  withLeft,
} from '../harness/line-transport.ts'

const { toEmulator, to, sockets, recorder, closeLater } = useTransports()

describe('an answer', () => {
  it('is returned with its status, JSON and request id, unchecked', async () => {
    const { transport } = await toEmulator()
    const answer = await transport.send(verify)
    expect(answer).toEqual({
      status: 400,
      body: { error: 'invalid_request', error_description: 'The access token not JWS' },
      lineRequestId: expect.stringMatching(/^[0-9a-f]{16}$/),
      judged: expect.any(Function),
    })
  })

  it.each<[string, Fault, unknown]>([
    ['JSON after a byte order mark', { body: '\uFEFF{"a":1}' }, { a: 1 }],
    ['JSON with another media type', { body: '{"a":1}', headers: { 'content-type': 'text/plain' } }, { a: 1 }],
    ['JSON null', { body: 'null' }, null],
    ['only a byte order mark', { body: '\uFEFF' }, undefined],
    ['two byte order marks', { body: '\uFEFF\uFEFF{"a":1}' }, null],
    ['HTML', { body: '<html>{"a":1}</html>' }, null],
    ['half of the JSON', { body: '{"a":' }, null],
    ['an empty body', { empty: true }, undefined],
    ['an end of line', { body: '\r\n' }, undefined],
    ['text that is not JSON', { garbage: true }, null],
    ['gzip without a request for it', { gzip: true }, null],
    ['a gzip bomb', { gzip: 'bomb' }, null],
    ['a content coding header on plain JSON', { body: '{"a":1}', headers: { 'content-encoding': 'br' } }, null],
  ])('is read as JSON, undefined if it is empty, else null: %s', async (_, fault, body) => {
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
  ])('has a request id only if the header looks like an id: %j', async (sent, kept) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { status: 200, body: {}, headers: { 'x-line-request-id': sent } })
    expect((await transport.send(profile)).lineRequestId).toBe(kept)
  })

  it.each([301, 302, 303, 307, 308])('is not followed when it is a redirect: %i', async (status) => {
    const elsewhere = await recorder()
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('*', { status, headers: { location: `${elsewhere.url}/stolen` } })
    expect(await transport.send(profile)).toMatchObject({ status, body: undefined })
    expect(await transport.send(token)).toMatchObject({ status, body: undefined })
    expect(elsewhere.requests).toEqual([])
  })

  it('larger than 64 KB: LINE_UNAVAILABLE', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { huge: true })
    expect(await outageOf(transport.send(profile))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    emulator.faults.set('profile', { body: 'x'.repeat(64 * 1024) })
    expect(await transport.send(profile)).toMatchObject({ status: 200 })
    expect(emulator.calls.of('profile')).toBe(2)
  })

  it('is requested without a content coding and without headers that we did not set', async () => {
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
  it.each([500, 501, 502, 503, 504, 599])('%i: LINE_UNAVAILABLE, and no second call', async (status) => {
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
    ['no header', undefined, 1],
    ['seconds', '5', 5],
    ['zero', '0', 1],
    ['a day', '86400', 60],
    ['a very large number', '999999999', 60],
    ['more digits than a number can hold', '9'.repeat(400), undefined],
    ['a negative number', '-5', 1],
    ['a fraction', '1.5', undefined],
    ['a word', 'soon', 1],
    ['an empty header', '', 1],
    ['an HTTP date', inSeconds(7), 7],
    ['an HTTP date in the past', inSeconds(-7), 1],
    ['an HTTP date in a hundred years', 'Fri, 01 Jan 2126 00:00:00 GMT', 60],
    ['an invalid date', 'Fri, 99 Foo 2026 00:00:00 GMT', 1],
  ])('pauses for the seconds of Retry-After: %s', async (_, header, expected) => {
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

  it('an HTTP date: the pause counts from the wall clock, not from the time of the process (C5)', async () => {
    const { emulator, transport } = await toEmulator({ wall: () => startMs - 9 * 3_600_000 })
    emulator.faults.set('*', { status: 429, headers: { 'retry-after': inSeconds(7 - 9 * 3_600) }, times: 1 })
    expect((await rateLimitOf(transport.send(verify))).retryAfter).toBe(7)
  })

  it('ignores Retry-After if there are two', async () => {
    const { url } = await sockets((socket) =>
      socket.write('HTTP/1.1 429 No\r\nretry-after: 30\r\nretry-after: 40\r\ncontent-length: 0\r\n\r\n'),
    )
    expect(await rateLimitOf(to(url).transport.send(verify))).toMatchObject({ retryAfter: 1 })
  })

  it('pauses its own endpoint and no other', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { status: 429 })
    await rateLimitOf(transport.send(verify))
    expect(await transport.send(profile)).toMatchObject({ status: 401 })
  })

  it('of 16 calls in flight: other replicas hear of it once, and of its length', async () => {
    const told: unknown[] = []
    const { emulator, transport } = await toEmulator({ limited: (...pause) => void told.push(pause) })
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '7' } })
    await Promise.all(Array.from({ length: 16 }, () => rateLimitOf(transport.send(verify))))
    expect(told).toEqual([['verify', 7_000]])
  })

  it('of another replica: its endpoint is not called for that time, and nobody hears of it again', async () => {
    const told: unknown[] = []
    const { emulator, transport, clock } = await toEmulator({ limited: (...pause) => void told.push(pause) })
    transport.pause('verify', 7_000)
    expect(await rateLimitOf(transport.send(verify))).toMatchObject({ retryAfter: 7, answered: false })
    expect(transport.refusalFor('verify')).toBeInstanceOf(LineRateLimited)
    expect(await transport.send(profile)).toMatchObject({ status: 401 })
    clock.time += 7_000
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
    expect(told).toEqual([])
  })

  it('is obeyed under load: of thousands of calls in its two seconds only the first ones reach LINE', async () => {
    const { emulator, transport, clock } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '2' } })
    for (let ms = 0; ms < 1_500; ms += 10) {
      await Promise.all(Array.from({ length: 16 }, () => rateLimitOf(transport.send(verify))))
      clock.time += 10
    }
    expect(emulator.calls.total()).toBeLessThanOrEqual(16)
    emulator.faults.clear()
    clock.time = startMs + 2_000
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
  })
})

describe('whether LINE answered the call', () => {
  it.each<[string, Fault, boolean]>([
    ['429', { status: 429 }, true],
    ['500', { status: 500 }, true],
    ['a reset', { reset: true }, false],
    ['a closed connection', { close: true }, false],
    ['an answer that is too large', { huge: true }, false],
    ['a half answer', { truncated: true }, false],
  ])('%s: %s', async (_, fault, isAnswered) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('*', fault)
    for (const request of [verify, profile, token])
      expect(isAnsweredByLine(await outageOf(transport.send(request)))).toBe(isAnswered)
  })

  it('the pause after a 429, or after failures: no', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { status: 429 })
    emulator.faults.set('profile', { status: 500 })
    await rateLimitOf(transport.send(verify))
    for (let nth = 1; nth <= 10; nth++) await outageOf(transport.send(profile))
    for (const request of [verify, profile])
      expect(isAnsweredByLine(await outageOf(transport.send(request)))).toBe(false)
  })

  it('no answer in time, no time left, a full queue: no', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 1 })
    emulator.faults.set('verifyAccessToken', { hang: true })
    const calls = Array.from({ length: 300 }, () => outageOf(transport.send(verify, withLeft(200))))
    const ends = [...(await Promise.all(calls)), await outageOf(transport.send(verify, withLeft(0)))]
    expect(new Set(ends.map((end) => end.constructor))).toEqual(new Set([LineUnavailable, LineRateLimited]))
    expect(ends.filter(isAnsweredByLine)).toEqual([])
  })
})

describe('a connection that breaks before any answer', () => {
  it.each<[string, Fault]>([
    ['reset', { reset: true, times: 1 }],
    ['closed', { close: true, times: 1 }],
  ])('%s: a GET is sent once more, a POST is not', async (_, fault) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', fault)
    expect(await transport.send(profile)).toMatchObject({ status: 401 })
    expect(emulator.calls.of('profile')).toBe(2)

    emulator.faults.set('token', fault)
    expect(await outageOf(transport.send(token))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('twice: a GET is not sent a third time', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { reset: true })
    expect(await outageOf(transport.send(profile))).toMatchObject({
      code: 'LINE_UNAVAILABLE',
      retryAfter: 1,
      sent: true,
    })
    expect(emulator.calls.of('profile')).toBe(2)
  })

  it('but after the answer has begun: a GET is not sent again', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { truncated: true })
    expect(await outageOf(transport.send(profile))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    expect(emulator.calls.of('profile')).toBe(1)
  })

  it('because LINE closed an idle connection: the GET is sent again', async () => {
    const { url, seen } = await sockets((socket, nth) =>
      nth === 2 ? socket.destroy() : socket.write(answerText(`{"userId":"U${nth}","displayName":""}`)),
    )
    const { transport, reports } = to(url)
    for (const nth of [1, 3]) {
      const answer = await transport.send(profile)
      expect(answer).toMatchObject({ body: { userId: `U${nth}` } })
      judgeProfile(answer)
    }
    expect(seen).toMatchObject({ requests: 3, connections: 2 })
    const [answered, broken] = [{ outcome: 'answered' }, { outcome: 'no_answer', status: undefined }]
    expect(reports).toMatchObject([answered, broken, answered])
    expect(new Set(reports.map(({ ms }) => ms > 0))).toEqual(new Set([true]))
  })

  it('the calls in the reports are the calls that LINE got, and each has its own time (D3)', async () => {
    const { emulator, transport, reports } = await toEmulator()
    emulator.faults.set('profile', { reset: true, latencyMs: 60, times: 1 })
    const startedAt = performance.now()
    judgeProfile(await transport.send(profile))
    const ms = performance.now() - startedAt
    emulator.faults.set('profile', { close: true })
    await outageOf(transport.send(profile))
    const broken = { outcome: 'no_answer', failure: 'The connection to LINE failed' }
    expect(reports).toMatchObject([broken, { outcome: 'refused', status: 401 }, broken, broken])
    expect(emulator.calls.of('profile')).toBe(reports.length)
    expect((reports[0]?.ms ?? 0) + (reports[1]?.ms ?? 0)).toBeLessThanOrEqual(ms)
  })

  it('because LINE closed an idle connection: the POST is not sent again', async () => {
    const { url, seen } = await sockets((socket, nth) =>
      nth === 2 ? socket.destroy() : socket.write(answerText('{}')),
    )
    const { transport } = to(url)
    await transport.send(token)
    expect(await outageOf(transport.send(token))).toMatchObject({ sent: true })
    expect(seen.requests).toBe(2)
  })

  it('because no server listens: the error says that nothing was sent', async () => {
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
    ['no answer', { hang: true }],
    ['one byte at a time', { drip: true }],
    ['a late answer', { latencyMs: longTimeoutMs }],
  ])('ends the whole call, and it is not sent again: %s', async (_, fault) => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', fault)
    emulator.faults.set('token', fault)
    for (const request of [profile, token]) {
      await openConnection(transport)
      const outage = await outageOf(transport.send(request, withLeft(300)))
      expect(outage).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: true })
    }
    await expect.poll(() => emulator.calls.byEndpoint(), { timeout: 30_000 }).toMatchObject({ profile: 1, token: 1 })
  })

  it('ends slow headers and a connection that never opens', async () => {
    const slow = await sockets((socket, nth) => {
      if (nth === 1) {
        socket.write(answerText('{}'))
        return
      }
      const timer = setInterval(() => socket.write('x'), 10)
      socket.on('close', () => clearInterval(timer))
      socket.write('HTTP/1.1 200 OK\r\nx-slow: ')
    })
    const { transport: slowly } = to(slow.url)
    await openConnection(slowly)
    expect(await outageOf(slowly.send(token, withLeft(100)))).toMatchObject({ sent: true })
    const nowhere = new Agent({ connect: () => {} })
    closeLater(() => nowhere.destroy())
    const { transport } = to(slow.url, { dispatcher: nowhere })
    expect(await outageOf(transport.send(token, withLeft(100)))).toMatchObject({ sent: false })
  })

  it('is not a broken connection: the GET is not sent again, even if the timer fires a little early', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { hang: true })
    let sent = 0
    for (let round = 0; round < 9; round++) {
      await openConnection(transport)
      const [outage] = await Promise.all([outageOf(transport.send(profile, withLeft(100))), blockEventLoop(round)])
      if (outage instanceof LineUnavailable && outage.sent) sent += 1
    }
    expect(sent).toBeGreaterThan(0)
    await expect.poll(() => emulator.calls.of('profile'), { timeout: 30_000 }).toBe(sent)
  })

  it('counts from the given start: the call does not get the whole time', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('profile', { hang: true })
    await openConnection(transport)
    expect(await outageOf(transport.send(profile, withLeft(100)))).toBeInstanceOf(LineUnavailable)
  })

  it('has passed before the call: LINE is not called', async () => {
    const { emulator, transport } = await toEmulator()
    await transport.send(profile)
    await new Promise(setImmediate)
    const late = await outageOf(transport.send(profile, withLeft(0)))
    expect(late).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
    await transport.send(verify)
    expect(emulator.calls.byEndpoint()).toMatchObject({ profile: 1, verifyAccessToken: 1 })
  })

  it('less than a third of LINE_TIMEOUT_MS is left: what LINE accepts once is not sent, the rest is', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 60_000 })
    const late = await outageOf(transport.send({ ...token, once: true }, withLeft(15_000)))
    expect(late).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
    expect(emulator.calls.of('token')).toBe(0)
    await transport.send(token, withLeft(15_000))
    await transport.send({ ...token, once: true })
    expect(emulator.calls.of('token')).toBe(2)
  })

  it('includes the wait for a slot, and a call that waited too long is never sent', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 1 })
    emulator.faults.set('profile', { hang: true })
    const first = outageOf(transport.send(profile))
    await expect.poll(() => emulator.calls.of('profile'), { timeout: 30_000 }).toBe(1)
    const waiting = await outageOf(transport.send(token, withLeft(100)))
    expect(waiting).toBeInstanceOf(LineUnavailable)
    expect(waiting).toMatchObject({ sent: false, retryAfter: 1 })
    await emulator.close()
    await first
    expect(emulator.calls.byEndpoint()).toMatchObject({ profile: 1, token: 0 })
    expect(transport.room()).toBe(1)
  })
})

describe('our own delay', () => {
  it('calls that our queue left too little time: they time out, and the breaker stays closed (B1)', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 1_000 })
    emulator.faults.set('profile', { hang: true })
    const late = Array.from({ length: 30 }, () => outageOf(transport.send(profile, withLeft(850))))
    for (const outage of await Promise.all(late)) expect(outage).toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(transport.refusalFor('profile')).toBeUndefined()
  })

  it('calls that LINE left unanswered for the whole time: the breaker opens', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 500 })
    emulator.faults.set('profile', { hang: true })
    // A call that a busy machine begins late does not count, so ten can be too few.
    while (transport.refusalFor('profile') === undefined)
      await Promise.all(Array.from({ length: 10 }, () => outageOf(transport.send(profile))))
    expect(await outageOf(transport.send(profile))).toMatchObject({ sent: false })
  })

  it('40 calls, one slot, a slow LINE: calls that could not be sent are no failures of LINE (B1)', async () => {
    const { emulator, transport } = await toEmulator({ timeoutMs: 400, maxConcurrency: 1 })
    emulator.faults.set('profile', { latencyMs: 150 })
    const all = await Promise.allSettled(Array.from({ length: 40 }, () => transport.send(profile)))
    const unsent = all.filter((one) => one.status === 'rejected' && !one.reason.sent)
    expect(unsent.length).toBeGreaterThan(20)
    expect(unsent[0]).toMatchObject({ reason: { code: 'LINE_UNAVAILABLE', retryAfter: 1 } })
    expect(transport.refusalFor('profile')).toBeUndefined()
  })

  it('an answer that is in the socket when a busy process sees the deadline: it is read', async () => {
    const busy = await sockets((socket) => {
      socket.write(answerText('{"in":"time"}'))
      const until = performance.now() + 1_200
      while (performance.now() < until);
    })
    const { transport } = to(busy.url)
    expect(await transport.send(profile, withLeft(1_000))).toMatchObject({ body: { in: 'time' } })
  })
})

describe('the breaker', () => {
  it.each<[string, Fault]>([
    ['server errors', { status: 500 }],
    ['resets', { reset: true }],
    ['answers that are too large', { huge: 1 }],
  ])('opens after ten failures in a row, probes once after the pause and closes again: %s', async (_, fault) => {
    const { emulator, transport, clock } = await toEmulator()
    emulator.faults.set('verifyAccessToken', fault)
    for (let nth = 0; nth < 10; nth++) await outageOf(transport.send(verify))
    const calls = emulator.calls.total()
    const open = await outageOf(transport.send(verify))
    expect(open).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
    expect(emulator.calls.total()).toBe(calls)
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

  it('a call that cannot begin, because of a mistake of ours: an outage, and the mistake is reported', async () => {
    const bug = new TypeError('a bug')
    const unexpected = vi.fn()
    const dispatcher = {
      dispatch: () => {
        throw bug
      },
    } as unknown as Dispatcher
    const { transport } = to(await closedPort(), {
      dispatcher,
      telemetry: { ...createSilentTelemetry(), unexpected },
    })
    expect(await outageOf(transport.send(verify))).toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false })
    expect(unexpected).toHaveBeenCalledExactlyOnceWith(bug, 'call to LINE')
    expect(transport.room()).toBe(64)
  })

  it('a mistake of ours in the probe: the next call is the probe', async () => {
    let isBroken = false
    const wall = () => {
      if (isBroken) throw new TypeError('a bug')
      return startMs
    }
    const { emulator, transport, clock } = await toEmulator({ wall })
    const limit = { status: 429, headers: { 'retry-after': '1' } }
    emulator.faults.set('verifyAccessToken', limit)
    await rateLimitOf(transport.send(verify))
    clock.time += 1_000
    isBroken = true
    await expect(transport.send(verify)).rejects.toThrow('a bug')
    isBroken = false
    emulator.faults.clear()
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
  })

  it('while it is open: refuses at once, even if no slot is free', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 1 })
    emulator.faults.set('verifyAccessToken', { status: 429 })
    await rateLimitOf(transport.send(verify))
    emulator.faults.set('profile', { hang: true })
    const first = outageOf(transport.send(profile))
    await rateLimitOf(transport.send(verify))
    expect(transport.room()).toBe(0)
    await emulator.close()
    await first
  })

  it('stays closed after refusals and after answers that are not JSON', async () => {
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

  it('counts a call that was sent twice as one failure', async () => {
    const { emulator, transport } = await toEmulator()
    emulator.faults.set('verifyAccessToken', { reset: true })
    for (let nth = 0; nth < 9; nth++) await outageOf(transport.send(verify))
    emulator.faults.clear()
    expect(await transport.send(verify)).toMatchObject({ status: 400 })
  })
})

describe('slots', () => {
  it('limit the calls in flight, and every call is answered', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 4 })
    emulator.faults.set('*', { latencyMs: 10 })
    expect(transport.room()).toBe(4)
    const all = Array.from({ length: 60 }, (_, nth) => transport.send(nth % 2 ? profile : verify))
    expect(transport.room()).toBe(0)
    await Promise.all(all)
    expect(emulator.calls.total()).toBe(60)
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(4)
    expect(transport.room()).toBe(4)
  })

  it('are all used at the same time', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 4 })
    emulator.faults.set('*', { hang: true })
    const all = Array.from({ length: 5 }, () => outageOf(transport.send(token)))
    await expect.poll(() => emulator.calls.inFlight(), { timeout: 30_000 }).toBe(4)
    expect(transport.room()).toBe(0)
    await emulator.close()
    await Promise.all(all)
  })

  it('have a bounded queue: a call that finds it full is LINE_RATE_LIMITED', async () => {
    const { emulator, transport } = await toEmulator({ maxConcurrency: 2 })
    emulator.faults.set('profile', { latencyMs: 50 })
    const answered = Array.from({ length: 2 + 256 }, () => transport.send(profile))
    const refused = await rateLimitOf(transport.send(profile))
    expect(refused.retryAfter).toBe(1)
    emulator.faults.clear()
    await Promise.all(answered)
    expect(emulator.calls.total()).toBe(258)
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(2)
  })

  it('are free again after every end of a call', async () => {
    const test = await toEmulator({ maxConcurrency: 2 })
    const faults: Fault[] = [
      { hang: true },
      { reset: true },
      { status: 500 },
      { status: 429 },
      { huge: 1 },
      { garbage: true },
    ]
    for (const fault of faults) await callFourTimes(test, fault)
    expect(test.transport.room()).toBe(2)
  })

  async function callFourTimes({ emulator, transport, clock }: TestTransport, fault: Fault): Promise<void> {
    emulator.faults.set('profile', fault)
    const limits = fault.hang ? withLeft(200) : undefined
    await Promise.allSettled(Array.from({ length: 4 }, () => transport.send(profile, limits)))
    clock.time += 60_000
  }
})

describe('the reports', () => {
  it('are one for each call, with the five facts that LINE wants logged and the result', async () => {
    const { emulator, transport, reports } = await toEmulator()
    const endings: [Fault | undefined, object][] = [
      [undefined, { status: 401, outcome: 'refused', description: 'invalid token' }],
      [{ status: 500 }, { status: 500, outcome: 'failed', failure: 'LINE answered with a server error' }],
      [{ reset: true }, { status: undefined, outcome: 'no_answer', failure: 'The connection to LINE failed' }],
      [
        { hang: true },
        {
          status: undefined,
          outcome: 'no_answer',
          failure: 'LINE did not answer in time: less than LINE_TIMEOUT_MS was left',
        },
      ],
      [{ huge: 1 }, { status: undefined, outcome: 'no_answer', failure: 'The answer of LINE is larger than 64 KB' }],
      [{ status: 429 }, { status: 429, outcome: 'limited' }],
    ]
    for (const [fault, expected] of endings) {
      if (fault) emulator.faults.set('profile', fault)
      const sent = transport.send(profile, fault?.hang ? withLeft(200) : undefined)
      await Promise.allSettled([sent.then(judgeProfile)])
      expect(reports).toHaveLength(fault?.reset ? 2 : 1)
      expect(reports[0]).toMatchObject({ endpoint: 'profile', method: 'GET', ...expected })
      expect(reports[0]?.lineRequestId).toEqual(
        'status' in expected && expected.status ? expect.any(String) : undefined,
      )
      expect(reports[0]?.ms).toBeGreaterThan(0)
      reports.length = 0
    }
  })

  it('of a call that our own queue refused or left no time: not_sent, never an answer of LINE (B1, D3)', async () => {
    const { emulator, transport, reports } = await toEmulator({ maxConcurrency: 1 })
    emulator.faults.set('profile', { latencyMs: 50 })
    const queued = Array.from({ length: 1 + 256 }, () => transport.send(profile))
    const refused = await rateLimitOf(transport.send(verify))
    emulator.faults.clear()
    await Promise.all(queued)
    const late = await outageOf(transport.send(verify, withLeft(0)))
    for (const { message } of [refused, late]) {
      expect(message).toContain('our own queue')
      expect(message).not.toContain('answer')
    }
    const notSent = { endpoint: 'verify', status: undefined, outcome: 'not_sent' }
    expect(reports).toMatchObject([
      { ...notSent, failure: refused.message },
      { ...notSent, failure: late.message },
    ])
  })

  it('are none if LINE was not called', async () => {
    const { emulator, transport, reports } = await toEmulator()
    emulator.faults.set('profile', { status: 429 })
    await rateLimitOf(transport.send(profile))
    await rateLimitOf(transport.send(profile))
    expect(reports).toHaveLength(1)
  })
})

it('room() is the number of calls that could start now', async () => {
  const { transport } = await toEmulator({ maxConcurrency: 3 })
  expect(transport.room()).toBe(3)
  const call = transport.send(certs)
  expect(transport.room()).toBe(2)
  await call
  expect(transport.room()).toBe(3)
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

/** Opens a connection. The next call is then sent in the same tick, so its deadline cannot pass before. */
async function openConnection({ send }: TestTransport['transport']): Promise<void> {
  await send(certs)
  await new Promise(setImmediate)
}

/** Blocks the event loop. Its timers use the time of the loop, which is then behind, so they may fire early. */
async function blockEventLoop(ms: number): Promise<void> {
  await new Promise(setImmediate)
  const until = performance.now() + ms
  while (performance.now() < until);
}
