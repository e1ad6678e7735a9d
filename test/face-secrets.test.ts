import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { codesNotCaused, statusesNotCaused } from './harness/caused-codes.ts'
import { api, exchange, faceSettings, faces, forwardAuth, grantType, introspect, tokenTypes } from './harness/faces.ts'
import { basic, formType, jsonOf, postForm } from './harness/forms.ts'
import { writeKeyFile } from './harness/key-file.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { metricValue } from './harness/metric-value.ts'
import {
  liff,
  noSourceLimit,
  ourChannels,
  type Reply,
  type RunningGateway,
  START_MS,
  startRunningGateway,
} from './harness/running-gateway.ts'
import { createSecretSearch } from './harness/secret-search.ts'
import { tellingFaults } from './harness/telling-faults.ts'
import { newTrace, useTraceRecorder } from './harness/trace-recorder.ts'
import { createTurnHold } from './harness/turn-hold.ts'
import { cacheSecret, useWatchedRedis } from './harness/watched-redis.ts'

/** Everything here happens with the SDK of OpenTelemetry: the spans are searched too. */
const recorder = useTraceRecorder()
const redis = useWatchedRedis()
const [keyFile, oldKeyFile] = [writeKeyFile(), writeKeyFile({ retired_at: START_MS / 1_000 + 60 })]
let gateway: RunningGateway
/** With a strict limit. Its key signs for a minute only. */
let second: RunningGateway
const turn = createTurnHold()
const lookUpMs = 20_000
beforeAll(async () => {
  const settings = {
    ...ourChannels,
    ...faceSettings,
    ...redis.settings(),
    CORS_ORIGINS: 'https://app.example',
    METRICS_PORT: '0',
    PUBLIC_URL: 'https://id.example',
    SIGNING_KEYS_FILE: keyFile.path,
  }
  gateway = await startRunningGateway({ ...settings, ...noSourceLimit }, { lookUpMs })
  const strict = { SIGNING_KEYS_FILE: oldKeyFile.path, SHUTDOWN_GRACE_SECONDS: '0' }
  second = await startRunningGateway({ ...settings, ...strict }, { beside: gateway, lookUpMs, watch: turn.watch })
})
afterAll(async () => {
  await second.close()
  await gateway.close()
  keyFile.remove()
  oldKeyFile.remove()
})

/** Every secret of this file. The last tests search the log and the metrics for all of them. */
const secrets = new Set<string>([api.secret, liff.secret, cacheSecret, ...privateMembers()])
let planted = 0

function secret(value: string): string {
  secrets.add(value)
  return value
}

/** Looks like an access token of LINE. */
function canary(): string {
  planted += 1
  return secret(`eyJhbGciOiJIUzI1NiJ9.CaNaRy${planted}x${'0123456789abcdef'.repeat(3)}.end-of_it`)
}

/** Looks like an ID token of LINE, or like a JWT of ours. */
function canaryJwt(iss: string, alg = 'ES256'): string {
  const part = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64url')
  return secret(`${part({ alg, kid: canary() })}.${part({ iss, sub: canary(), aud: liff.id, name: canary() })}.c2ln`)
}

function privateMembers(): readonly string[] {
  return [...keyFile.keys(), ...oldKeyFile.keys()].flatMap(({ d }) => (d === undefined ? [] : [d]))
}

/** Expects no secret in an answer except the `allowed` ones. */
function expectNoSecret({ text, headers }: Pick<Reply, 'text' | 'headers'>, ...allowed: readonly string[]): void {
  const answer = allowed.reduce((all, one) => all.replaceAll(one, ''), text + JSON.stringify(headers))
  expect([...secrets].filter((one) => answer.includes(one))).toEqual([])
  expect(answer).not.toMatch(/CaNaRy/i)
}

const form = (token: string) => ({
  grant_type: grantType,
  subject_token: token,
  subject_token_type: tokenTypes.accessToken,
})
const ours = () => basic(api.id, api.secret)

