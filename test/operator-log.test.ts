import { afterEach, describe, expect, test, vi } from 'vitest'
import type { Fault } from '../src/emulator/emulator.ts'
import { exchange, logIn } from './harness/log-in.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { metricValue } from './harness/metric-value.ts'
import {
  callsTo,
  codesOf,
  linesOf,
  native,
  type Reply,
  type RunningGateway,
  startRunningGateway,
  web,
} from './harness/running-gateway.ts'

/** What the log says about LINE, about wrong settings and about floods, through the whole gateway. */

const wrongSecret = 'CaNaRy-wrong-secret'
let gateway: RunningGateway
afterEach(() => {
  expectKnownLines(gateway.log())
  return gateway.close()
})

async function start(settings: NodeJS.ProcessEnv): Promise<void> {
  gateway = await startRunningGateway({ LOG_LEVEL: 'info', ...settings })
}

const refresh = (refreshToken: string | undefined) =>
  gateway.ask('mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { tokenType } }', {
    variables: { input: { refreshToken } },
  })
const revoke = (accessToken: string) =>
  gateway.ask('mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }', {
    variables: { input: { accessToken } },
  })
const exchangeLogin = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { idToken } }'
const deauthorize = (token: string) => gateway.ask('mutation { deauthorize { deauthorized } }', { token })
const viewer = (token: string) => gateway.ask('{ viewer { displayName } }', { token })

function expectMisconfigured(reply: Reply): void {
  expect(codesOf(reply)).toEqual(['MISCONFIGURED'])
  expect(reply.status).toBe(200)
  expect(reply.headers['retry-after']).toBeUndefined()
  expect(reply.errors[0]?.extensions).not.toHaveProperty('retryAfter')
  expect(reply.text).not.toMatch(/LINE_CHANNEL|invalid_client|CaNaRy/)
}

describe('a wrong channel secret', () => {
  test('every call with the secret: MISCONFIGURED, and an error line with setting, channel and word (D3)', async () => {
    await start({ LINE_CHANNEL_SECRET: wrongSecret })
    const { accessToken, refreshToken } = gateway.issue()
    const { input } = await logIn(gateway)
    expectMisconfigured(
      await exchange(
        gateway,
        input,
        'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { idToken } }',
      ),
    )
    expectMisconfigured(await refresh(refreshToken))
    expectMisconfigured(await revoke(gateway.issue().accessToken))
    expectMisconfigured(await deauthorize(accessToken))
    expectKnownLines(gateway.log(), 'lineRefusesSettings')
    const expected = { setting: 'LINE_CHANNEL_SECRET', channelId: web.id, error: 'invalid_client', outcome: 'refused' }
    expect(linesOf(gateway, 'error')).toEqual(
      ['token', 'token', 'revoke', 'channelToken'].map((endpoint) =>
        expect.objectContaining({ ...expected, endpoint, msg: expect.stringContaining('LINE_CHANNEL_SECRET') }),
      ),
    )
    const failed = { msg: 'operation failed', code: 'MISCONFIGURED', lineError: 'invalid_client' }
    const operations = linesOf(gateway, 'info').filter(({ msg }) => msg === failed.msg)
    expect(operations).toEqual(
      ['exchangeLogin', 'refreshToken', 'revokeToken', 'deauthorize'].map((fields) =>
        expect.objectContaining({ ...failed, fields, lineRequestId: expect.any(String) }),
      ),
    )
    expect(gateway.log()).not.toContain('CaNaRy')
  })

  test.each(['unauthorized_client', 'unsupported_grant_type'])('%s is the same (D3)', async (error) => {
    await start({ LINE_CHANNELS: JSON.stringify([web, native]) })
    const { refreshToken } = gateway.issue()
    gateway.emulator.faults.set('token', { status: 401, body: { error, error_description: `no ${web.secret}` } })
    const reply = await gateway.ask(
      'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { tokenType } }',
      { variables: { input: { refreshToken, channelId: web.id } } },
    )
    expectMisconfigured(reply)
    expect(linesOf(gateway, 'error')).toMatchObject([
      { setting: 'LINE_CHANNELS', channelId: web.id, error, description: '(withheld)' },
    ])
  })

  test('nobody is logged out or limited, and no breaker opens: 40 refreshes, then new users come (D3)', async () => {
    await start({ LINE_CHANNEL_SECRET: wrongSecret })
    const { accessToken, refreshToken } = gateway.issue()
    for (let n = 0; n < 40; n += 1) expectMisconfigured(await refresh(gateway.issue().refreshToken))
    expectMisconfigured(await refresh(refreshToken))
    expect(codesOf(await viewer(accessToken))).toEqual([])
    expect(callsTo(gateway.emulator).token).toBe(41)
    expect(gateway.log()).not.toContain('circuit breaker')
  })

  test('the same revocation in a loop: one call to LINE in two seconds (D3)', async () => {
    await start({ LINE_CHANNEL_SECRET: wrongSecret })
    const { accessToken } = gateway.issue()
    for (let n = 0; n < 10; n += 1) expectMisconfigured(await revoke(accessToken))
    expect(callsTo(gateway.emulator).revoke).toBe(1)
    gateway.advance(2_000)
    expectMisconfigured(await revoke(accessToken))
    expect(callsTo(gateway.emulator).revoke).toBe(2)
  })
})

