import { setImmediate } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.ts'
import type { LineAnswer } from '../../src/line/transport.ts'
import { askLine } from '../../src/tokens/line-tier.ts'
import { type ReadingName, readingNames } from '../../src/tokens/readings.ts'
import { readingSamples } from '../harness/reading-samples.ts'
import { here, junk, START_MS, times, useLayer, web, wordFor } from '../harness/token-layer.ts'

const layer = useLayer()

/** Answers that say nothing about the token: never a reason to log a user out. */
const outages: readonly [name: string, fault: Fault][] = [
  ['a status of 500', { status: 500, body: { error: 'invalid_request' } }],
  ['a status of 503', { status: 503 }],
  ['429', { status: 429, body: { error: 'invalid_request' } }],
  ['403', { status: 403, body: { message: 'Access Denied' } }],
  ['404', { status: 404, body: { message: 'Not Found' } }],
  ['413', { status: 413 }],
  ['a redirect', { status: 302, headers: { location: 'https://line.example/' } }],
  ['204', { status: 204 }],
  ['an empty body', { empty: true }],
  ['a body that is not JSON', { garbage: true }],
  ['a list', { body: [] }],
  ['null', { body: null }],
  ['a text', { body: '"text"' }],
  ['no members', { body: {} }],
  [
    'inherited members',
    { body: '{"__proto__":{"client_id":"1000000001","expires_in":60,"scope":"profile","userId":"U1"}}' },
  ],
  ['half an answer', { truncated: true }],
  ['a body of 8 MB', { huge: true }],
  ['compression that we did not request', { gzip: true }],
  ['a reset', { reset: true }],
  ['a closed connection', { close: true }],
]

it.each(outages)('%s: unknown for every subject; two seconds later the token is valid', async (_, fault) => {
  const { ask, issue, emulator, clock } = layer()
  for (const subject of ['verification', ...readingNames] as const) {
    const token = issue()
    emulator.faults.set(subject === 'verification' ? 'verifyAccessToken' : subject, fault)
    expect(await ask(token, subject), subject).toMatchObject({
      verdict: 'unknown',
      outage: { code: expect.stringMatching(/^LINE_(UNAVAILABLE|RATE_LIMITED)$/), retryAfter: expect.any(Number) },
    })
    emulator.faults.clear()
    clock.advance(2_000)
    expect(wordFor(await ask(token, subject)), subject).toBe('valid')
  }
})

