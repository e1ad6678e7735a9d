import { describe, expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const channels = [
  { id: '1000000001', secret: 'a'.repeat(32), type: 'web' },
  { id: '1000000009', secret: 'b'.repeat(32), type: 'web', linkedBot: false },
] as const
const { emulator, get, getWithToken, send } = useEmulator({ channels })

const paths = [
  ['/v2/profile', 'openid'],
  ['/friendship/v1/status', 'openid'],
  ['/oauth2/v2.1/userinfo', 'profile'],
] as const

describe.each(paths)('%s', (path, wrongScope) => {
  test('an expired, a revoked, an unknown and a missing token: 401 with a text for each', async () => {
    const { issueTokens, expireAccessToken, revokeAccessToken } = emulator()
    const [expired, revoked] = [issueTokens().accessToken, issueTokens().accessToken]
    expireAccessToken(expired)
    revokeAccessToken(revoked)
    expect(await getWithToken(expired, path)).toMatchObject({
      status: 401,
      body: { message: 'The access token expired' },
    })
    expect(await getWithToken(revoked, path)).toMatchObject({
      status: 401,
      body: { message: 'The access token revoked' },
    })
    expect(await getWithToken('junk', path)).toMatchObject({ status: 401, body: { message: 'invalid token' } })
    expect(await get(path)).toMatchObject({ status: 401, body: { message: 'invalid token' } })
  })

  test('a token without the scope: 403', async () => {
    const { accessToken } = emulator().issueTokens({ scope: wrongScope })
    expect(await getWithToken(accessToken, path)).toMatchObject({ status: 403, body: { message: 'Access Denied' } })
  })
})

test('switch: the texts of 401 and 403', async () => {
  Object.assign(emulator().switches, { invalidText: 'unknown token', deniedText: 'Not enough permission' })
  expect((await getWithToken('junk', '/v2/profile')).body).toEqual({ message: 'unknown token' })
  const { accessToken } = emulator().issueTokens({ scope: 'openid' })
  expect((await getWithToken(accessToken, '/v2/profile')).body).toEqual({ message: 'Not enough permission' })
})

test('profile: exactly the documented members; a member that the user has not set is absent', async () => {
  const [first, last] = [emulator().users.at(0), emulator().users.at(-1)]
  const { userId, displayName, pictureUrl, statusMessage } = first ?? {}
  const profile = { userId, displayName, pictureUrl, statusMessage }
  expect((await getWithToken(tokenOf(userId), '/v2/profile')).body).toEqual(profile)
  const { text } = await getWithToken(tokenOf(last?.userId), '/v2/profile')
  expect(text).toBe(JSON.stringify({ userId: last?.userId, displayName: 'Tom' }))
})

test('profile: names in all scripts are unchanged', async () => {
  for (const { userId, displayName } of emulator().users) {
    expect((await getWithToken(tokenOf(userId), '/v2/profile')).body).toMatchObject({ userId, displayName })
  }
})

test('userinfo by GET and POST: only `sub` for openid, name and picture with profile', async () => {
  const { users, issueTokens } = emulator()
  const { userId: sub, displayName: name, pictureUrl: picture } = users[0] ?? {}
  const alone = await getWithToken(issueTokens({ scope: 'openid email' }).accessToken, '/oauth2/v2.1/userinfo')
  expect(alone.body).toEqual({ sub })
  const headers = { authorization: `Bearer ${issueTokens().accessToken}` }
  expect((await send('/oauth2/v2.1/userinfo', { method: 'POST', headers })).body).toEqual({ sub, name, picture })
})

test('friendship: a flag; a channel without an official account: 400', async () => {
  const flags = [0, 1].map((index) => getWithToken(tokenOf(emulator().users[index]?.userId), '/friendship/v1/status'))
  expect((await Promise.all(flags)).map(({ body }) => body)).toEqual([{ friendFlag: true }, { friendFlag: false }])
  const { accessToken } = emulator().issueTokens({ channelId: channels[1].id })
  expect(await getWithToken(accessToken, '/friendship/v1/status')).toMatchObject({
    status: 400,
    body: { message: 'There is no login bot linked to this channel.' },
  })
})

function tokenOf(userId = ''): string {
  return emulator().issueTokens({ userId }).accessToken
}
