import { createHash } from 'node:crypto'
import { createRemoteJWKSet, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import type { CodeRequest } from '../../../src/emulator/emulator.ts'
import { credentials, liff, native, type Reply, START_MS, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, get, post } = useEmulator()
const redirectUri = 'https://app.example/callback?from=line'
const verifier = 'v'.repeat(43)
const codeChallenge = createHash('sha256').update(verifier).digest('base64url')
const DAY_MS = 86_400_000

describe('the code exchange', () => {
  test('the answer has exactly the documented members', async () => {
    const { status, body } = await exchange()
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      expires_in: 2_592_000,
      id_token: expect.any(String),
      refresh_token: expect.stringMatching(/^.{20}$/),
      scope: 'profile openid',
      token_type: 'Bearer',
    })
  })

  test('without openid: no ID token; with email: the claim is in the ID token but not in the scope', async () => {
    expect((await exchange({}, { scope: 'profile' })).body).not.toHaveProperty('id_token')
    const withEmail = await exchange({}, { scope: 'profile openid email' })
    expect(withEmail.body).toMatchObject({ scope: 'profile openid' })
    expect(decodeJwt(memberOf(withEmail, 'id_token'))).toMatchObject({ email: 'sakura.tanaka@example.com' })
  })

  test('a code that was used: invalid_grant', async () => {
    const code = emulator().issueCode({ redirectUri })
    expect((await exchange({ code })).status).toBe(200)
    expectError(await exchange({ code }), 'invalid_grant', 'invalid authorization code')
  })

  test('a code older than 10 minutes: invalid_grant', async () => {
    const [early, late] = [emulator().issueCode({ redirectUri }), emulator().issueCode({ redirectUri })]
    emulator().advanceClock(599_000)
    expect((await exchange({ code: early })).status).toBe(200)
    emulator().advanceClock(1000)
    expectError(await exchange({ code: late }), 'invalid_grant', 'invalid authorization code')
  })

  test('the code is checked before the secret', async () => {
    const wrong = { client_secret: 'wrong' }
    expectError(await exchange({ code: 'bogus', ...wrong }), 'invalid_grant', 'invalid authorization code')
    expectError(await exchange(wrong), 'invalid_client', 'invalid client_secret')
  })

  test('a code of another channel: invalid_grant', async () => {
    const code = emulator().issueCode({ redirectUri, channelId: native.id })
    expectError(await exchange({ code }), 'invalid_grant', 'invalid authorization code')
  })

  test('a redirect URI that is not exactly the same: invalid_grant', async () => {
    for (const redirect_uri of ['https://app.example/callback', `${redirectUri}&more=1`]) {
      expectError(await exchange({ redirect_uri }), 'invalid_grant', 'redirect_uri does not match')
    }
  })

  test('PKCE without the right verifier: invalid_grant', async () => {
    expect((await exchange({ code_verifier: verifier }, { codeChallenge })).status).toBe(200)
    expectError(
      await exchange({ code_verifier: 'w'.repeat(43) }, { codeChallenge }),
      'invalid_grant',
      'invalid code_verifier',
    )
    expectError(await exchange({}, { codeChallenge }), 'invalid_grant', 'invalid code_verifier')
  })

  test.each(['code', 'redirect_uri', 'client_id', 'grant_type'])('without %s: invalid_request', async (name) => {
    expectError(await exchange({ [name]: '' }), 'invalid_request', 'some parameters missed or invalid')
  })

  test('an unknown channel or grant type: invalid_request', async () => {
    expectError(await exchange({ client_id: '9' }), 'invalid_request', 'some parameters in the wrong format')
    expect((await exchange({ grant_type: 'client_credentials' })).status).toBe(400)
  })

  test('HTTP Basic: invalid_request', async () => {
    const authorization = `Basic ${Buffer.from(`${web.id}:${web.secret}`).toString('base64')}`
    expectError(await post('/oauth2/v2.1/token', form(), { authorization }), 'invalid_request')
  })

  test('a JSON body: invalid_request', async () => {
    const reply = await post('/oauth2/v2.1/token', form(), { 'content-type': 'application/json' })
    expectError(reply, 'invalid_request', 'some parameters missed or invalid')
  })

  test.each([native, liff])('a $type channel without a secret: accepted', async ({ id }) => {
    const code = emulator().issueCode({ redirectUri, channelId: id })
    expect((await exchange({ code, client_id: id, client_secret: '' })).status).toBe(200)
  })

  test('for LIFF: 12 hours, no refresh token', async () => {
    const code = emulator().issueCode({ redirectUri, channelId: liff.id })
    const { body } = await exchange({ code, client_id: liff.id })
    expect(body).toMatchObject({ expires_in: 43_200 })
    expect(body).not.toHaveProperty('refresh_token')
  })
})

