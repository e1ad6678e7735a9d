import { describe, expect, it } from 'vitest'
import { basic, jsonOf, postForm } from '../harness/forms.ts'
import {
  callsTo,
  foreign,
  liff,
  type RunningGateway,
  START_MS,
  startRunningGateway,
  useSharedGateway,
  web,
} from '../harness/running-gateway.ts'

const client = { id: 'orders', secret: 'canary-secret-of-the-client-orders-1' }
const odd = { id: 'a:b/c+d%20', secret: 'canary +%41&=secret:with:odd-characters' }
const issuer = 'https://gateway.example'
const settings = {
  OAUTH_CLIENTS: JSON.stringify([client, odd]),
  PUBLIC_URL: issuer,
  LINE_CHANNELS: JSON.stringify([web, { id: liff.id, type: 'liff' }]),
  CORS_ORIGINS: 'https://app.example',
  FAILED_TOKENS_BURST: '5',
}
const gateway = useSharedGateway(settings)

type Members = Readonly<Record<string, string | undefined>>

const introspect = (members: Members, headers: Readonly<Record<string, string>> = basic(client.id, client.secret)) =>
  postForm(gateway(), '/oauth/introspect', members, headers)
const sakura = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'
const start = START_MS / 1_000
const inactive = { status: 200, text: '{"active":false}' }