describe('a verification', () => {
  const good = { scope: 'profile openid', client_id: web.id, expires_in: 60 }

  it.each<[string, unknown, string]>([
    ['another channel', { ...good, client_id: '1000000009' }, 'WRONG_CHANNEL'],
    ['a longer channel id', { ...good, client_id: `${web.id}0` }, 'WRONG_CHANNEL'],
    ['a shorter channel id', { ...good, client_id: web.id.slice(0, -1) }, 'WRONG_CHANNEL'],
    ['an empty channel id', { ...good, client_id: '' }, 'WRONG_CHANNEL'],
    ['an expires_in of 0', { ...good, expires_in: 0 }, 'EXPIRED'],
    ['a negative expires_in', { ...good, expires_in: -1 }, 'EXPIRED'],
    ['an expires_in of -1e308', { ...good, expires_in: -1e308 }, 'EXPIRED'],
  ])('with %s: refused', async (_, body, reason) => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    emulator.faults.set('verifyAccessToken', { body })
    expect(await ask(token)).toMatchObject({ verdict: 'invalid', reason })
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'invalid', reason })
  })

  it.each<[string, unknown]>([
    ['no channel', { ...good, client_id: undefined }],
    ['a channel id that is a number', { ...good, client_id: Number(web.id) }],
    ['a channel id in a list', { ...good, client_id: [web.id] }],
    ['no expires_in', { ...good, expires_in: undefined }],
    ['an expires_in that is a text', { ...good, expires_in: '60' }],
    ['an expires_in that is true', { ...good, expires_in: true }],
    ['an expires_in of null', { ...good, expires_in: null }],
    ['an expires_in of 1e308', { ...good, expires_in: 1e308 }],
    ['no scope', { ...good, scope: undefined }],
    ['a scope that is a list', { ...good, scope: ['profile'] }],
  ])('with %s: LINE_UNAVAILABLE', async (_, body) => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('verifyAccessToken', { body })
    expect(wordFor(await ask(issue()))).toBe('LINE_UNAVAILABLE')
  })

  it.each([
    ['The access token expired', 'EXPIRED'],
    ['access token expired', 'EXPIRED'],
    ['The access token revoked', 'REVOKED'],
    ['The access token malformed', 'MALFORMED'],
    ['The access token not JWS', 'MALFORMED'],
    ['something new', 'INVALID'],
    [undefined, 'INVALID'],
    [7, 'INVALID'],
  ])('refused with 400 and the text %j: %s', async (text, reason) => {
    const { ask, issue, emulator } = layer()
    const body = { error: 'invalid_request', error_description: text }
    emulator.faults.set('verifyAccessToken', { status: 400, body })
    expect(await ask(issue())).toMatchObject({ verdict: 'invalid', reason })
  })

  it.each<[string, Fault]>([
    ['401', { status: 401, body: { error: 'invalid_request' } }],
    ['400 and another error', { status: 400, body: { error: 'invalid_client' } }],
    ['400 and HTML', { status: 400, body: '<html>Bad Request</html>' }],
    ['400 and no body', { status: 400 }],
  ])('answered with %s: LINE_UNAVAILABLE', async (_, fault) => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('verifyAccessToken', fault)
    expect(wordFor(await ask(issue()))).toBe('LINE_UNAVAILABLE')
  })

  it('its times count from the request, so a token is never served longer than LINE accepts it', async () => {
    const { ask, issue, clock, answers } = layer()
    const token = issue({ expiresIn: 60 })
    answers.hold()
    const asked = ask(token, 'profile')
    await answers.settled()
    clock.advance(10_000)
    await answers.release()
    expect(await asked).toMatchObject({
      record: { verifiedAt: START_MS, expiresAt: START_MS + 60_000, profile: { readAt: START_MS } },
    })
  })

  it('with a reading alongside: both calls are in flight at the same time', async () => {
    const { ask, issue, answers } = layer()
    answers.hold()
    const asked = ask(issue(), 'profile')
    await answers.settled()
    expect(answers.waiting()).toBe(2)
    await answers.release()
    expect(await asked).toMatchObject({ verdict: 'valid', record: { profile: { readAt: START_MS } } })
  })

  it('that is valid, with a reading that is refused: refused', async () => {
    const { ask, issue, emulator, metric } = layer()
    emulator.faults.set('profile', { status: 401, body: { message: 'The access token revoked' } })
    expect(await ask(issue(), 'profile')).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 1 })
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
  })

  it('that is refused, with a reading that is valid: refused', async () => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('verifyAccessToken', { status: 400, body: { error: 'invalid_request' } })
    expect(await ask(issue(), 'profile')).toMatchObject({ verdict: 'invalid', reason: 'INVALID' })
  })

  it('of a token without the scope of the reading: valid, without the reading', async () => {
    const { ask, issue } = layer()
    expect(await ask(issue({ scope: 'openid' }), 'profile')).toMatchObject({
      verdict: 'valid',
      record: { profile: undefined },
    })
  })
})

