import { describe, expect, test } from 'vitest'
import { demoUsers } from '../../../src/emulator/emulator.ts'
import { credentials, liff, native, useEmulator, web } from '../../harness/emulator-client.ts'

const emulatorChannels = [web, native, liff]
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
    const whose = { channelId: liff.id, userId: demoUsers[0]?.userId }
    expect(body).toEqual({ accessToken: expect.any(String), expiresIn: 60, scope: 'profile', ...whose })
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

  test('all of a user expired or revoked, those of others not', async () => {
    const [sakura, kenta] = demoUsers.map(({ userId }) => emulator().issueTokens({ userId }).accessToken)
    await control('POST', 'tokens/expire', { userId: demoUsers[0]?.userId })
    expect((await getWithToken(sakura ?? '', '/v2/profile')).body).toEqual({ message: 'The access token expired' })
    expect((await getWithToken(kenta ?? '', '/v2/profile')).status).toBe(200)
    await control('POST', 'tokens/revoke', { userId: demoUsers[1]?.userId })
    expect((await getWithToken(kenta ?? '', '/v2/profile')).body).toEqual({ message: 'The access token revoked' })
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

const exactlyOne = 'The body must have exactly one of accessToken and userId'
const channelIds = emulatorChannels.map(({ id }) => id).join(', ')
const userIds = demoUsers.map(({ userId }) => userId).join(', ')

test.each([
  ['POST', 'tokens', { channel: '1' }, /^The body has an unknown member: expected channelId, userId, scope, /],
  ['POST', 'tokens', { channelId: '1' }, `There is no such channel: expected a channelId from ${channelIds}`],
  ['POST', 'tokens', { channelId: 1 }, 'channelId must be a string'],
  ['POST', 'tokens', { userId: 'U1' }, `There is no such user: expected a userId from ${userIds}`],
  ['POST', 'tokens', { scope: ['openid'] }, 'scope must be a string'],
  ['POST', 'tokens', { expiresIn: 'long' }, 'expiresIn must be a number of seconds'],
  ['POST', 'tokens', { expiresIn: 1e300 }, 'expiresIn must be a number of seconds'],
  ['POST', 'tokens', { authTime: null }, 'authTime must be a number of seconds'],
  ['POST', 'tokens', { amr: 'pwd' }, 'amr must be a list of strings'],
  ['POST', 'tokens', { es256: 'yes' }, 'es256 must be true or false'],
  ['POST', 'tokens', [], 'The body must be an object'],
  ['POST', 'tokens', null, 'The body must be an object'],
  ['POST', 'tokens/revoke', {}, exactlyOne],
  ['POST', 'tokens/expire', { accessToken: 'x', userId: 'U1' }, exactlyOne],
  ['POST', 'tokens/expire', { accessToken: 7 }, 'accessToken must be a string'],
  ['POST', 'tokens/expire', { accessToken: 'x' }, /^There is no such access token: expected an accessToken /],
  ['POST', 'tokens/revoke', { userId: 'U1' }, /^There is no such user: /],
  ['POST', 'users/U1/unlink', {}, /^There is no such user: /],
  ['POST', 'users/%/unlink', {}, /^There is no such user: /],
  ['POST', `users/${demoUsers[0]?.userId}/unlink`, { channel: '1' }, /unknown member: expected channelId$/],
  ['POST', 'clock', {}, 'advanceMs must be a number of ms, 0 or more'],
  ['POST', 'clock', { advanceMs: -1 }, 'advanceMs must be a number of ms, 0 or more'],
  ['POST', 'clock', { advanceMs: 1e300 }, 'advanceMs must be a number of ms, 0 or more'],
  ['POST', 'clock', { ms: 1 }, 'The body has an unknown member: expected advanceMs'],
  ['GET', 'faults/nowhere', undefined, /^faults: there is no such endpoint: expected \* or one of authorize, token, /],
  ['PUT', 'faults/nowhere', {}, /^faults: there is no such endpoint: /],
  ['DELETE', 'faults/nowhere', undefined, /^faults: there is no such endpoint: /],
  ['PUT', 'faults', [], 'faults: must be an object'],
  ['PUT', 'faults', { profile: [] }, 'faults: a fault must be an object'],
  ['PUT', 'faults/profile', { hangs: true }, /^faults: has an unknown member: expected hang, /],
  ['PUT', 'faults/profile', { hang: 'yes' }, 'faults: hang must be true'],
  ['PUT', 'faults/profile', { latencyMs: '5' }, 'faults: latencyMs must be a number of ms, 0 or more'],
  ['PUT', 'faults/profile', { huge: 'very' }, 'faults: huge must be true or a number of MB from 1 to 256'],
  ['PUT', 'faults/profile', { gzip: 'no' }, 'faults: gzip must be true or "bomb"'],
  ...[{ a: 1 }, { 'a\nb': 'x' }, { '': 'x' }, { a: 'x\r\nb: y' }, { a: '中' }].map(
    (headers) =>
      [
        'PUT',
        'faults/profile',
        { headers },
        /^faults: headers must be an object of texts, with names and values/,
      ] as const,
  ),
  ['PUT', 'faults/profile', { status: '500' }, 'faults: status must be an HTTP status from 200 to 599'],
  ['PUT', 'switches', [], 'switches: must be an object'],
  ['PUT', 'switches', { refreshToken: 'never' }, 'switches: refreshToken must be one of same, omit, rotate'],
  ['PUT', 'switches', { autoLoginFails: 1 }, 'switches: autoLoginFails must be true or false'],
  ['PUT', 'switches', { expiredText: 1 }, 'switches: expiredText must be a text'],
  ['PUT', 'switches', { toString: 1 }, /^switches: has an unknown switch: expected refreshToken, /],
] as const)(
  '%s %s %j: 400, and the message names the member and what is allowed',
  async (method, path, input, message) => {
    const { status, body } = await control(method, path, input)
    expect(status).toBe(400)
    expect(Object(body).message).toMatch(
      typeof message === 'string' ? new RegExp(`^${message.replaceAll('"', '\\"')}$`) : message,
    )
  },
)

test('a body that is not JSON: 400 without the body in the message', async () => {
  const answer = await send('/emulator/clock', { method: 'POST', body: '{secret' })
  expect(answer).toMatchObject({ status: 400, body: { message: 'The body must be JSON' } })
})

test('an unknown path or method: 404 that names the page of the emulator', async () => {
  const message = expect.stringContaining('the page / of the emulator')
  expect(await get('/emulator/nothing')).toMatchObject({ status: 404, body: { message } })
  expect((await control('DELETE', 'calls')).status).toBe(404)
})

function control(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, input?: unknown) {
  const body = input === undefined ? null : JSON.stringify(input)
  return send(`/emulator/${path}`, { method, body, headers: { 'content-type': 'application/json' } })
}