describe('no face quotes a value of the request', () => {
  it.each<[string, () => string]>([
    ['an access token', canary],
    ['a malformed token', () => `${canary()} ${canary()}`],
    ['an ID token', () => canaryJwt('https://access.line.me')],
    ['an ID token (HS256)', () => canaryJwt('https://access.line.me', 'HS256')],
    ['a JWT that looks like ours', () => canaryJwt('https://id.example')],
    ['a JWT of somebody else', () => canaryJwt('https://other.example')],
    ['a long text', () => secret(canary().repeat(60))],
  ])('%s that is refused', async (_, credential) => {
    for (const { ask } of Object.values(faces)) expectNoSecret(await ask(gateway, credential()))
  })

  it.each<[string, (it: string) => Promise<Reply>]>([
    [
      'a channel of a route',
      (it) => gateway.send(`/auth?channel=${it}`, { headers: { authorization: `Bearer ${good()}` } }),
    ],
    [
      'the path and query of a client',
      (it) => forwardAuth(gateway, it, '203.0.113.7', `/auth/${it}?access_token=${it}`),
    ],
    ...['/auth', '/oauth/token', '/oauth/introspect', '/.well-known/jwks.json'].map(
      (path): [string, (it: string) => Promise<Reply>] => [
        `what a stranger can write into headers: ${path}`,
        (it) =>
          gateway.send(path, {
            method: path.includes('oauth') ? 'POST' : 'GET',
            headers: {
              ...newTrace().headers,
              tracestate: `canary=${it}`,
              baggage: `token=${it}`,
              host: `${it.replaceAll('_', '-')}.example`,
              origin: `https://${it}.example`,
              'user-agent': it,
              forwarded: `for=${it}`,
              'content-type': 'application/x-www-form-urlencoded',
            },
          }),
      ],
    ),
    ['another scheme', (it) => gateway.send('/auth', { headers: { authorization: `Basic ${it}` } })],
    [
      'forged headers',
      (it) => gateway.send('/auth', { headers: { 'x-line-user-id': it, 'x-forwarded-uri': it, cookie: it } }),
    ],
    ['an audience', (it) => postForm(gateway, '/oauth/token', { ...form(good()), audience: it })],
    ['a resource', (it) => postForm(gateway, '/oauth/token', { ...form(good()), resource: it })],
    ['a scope', (it) => postForm(gateway, '/oauth/token', { ...form(good()), scope: it })],
    ['a grant type', (it) => postForm(gateway, '/oauth/token', { ...form(good()), grant_type: it })],
    ['a token type', (it) => postForm(gateway, '/oauth/token', { ...form(good()), subject_token_type: it })],
    ['an actor token', (it) => postForm(gateway, '/oauth/token', { ...form(good()), actor_token: it })],
    ['a member that is not known', (it) => postForm(gateway, '/oauth/token', { ...form('x'), [it]: it })],
    ['a body of another type', (it) => postForm(gateway, '/oauth/token', {}, { 'content-type': `text/${it}` })],
    ['a body that is no form', (it) => gateway.send('/oauth/token', { method: 'POST', body: `%${it}%zz` })],
    ['a client secret', (it) => postForm(gateway, '/oauth/introspect', { token: 'x' }, basic(api.id, it))],
    ['a client ID', (it) => postForm(gateway, '/oauth/introspect', { token: 'x' }, basic(it, it))],
    [
      'a client secret in the body',
      (it) => postForm(gateway, '/oauth/introspect', { token: 'x', client_id: api.id, client_secret: it }),
    ],
    [
      'client secrets in two places',
      (it) => postForm(gateway, '/oauth/introspect', { token: it, client_secret: it }, ours()),
    ],
    [
      'Basic that is no base64',
      (it) => postForm(gateway, '/oauth/introspect', { token: it }, { authorization: `Basic ${it}` }),
    ],
    ['a hint', (it) => postForm(gateway, '/oauth/introspect', { token: it, token_type_hint: it }, ours())],
    ['a path', (it) => gateway.send(`/oauth/${it}`)],
    ['a document that is not there', (it) => gateway.send(`/.well-known/${it}?x=${it}`)],
  ])('%s', async (_, ask) => {
    expectNoSecret(await ask(canary()))
  })
})

