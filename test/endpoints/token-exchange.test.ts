import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { basic, formType, jsonOf, postForm } from '../harness/forms.ts'
import { type KeyFile, writeKeyFile } from '../harness/key-file.ts'
import {
  callsTo,
  foreign,
  liff,
  linesOf,
  type Reply,
  type RunningGateway,
  START_MS,
  startRunningGateway,
  web,
} from '../harness/running-gateway.ts'

const issuer = 'https://gateway.example'
const audience = 'https://api.example'
const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const idTokenType = 'urn:ietf:params:oauth:token-type:id_token'
const sakura = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'
const start = START_MS / 1_000

let keyFile: KeyFile
let gateway: RunningGateway
const settings = () => ({
  SIGNING_KEYS_FILE: keyFile.path,
  PUBLIC_URL: issuer,
  API_AUDIENCES: `${audience},orders`,
  LINE_CHANNELS: JSON.stringify([web, { id: liff.id, type: 'liff' }]),
  CORS_ORIGINS: 'https://app.example',
  FAILED_TOKENS_BURST: '5',
})
beforeAll(async () => {
  keyFile = writeKeyFile()
  gateway = await startRunningGateway(settings())
})
afterEach(() => {
  gateway.emulator.faults.clear()
  gateway.emulator.calls.reset()
})
afterAll(async () => {
  await gateway.close()
  keyFile.remove()
})

type Members = Readonly<Record<string, string | undefined>>
const exchange = (members: Members, headers: Readonly<Record<string, string>> = {}, at = gateway) =>
  postForm(at, '/oauth/token', { grant_type: grant, subject_token_type: accessTokenType, ...members }, headers)
const accessToken = (scope?: string) => gateway.issue(scope === undefined ? {} : { scope }).accessToken
const idToken = (scope = 'openid profile') => gateway.issue({ channelId: liff.id, scope }).idToken ?? ''

async function claimsOf(reply: Reply) {
  const keys = createRemoteJWKSet(new URL(`${gateway.url}/.well-known/jwks.json`))
  const currentDate = new Date(START_MS)
  const jwt = String(jsonOf(reply).access_token)
  return (await jwtVerify(jwt, keys, { issuer, typ: 'at+jwt', currentDate })).payload
}

/** The text of an error may hold only these characters (RFC 6749 section 5.2). */
const description = /^[\x20-\x21\x23-\x5b\x5d-\x7e]{10,}$/

function expectError(reply: Reply, status: number, error: string): void {
  expect([reply.status, jsonOf(reply).error]).toEqual([status, error])
  expect(jsonOf(reply)).toEqual({ error, error_description: expect.stringMatching(description) })
  expect(reply.headers).toMatchObject({
    'content-type': 'application/json',
    'cache-control': 'no-store',
    pragma: 'no-cache',
  })
}