test('invalid_request from the token endpoint: LINE_UNAVAILABLE without retryAfter, logged with its words (D3)', async () => {
  await start({})
  const { refreshToken } = gateway.issue()
  gateway.emulator.faults.set('token', {
    status: 400,
    body: { error: 'invalid_request', error_description: 'code_verifier is missing' },
  })
  const reply = await refresh(refreshToken)
  expect(codesOf(reply)).toEqual(['LINE_UNAVAILABLE'])
  expect(reply.text).not.toContain('retryAfter')
  expect(linesOf(gateway, 'info')).toContainEqual(
    expect.objectContaining({ msg: 'operation failed', code: 'LINE_UNAVAILABLE', lineError: 'invalid_request' }),
  )
  expect(linesOf(gateway, 'info')).toContainEqual(
    expect.objectContaining({
      endpoint: 'token',
      status: 400,
      outcome: 'refused',
      error: 'invalid_request',
      description: 'code_verifier is missing',
    }),
  )
})

test("a refused token: LINE's error word is in the line of the operation, and in no answer (D13)", async () => {
  await start({})
  const refused = await viewer('junk')
  const again = await viewer('junk')
  const stale = gateway.issue()
  gateway.emulator.faults.set('profile', { status: 401, body: { error: 'made up', message: 'x' } })
  const late = await viewer(stale.accessToken)
  for (const { text } of [refused, again, late]) expect(text).not.toMatch(/invalid_request|lineError|made up|other/)
  const lines = linesOf(gateway, 'info').filter(({ msg }) => msg === 'operation failed')
  expect(lines.map(({ lineError, lineRequestId }) => [lineError, typeof lineRequestId])).toEqual([
    ['invalid_request', 'string'],
    [undefined, 'undefined'],
    ['other', 'string'],
  ])
})

test('each way that a call to LINE can end, and what an operation says of it: known lines (D13)', async () => {
  await start({ LOG_LEVEL: 'debug', LINE_CHANNELS: JSON.stringify([web, { ...native, secret: undefined }]) })
  const fault = (given: Fault) => gateway.emulator.faults.set('verifyAccessToken', given)
  const ask = () => viewer(gateway.issue().accessToken)
  await ask()
  await viewer('junk')
  const ends: readonly Fault[] = [{ body: {} }, { status: 500 }, { reset: true }]
  for (const given of ends) {
    fault(given)
    await ask()
  }
  gateway.emulator.faults.clear()
  await deauthorize(gateway.issue({ channelId: native.id }).accessToken)
  await gateway.ask('{ viewer { apiToken { token } } }', { token: gateway.issue().accessToken })
  gateway.emulator.faults.set('revoke', { status: 500 })
  await gateway.ask('mutation { logout { revoked } }', { token: gateway.issue().accessToken })
  fault({ status: 429 })
  await ask()
  await gateway.send('/graphql?query={__typename}', { headers: { 'x-forwarded-for': '192.0.2.1' } })
  await gateway.drain()
  const log = gateway.log()
  expectKnownLines(log, 'operation', 'operationFailed', 'lineAnswered', 'lineRefused', 'lineUnreadable', 'lineFailed')
  expectKnownLines(log, 'lineNoAnswer', 'lineLimited', 'noChannelSecret', 'noKeyFile', 'breakerOpen')
  expectKnownLines(log, 'revocationsGivenUp', 'unlistedProxy')
})

test('LOG_CLIENT_NETWORK=false: the lines of failed operations have no network (D13)', async () => {
  await start({ LOG_CLIENT_NETWORK: 'false', FAILED_TOKENS_BURST: '1' })
  for (const token of ['junk-1', 'junk-2']) await viewer(token)
  await gateway.send('/graphql?query={__typename}', { headers: { 'x-forwarded-for': '192.0.2.1' } })
  expect(gateway.log()).toContain('"RATE_LIMITED"')
  expect(gateway.log()).toContain('X-Forwarded-For is ignored')
  expect(gateway.log()).not.toMatch(/"network"|127\.0\.0\.1/)
})

