import type { Answer, Driver } from '../../harness/check-driver.ts'
import { at, type Check } from './check.ts'
import { errorOf, isWithin, pageOf, refusalOf, textIn, typesOf } from './reading.ts'

function issueChannelToken(line: Driver, secret = line.credential('secret'), client_id = line.credential('channel')) {
  return line.post('/oauth2/v3/token', { grant_type: 'client_credentials', client_id, client_secret: secret })
}

function deauthorize(line: Driver, bearer: string, userAccessToken = line.credential('accessToken')): Promise<Answer> {
  const headers = { authorization: `Bearer ${bearer}`, 'content-type': 'application/json' }
  return line.postText('/user/v1/deauthorize', JSON.stringify({ userAccessToken }), headers)
}

async function deauthorizeUser(line: Driver): Promise<Answer> {
  return deauthorize(line, textIn((await issueChannelToken(line)).body, 'access_token'))
}

const channelToken = {
  endpoint: 'channelToken',
  source: at('CHANNELTOKEN', '#stateless-channel-access-token'),
  tag: 'D',
  needs: ['channel', 'secret'],
} as const

const common = {
  endpoint: 'deauthorize',
  source: at('REF', '#deauthorize'),
  tag: 'D',
  needs: ['channel', 'secret', 'accessToken'],
  harms: 'withdraws the user’s consent',
  spends: ['accessToken', 'refreshToken', 'openidToken', 'profileToken', 'emailToken'],
} as const

export const deauthorizeChecks: readonly Check[] = [
  {
    ...channelToken,
    id: 'channel-token.answer',
    says: 'With its secret a channel gets a stateless channel access token for at most 15 minutes.',
    expected: { status: 200, access_token: 'string', token_type: 'Bearer', lifetime: true },
    run: async (line) => {
      const { status, body } = await issueChannelToken(line)
      const lifetime = isWithin(body.expires_in, 1, 900)
      return { status, ...typesOf(body, 'access_token'), token_type: body.token_type, lifetime }
    },
  },
  {
    ...channelToken,
    id: 'channel-token.secret-wrong',
    says: 'LINE refuses a wrong secret with 400 invalid_client.',
    source: at('DIAG'),
    tag: 'O',
    expected: { status: 400, error: 'invalid_client', text: 'invalid client_secret' },
    run: async (line) => refusalOf(await issueChannelToken(line, 'wrong')),
  },
  {
    ...channelToken,
    id: 'channel-token.client-id-unknown',
    says: 'LINE refuses an unknown channel with 400.',
    source: at('DIAG'),
    tag: 'O',
    expected: { status: 400, error: 'invalid_request', text: 'some parameters in the wrong format' },
    run: async (line) => refusalOf(await issueChannelToken(line, line.credential('secret'), 'nobody')),
  },
  {
    ...channelToken,
    id: 'channel-token.grant-type-missing',
    says: '`grant_type` is required.',
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => {
      const client = { client_id: line.credential('channel'), client_secret: line.credential('secret') }
      return errorOf(await line.post('/oauth2/v3/token', client))
    },
  },
  {
    ...channelToken,
    id: 'channel-token.expires',
    says: 'LINE refuses a stateless channel access token after its 15 minutes.',
    needs: ['channel', 'secret', 'clock'],
    expected: { before: 200, after: 400 },
    run: async (line) => {
      const token = encodeURIComponent(textIn((await issueChannelToken(line)).body, 'access_token'))
      const before = await line.get(`/oauth2/v2.1/verify?access_token=${token}`)
      line.wait(900_000)
      const after = await line.get(`/oauth2/v2.1/verify?access_token=${token}`)
      return { before: before.status, after: after.status }
    },
  },
  {
    ...common,
    id: 'deauthorize.answer',
    says: 'After a deauthorization LINE answers 204 with an empty body.',
    expected: { status: 204, text: '' },
    run: async (line) => {
      const { status, text } = await deauthorizeUser(line)
      return { status, text }
    },
  },
  {
    ...common,
    id: 'deauthorize.again',
    says: 'A second deauthorization gets 400 with the message "invalid token".',
    expected: { first: 204, status: 400, message: 'invalid token' },
    run: async (line) => {
      const first = await deauthorizeUser(line)
      const { status, body } = await deauthorizeUser(line)
      return { first: first.status, status, message: body.message }
    },
  },
  {
    ...common,
    id: 'deauthorize.kills-tokens',
    says: 'After a deauthorization LINE refuses the access tokens and refresh tokens of the user.',
    source: at('APPS'),
    needs: [...common.needs, 'refreshToken'],
    expected: { verifies: 400, refreshes: 400 },
    run: async (line) => {
      await deauthorizeUser(line)
      const token = encodeURIComponent(line.credential('accessToken'))
      const verified = await line.get(`/oauth2/v2.1/verify?access_token=${token}`)
      const client = { client_id: line.credential('channel'), client_secret: line.credential('secret') }
      const form = { grant_type: 'refresh_token', refresh_token: line.credential('refreshToken'), ...client }
      return { verifies: verified.status, refreshes: (await line.post('/oauth2/v2.1/token', form)).status }
    },
  },
  {
    ...common,
    id: 'deauthorize.consent-again',
    says: 'After a deauthorization the next login asks for consent again.',
    source: at('APPS'),
    needs: [...common.needs, 'redirectUri', 'browser'],
    expected: { status: 200, type: 'text/html', callback: false },
    run: async (line) => {
      const request = {
        response_type: 'code',
        client_id: line.credential('channel'),
        state: 's',
        scope: 'profile openid',
      }
      const query = { ...request, redirect_uri: line.credential('redirectUri') }
      await line.logIn(query, { decision: 'allow' })
      await deauthorizeUser(line)
      return pageOf(await line.logIn(query, {}))
    },
  },
  {
    ...common,
    id: 'deauthorize.bearer-unknown',
    says: 'LINE refuses a bearer that is not a channel access token with 401, and the user’s token stays valid.',
    source: at('REF', '#status-codes'),
    expected: { status: 401, verifies: 200 },
    run: async (line) => {
      const { status } = await deauthorize(line, 'nobody')
      const token = encodeURIComponent(line.credential('accessToken'))
      return { status, verifies: (await line.get(`/oauth2/v2.1/verify?access_token=${token}`)).status }
    },
  },
  {
    ...common,
    id: 'deauthorize.other-channel',
    says: 'A channel cannot deauthorize a user of another channel.',
    tag: 'I',
    needs: ['channel', 'secret', 'foreignToken'],
    harms: 'might withdraw the consent to the other channel',
    spends: [],
    expected: { status: 400, verifies: 200 },
    run: async (line) => {
      const bearer = textIn((await issueChannelToken(line)).body, 'access_token')
      const { status } = await deauthorize(line, bearer, line.credential('foreignToken'))
      const token = encodeURIComponent(line.credential('foreignToken'))
      return { status, verifies: (await line.get(`/oauth2/v2.1/verify?access_token=${token}`)).status }
    },
  },
]