describe('a good access token', () => {
  it('becomes a JWT that a stock verifier accepts', async () => {
    const reply = await exchange({ subject_token: accessToken() })
    expect(reply).toMatchObject({ status: 200, headers: { 'cache-control': 'no-store', pragma: 'no-cache' } })
    expect(jsonOf(reply)).toEqual({
      access_token: expect.any(String),
      issued_token_type: accessTokenType,
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'profile openid',
    })
    expect(await claimsOf(reply)).toEqual({
      iss: issuer,
      sub: sakura,
      aud: audience,
      exp: start + 300,
      iat: start,
      jti: expect.any(String),
      client_id: web.id,
      scope: 'profile openid',
    })
  })

  it('again: the same JWT without a call to LINE', async () => {
    const subject_token = accessToken()
    const first = await exchange({ subject_token })
    gateway.emulator.calls.reset()
    expect(jsonOf(await exchange({ subject_token }))).toEqual(jsonOf(first))
    expect(callsTo(gateway.emulator)).toEqual({})
  })

  it('near its end: a JWT that ends with it', async () => {
    const { accessToken: subject_token } = gateway.issue({ expiresIn: 100 })
    expect(jsonOf(await exchange({ subject_token }))).toMatchObject({ expires_in: 100 })
  })

  it.each(['orders', audience])('for the audience %s', async (wanted) => {
    const reply = await exchange({ subject_token: accessToken(), audience: wanted })
    expect((await claimsOf(reply)).aud).toBe(wanted)
  })

  it.each([
    ['profile', 'profile'],
    ['openid profile', 'profile openid'],
    ['openid openid', 'openid'],
  ])('with scope=%s: exactly this in the answer and in the JWT', async (scope, granted) => {
    const reply = await exchange({ subject_token: accessToken(), scope })
    expect(jsonOf(reply).scope).toBe(granted)
    expect((await claimsOf(reply)).scope).toBe(granted)
  })

  it.each<[string, Members, Record<string, string>]>([
    ['requested_token_type of an access token', { requested_token_type: accessTokenType }, {}],
    ['client_id of a public client', { client_id: 'spa' }, {}],
    ['client credentials, which are ignored', { client_id: 'spa', client_secret: 'x' }, basic('a', 'b')],
    ['empty members, which count as not sent', { audience: '', scope: '', resource: '', actor_token: '' }, {}],
    ['members that nobody knows', { foo: 'bar' }, {}],
  ])('with %s', async (_, members, headers) => {
    expect((await exchange({ subject_token: accessToken(), ...members }, headers)).status).toBe(200)
  })
})

describe('a good ID token', () => {
  it.each([
    ['openid profile', 'openid profile'],
    ['openid', 'openid'],
  ])('of the scopes %s: a JWT with %s', async (scope, granted) => {
    const reply = await exchange({ subject_token: idToken(scope), subject_token_type: idTokenType })
    expect(jsonOf(reply)).toMatchObject({ issued_token_type: accessTokenType, scope: granted })
    expect(await claimsOf(reply)).toMatchObject({ sub: sakura, client_id: liff.id, scope: granted })
    expect(Object.keys(callsTo(gateway.emulator)).filter((endpoint) => endpoint !== 'certs')).toEqual([])
  })
})

describe('a request that is wrong: its error, without a call to LINE', () => {
  afterEach(() => expect(callsTo(gateway.emulator)).toEqual({}))

  it.each<[string, Members, string]>([
    ['no grant_type', { grant_type: undefined }, 'invalid_request'],
    ['an empty grant_type', { grant_type: '' }, 'invalid_request'],
    ['client_credentials', { grant_type: 'client_credentials' }, 'unsupported_grant_type'],
    ['the grant in upper case', { grant_type: grant.toUpperCase() }, 'unsupported_grant_type'],
    ['no subject_token', { subject_token: undefined }, 'invalid_request'],
    ['no subject_token_type', { subject_token_type: undefined }, 'invalid_request'],
    ['a refresh token', { subject_token_type: 'urn:ietf:params:oauth:token-type:refresh_token' }, 'invalid_request'],
    ['a JWT', { subject_token_type: 'urn:ietf:params:oauth:token-type:jwt' }, 'invalid_request'],
    ['a short subject_token_type', { subject_token_type: 'access_token' }, 'invalid_request'],
    ['another requested_token_type', { requested_token_type: idTokenType }, 'invalid_request'],
    ['an actor_token', { actor_token: 'x', actor_token_type: accessTokenType }, 'invalid_request'],
    ['an actor_token_type', { actor_token_type: accessTokenType }, 'invalid_request'],
    ['a resource', { resource: audience }, 'invalid_target'],
    ['an unknown audience', { audience: 'https://other.example' }, 'invalid_target'],
    ['the issuer, which is not listed', { audience: issuer }, 'invalid_target'],
    ['an audience with a slash more', { audience: `${audience}/` }, 'invalid_target'],
    ['a malformed subject_token', { subject_token: 'two words' }, 'invalid_request'],
    ['a subject_token that is too long', { subject_token: 'x'.repeat(9_000) }, 'invalid_request'],
    ['an access token as ID token', { subject_token_type: idTokenType }, 'invalid_request'],
  ])('%s', async (_, members, error) => {
    expectError(await exchange({ subject_token: accessToken(), ...members }), 400, error)
  })

  it('an ID token as access token: invalid_request', async () => {
    expectError(await exchange({ subject_token: idToken() }), 400, 'invalid_request')
  })

  it('a member twice: invalid_request', async () => {
    const body = `grant_type=${grant}&audience=orders&audience=orders`
    const reply = await gateway.send('/oauth/token', { method: 'POST', headers: { 'content-type': formType }, body })
    expectError(reply, 400, 'invalid_request')
  })

  it('another media type, and more than 16 KB: 415, 413', async () => {
    const [headers, body] = [{ 'content-type': 'application/json' }, '{}']
    expectError(await gateway.send('/oauth/token', { method: 'POST', headers, body }), 415, 'invalid_request')
    expectError(await exchange({ subject_token: 'x'.repeat(17_000) }), 413, 'invalid_request')
  })

  it.each(['GET', 'PUT', 'DELETE', 'OPTIONS'] as const)('%s: 405 with Allow', async (method) => {
    const reply = await gateway.send('/oauth/token', { method })
    expect(reply).toMatchObject({ status: 405, headers: { allow: 'POST' } })
  })
})

