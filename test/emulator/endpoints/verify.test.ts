import { describe, expect, test } from 'vitest'
import { native, START_MS, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, get, post } = useEmulator()

describe('an access token', () => {
  test('valid: scope, channel and remaining seconds', async () => {
    const { accessToken } = emulator().issueTokens({ scope: 'profile openid email' })
    emulator().advanceClock(23_000)
    const { status, body } = await verify(accessToken)
    expect(status).toBe(200)
    expect(body).toEqual({ scope: 'profile openid', client_id: web.id, expires_in: 2_591_977 })
  })

  test('of another channel: accepted, so the caller must compare client_id', async () => {
    const { accessToken } = emulator().issueTokens({ channelId: native.id })
    expect((await verify(accessToken)).body).toMatchObject({ client_id: native.id })
  })

  test('expired: refused', async () => {
    const { accessToken } = emulator().issueTokens({ expiresIn: 60 })
    emulator().advanceClock(60_000)
    await expectRefusal(accessToken, 'The access token expired')
  })

  test('revoked, unreadable or missing: 400 with a text for each', async () => {
    const { accessToken } = emulator().issueTokens()
    emulator().revokeAccessToken(accessToken)
    await expectRefusal(accessToken, 'The access token revoked')
    await expectRefusal('junk', 'The access token not JWS')
    await expectRefusal('bNl4YEFPI/hjFWhTqexp4MuEw5YPs', 'The access token not JWS')
    await expectRefusal('eyJhbGciOiJIUzI1NiJ9.e30.c2ln', 'The access token malformed')
    await expectRefusal('', 'some parameters missed or invalid')
  })

  test('switch: the single text before July 2026', async () => {
    emulator().switches.verifyTexts = 'old'
    await expectRefusal('junk', 'access token expired')
  })
})

describe('an ID token', () => {
  test.each([false, true])('valid: its claims (ES256: %s)', async (es256) => {
    const { idToken = '' } = emulator().issueTokens({ nonce: 'n', es256 })
    const { status, body } = await verifyIdToken({
      id_token: idToken,
      nonce: 'n',
      user_id: emulator().users[0]?.userId ?? '',
    })
    expect(status).toBe(200)
    expect(body).toMatchObject({ aud: web.id, sub: emulator().users[0]?.userId, nonce: 'n', name: 'Sakura Tanaka' })
  })

  test('with a nonce, but no nonce in the request: accepted', async () => {
    const { idToken = '' } = emulator().issueTokens({ nonce: 'n' })
    expect((await verifyIdToken({ id_token: idToken })).status).toBe(200)
  })

  test.each([
    ['Invalid IdToken Nonce.', { nonce: 'other' }],
    ['Invalid IdToken Subject Identifier.', { user_id: 'Uother' }],
    ['Invalid IdToken Audience.', { client_id: native.id }],
  ])('%s', async (text, given) => {
    const { idToken = '' } = emulator().issueTokens({ nonce: 'n' })
    expect(await verifyIdToken({ id_token: idToken, ...given })).toMatchObject({ status: 400, body: invalid(text) })
  })

  test('an hour old: refused as expired', async () => {
    const { idToken = '' } = emulator().issueTokens()
    emulator().advanceClock(3_600_000)
    expect((await verifyIdToken({ id_token: idToken })).body).toEqual(invalid('IdToken expired.'))
  })

  test('of another issuer and expired: refused for the issuer', async () => {
    const idToken = emulator().signIdToken({ iss: 'https://evil.example', aud: web.id, exp: 0 }, 'ES256')
    expect((await verifyIdToken({ id_token: idToken })).body).toEqual(invalid('Invalid IdToken Issuer.'))
  })

  test('malformed or forged: refused, with other texts by a switch', async () => {
    const [head = '', claims = ''] = (emulator().issueTokens().idToken ?? '').split('.')
    const none = Buffer.from('{"alg":"none"}').toString('base64url')
    const forged = [`${head}.${claims}.${'A'.repeat(43)}`, `${none}.${claims}.`]
    for (const idToken of ['junk', 'a.b.c', ...forged]) {
      expect((await verifyIdToken({ id_token: idToken })).body).toEqual(invalid('Invalid IdToken.'))
    }
    emulator().switches.idTokenTexts = 'observed'
    expect((await verifyIdToken({ id_token: 'junk' })).body).toEqual(invalid('JWS format error'))
    expect((await verifyIdToken({ id_token: forged[0] ?? '' })).body).toEqual(invalid('JWS verification failed'))
  })

  test('signed with the secret of another channel: refused', async () => {
    const claims = { iss: 'https://access.line.me', aud: web.id, exp: START_MS / 1000 + 60 }
    const idToken = emulator().signIdToken(claims, 'HS256', native.id)
    expect((await verifyIdToken({ id_token: idToken })).body).toEqual(invalid('Invalid IdToken.'))
  })

  test('missing, or without a channel: 400', async () => {
    expect((await verifyIdToken({})).status).toBe(400)
    expect((await verifyIdToken({ id_token: 'x', client_id: '' })).status).toBe(400)
  })
})

function verify(accessToken: string) {
  return get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`)
}

async function expectRefusal(accessToken: string, text: string): Promise<void> {
  expect(await verify(accessToken)).toMatchObject({ status: 400, body: invalid(text) })
}

function verifyIdToken(given: Record<string, string>) {
  return post('/oauth2/v2.1/verify', { client_id: web.id, ...given })
}

function invalid(text: string) {
  return { error: 'invalid_request', error_description: text }
}