describe('the ID token', () => {
  test('for web: HS256 with the channel secret, no `kid`, one hour', async () => {
    const token = memberOf(await exchange({}, { nonce: 'once', amr: ['pwd'] }), 'id_token')
    const key = new TextEncoder().encode(web.secret)
    const { payload } = await jwtVerify(token, key, { currentDate: new Date(START_MS) })
    expect(decodeProtectedHeader(token)).toEqual({ typ: 'JWT', alg: 'HS256' })
    expect(payload).toEqual({
      iss: 'https://access.line.me',
      sub: emulator().users[0]?.userId,
      aud: web.id,
      exp: START_MS / 1000 + 3600,
      iat: START_MS / 1000,
      nonce: 'once',
      amr: ['pwd'],
      name: 'Sakura Tanaka',
      picture: emulator().users[0]?.pictureUrl,
    })
  })

  test('with id_token_key_type=JWK: ES256, with a `kid` of 64 hex that is in the JWKS', async () => {
    const token = memberOf(await exchange({ id_token_key_type: 'JWK' }), 'id_token')
    const jwks = createRemoteJWKSet(new URL(`${emulator().url}/oauth2/v2.1/certs`), { timeoutDuration: 60_000 })
    const { protectedHeader } = await jwtVerify(token, jwks, { currentDate: new Date(START_MS), algorithms: ['ES256'] })
    expect(protectedHeader.kid).toMatch(/^[0-9a-f]{64}$/)
  })

  test('for native: ES256 without id_token_key_type', async () => {
    const code = emulator().issueCode({ redirectUri, channelId: native.id })
    const token = memberOf(await exchange({ code, client_id: native.id }), 'id_token')
    expect(decodeProtectedHeader(token).alg).toBe('ES256')
  })

  test('for native and LIFF, with the secret as web logins send it: HS256 (D2)', async () => {
    for (const { id, secret } of [native, liff]) {
      const code = emulator().issueCode({ redirectUri, channelId: id })
      const token = memberOf(await exchange({ code, client_id: id, client_secret: secret }), 'id_token')
      const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), { currentDate: new Date(START_MS) })
      expect(payload.aud).toBe(id)
    }
  })

  test('name and picture need the scope profile; a claim that the user has not set is absent', async () => {
    expect(decodeJwt(memberOf(await exchange({}, { scope: 'openid' }), 'id_token'))).not.toHaveProperty('name')
    const tom = emulator().users.find(({ displayName }) => displayName === 'Tom')?.userId ?? ''
    const claims = decodeJwt(memberOf(await exchange({}, { userId: tom, scope: 'openid profile email' }), 'id_token'))
    expect(claims).toMatchObject({ name: 'Tom' })
    for (const absent of ['picture', 'email', 'nonce', 'auth_time']) expect(claims).not.toHaveProperty(absent)
  })
})