describe('no face quotes a text of LINE', () => {
  it.each(Object.entries(tellingFaults))('with each fault of LINE: %s', async (_, fault) => {
    for (const endpoint of ['verifyAccessToken', 'profile', 'userinfo', 'certs', '*'] as const) {
      gateway.emulator.faults.set(endpoint, fault(canary()))
      for (const credential of [canary(), good(), good('openid'), canaryJwt('https://access.line.me')])
        for (const { ask } of Object.values(faces)) expectNoSecret(await ask(gateway, credential), ...ofCaller())
      gateway.emulator.faults.clear()
      // No breaker of the one before.
      gateway.advance(120_000)
    }
  })
})

describe('codes that no fault of LINE causes', () => {
  async function askAll(credential: () => string, from?: string): Promise<Reply[]> {
    const replies = []
    for (const { ask } of Object.values(faces)) replies.push(await ask(second, credential(), from))
    return replies
  }

  it('no key signs, and a missing scope, two credentials: MISCONFIGURED, FORBIDDEN, BAD_REQUEST', async () => {
    const replies = [
      ...(await askAll(good)),
      await forwardAuth(second, good(), undefined, '/auth?scope=x'),
      await second.send('/auth', {
        headers: ['authorization', `Bearer ${canary()}`, 'authorization', `Bearer ${canary()}`],
      }),
    ]
    for (const reply of replies) expectNoSecret(reply, ...ofCaller())
  })

  it('too many bad tokens of one address: RATE_LIMITED', async () => {
    for (let n = 0; n < 8; n += 1) for (const reply of await askAll(canary, '203.0.113.9')) expectNoSecret(reply)
    for (let n = 0; n < 30; n += 1)
      expectNoSecret(await introspect(second, canary(), '203.0.113.9', { id: api.id, secret: canary() }))
  })

  it('other refusals: methods, sizes, media types', async () => {
    const it = canary()
    for (const path of ['/auth', '/oauth/token', '/oauth/introspect', '/.well-known/jwks.json'])
      for (const replies of [
        gateway.send(`${path}?token=${it}`, { method: 'PUT', body: it }),
        gateway.send(`${path}?token=${it}`, { method: 'POST', body: it, headers: { 'content-type': `text/${it}` } }),
        gateway.send(path, { method: 'POST', body: it.repeat(2_000), headers: { 'content-type': formType } }),
        gateway.send(path, { method: 'OPTIONS', headers: preflight(`https://${it}.example`) }),
        gateway.send(path, { method: 'OPTIONS', headers: preflight('https://app.example') }),
      ])
        expectNoSecret(await replies)
  })

  it('an unexpected error that tells secrets: INTERNAL_SERVER_ERROR', async () => {
    const it = canary()
    gateway.breakClock(Object.assign(new Error(it, { cause: it }), { it }))
    for (const { ask } of Object.values(faces)) expectNoSecret(await ask(gateway, canary()))
    expectNoSecret(await gateway.send('/.well-known/jwks.json'))
    gateway.breakClock(undefined)
  })

  it('the process ends while LINE hangs: SHUTTING_DOWN', async () => {
    gateway.emulator.faults.set('*', { hang: true })
    const asked = Promise.all(Object.values(faces).map(({ ask }) => ask(second, good())))
    // One who connects later is refused.
    const active = async () => metricValue(await second.metrics(), 'http_server_active_requests')
    await expect.poll(active).toBe(Object.keys(faces).length)
    await expect.poll(() => gateway.emulator.calls.of('verifyAccessToken')).toBeGreaterThan(0)
    // The documents ask nobody: only one that waits for its turn has no answer then.
    await turn.hold(second)
    const headers = { authorization: `Bearer ${canary()}` }
    const documents = Promise.all(
      ['GET', 'POST'].map((method) => second.send(`/.well-known/jwks.json?x=${canary()}`, { method, headers })),
    )
    await expect.poll(() => second.metrics()).toMatch(/^gateway_requests_waiting 2$/m)
    await second.drain()
    turn.release()
    for (const reply of [...(await asked), ...(await documents)]) expectNoSecret(reply)
    gateway.emulator.faults.clear()
  })
})

