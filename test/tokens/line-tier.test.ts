import { describe, expect, it } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.ts'
import { askLine } from '../../src/tokens/line-tier.ts'
import type { Subject } from '../../src/tokens/record.ts'
import { here, junk, START_MS, times, useLayer, web, wordFor } from '../harness/token-layer.ts'

const layer = useLayer()

/** LINE left the question open: never a reason to log anyone out. */
const open: readonly [name: string, fault: Fault][] = [
  ['a status of 500', { status: 500, body: { error: 'invalid_request' } }],
  ['a status of 503', { status: 503 }],
  ['429', { status: 429, body: { error: 'invalid_request' } }],
  ['403', { status: 403, body: { message: 'Access Denied' } }],
  ['404', { status: 404, body: { message: 'Not Found' } }],
  ['413', { status: 413 }],
  ['a redirect', { status: 302, headers: { location: 'https://line.example/' } }],
  ['204', { status: 204 }],
  ['nothing', { empty: true }],
  ['no JSON', { garbage: true }],
  ['a list', { body: [] }],
  ['null', { body: null }],
  ['a text', { body: '"text"' }],
  ['no members', { body: {} }],
  [
    'inherited members',
    { body: '{"__proto__":{"client_id":"1000000001","expires_in":60,"scope":"profile","userId":"U1"}}' },
  ],
  ['half an answer', { truncated: true }],
  ['8 MB', { huge: true }],
  ['compression nobody asked for', { gzip: true }],
  ['a reset', { reset: true }],
  ['a closed connection', { close: true }],
]

it.each(open)('%s is unknown wherever it comes from, and forgotten at once', async (_, fault) => {
  const { ask, issue, emulator, clock } = layer()
  for (const subject of ['verification', 'profile', 'userinfo', 'friendship'] as const) {
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
  ])('with %s is a refusal', async (_, body, reason) => {
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
  ])('with %s leaves it open', async (_, body) => {
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
  ])('that LINE refuses with %j is a refusal whatever it says: %s', async (text, reason) => {
    const { ask, issue, emulator } = layer()
    const body = { error: 'invalid_request', error_description: text }
    emulator.faults.set('verifyAccessToken', { status: 400, body })
    expect(await ask(issue())).toMatchObject({ verdict: 'invalid', reason })
  })

  it.each<[string, Fault]>([
    ['401', { status: 401, body: { error: 'invalid_request' } }],
    ['another error', { status: 400, body: { error: 'invalid_client' } }],
    ['HTML', { status: 400, body: '<html>Bad Request</html>' }],
    ['no body', { status: 400 }],
  ])('that fails with %s is none', async (_, fault) => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('verifyAccessToken', fault)
    expect(wordFor(await ask(issue()))).toBe('LINE_UNAVAILABLE')
  })

  it('counts from the moment of asking, so that a token is never believed longer than LINE does', async () => {
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

  it('takes along what is asked with it, in one round trip', async () => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('*', { latencyMs: 20 })
    await ask(issue(), 'profile')
    expect(emulator.calls.maxInFlight()).toBe(2)
  })

  it('that is good does not outweigh a reading that is refused', async () => {
    const { ask, issue, emulator, metric } = layer()
    emulator.faults.set('profile', { status: 401, body: { message: 'The access token revoked' } })
    expect(await ask(issue(), 'profile')).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 1 })
    expect(await metric('gateway_tokens_in_memory')).toBe(0)
  })

  it('that is refused outweighs a reading that is good', async () => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('verifyAccessToken', { status: 400, body: { error: 'invalid_request' } })
    expect(await ask(issue(), 'profile')).toMatchObject({ verdict: 'invalid', reason: 'INVALID' })
  })

  it('of a token whose scopes forbid the reading is not troubled by its 403', async () => {
    const { ask, issue } = layer()
    expect(await ask(issue({ scope: 'openid' }), 'profile')).toMatchObject({
      verdict: 'valid',
      record: { profile: undefined },
    })
  })
})

describe('a reading', () => {
  it.each<[Subject, 'profile' | 'userinfo' | 'friendship', Record<string, unknown>[]]>([
    [
      'profile',
      'profile',
      [{ displayName: 'x' }, { userId: 7, displayName: 'x' }, { userId: '', displayName: 'x' }, { userId: 'U1' }],
    ],
    ['userinfo', 'userinfo', [{ name: 'x' }, { sub: 7 }, { sub: '' }]],
    ['friendship', 'friendship', [{ friendFlag: 1 }, { friendFlag: 'yes' }, { friendFlag: null }]],
  ])('of %s with members of the wrong type leaves it open', async (subject, endpoint, bodies) => {
    const { ask, issue, emulator } = layer()
    for (const body of bodies) {
      emulator.faults.set(endpoint, { body })
      expect(wordFor(await ask(issue(), subject))).toBe('LINE_UNAVAILABLE')
    }
  })

  it('of a friendship with no official account linked is an answer: null', async () => {
    const { ask, issue, emulator } = layer()
    const body = { message: 'There is no login bot linked to this channel.' }
    emulator.faults.set('friendship', { status: 400, body })
    expect(await ask(issue(), 'friendship')).toMatchObject({ record: { friendship: { isFriend: null } } })
  })

  it('of userinfo tells who it is', async () => {
    const { ask, issue, emulator } = layer()
    const [user] = emulator.users
    expect(await ask(issue({ scope: 'openid' }), 'userinfo')).toMatchObject({ record: { userId: user?.userId } })
  })

  it('of a token nobody verified is a mistake of ours', async () => {
    const never = () => Promise.reject(new Error('not asked'))
    const line = { verifyAccessToken: never, profile: never, userinfo: never, friendship: never }
    const resolve = askLine(
      line,
      () => true,
      () => 0,
    )
    expect(() => resolve({ token: junk(1), subject: 'profile', clientAddress: here, since: 0 })).toThrow(TypeError)
  })

  it('that throws what is no outage is a bug, and not an answer', async () => {
    const broken = () => Promise.reject(new TypeError('a bug'))
    const line = { verifyAccessToken: broken, profile: broken, userinfo: broken, friendship: broken }
    const resolve = askLine(
      line,
      () => true,
      () => 0,
    )
    const question = { token: junk(1), subject: 'verification', clientAddress: here, since: 0 } as const
    await expect(resolve(question)).rejects.toThrow('a bug')
  })
})

it('a 429 is told with how long LINE wants to be left alone, and obeyed', async () => {
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

it('a row of failures slows us down, and within two seconds everyone is served again', async () => {
  const { ask, issue, emulator, clock } = layer()
  emulator.faults.set('verifyAccessToken', { status: 500 })
  for (let n = 0; n < 200; n += 1) expect(wordFor(await ask(issue()))).toBe('LINE_UNAVAILABLE')
  expect(emulator.calls.of('verifyAccessToken')).toBeLessThanOrEqual(20)
  emulator.faults.clear()
  clock.advance(2_000)
  expect(wordFor(await ask(issue()))).toBe('valid')
  expect((await Promise.all(times(50, () => ask(issue())))).map(wordFor)).toEqual(times(50, () => 'valid'))
})
