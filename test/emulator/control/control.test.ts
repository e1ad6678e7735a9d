import { describe, expect, test } from 'vitest'
import { credentials, liff, useEmulator } from '../../harness/emulator-client.ts'

const { emulator, get, bearing, send, post } = useEmulator()

test('calls are read and reset', async () => {
  await bearing('junk', '/v2/profile')
  const { body } = await get('/emulator/calls')
  expect(body).toMatchObject({
    total: 1,
    inFlight: 0,
    maxInFlight: 1,
    byEndpoint: { profile: 1 },
    recent: [{ status: 401 }],
  })
  expect((await tell('POST', 'calls/reset')).status).toBe(204)
  expect((await get('/emulator/calls')).body).toMatchObject({ total: 0 })
})

describe('faults', () => {
  test('one is set, read and cleared', async () => {
    expect((await tell('PUT', 'faults/profile', { status: 503, times: 5 })).status).toBe(204)
    expect((await bearing('junk', '/v2/profile')).status).toBe(503)
    expect((await get('/emulator/faults')).body).toEqual({ profile: { status: 503, times: 4 } })
    expect((await get('/emulator/faults/profile')).body).toEqual({ status: 503, times: 4 })
    await tell('DELETE', 'faults/profile')
    expect((await bearing('junk', '/v2/profile')).status).toBe(401)
  })

  test('all are replaced, or none when one is wrong', async () => {
    await tell('PUT', 'faults', { '*': { status: 500 }, token: { latencyMs: 5 } })
    expect((await tell('PUT', 'faults', { profile: { hang: true }, nowhere: {} })).status).toBe(400)
    expect((await get('/emulator/faults')).body).toEqual({ '*': { status: 500 }, token: { latencyMs: 5 } })
    await tell('DELETE', 'faults')
    expect((await get('/emulator/faults')).body).toEqual({})
  })

  test('* is an endpoint too', async () => {
    await tell('PUT', 'faults/*', { status: 500 })
    expect((await get('/oauth2/v2.1/certs')).status).toBe(500)
  })
})

test('switches are read and thrown', async () => {
  expect((await get('/emulator/switches')).body).toMatchObject({ refreshToken: 'same', autoLoginFails: false })
  const { status, body } = await tell('PUT', 'switches', { refreshToken: 'rotate' })
  expect({ status, body }).toMatchObject({ status: 200, body: { refreshToken: 'rotate', verifyTexts: 'new' } })
  expect(emulator().switches.refreshToken).toBe('rotate')
})

describe('tokens', () => {
  test('are minted', async () => {
    const { body } = await tell('POST', 'tokens', { channelId: liff.id, scope: 'profile', expiresIn: 60 })
    expect(body).toEqual({ accessToken: expect.any(String), expiresIn: 60, scope: 'profile' })
    expect(Object((await tell('POST', 'tokens')).body).idToken).toMatch(/^eyJ/)
  })

  test('are expired and revoked', async () => {
    const { accessToken } = emulator().issueTokens()
    expect((await tell('POST', 'tokens/expire', { accessToken })).status).toBe(204)
    expect((await bearing(accessToken, '/v2/profile')).body).toEqual({ message: 'The access token expired' })
    const other = emulator().issueTokens().accessToken
    await tell('POST', 'tokens/revoke', { accessToken: other })
    expect((await bearing(other, '/v2/profile')).body).toEqual({ message: 'The access token revoked' })
  })

  test('die when their user unlinks the app', async () => {
    const { accessToken, refreshToken = '' } = emulator().issueTokens()
    expect((await tell('POST', `users/${emulator().users[0]?.userId}/unlink`)).status).toBe(204)
    expect((await bearing(accessToken, '/v2/profile')).status).toBe(401)
    const form = { grant_type: 'refresh_token', refresh_token: refreshToken, ...credentials }
    expect((await post('/oauth2/v2.1/token', form)).status).toBe(400)
  })

  test('age when the clock is moved', async () => {
    const { accessToken } = emulator().issueTokens({ expiresIn: 60 })
    await tell('POST', 'clock', { advanceMs: 59_000 })
    expect((await bearing(accessToken, '/v2/profile')).status).toBe(200)
    await tell('POST', 'clock', { advanceMs: 1000 })
    expect((await bearing(accessToken, '/v2/profile')).status).toBe(401)
  })
})

test('the signing key is rotated', async () => {
  await tell('POST', 'signing-key/rotate')
  expect(Object((await get('/oauth2/v2.1/certs')).body).keys).toHaveLength(2)
})

test.each([
  ['POST', 'tokens', { channel: '1' }, 'There is no "channel"'],
  ['POST', 'tokens', { channelId: '1' }, 'There is no such channel'],
  ['POST', 'tokens', { expiresIn: 'long' }, 'expiresIn is a number'],
  ['POST', 'tokens', [], 'Not an object'],
  ['POST', 'tokens/revoke', {}, 'accessToken is a string'],
  ['POST', 'clock', {}, 'advanceMs is a number'],
  ['PUT', 'faults/nowhere', {}, 'faults: there is no endpoint "nowhere"'],
  ['PUT', 'switches', { refreshToken: 'never' }, 'switches: "refreshToken" is one of same, omit, rotate'],
  ['PUT', 'switches', { autoLoginFails: 1 }, 'switches: "autoLoginFails" is a boolean'],
  ['PUT', 'switches', { toString: 1 }, 'switches: there is no "toString"'],
] as const)('%s %s %j is refused by name', async (method, path, input, message) => {
  expect(await tell(method, path, input)).toMatchObject({ status: 400, body: { message } })
})

test('what is not JSON is 400, what does not exist 404', async () => {
  expect((await send('/emulator/clock', { method: 'POST', body: '{' })).status).toBe(400)
  expect((await get('/emulator/nothing')).status).toBe(404)
  expect((await tell('DELETE', 'calls')).status).toBe(404)
})

function tell(method: 'POST' | 'PUT' | 'DELETE', path: string, input?: unknown) {
  const body = input === undefined ? null : JSON.stringify(input)
  return send(`/emulator/${path}`, { method, body, headers: { 'content-type': 'application/json' } })
}