describe('a bad subject token: invalid_request in our words', () => {
  const cases: [string, string, () => string, RegExp][] = [
    ['junk', accessTokenType, () => 'canary.junk.x', /is malformed/],
    [
      'of a foreign channel',
      accessTokenType,
      () => gateway.issue({ channelId: foreign.id }).accessToken,
      /another channel/,
    ],
    ['an HS256 ID token', idTokenType, () => gateway.issue().idToken ?? '', /was refused/],
    [
      'of a foreign channel',
      idTokenType,
      () => gateway.issue({ channelId: foreign.id, es256: true }).idToken ?? '',
      /another channel/,
    ],
    ['with another signature', idTokenType, () => `${idToken().slice(0, -6)}AAAAAA`, /was refused/],
    ['that tells nobody its user', accessTokenType, () => accessToken('email'), /tells nobody its user/],
  ]
  it.each(cases)('%s (%s)', async (_, subject_token_type, tokenOf, words) => {
    gateway.advance(1_000)
    const reply = await exchange({ subject_token: tokenOf(), subject_token_type })
    expectError(reply, 400, 'invalid_request')
    expect(jsonOf(reply).error_description).toMatch(words)
  })

  it('expired', async () => {
    const { accessToken: subject_token } = gateway.issue({ expiresIn: 10 })
    expect((await exchange({ subject_token })).status).toBe(200)
    gateway.advance(10_000)
    const reply = await exchange({ subject_token })
    expectError(reply, 400, 'invalid_request')
    expect(jsonOf(reply).error_description).toMatch(/has expired/)
  })

  it('revoked', async () => {
    const subject_token = accessToken()
    expect((await exchange({ subject_token })).status).toBe(200)
    await gateway.ask('mutation { logout { revoked } }', { token: subject_token })
    const reply = await exchange({ subject_token })
    expectError(reply, 400, 'invalid_request')
    expect(jsonOf(reply).error_description).toMatch(/was revoked/)
  })

  it('our own JWT: invalid_request, and LINE never gets it', async () => {
    const { access_token } = jsonOf(await exchange({ subject_token: accessToken() }))
    gateway.emulator.calls.reset()
    for (const subject_token_type of [accessTokenType, idTokenType])
      expectError(await exchange({ subject_token: String(access_token), subject_token_type }), 400, 'invalid_request')
    expect(callsTo(gateway.emulator)).toEqual({})
  })
})

describe('more scope than LINE has granted: invalid_scope', () => {
  it.each([
    ['email', 'profile openid'],
    ['profile openid email', 'profile openid'],
    ['openid', 'profile'],
    ['Profile', 'profile'],
    ['profile  openid', 'profile openid'],
    [' ', 'profile'],
  ])('%j of %j', async (scope, granted) => {
    expectError(await exchange({ subject_token: accessToken(granted), scope }), 400, 'invalid_scope')
  })
})

