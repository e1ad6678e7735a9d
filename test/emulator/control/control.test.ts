import { describe, expect, test } from 'vitest'
import { credentials, liff, useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, getWithToken, send, post } = useEmulator()

test('calls: read and reset', async () => {
  await getWithToken('junk', '/v2/profile')
  const { body } = await get('/emulator/calls')
  expect(body).toMatchObject({
    total: 1,
    inFlight: 0,
    maxInFlight: 1,
    byEndpoint: { profile: 1 },
    recent: [{ status: 401 }],
  })
  expect((await control('POST', 'calls/reset')).status).toBe(204)
  expect((await get('/emulator/calls')).body).toMatchObject({ total: 0 })
})

describe('faults', () => {
  test('one endpoint: set, read and cleared', async () => {
    expect((await control('PUT', 'faults/profile', { status: 503, times: 5 })).status).toBe(204)
    expect((await getWithToken('junk', '/v2/profile')).status).toBe(503)
    expect((await get('/emulator/faults')).body).toEqual({ profile: { status: 503, times: 4 } })
    expect((await get('/emulator/faults/profile')).body).toEqual({ status: 503, times: 4 })
    await control('DELETE', 'faults/profile')
    expect((await getWithToken('junk', '/v2/profile')).status).toBe(401)
  })

  test('all endpoints: replaced, or unchanged if one fault is wrong', async () => {
    await control('PUT', 'faults', { '*': { status: 500 }, token: { latencyMs: 5 } })
    expect((await control('PUT', 'faults', { profile: { hang: true }, nowhere: {} })).status).toBe(400)
    expect((await get('/emulator/faults')).body).toEqual({ '*': { status: 500 }, token: { latencyMs: 5 } })
    await control('DELETE', 'faults')
    expect((await get('/emulator/faults')).body).toEqual({})
  })

  test('`*`: applies to each endpoint', async () => {
    await control('PUT', 'faults/*', { status: 500 })
    expect((await get('/oauth2/v2.1/certs')).status).toBe(500)
  })
})

test('switches: read and changed', async () => {
  expect((await get('/emulator/switches')).body).toMatchObject({ refreshToken: 'same', autoLoginFails: false })
  const { status, body } = await control('PUT', 'switches', { refreshToken: 'rotate' })
  expect({ status, body }).toMatchObject({ status: 200, body: { refreshToken: 'rotate', verifyTexts: 'new' } })
  expect(emulator().switches.refreshToken).toBe('rotate')
})

describe('tokens', () => {
  test('issued with options and without', async () => {
    const { body } = await control('POST', 'tokens', { channelId: liff.id, scope: 'profile', expiresIn: 60 })
    expect(body).toEqual({ accessToken: expect.any(String), expiresIn: 60, scope: 'profile' })
    expect(Object((await control('POST', 'tokens')).body).idToken).toMatch(/^eyJ/)
  })

  test('expired and revoked', async () => {
    const { accessToken } = emulator().issueTokens()
    expect((await control('POST', 'tokens/expire', { accessToken })).status).toBe(204)
    expect((await getWithToken(accessToken, '/v2/profile')).body).toEqual({ message: 'The access token expired' })
    const other = emulator().issueTokens().accessToken
    await control('POST', 'tokens/revoke', { accessToken: other })
    expect((await getWithToken(other, '/v2/profile')).body).toEqual({ message: 'The access token revoked' })
  })

  test('of a user who unlinks the app: refused', async () => {
    const { accessToken, refreshToken = '' } = emulator().issueTokens()
    expect((await control('POST', `users/${emulator().users[0]?.userId}/unlink`)).status).toBe(204)
    expect((await getWithToken(accessToken, '/v2/profile')).status).toBe(401)
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials }
    expect((await post('/oauth2/v2.1/token', form)).status).toBe(400)
  })

  test('when the clock moves past their end: refused', async () => {
    const { accessToken } = emulator().issueTokens({ expiresIn: 60 })
    await control('POST', 'clock', { advanceMs: 59_000 })
    expect((await getWithToken(accessToken, '/v2/profile')).status).toBe(200)
    await control('POST', 'clock', { advanceMs: 1000 })
    expect((await getWithToken(accessToken, '/v2/profile')).status).toBe(401)
  })
})

test('rotating the signing key: two keys in the JWKS', async () => {
  await control('POST', 'signing-key/rotate')
  expect(Object((await get('/oauth2/v2.1/certs')).body).keys).toHaveLength(2)
})

test.each([
  ['POST', 'tokens', { channel: '1' }, 'Unknown member "channel"'],
  ['POST', 'tokens', { channelId: '1' }, 'There is no such channel'],
  ['POST', 'tokens', { expiresIn: 'long' }, 'expiresIn must be a number'],
  ['POST', 'tokens', [], 'The body must be an object'],
  ['POST', 'tokens/revoke', {}, 'accessToken must be a string'],
  ['POST', 'clock', {}, 'advanceMs must be a number'],
  ['PUT', 'faults/nowhere', {}, 'faults: unknown endpoint "nowhere"'],
  ['PUT', 'switches', { refreshToken: 'never' }, 'switches: "refreshToken" must be one of same, omit, rotate'],
  ['PUT', 'switches', { autoLoginFails: 1 }, 'switches: "autoLoginFails" must be a boolean'],
  ['PUT', 'switches', { toString: 1 }, 'switches: unknown switch "toString"'],
] as const)('%s %s %j: 400, and the message names the problem', async (method, path, input, message) => {
  expect(await control(method, path, input)).toMatchObject({ status: 400, body: { message } })
})

test('a body that is not JSON: 400; an unknown path or method: 404', async () => {
  expect((await send('/emulator/clock', { method: 'POST', body: '{' })).status).toBe(400)
  expect((await get('/emulator/nothing')).status).toBe(404)
  expect((await control('DELETE', 'calls')).status).toBe(404)
})

function control(method: 'POST' | 'PUT' | 'DELETE', path: string, input?: unknown) {
  const body = input === undefined ? null : JSON.stringify(input)
  return send(`/emulator/${path}`, { method, body, headers: { 'content-type': 'application/json' } })
}