describe('LINE repeats what was sent to it', () => {
  const canary = `CaNaRy-${'0123456789'.repeat(4)}`
  const login = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { idToken } }'
  const good = { code: 'code-1', redirectUri: 'https://app.example/cb', codeVerifier: 'v'.repeat(43) }
  const uri = `https://app.example/cb?x=${canary}`
  const goodVerification = { client_id: web.id, scope: 'profile', expires_in: 86_400 }

  test.each<[string, string, string, () => Promise<Reply>]>([
    ['an access token', 'verifyAccessToken', canary, () => viewer(canary)],
    ['a refresh token', 'token', canary, () => refresh(canary)],
    ['a code', 'token', canary, () => exchange(gateway, { ...good, code: canary }, login)],
    ['a code verifier', 'token', canary, () => exchange(gateway, { ...good, codeVerifier: canary }, login)],
    ['a redirect URI', 'token', uri, () => exchange(gateway, { ...good, redirectUri: uri }, login)],
    ['a channel secret', 'token', canary, () => refresh('refresh-1')],
    ['a token to revoke', 'revoke', canary, () => revoke(canary)],
  ])('%s: it is in no log line, and the text is withheld (D3)', async (_, endpoint, value, ask) => {
    await start({ LOG_LEVEL: 'trace', LINE_CHANNEL_SECRET: canary })
    if (endpoint === 'revoke') gateway.emulator.faults.set('verifyAccessToken', { body: goodVerification })
    for (const sent of [value, encodeURIComponent(value), value.toUpperCase()]) {
      for (const body of [
        { error: sent, error_description: `no ${sent}` },
        { error: 'invalid_grant', message: sent },
      ]) {
        gateway.emulator.faults.set(endpoint as 'token', { status: 400, body })
        await ask()
        gateway.advance(3_600_000)
      }
    }
    expect(gateway.log()).toContain('"description":"(withheld)"')
    expect(gateway.log()).not.toMatch(/CaNaRy/i)
  })
})

test('LINE answers what it does not document: the log names endpoint, status and member, the answer does not (D3)', async () => {
  await start({ METRICS_PORT: '0' })
  const { accessToken } = gateway.issue()
  const body = { client_id: web.id, scope: 'profile', expires_in: '60' }
  gateway.emulator.faults.set('verifyAccessToken', { body })
  const reply = await viewer(accessToken)
  expect(codesOf(reply)).toEqual(['LINE_UNAVAILABLE'])
  expect(reply.text).not.toContain('expires_in')
  expect(linesOf(gateway, 'warn')).toMatchObject([
    {
      endpoint: 'verify',
      status: 200,
      outcome: 'unreadable',
      failure: '"response" body "expires_in" property must be a positive number',
    },
  ])
  const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  expect(metricValue(metrics, 'gateway_line_calls_total{endpoint="verify",outcome="unreadable"}')).toBe(1)
  expect(metricValue(metrics, 'gateway_line_calls_total{endpoint="verify",outcome="answered"}')).toBe(0)
})

test('tokens without the scope of the profile: refused by LINE, which is no answer that LINE does not document', async () => {
  await start({ METRICS_PORT: '0' })
  for (let n = 0; n < 3; n += 1) {
    const { accessToken } = gateway.issue({ scope: 'openid' })
    expect(codesOf(await viewer(accessToken))).toEqual(['FORBIDDEN'])
  }
  expect(callsTo(gateway.emulator)).toMatchObject({ profile: 3 })
  expect(linesOf(gateway, 'warn')).toEqual([])
  const line = { endpoint: 'profile', status: 403, outcome: 'refused', description: 'Access Denied' }
  expect(linesOf(gateway, 'info').filter(({ endpoint }) => endpoint === 'profile')).toMatchObject([line, line, line])
  const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
  expect(metricValue(metrics, 'gateway_line_calls_total{endpoint="profile",outcome="refused"}')).toBe(3)
  expect(metricValue(metrics, 'gateway_line_calls_total{endpoint="profile",outcome="unreadable"}')).toBe(0)
})

test.each<[string, Fault]>([
  ['HTML', { body: '<html>Log in to the network of this hotel</html>' }],
  ['garbage', { garbage: true }],
  ['gzip', { status: 200, body: 'x', headers: { 'content-encoding': 'gzip' } }],
  ['an array', { body: [] }],
])(
  'LINE confirms a revocation with %s: LINE_UNAVAILABLE, unreadable in the log, called again (D3)',
  async (_, fault) => {
    await start({})
    gateway.emulator.faults.set('revoke', { ...fault, times: 1 })
    gateway.emulator.faults.set('deauthorize', { ...fault, times: 1 })
    const [one, other] = [gateway.issue().accessToken, gateway.issue().accessToken]
    expect(codesOf(await gateway.ask('mutation { logout { revoked } }', { token: one }))).toEqual(['LINE_UNAVAILABLE'])
    expect(codesOf(await deauthorize(other))).toEqual(['LINE_UNAVAILABLE'])
    const unreadable = { status: 200, outcome: 'unreadable', failure: '"response" body must be empty' }
    expect(linesOf(gateway, 'warn').filter(({ endpoint }) => endpoint !== undefined)).toMatchObject([
      { ...unreadable, endpoint: 'revoke' },
      { ...unreadable, endpoint: 'deauthorize' },
    ])
    await vi.waitFor(() => {
      gateway.advance(1_000)
      expect(callsTo(gateway.emulator)).toMatchObject({ revoke: 2, deauthorize: 2 })
    }, 20_000)
  },
)

