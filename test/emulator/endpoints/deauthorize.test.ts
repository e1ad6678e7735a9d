import { expect, test } from 'vitest'
import { credentials, native, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, getWithToken, post, send } = useEmulator()

test('204, then 400: all tokens of this user and channel are refused', async () => {
  const { users, issueTokens } = emulator()
  const [first, second, other] = [issueTokens(), issueTokens(), issueTokens({ userId: users[1]?.userId ?? '' })]
  const app = await channelTokenOf(web)
  expect(await deauthorize(app, { userAccessToken: first.accessToken })).toMatchObject({ status: 204, text: '' })
  const again = await deauthorize(app, { userAccessToken: first.accessToken })
  expect(again).toMatchObject({ status: 400, body: { message: 'invalid token' } })
  expect((await getWithToken(second.accessToken, '/v2/profile')).status).toBe(401)
  const form = { grant_type: 'refresh_token', refresh_token: second.refreshToken ?? '', ...credentials }
  expect((await post('/oauth2/v2.1/token', form)).status).toBe(400)
  expect((await getWithToken(other.accessToken, '/v2/profile')).status).toBe(200)
})

test('after deauthorize: the next login asks for consent again', async () => {
  const query = new URLSearchParams({
    response_type: 'code',
    client_id: web.id,
    redirect_uri: 'https://app.example/',
    state: 's',
    scope: 'profile',
  })
  const user = emulator().users[0]?.userId ?? ''
  const logIn = (form: Record<string, string>) => post(`/emulator/login?${query}`, { user, ...form })
  await logIn({ decision: 'allow' })
  expect((await logIn({})).status).toBe(302)
  await deauthorize(await channelTokenOf(web), { userAccessToken: emulator().issueTokens().accessToken })
  expect(await logIn({})).toMatchObject({ status: 200, text: expect.stringContaining('Allow access?') })
})

test('without a channel token of the same channel, younger than 15 minutes: refused', async () => {
  const { accessToken } = emulator().issueTokens()
  const app = await channelTokenOf(web)
  expect((await deauthorize('junk', { userAccessToken: accessToken })).status).toBe(401)
  expect((await deauthorize(accessToken, { userAccessToken: accessToken })).status).toBe(403)
  expect((await deauthorize(await channelTokenOf(native), { userAccessToken: accessToken })).status).toBe(400)
  emulator().advanceClock(900_000)
  expect((await deauthorize(app, { userAccessToken: accessToken })).status).toBe(401)
})

test('a body without a token: 400', async () => {
  const app = await channelTokenOf(web)
  expect((await deauthorize(app, {})).status).toBe(400)
  expect((await deauthorize(app, 'null')).status).toBe(400)
})

async function channelTokenOf({ id, secret }: { id: string; secret: string }): Promise<string> {
  const form = { grant_type: 'client_credentials', client_id: id, client_secret: secret }
  return Object((await post('/oauth2/v3/token', form)).body).access_token
}

function deauthorize(bearer: string, body: unknown) {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }
  return send('/user/v1/deauthorize', { method: 'POST', headers, body: JSON.stringify(body) })
}