describe('a good token', () => {
  it('an access token: all its facts, numbers as numbers, and no caching', async () => {
    const reply = await introspect({ token: gateway().issue({ expiresIn: 2_592_000 }).accessToken })
    expect(reply).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store' } })
    expect(reply.headers['content-type']).toBe('application/json')
    expect(jsonOf(reply)).toEqual({
      active: true,
      sub: sakura,
      client_id: web.id,
      scope: 'profile openid',
      exp: start + 3_600,
      iss: issuer,
      aud: web.id,
      token_type: 'Bearer',
      line_exp: start + 2_592_000,
    })
  })

  it('that ends before VERIFICATION_MAX_STALE_SECONDS: `exp` is its own end', async () => {
    const reply = await introspect({ token: gateway().issue({ expiresIn: 100 }).accessToken })
    expect(jsonOf(reply)).toMatchObject({ active: true, exp: start + 100, line_exp: start + 100 })
  })

  it('again: no call to LINE', async () => {
    const { accessToken: token } = gateway().issue()
    const first = await introspect({ token })
    gateway().emulator.calls.reset()
    expect(jsonOf(await introspect({ token }))).toEqual(jsonOf(first))
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('without a scope that tells its user: active without `sub`', async () => {
    const { accessToken } = gateway().issue({ scope: 'email' })
    const members = jsonOf(await introspect({ token: accessToken }))
    expect(members).toMatchObject({ active: true, client_id: web.id })
    expect(members).not.toHaveProperty('sub')
  })

  it('an ID token of an app: active with its scopes, at the cost of LINE’s keys', async () => {
    const { idToken = '' } = gateway().issue({ channelId: liff.id })
    const reply = jsonOf(await introspect({ token: idToken, token_type_hint: 'id_token' }))
    expect(reply).toMatchObject({
      active: true,
      sub: sakura,
      scope: 'openid profile',
      aud: liff.id,
      client_id: liff.id,
    })
    expect(reply.exp).toBe(reply.line_exp)
    expect(Object.keys(callsTo(gateway().emulator)).filter((endpoint) => endpoint !== 'certs')).toEqual([])
  })

  it.each(['access_token', 'refresh_token', 'nonsense'])('token_type_hint=%s: the same answer', async (hint) => {
    const { accessToken: token } = gateway().issue()
    expect(jsonOf(await introspect({ token, token_type_hint: hint }))).toMatchObject({ active: true })
  })
})

describe('a bad token: inactive, and nothing else', () => {
  const cases: [string, (gateway: RunningGateway) => string][] = [
    ['junk', () => 'junk.1.x'],
    ['malformed', () => 'two words'],
    ['outside ASCII', () => 'tökén'],
    ['too long', () => 'a'.repeat(9_000)],
    ['of a foreign channel', ({ issue }) => issue({ channelId: foreign.id }).accessToken],
    ['a refresh token', ({ issue }) => issue().refreshToken ?? ''],
    ['an HS256 ID token', ({ issue }) => issue().idToken ?? ''],
    ['an ID token of a foreign channel', ({ issue }) => issue({ channelId: foreign.id }).idToken ?? ''],
    ['a tampered ID token', ({ issue }) => `${issue({ channelId: liff.id }).idToken?.slice(0, -6)}AAAAAA`],
    ['a JWT with our issuer', () => jwtOf({ iss: issuer, sub: sakura })],
  ]
  it.each(cases)('%s', async (_, tokenOf) => {
    expect(await introspect({ token: tokenOf(gateway()) })).toMatchObject(inactive)
  })

  it('expired', async () => {
    const { accessToken: token } = gateway().issue({ expiresIn: 10 })
    expect(jsonOf(await introspect({ token }))).toMatchObject({ active: true })
    gateway().advance(10_000)
    expect(await introspect({ token })).toMatchObject(inactive)
  })

  it('logged out through us: inactive on the next request', async () => {
    const { accessToken: token } = gateway().issue()
    expect(jsonOf(await introspect({ token }))).toMatchObject({ active: true })
    await gateway().ask('mutation { logout { revoked } }', { token })
    expect(await introspect({ token })).toMatchObject(inactive)
  })

  it('a JWT with our issuer, malformed and empty tokens: LINE is not asked', async () => {
    await introspect({ token: jwtOf({ iss: issuer }) })
    await introspect({ token: 'two words' })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('the client', () => {
  const token = 'two words'
  const encoded = (text: string) => encodeURIComponent(text).replaceAll('%20', '+')

  it.each<[string, Members, Record<string, string>]>([
    ['Basic', {}, basic(client.id, client.secret)],
    ['Basic with a form-encoded id and secret', {}, basic(encoded(odd.id), encoded(odd.secret))],
    [
      'basic in lower case, with spaces',
      {},
      { authorization: basic(client.id, client.secret).authorization.replace('Basic ', 'basic  ') },
    ],
    ['Basic and the same client_id', { client_id: client.id }, basic(client.id, client.secret)],
    ['the body', { client_id: client.id, client_secret: client.secret }, {}],
    ['the body, with odd characters', { client_id: odd.id, client_secret: odd.secret }, {}],
    [
      'the body, with an empty Authorization header',
      { client_id: client.id, client_secret: client.secret },
      { authorization: '' },
    ],
  ])('known by %s', async (_, members, headers) => {
    expect(await introspect({ token, ...members }, headers)).toMatchObject(inactive)
  })

  it('known by Basic with a raw secret that has % and +', async () => {
    const raw = { id: 'raw', secret: 'canary%41+canary%zz-canary-canary-canary' }
    const other = await startRunningGateway({ OAUTH_CLIENTS: JSON.stringify([raw]) }, { beside: gateway() })
    try {
      expect(await postForm(other, '/oauth/introspect', { token }, basic(raw.id, raw.secret))).toMatchObject(inactive)
    } finally {
      await other.close()
    }
  })

  it.each<[string, Members, Record<string, string>]>([
    ['no client', {}, {}],
    ['an empty header', {}, { authorization: '' }],
    ['client_id alone', { client_id: client.id }, {}],
    ['client_secret alone', { client_secret: client.secret }, {}],
    ['an empty secret in the body', { client_id: client.id, client_secret: '' }, {}],
    ['another scheme', {}, { authorization: `Bearer ${client.secret}` }],
    ['Basic without credentials', {}, { authorization: 'Basic' }],
    ['Basic that is not Base64', {}, { authorization: 'Basic ???' }],
    ['Basic without a colon', {}, { authorization: `Basic ${Buffer.from(client.id).toString('base64')}` }],
    ['a wrong secret', {}, basic(client.id, `${client.secret}x`)],
    ['an empty secret', {}, basic(client.id, '')],
    ['the secret of another client', {}, basic(client.id, odd.secret)],
    ['an unknown client', {}, basic('nobody', client.secret)],
    ['a wrong secret in the body', { client_id: client.id, client_secret: 'wrong' }, {}],
    ['the secret in upper case', {}, basic(client.id, client.secret.toUpperCase())],
  ])('%s: 401 with WWW-Authenticate', async (_, members, headers) => {
    gateway().advance(1_000)
    const reply = await introspect({ token, ...members }, headers)
    expect(reply).toMatchObject({ status: 401, headers: { 'www-authenticate': 'Basic realm="line"' } })
    expect(jsonOf(reply)).toEqual({ error: 'invalid_client', error_description: expect.any(String) })
  })

  it.each<[string, Members, Record<string, string>]>([
    [
      'the secret in both places',
      { client_id: client.id, client_secret: client.secret },
      basic(client.id, client.secret),
    ],
    [
      'Bearer and the secret in the body',
      { client_id: client.id, client_secret: client.secret },
      { authorization: 'Bearer x' },
    ],
    ['another client_id than in the header', { client_id: odd.id }, basic(client.id, client.secret)],
    ['no token', { token: undefined }, basic(client.id, client.secret)],
    ['an empty token', { token: '' }, basic(client.id, client.secret)],
  ])('%s: 400 invalid_request', async (_, members, headers) => {
    const reply = await introspect({ token, ...members }, headers)
    expect([reply.status, jsonOf(reply).error]).toEqual([400, 'invalid_request'])
  })

  it('wrong secrets empty the bucket of their address: 429, but the right secret passes', async () => {
    gateway().advance(60_000)
    const wrong = () => introspect({ token }, basic(client.id, 'wrong'))
    for (let count = 0; count < 5; count += 1) expect((await wrong()).status).toBe(401)
    const limited = await wrong()
    expect(limited).toMatchObject({ status: 429, headers: { 'retry-after': '1' } })
    expect(jsonOf(limited).error).toBe('temporarily_unavailable')
    expect(await introspect({ token })).toMatchObject(inactive)
    expect(jsonOf(await introspect({ token: gateway().issue().accessToken }))).toMatchObject({ active: true })
    gateway().advance(1_000)
    expect((await wrong()).status).toBe(401)
  })

  it('of which the users send junk: never limited, and good tokens stay active', async () => {
    gateway().advance(60_000)
    for (let count = 0; count < 12; count += 1)
      expect(await introspect({ token: `junk.${count}.y` })).toMatchObject(inactive)
    expect(jsonOf(await introspect({ token: gateway().issue().accessToken }))).toMatchObject({ active: true })
  })
})

describe('while LINE is down', () => {
  it.each([
    ['an outage', { status: 500 }],
    ['a broken answer', { body: 'nonsense' }],
    ['an answer of 429', { status: 429, headers: { 'retry-after': '7' } }],
    ['a status that says nothing', { status: 403, body: {} }],
  ])('%s: 503 with Retry-After, never inactive', async (_, fault) => {
    const own = await startRunningGateway(settings)
    try {
      own.emulator.faults.set('verifyAccessToken', fault)
      const headers = basic(client.id, client.secret)
      const reply = await postForm(own, '/oauth/introspect', { token: own.issue().accessToken }, headers)
      expect(reply.status).toBe(503)
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
      expect(jsonOf(reply)).toEqual({ error: 'temporarily_unavailable', error_description: expect.any(String) })
    } finally {
      await own.close()
    }
  })

  it('`exp` is that of the last verification until the record is stale, then one minute from now', async () => {
    const own = await startRunningGateway(settings)
    try {
      const headers = basic(client.id, client.secret)
      const { accessToken: token } = own.issue({ expiresIn: 1_000_000 })
      const introspected = async () => jsonOf(await postForm(own, '/oauth/introspect', { token }, headers))
      await introspected()
      own.emulator.faults.set('*', { status: 500 })
      own.advance(3_590_000)
      expect(await introspected()).toMatchObject({ active: true, exp: start + 3_600, line_exp: start + 1_000_000 })
      own.advance(1_410_000)
      expect(await introspected()).toMatchObject({ active: true, exp: start + 5_060, line_exp: start + 1_000_000 })
    } finally {
      await own.close()
    }
  })
})

describe('the endpoint', () => {
  it('without OAUTH_CLIENTS: 404', async () => {
    const other = await startRunningGateway({}, { beside: gateway() })
    try {
      expect((await postForm(other, '/oauth/introspect', { token: 'x' })).status).toBe(404)
    } finally {
      await other.close()
    }
  })

  it('without PUBLIC_URL: no `iss`; both ages 0: `exp` is the end of the token', async () => {
    const ages = { VERIFICATION_FRESH_SECONDS: '0', VERIFICATION_MAX_STALE_SECONDS: '0' }
    const other = await startRunningGateway({ OAUTH_CLIENTS: settings.OAUTH_CLIENTS, ...ages }, { beside: gateway() })
    try {
      const { accessToken: token } = gateway().issue({ expiresIn: 2_000_000 })
      const reply = jsonOf(await postForm(other, '/oauth/introspect', { token }, basic(client.id, client.secret)))
      expect(reply).not.toHaveProperty('iss')
      expect(reply.exp).toBe(reply.line_exp)
    } finally {
      await other.close()
    }
  })

  it('for scripts: no CORS headers', async () => {
    const reply = await introspect(
      { token: 'x y' },
      { ...basic(client.id, client.secret), origin: 'https://app.example' },
    )
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it('its log lines and metrics: no token and no secret', async () => {
    const { accessToken, idToken = 'none' } = gateway().issue({ channelId: liff.id })
    await introspect({ token: accessToken })
    await introspect({ token: idToken })
    await introspect({ token: 'canary.junk.z' }, basic(client.id, `${client.secret}-wrong`))
    for (const secret of [accessToken, idToken, 'canary', ...Object.values(basic(client.id, client.secret))])
      expect(gateway().log()).not.toContain(secret)
    expect(gateway().log()).toContain('"invalid_client"')
  })
})

/** A JWT without a real signature. */
function jwtOf(claims: object): string {
  const [header, payload] = [{ alg: 'ES256', typ: 'JWT' }, claims].map((part) =>
    Buffer.from(JSON.stringify(part)).toString('base64url'),
  )
  return `${header}.${payload}.${Buffer.alloc(64).toString('base64url')}`
}