describe('a reading', () => {
  it.each(readingNames)('%s with a missing member or one of the wrong type: LINE_UNAVAILABLE', async (reading) => {
    const { ask, issue, emulator } = layer()
    for (const body of readingSamples[reading].unusable) {
      emulator.faults.set(reading, { body })
      expect(wordFor(await ask(issue(), reading))).toBe('LINE_UNAVAILABLE')
    }
  })

  it('friendship without a linked official account: isFriend is null', async () => {
    const { ask, issue, emulator } = layer()
    const body = { message: 'There is no login bot linked to this channel.' }
    emulator.faults.set('friendship', { status: 400, body })
    expect(await ask(issue(), 'friendship')).toMatchObject({ record: { friendship: { isFriend: null } } })
  })

  it('userinfo: the user ID of the token', async () => {
    const { ask, issue, emulator } = layer()
    const [user] = emulator.users
    expect(await ask(issue({ scope: 'openid' }), 'userinfo')).toMatchObject({ record: { userId: user?.userId } })
  })

  it('of a token that was not verified: TypeError', async () => {
    const resolve = askBrokenLine(new Error('LINE must not be called'))
    expect(() => resolve({ token: junk(1), subject: 'profile', ...here })).toThrow(TypeError)
  })

  it('that throws an error other than an outage: rejects with it', async () => {
    const question = { token: junk(1), subject: 'verification', ...here } as const
    await expect(askBrokenLine(new TypeError('a bug'))(question)).rejects.toThrow('a bug')
  })

  it.each<[string, LineAnswer, string]>([
    ['of a good token', verified(web.id, 'profile'), 'a bug'],
    ['of a token of another channel', verified('1000000009', 'profile'), 'WRONG_CHANNEL'],
    ['of a token without its scope', verified(web.id, 'openid'), 'valid'],
  ])('alongside that throws before the verification %s: the process goes on', async (_, verification, expected) => {
    const rejections: unknown[] = []
    const note = (reason: unknown) => rejections.push(reason)
    process.on('unhandledRejection', note)
    const resolve = askBrokenLine(new TypeError('a bug'), () => setImmediate(verification))
    const question = { token: junk(1), subject: 'verification', alongside: 'profile', ...here } as const
    const answered = Promise.resolve(resolve(question)).then(wordFor, ({ message }) => message)
    expect(await answered).toBe(expected)
    process.off('unhandledRejection', note)
    expect(rejections).toEqual([])
  })

  /** The tier on a client of which every call rejects, except where `verifyAccessToken` is given. */
  function askBrokenLine(error: Error, verifyAccessToken?: () => Promise<LineAnswer>) {
    const call = () => Promise.reject(error)
    const calls = Object.fromEntries(readingNames.map((name) => [name, call])) as Record<ReadingName, typeof call>
    return askLine(
      { verifyAccessToken: verifyAccessToken ?? call, ...calls },
      (channelId) => channelId === web.id,
      () => 0,
    )
  }
})

it('429: LINE_RATE_LIMITED with its Retry-After, and no call to LINE until then', async () => {
  const { ask, issue, emulator, clock } = layer()
  emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '2' } })
  expect(await ask(issue())).toMatchObject({ outage: { code: 'LINE_RATE_LIMITED', retryAfter: 2 } })
  emulator.faults.clear()
  emulator.calls.reset()
  const refused = await Promise.all(times(50, () => ask(issue())))
  expect(new Set(refused.map(wordFor))).toEqual(new Set(['LINE_RATE_LIMITED']))
  expect(emulator.calls.total()).toBe(0)
  clock.advance(2_000)
  expect(wordFor(await ask(issue()))).toBe('valid')
})

it('failures in a row: LINE is called less, and two seconds after its recovery all are served', async () => {
  const { ask, issue, emulator, clock } = layer()
  emulator.faults.set('verifyAccessToken', { status: 500 })
  for (let n = 0; n < 200; n += 1) expect(wordFor(await ask(issue()))).toBe('LINE_UNAVAILABLE')
  expect(emulator.calls.of('verifyAccessToken')).toBeLessThanOrEqual(20)
  emulator.faults.clear()
  clock.advance(2_000)
  expect(wordFor(await ask(issue()))).toBe('valid')
  expect((await Promise.all(times(50, () => ask(issue())))).map(wordFor)).toEqual(times(50, () => 'valid'))
})

/** LINE's answer to a verification. */
function verified(channelId: string, scope: string): LineAnswer {
  return { status: 200, body: { client_id: channelId, scope, expires_in: 60 }, lineRequestId: undefined }
}
