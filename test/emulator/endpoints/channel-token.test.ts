import { expect, test } from 'vitest'
import { credentials, useEmulator, web } from '../../harness/emulator-client.ts'

const { post, get, getWithToken } = useEmulator()
const form = { grant_type: 'client_credentials', ...credentials }

test('a stateless channel token: 15 minutes', async () => {
  const { status, body } = await post('/oauth2/v3/token', form)
  expect(status).toBe(200)
  expect(body).toEqual({ token_type: 'Bearer', access_token: expect.any(String), expires_in: 900 })
})

test('verify accepts it as an access token, profile refuses it with 403', async () => {
  const token = Object((await post('/oauth2/v3/token', form)).body).access_token
  const verified = await get(`/oauth2/v2.1/verify?access_token=${token}`)
  expect(verified).toMatchObject({ status: 200, body: { client_id: web.id, expires_in: 900 } })
  expect(await getWithToken(token, '/v2/profile')).toMatchObject({ status: 403, body: { message: 'Access Denied' } })
})

test.each([
  ['a wrong secret', { client_secret: 'wrong' }, 'invalid_client'],
  ['an unknown channel', { client_id: '9' }, 'invalid_request'],
  ['another grant', { grant_type: 'refresh_token' }, 'invalid_request'],
])('%s: 400', async (_, given, error) => {
  expect(await post('/oauth2/v3/token', { ...form, ...given })).toMatchObject({ status: 400, body: { error } })
})
