import { decodeProtectedHeader } from 'jose'
import { expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get } = useEmulator()

test('the JWKS: one P-256 key with the documented members', async () => {
  expect(await keys()).toEqual([
    {
      kty: 'EC',
      alg: 'ES256',
      use: 'sig',
      kid: expect.stringMatching(/^[0-9a-f]{64}$/),
      crv: 'P-256',
      x: expect.stringMatching(/^[\w-]{43}$/),
      y: expect.stringMatching(/^[\w-]{43}$/),
    },
  ])
})

test('switch: an x coordinate with a leading zero byte', async () => {
  emulator().switches.wideCoordinates = true
  const [key] = await keys()
  const x = Buffer.from(key?.x ?? '', 'base64url')
  expect([x.length, x[0]]).toEqual([33, 0])
})

test('after a rotation: the new key signs, the old one stays published', async () => {
  const [old] = await keys()
  emulator().rotateSigningKey()
  const { idToken = '' } = emulator().issueTokens({ es256: true })
  const { kid } = decodeProtectedHeader(idToken)
  expect(kid).not.toBe(old?.kid)
  expect((await keys()).map((key) => key.kid)).toEqual([old?.kid, kid])
})

test("discovery: LINE's real hosts, without HS256", async () => {
  const { body } = await get('/.well-known/openid-configuration')
  expect(body).toMatchObject({
    issuer: 'https://access.line.me',
    authorization_endpoint: 'https://access.line.me/oauth2/v2.1/authorize',
    jwks_uri: 'https://api.line.me/oauth2/v2.1/certs',
    id_token_signing_alg_values_supported: ['ES256'],
  })
  expect(body).not.toHaveProperty('token_endpoint_auth_methods_supported')
})

async function keys(): Promise<{ kid: string; x: string }[]> {
  return Object((await get('/oauth2/v2.1/certs')).body).keys
}
