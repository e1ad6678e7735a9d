import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested } from './check.ts'
import { errorOf, isWithin, refusalOf, textIn, typesOf, wordsIn } from './reading.ts'

const path = '/oauth2/v2.1/token'
const dayMs = 86_400_000

function grant(line: Driver, more: Form = {}): Form {
  return {
    grant_type: 'refresh_token',
    refresh_token: line.credential('refreshToken'),
    client_id: line.credential('channel'),
    client_secret: line.credential('secret'),
    ...more,
  }
}

/** Refreshes, and keeps the new refresh token for the next checks. */
async function refresh(line: Driver): Promise<Answer> {
  const answer = await line.post(path, grant(line))
  line.replace('refreshToken', answer.body.refresh_token)
  return answer
}

async function verifies(line: Driver, accessToken: string): Promise<number> {
  return (await line.get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`)).status
}

const common = {
  endpoint: 'token',
  source: at('REF', '#refresh-access-token'),
  tag: 'D',
  needs: ['channel', 'secret', 'refreshToken'],
  harms: 'refreshes the login',
} as const
const invalid = { status: 400, error: 'invalid_grant', text: 'invalid refresh token' }

export const refreshChecks: readonly Check[] = [
  {
    endpoint: 'token',
    source: at('REF', '#refresh-access-token'),
    tag: 'D',
    needs: ['channel', 'secret'],
    id: 'refresh.bogus',
    says: 'LINE refuses a refresh token that it did not issue with 400 invalid_grant.',
    expected: invalid,
    run: async (line) => {
      const form = { grant_type: 'refresh_token', refresh_token: 'nobodyIssuedThis0000' }
      const client = { client_id: line.credential('channel'), client_secret: line.credential('secret') }
      return refusalOf(await line.post(path, { ...form, ...client }))
    },
  },
  ...(['refresh_token', 'client_id'] as const).map(
    (name): Check => ({
      ...common,
      id: `refresh.${name.replace('_', '-')}-missing`,
      says: `\`${name}\` is required.`,
      expected: { status: 400 },
      run: async (line) => {
        const { [name]: _, ...rest } = grant(line)
        return { status: (await line.post(path, rest as Form)).status }
      },
    }),
  ),
  {
    ...common,
    id: 'refresh.answer',
    says: 'A refresh returns an access token for at most 30 days with the granted scopes, and no ID token.',
    expected: {
      status: 200,
      access_token: 'string',
      expires_in: 'number',
      scope: 'string',
      id_token: 'undefined',
      lifetime: true,
      token_type: 'Bearer',
      scopes: ['openid', 'profile'],
    },
    run: async (line) => {
      const { status, body } = await refresh(line)
      return {
        status,
        ...typesOf(body, 'access_token', 'expires_in', 'scope', 'id_token'),
        lifetime: isWithin(body.expires_in, 1, 2_592_000),
        token_type: body.token_type,
        scopes: wordsIn(body.scope),
      }
    },
  },
  {
    ...common,
    id: 'refresh.new-token-verifies',
    says: 'A refresh returns a new access token that is valid at once.',
    needs: [...common.needs, 'accessToken'],
    expected: { another: true, verifies: 200 },
    run: async (line) => {
      const accessToken = textIn((await refresh(line)).body, 'access_token')
      return { another: accessToken !== line.credential('accessToken'), verifies: await verifies(line, accessToken) }
    },
  },
  {
    ...common,
    id: 'refresh.refresh-token',
    says: 'LINE returns the refresh token that was sent; LINE’s SDKs also accept none or a new one.',
    expected: contested(
      'refreshToken',
      ['same', { returned: 'the same', sentWorksAgain: 200 }],
      ['omit', { returned: 'none', sentWorksAgain: 200 }],
      ['rotate', { returned: 'another', sentWorksAgain: 400 }],
    ),
    run: async (line) => {
      const sent = grant(line)
      const { refresh_token: returned } = (await refresh(line)).body
      const again = await line.post(path, sent)
      line.replace('refreshToken', again.body.refresh_token)
      const which = returned === sent.refresh_token ? 'the same' : 'another'
      return { returned: returned === undefined ? 'none' : which, sentWorksAgain: again.status }
    },
  },
  {
    ...common,
    id: 'refresh.old-access-token',
    says: 'An access token issued before a refresh stays valid until it expires.',
    tag: 'I',
    expected: contested('refreshRevokesOldAccessTokens', [false, { verifies: 200 }], [true, { verifies: 400 }]),
    run: async (line) => {
      const before = textIn((await refresh(line)).body, 'access_token')
      await refresh(line)
      return { verifies: await verifies(line, before) }
    },
  },
  {
    ...common,
    id: 'refresh.lifetime',
    says: 'A refresh token is valid for 90 days; older documents say until ten days after the access token expires.',
    source: at('TOK'),
    needs: [...common.needs, 'clock'],
    expected: contested(
      'refreshLifetime',
      ['90-days', { after45Days: 200, after91Days: 400 }],
      ['10-days-after-expiry', { after45Days: 400, after91Days: 400 }],
    ),
    run: async (line) => {
      line.wait(45 * dayMs)
      const after45Days = (await refresh(line)).status
      line.wait(46 * dayMs)
      return { after45Days, after91Days: (await refresh(line)).status }
    },
  },
  {
    ...common,
    id: 'refresh.secret-missing',
    says: 'A web channel must send its secret.',
    expected: { status: 400 },
    run: async (line) => {
      const { client_secret: _, ...rest } = grant(line)
      return { status: (await line.post(path, rest as Form)).status }
    },
  },
  {
    ...common,
    id: 'refresh.secret-ignored',
    says: 'LINE ignores the secret of a native channel: none or a wrong one is accepted.',
    needs: ['nativeChannel', 'nativeRefreshToken'],
    expected: { none: 200, wrong: 200 },
    run: async (line) => {
      const form = (): Form => ({
        grant_type: 'refresh_token',
        refresh_token: line.credential('nativeRefreshToken'),
        client_id: line.credential('nativeChannel'),
      })
      const none = await line.post(path, form())
      line.replace('nativeRefreshToken', none.body.refresh_token)
      const wrong = await line.post(path, { ...form(), client_secret: 'wrong' })
      line.replace('nativeRefreshToken', wrong.body.refresh_token)
      return { none: none.status, wrong: wrong.status }
    },
  },
  {
    ...common,
    id: 'refresh.other-channel',
    says: 'A refresh token is valid only for the channel that it was issued to.',
    tag: 'I',
    needs: ['refreshToken', 'nativeChannel'],
    expected: { status: 400, error: 'invalid_grant' },
    run: async (line) => {
      const form = { grant_type: 'refresh_token', refresh_token: line.credential('refreshToken') }
      return errorOf(await line.post(path, { ...form, client_id: line.credential('nativeChannel') }))
    },
  },
  {
    ...common,
    id: 'refresh.unlinked',
    says: 'After the user has unlinked the app, LINE refuses the refresh token.',
    source: at('APPS'),
    needs: [...common.needs, 'user'],
    expected: invalid,
    run: async (line) => {
      line.unlink()
      return refusalOf(await line.post(path, grant(line)))
    },
  },
]
