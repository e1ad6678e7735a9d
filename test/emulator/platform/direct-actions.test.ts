import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { credentials, liff, START_MS, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, getWithToken, get, post } = useEmulator()

test('issueTokens without options: the first channel and user, scope profile and openid', async () => {
  const { accessToken, refreshToken, expiresIn, scope } = emulator().issueTokens()
  expect({ expiresIn, scope }).toEqual({ expiresIn: 2_592_000, scope: 'profile openid' })
  expect(accessToken).toMatch(/^eyJhbGciOiJIUzI1NiJ9\.[\w-]+\.[\w-]+$/)
  expect(accessToken.length).toBeGreaterThan(150)
  expect(refreshToken).toMatch(/^[\w-]{20}$/)
  expect((await getWithToken(accessToken, '/v2/profile')).body).toMatchObject({ userId: emulator().users[0]?.userId })
})

test('2000 access tokens: all different', () => {
  const tokens = Array.from({ length: 2000 }, () => emulator().issueTokens().accessToken)
  expect(new Set(tokens).size).toBe(2000)
})

test('tokens for LIFF: 12 hours, no refresh token, an ES256 ID token', () => {
  const { refreshToken, expiresIn, idToken } = emulator().issueTokens({ channelId: liff.id })
  expect({ refreshToken, expiresIn }).toEqual({ refreshToken: undefined, expiresIn: 43_200 })
  expect(decodeProtectedHeader(idToken ?? '')).toMatchObject({ alg: 'ES256' })
})

test('an ID token of either kind, for each channel', () => {
  for (const { id } of [web, liff]) {
    for (const [es256, alg] of [
      [true, 'ES256'],
      [false, 'HS256'],
    ] as const) {
      const { idToken = '' } = emulator().issueTokens({ channelId: id, es256 })
      expect(decodeProtectedHeader(idToken).alg).toBe(alg)
    }
  }
})

test('an ID token read later: its `iat` is the time of issue', () => {
  const issued = emulator().issueTokens({ nonce: 'n', amr: ['lineqr'], authTime: 7 })
  emulator().advanceClock(60_000)
  expect(decodeJwt(issued.idToken ?? '')).toMatchObject({
    iat: START_MS / 1000,
    nonce: 'n',
    amr: ['lineqr'],
    auth_time: 7,
  })
})

test('without openid: no ID token; with email: the claim is in the ID token but not in the scope', () => {
  expect(emulator().issueTokens({ scope: 'profile' }).idToken).toBeUndefined()
  const { idToken, scope } = emulator().issueTokens({ scope: 'openid email' })
  expect(scope).toBe('openid')
  expect(decodeJwt(idToken ?? '')).toMatchObject({ email: 'sakura.tanaka@example.com' })
})

test('an access token that is expired or revoked directly: refused; its refresh token still works', async () => {
  const [one, two] = [emulator().issueTokens(), emulator().issueTokens()]
  emulator().expireAccessToken(one.accessToken)
  emulator().revokeAccessToken(two.accessToken)
  const verify = (token: string) => get(`/oauth2/v2.1/verify?access_token=${token}`)
  expect((await verify(one.accessToken)).body).toMatchObject({ error_description: 'The access token expired' })
  expect((await verify(two.accessToken)).body).toMatchObject({ error_description: 'The access token revoked' })
  expect((await refresh(two.refreshToken)).status).toBe(200)
})

describe('a user who unlinks the app', () => {
  test('access token, refresh token and code: refused', async () => {
    const { accessToken, refreshToken } = emulator().issueTokens()
    const code = emulator().issueCode({ redirectUri: 'https://app.example/' })
    emulator().unlink(emulator().users[0]?.userId ?? '')
    expect((await getWithToken(accessToken, '/v2/profile')).status).toBe(401)
    expect((await refresh(refreshToken)).body).toEqual({
      error: 'invalid_grant',
      error_description: 'invalid refresh token',
    })
    const exchange = { grant_type: 'authorization_code', code, redirect_uri: 'https://app.example/', ...credentials }
    expect((await post('/oauth2/v2.1/token', exchange)).status).toBe(400)
  })

  test('new tokens and those of other users and channels: accepted', async () => {
    const { users, issueTokens, unlink } = emulator()
    const others = [issueTokens({ channelId: liff.id }), issueTokens({ userId: users[1]?.userId ?? '' })]
    unlink(users[0]?.userId ?? '', web.id)
    for (const { accessToken } of [...others, issueTokens()]) {
      expect((await getWithToken(accessToken, '/v2/profile')).status).toBe(200)
    }
  })
})

test('an unknown channel, user or token: throws', () => {
  expect(() => emulator().issueTokens({ channelId: '1' })).toThrow('no such channel')
  expect(() => emulator().issueTokens({ userId: 'U' })).toThrow('no such user')
  expect(() => emulator().expireAccessToken('x')).toThrow('no such access token')
})

function refresh(refreshToken: string | undefined) {
  return post('/oauth2/v2.1/token', { grant_type: 'refresh_token', refresh_token: refreshToken ?? '', ...credentials })
}