describe('good credentials', () => {
  it('each face hands on nothing but the user and our own JWT', async () => {
    for (const credential of [good(), secret(gateway.issue({ channelId: liff.id }).idToken ?? '')]) {
      const minted = await exchange(gateway, credential)
      const token = secret(String(jsonOf(minted).access_token))
      expectNoSecret(minted, token)
      expectNoSecret(await forwardAuth(gateway, credential), token)
      expectNoSecret(await introspect(gateway, credential))
      expectNoSecret(await gateway.ask('{ viewer { id apiToken { token audience } } }', { token: credential }), token)
      expectNoSecret(await introspect(gateway, token))
    }
    for (const path of ['jwks.json', 'openid-configuration', 'oauth-authorization-server'])
      expectNoSecret(await gateway.send(`/.well-known/${path}`))
  })

  it('a key file that becomes bad: an error line without its content', async () => {
    const lines = () => gateway.log().split('SIGNING_KEYS_FILE').length
    const [before, good] = [lines(), keyFile.keys()]
    const wrong = { kty: 'EC', crv: canary(), d: canary(), kid: canary(), signing_at: canary() }
    keyFile.write([wrong, { kty: canary(), [canary()]: canary() }])
    await expect.poll(lines, { timeout: 30_000 }).toBeGreaterThan(before)
    expectNoSecret(await gateway.send('/.well-known/jwks.json'))
    keyFile.write(good)
    await expect.poll(() => gateway.log(), { timeout: 30_000 }).toContain('its keys are in use')
    expectKnownLines(gateway.log(), 'keyFileRefused', 'keyFileTaken')
  })
})

describe('the log, the metrics and the spans', () => {
  const foundIn = createSecretSearch(secrets)
  const log = () => gateway.log() + second.log()
  beforeAll(() => {
    for (const { userId, displayName, statusMessage, email } of gateway.emulator.users)
      for (const fact of [userId, displayName, statusMessage, email])
        if (fact !== undefined && fact.length > 5) secret(fact)
  })

  it('each code of the contract and each status was caused', async () => {
    const text = (await gateway.metrics()) + (await second.metrics())
    expect(codesNotCaused(text, 'faces')).toEqual([])
    expect(statusesNotCaused(text, routes)).toEqual([])
  })

  it('the log at level trace: many lines, no secret, no user', () => {
    expect(secrets.size).toBeGreaterThan(100)
    expect(foundIn(`x ${encodeURIComponent([...secrets].at(-1) ?? '')} y`)).not.toEqual([])
    expect(log().split('\n').length).toBeGreaterThan(100)
    expect(foundIn(log())).toEqual([])
    expect(log()).not.toMatch(/CaNaRy/i)
  })

  it('the metrics: no secret, no user', async () => {
    const { body } = await request(`${gateway.metricsUrl}/metrics`)
    const text = await body.text()
    expect(text).toMatch(/gateway_operations_total\{operation="forward_auth",code="OK",outcome="ok"\} [1-9]/)
    expect(foundIn(text)).toEqual([])
    expect(text).not.toMatch(/CaNaRy/i)
  })

  it('Redis: no secret and no user in any command, key or value', async ({ skip }) => {
    const text = await redis.everything()
    if (text === undefined) return skip('redis-server is not installed')
    expect(text).toMatch(/"set"/i)
    expect(foundIn(text)).toEqual([])
    expect(text).not.toMatch(/CaNaRy/i)
  })

  it('the spans: no secret, no user, and all of them have ended', () => {
    const spans = recorder.everything()
    for (const route of ['GET /auth', 'POST /oauth/token', 'POST /oauth/introspect', 'GET /oauth2/v2.1/certs'])
      expect(spans).toContain(`["${route}"`)
    expect(foundIn(spans)).toEqual([])
    expect(spans).not.toMatch(/CaNaRy/i)
    expect(recorder.open()).toEqual([])
  })
})

function good(scope?: string): string {
  return secret(gateway.issue({ ...(scope && { scope }) }).accessToken)
}

/** A caller may get its user, and a JWT of ours. */
const ofCaller = () => gateway.emulator.users.flatMap(({ userId, displayName }) => [userId, displayName])

const preflight = (origin: string) => ({ origin, 'access-control-request-method': 'POST' })
const routes = ['/auth', '/oauth/token', '/oauth/introspect', '/.well-known/{document}'] as const