describe('the refresh', () => {
  test('the answer has a new access token, the same refresh token and no ID token', async () => {
    const before = emulator().issueTokens()
    const { status, body } = await refresh(before.refreshToken)
    expect(status).toBe(200)
    expect(body).toEqual({
      access_token: expect.any(String),
      expires_in: 2_592_000,
      refresh_token: before.refreshToken,
      scope: 'profile openid',
      token_type: 'Bearer',
    })
    expect(body).not.toMatchObject({ access_token: before.accessToken })
    expect(await isAlive(before.accessToken)).toBe(true)
  })

  test('switch: the answer has no refresh token, or a new one', async () => {
    const { refreshToken = '' } = emulator().issueTokens()
    emulator().switches.refreshToken = 'omit'
    expect((await refresh(refreshToken)).body).not.toHaveProperty('refresh_token')
    emulator().switches.refreshToken = 'rotate'
    const rotated = memberOf(await refresh(refreshToken), 'refresh_token')
    expect(rotated).not.toBe(refreshToken)
    expectError(await refresh(refreshToken), 'invalid_grant', 'invalid refresh token')
    expect((await refresh(rotated)).status).toBe(200)
  })

  test('switch: a refresh revokes the access token before it', async () => {
    emulator().switches.refreshRevokesOldAccessTokens = true
    const { accessToken, refreshToken } = emulator().issueTokens()
    const next = memberOf(await refresh(refreshToken), 'access_token')
    expect(await isAlive(accessToken)).toBe(false)
    expect(await isAlive(next)).toBe(true)
  })

  test('90 days after the login: invalid_grant, also after a refresh in between', async () => {
    const { refreshToken } = emulator().issueTokens()
    emulator().advanceClock(89 * DAY_MS)
    expect((await refresh(refreshToken)).status).toBe(200)
    emulator().advanceClock(DAY_MS)
    expectError(await refresh(refreshToken), 'invalid_grant', 'invalid refresh token')
  })

  test('switch: 10 days after the access token expires: refused', async () => {
    emulator().switches.refreshLifetime = '10-days-after-expiry'
    const { refreshToken } = emulator().issueTokens()
    emulator().advanceClock(40 * DAY_MS)
    expect((await refresh(refreshToken)).status).toBe(400)
  })

  test('a wrong secret: refused for a web channel, ignored for a native one', async () => {
    const [ofWeb, ofNative] = [emulator().issueTokens(), emulator().issueTokens({ channelId: native.id })]
    expectError(
      await refresh(ofWeb.refreshToken, { client_secret: 'wrong' }),
      'invalid_client',
      'invalid client_secret',
    )
    const asNative = { client_id: native.id, client_secret: 'wrong' }
    expect((await refresh(ofNative.refreshToken, asNative)).status).toBe(200)
  })

  test('a refresh token of another channel: invalid_grant', async () => {
    const { refreshToken } = emulator().issueTokens({ channelId: native.id })
    expectError(await refresh(refreshToken), 'invalid_grant', 'invalid refresh token')
  })
})

function form(given: Record<string, string> = {}, login: Partial<CodeRequest> = {}): Record<string, string> {
  const code = given.code ?? emulator().issueCode({ redirectUri, ...login })
  return { grant_type: 'authorization_code', code, redirect_uri: redirectUri, ...credentials, ...given }
}

function exchange(given?: Record<string, string>, login?: Partial<CodeRequest>): Promise<Reply> {
  return post('/oauth2/v2.1/token', form(given, login))
}

function refresh(refreshToken: string | undefined, given: Record<string, string> = {}): Promise<Reply> {
  const body = { grant_type: 'refresh_token', refresh_token: refreshToken ?? '', ...credentials, ...given }
  return post('/oauth2/v2.1/token', body)
}

async function isAlive(accessToken: string): Promise<boolean> {
  return (await get(`/oauth2/v2.1/verify?access_token=${accessToken}`)).status === 200
}

function memberOf({ body }: Reply, name: string): string {
  return String(Object(body)[name])
}

function expectError({ status, body }: Reply, error: string, description?: string): void {
  expect({ status, body }).toMatchObject({ status: 400, body: { error } })
  if (description !== undefined) expect(body).toEqual({ error, error_description: description })
}