describe('no verdict', () => {
  it('after too much junk of one address: 429 with Retry-After; warm tokens pass', async () => {
    gateway.advance(60_000)
    const warm = accessToken()
    await exchange({ subject_token: warm })
    for (let count = 0; count < 5; count += 1) await exchange({ subject_token: `junk.${count}.limit` })
    const reply = await exchange({ subject_token: 'junk.more.limit' })
    expectError(reply, 429, 'temporarily_unavailable')
    expect(reply.headers['retry-after']).toBe('1')
    expect((await exchange({ subject_token: warm })).status).toBe(200)
    gateway.advance(60_000)
  })

  it.each([
    ['an outage', { status: 500 }],
    ['a broken answer', { body: 'nonsense' }],
    ['429 of LINE', { status: 429, headers: { 'retry-after': '7' } }],
  ])('%s: 503 with Retry-After', async (_, fault) => {
    const own = await startRunningGateway(settings())
    try {
      own.emulator.faults.set('verifyAccessToken', fault)
      const reply = await exchange({ subject_token: own.issue().accessToken }, {}, own)
      expectError(reply, 503, 'temporarily_unavailable')
      expect(Number(reply.headers['retry-after'])).toBeGreaterThan(0)
    } finally {
      await own.close()
    }
  })

  it('no key signs any more: 500 server_error without Retry-After, and an error line for the operator', async () => {
    const retiring = writeKeyFile({ retired_at: '2026-01-02T00:00:00Z' })
    const own = await startRunningGateway({ ...settings(), SIGNING_KEYS_FILE: retiring.path })
    try {
      own.advance(2 * 86_400_000)
      const reply = await exchange({ subject_token: own.issue().accessToken }, {}, own)
      expectError(reply, 500, 'server_error')
      expect(reply.headers).not.toHaveProperty('retry-after')
      expect(linesOf(own, 'error')).toMatchObject([{ setting: 'SIGNING_KEYS_FILE' }])
    } finally {
      await own.close()
      retiring.remove()
    }
  })
})

describe('the endpoint', () => {
  it('without signing keys: 404', async () => {
    const other = await startRunningGateway({}, { beside: gateway })
    try {
      expect((await exchange({ subject_token: 'x' }, {}, other)).status).toBe(404)
    } finally {
      await other.close()
    }
  })

  it('scripts of an allowed origin may call it, and read errors; others may not', async () => {
    const [ours, other] = ['https://app.example', 'https://evil.example']
    const preflight = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' }
    for (const origin of [ours, other]) {
      const allowed = origin === ours ? ours : undefined
      const answer = await exchange({ subject_token: 'two words' }, { origin })
      expect(answer.headers['access-control-allow-origin']).toBe(allowed)
      const asked = await gateway.send('/oauth/token', { method: 'OPTIONS', headers: { ...preflight, origin } })
      expect([asked.status, asked.headers['access-control-allow-origin']]).toEqual([204, allowed])
    }
  })

  it('its header type is API_TOKEN_TYPE', async () => {
    const other = await startRunningGateway({ ...settings(), API_TOKEN_TYPE: 'JWT' }, { beside: gateway })
    try {
      const { access_token } = jsonOf(await exchange({ subject_token: accessToken() }, {}, other))
      expect(decodeProtectedHeader(String(access_token))).toMatchObject({ alg: 'ES256', typ: 'JWT' })
    } finally {
      await other.close()
    }
  })

  it('its log lines: no subject token and none of our JWTs', async () => {
    const [access, id] = [accessToken(), idToken()]
    const { access_token } = jsonOf(await exchange({ subject_token: access }))
    await exchange({ subject_token: id, subject_token_type: idTokenType })
    for (const secret of [access, id, 'canary', String(access_token)]) expect(gateway.log()).not.toContain(secret)
    expect(gateway.log()).toContain('"token_exchange"')
  })
})
