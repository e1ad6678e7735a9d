import { describe, expect, test } from 'vitest'
import { useEmulator } from '../../harness/emulator-client.ts'

const channels = [
  { id: '1000000001', secret: 'a'.repeat(32), type: 'web' },
  { id: '1000000009', secret: 'b'.repeat(32), type: 'web', linkedBot: false },
] as const
const { emulator, get, bearing, send } = useEmulator({ channels })

const paths = [
  ['/v2/profile', 'openid'],
  ['/friendship/v1/status', 'openid'],
  ['/oauth2/v2.1/userinfo', 'profile'],
] as const

describe.each(paths)('%s', (path, wrongScope) => {
  test('401 says why: expired, revoked, garbage, nothing', async () => {
    const { issueTokens, expireAccessToken, revokeAccessToken } = emulator()
    const [expired, revoked] = [issueTokens().accessToken, issueTokens().accessToken]
    expireAccessToken(expired)
    revokeAccessToken(revoked)
    expect(await bearing(expired, path)).toMatchObject({ status: 401, body: { message: 'The access token expired' } })
    expect(await bearing(revoked, path)).toMatchObject({ status: 401, body: { message: 'The access token revoked' } })
    expect(await bearing('junk', path)).toMatchObject({ status: 401, body: { message: 'invalid token' } })
    expect(await get(path)).toMatchObject({ status: 401, body: { message: 'invalid token' } })
  })

  test('403 for a token without the scope', async () => {
    const { accessToken } = emulator().issueTokens({ scope: wrongScope })
    expect(await bearing(accessToken, path)).toMatchObject({ status: 403, body: { message: 'Access Denied' } })
  })
})

test('the texts of 401 and 403 are switches', async () => {
  Object.assign(emulator().switches, { invalidText: 'who?', deniedText: 'Not enough permission' })
  expect((await bearing('junk', '/v2/profile')).body).toEqual({ message: 'who?' })
  const { accessToken } = emulator().issueTokens({ scope: 'openid' })
  expect((await bearing(accessToken, '/v2/profile')).body).toEqual({ message: 'Not enough permission' })
})

test('the profile, exactly; what the user has not set is absent', async () => {
  const [first, last] = [emulator().users.at(0), emulator().users.at(-1)]
  const { isFriend: _, email: __, ...shown } = first ?? {}
  expect((await bearing(tokenOf(first?.userId), '/v2/profile')).body).toEqual(shown)
  const { text } = await bearing(tokenOf(last?.userId), '/v2/profile')
  expect(text).toBe(JSON.stringify({ userId: last?.userId, displayName: 'Tom' }))
})

test('names of every script arrive whole', async () => {
  for (const { userId, displayName } of emulator().users) {
    expect((await bearing(tokenOf(userId), '/v2/profile')).body).toMatchObject({ userId, displayName })
  }
})

test('userinfo: sub alone for openid, name and picture with profile, by GET and POST', async () => {
  const { users, issueTokens } = emulator()
  const { userId: sub, displayName: name, pictureUrl: picture } = users[0] ?? {}
  const alone = await bearing(issueTokens({ scope: 'openid email' }).accessToken, '/oauth2/v2.1/userinfo')
  expect(alone.body).toEqual({ sub })
  const headers = { authorization: `Bearer ${issueTokens().accessToken}` }
  expect((await send('/oauth2/v2.1/userinfo', { method: 'POST', headers })).body).toEqual({ sub, name, picture })
})

test('friendship: a flag, or 400 when no official account is linked', async () => {
  const flags = [0, 1].map((index) => bearing(tokenOf(emulator().users[index]?.userId), '/friendship/v1/status'))
  expect((await Promise.all(flags)).map(({ body }) => body)).toEqual([{ friendFlag: true }, { friendFlag: false }])
  const { accessToken } = emulator().issueTokens({ channelId: channels[1].id })
  expect(await bearing(accessToken, '/friendship/v1/status')).toMatchObject({
    status: 400,
    body: { message: 'There is no login bot linked to this channel.' },
  })
})

function tokenOf(userId = ''): string {
  return emulator().issueTokens({ userId }).accessToken
}