test('LINE fails ten times: the log says that the breaker opens and closes again (D3)', async () => {
  await start({ FAILED_TOKENS_BURST: '1000' })
  gateway.emulator.faults.set('verifyAccessToken', { status: 500 })
  for (let n = 0; n < 12; n += 1) await viewer(gateway.issue().accessToken)
  gateway.emulator.faults.clear()
  gateway.advance(1_000)
  expect(codesOf(await viewer(gateway.issue().accessToken))).toEqual([])
  const lines = [...linesOf(gateway, 'warn'), ...linesOf(gateway, 'info')]
  const breaker = { msg: 'circuit breaker', endpoint: 'verify' }
  expect(lines.filter(({ msg }) => msg === 'circuit breaker')).toMatchObject([
    { ...breaker, state: 'open', cause: 'failures', seconds: 1 },
    { ...breaker, state: 'half_open' },
    { ...breaker, state: 'closed' },
  ])
  expectKnownLines(gateway.log(), 'breakerOpen', 'breaker')
})

test('a flood of junk refreshes or codes: hides no reason of LINE for another login (D19)', async () => {
  await start({ FAILED_TOKENS_BURST: '10000' })
  const flood = async (n: number) => {
    await refresh(`junk-${n}`)
    await exchange(gateway, { code: `junk-${n}`, redirectUri: 'https://app.example/cb' }, exchangeLogin)
  }
  for (let n = 0; n < 30; n += 1) await flood(n)
  const { input } = await logIn(gateway)
  await exchange(gateway, { ...input, redirectUri: 'https://app.example/other' }, exchangeLogin)
  for (let n = 30; n < 60; n += 1) await flood(n)
  await gateway.drain()
  const lines = linesOf(gateway, 'info').filter(({ endpoint }) => endpoint === 'token')
  const texts = ['invalid refresh token', 'invalid authorization code', 'redirect_uri does not match']
  expect(new Set(lines.map(({ description }) => description))).toEqual(new Set(texts))
  expect(lines.filter(({ description }) => description === texts[2])).toHaveLength(1)
  expect(lines.reduce((sum, { leftOut = 0 }) => sum + 1 + Number(leftOut), 0)).toBe(121)
  expect(lines.every((line) => !('sort' in line))).toBe(true)
})

test('a flood of texts that LINE makes up: few log lines, their count adds up (D19)', async () => {
  await start({ FAILED_TOKENS_BURST: '10000' })
  for (let n = 0; n < 60; n += 1) {
    const body = { error: 'invalid_grant', error_description: `reason ${n}` }
    gateway.emulator.faults.set('token', { status: 400, body, times: 1 })
    await refresh(`junk-${n}`)
  }
  await gateway.drain()
  const lines = linesOf(gateway, 'info').filter(({ endpoint }) => endpoint === 'token')
  expect(lines.length).toBeLessThan(40)
  expect(lines.reduce((sum, { leftOut = 0 }) => sum + 1 + Number(leftOut), 0)).toBe(60)
})

test('1,000 junk tokens over HTTP: tens of log lines, their counts add up, and they name the network (D19)', async () => {
  await start({})
  const startedAt = performance.now()
  const send = async (n: number) => codesOf(await viewer(`junk-${n}`))[0] ?? 'OK'
  for (let n = 0; n < 1_000; n += 50) await Promise.all(Array.from({ length: 50 }, (_, i) => send(n + i)))
  const seconds = (performance.now() - startedAt) / 1_000
  await gateway.drain()
  const failed = linesOf(gateway, 'info').filter(({ msg }) => msg === 'operation failed')
  const kinds = new Set(failed.map(({ code }) => code))
  expect(failed.length).toBeLessThan(kinds.size * (12 + seconds))
  expect(failed.reduce((sum, { leftOut = 0 }) => sum + 1 + Number(leftOut), 0)).toBe(1_000)
  expect(failed).toEqual(
    failed.map(() => expect.objectContaining({ network: '127.0.0.1', requestId: expect.any(String) })),
  )
  expect(gateway.log()).not.toContain('junk-')
})
