import type { Answer, Driver, Need } from '../../harness/check-driver.ts'
import { at, type Check, contested } from './check.ts'
import { errorOf, isWithin, refusalOf, textIn, typesOf, wordsIn } from './reading.ts'

function verify(line: Driver, accessToken: string): Promise<Answer> {
  return line.get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`)
}

const common = { endpoint: 'verify', source: at('REF', '#verify-access-token'), tag: 'D' } as const

/** The new texts are from July 2026. Before, one text was used for every refusal. */
function refusal(text: string) {
  const refused = { status: 400, error: 'invalid_request' }
  return contested('verifyTexts', ['new', { ...refused, text }], ['old', { ...refused, text: 'access token expired' }])
}

function refused(
  id: string,
  needs: readonly Need[],
  says: string,
  text: string,
  token: (line: Driver) => string,
): Check {
  return {
    ...common,
    id: `verify.${id}`,
    says,
    needs,
    expected: refusal(text),
    run: async (line) => refusalOf(await verify(line, token(line))),
  }
}

export const verifyChecks: readonly Check[] = [
  {
    ...common,
    id: 'verify.answer',
    says: 'For a valid token LINE returns its channel as a string, its scopes and the seconds until it expires.',
    needs: ['channel', 'accessToken'],
    expected: {
      status: 200,
      client_id: 'string',
      scope: 'string',
      expires_in: 'number',
      ours: true,
      numeric: true,
      lifetime: true,
      scopes: ['openid', 'profile'],
    },
    run: async (line) => {
      const { status, body } = await verify(line, line.credential('accessToken'))
      return {
        status,
        ...typesOf(body, 'client_id', 'scope', 'expires_in'),
        ours: body.client_id === line.credential('channel'),
        numeric: /^\d+$/.test(String(body.client_id)),
        lifetime: isWithin(body.expires_in, 1, 2_592_000),
        scopes: wordsIn(body.scope),
      }
    },
  },
  {
    ...common,
    id: 'verify.email-not-in-scope',
    says: '`email` is never in the scope, even if the user granted it.',
    needs: ['emailToken'],
    expected: { status: 200, scopes: ['openid'] },
    run: async (line) => {
      const { status, body } = await verify(line, line.credential('emailToken'))
      return { status, scopes: wordsIn(body.scope) }
    },
  },
  {
    ...common,
    id: 'verify.counts-down',
    says: '`expires_in` is the remaining lifetime, not the lifetime at issue.',
    needs: ['accessToken', 'clock'],
    expected: { passed: 60 },
    run: async (line) => {
      const before = await verify(line, line.credential('accessToken'))
      line.wait(60_000)
      const after = await verify(line, line.credential('accessToken'))
      return { passed: Number(before.body.expires_in) - Number(after.body.expires_in) }
    },
  },
  {
    ...common,
    id: 'verify.liff-12-hours',
    says: 'A LIFF token is valid for at most 12 hours.',
    source: at('LIFFREF', '#get-access-token'),
    tag: 'I',
    needs: ['liffToken'],
    expected: { status: 200, lifetime: true },
    run: async (line) => {
      const { status, body } = await verify(line, line.credential('liffToken'))
      return { status, lifetime: isWithin(body.expires_in, 1, 12 * 3_600) }
    },
  },
  refused(
    'malformed-400',
    [],
    'LINE refuses a text that is not a token with 400, not 401.',
    'The access token not JWS',
    () => 'garbage',
  ),
  refused(
    'unreadable-400',
    [],
    'LINE refuses a JWT that it did not issue with 400.',
    'The access token malformed',
    () => 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.bm9ib2R5',
  ),
  refused(
    'expired-400',
    ['expiredToken'],
    'LINE refuses an expired token with 400, not 401.',
    'The access token expired',
    (line) => line.credential('expiredToken'),
  ),
  refused(
    'revoked-400',
    ['revokedToken'],
    'LINE refuses a revoked token with 400, not 401.',
    'The access token revoked',
    (line) => line.credential('revokedToken'),
  ),
  {
    ...common,
    id: 'verify.missing-400',
    says: 'LINE refuses a request without a token with 400.',
    source: at('OAUTH236'),
    tag: 'O',
    needs: [],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.get('/oauth2/v2.1/verify')),
  },
  {
    ...common,
    id: 'verify.whole-token',
    says: 'The token is the whole parameter: LINE refuses a valid token with percent-encoded text after it.',
    needs: ['accessToken'],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await verify(line, `${line.credential('accessToken')}&client_id=1`)),
  },
  {
    ...common,
    id: 'verify.foreign-200',
    says: 'LINE answers 200 for a token of another channel too, so the caller must compare `client_id`.',
    needs: ['channel', 'foreignToken'],
    expected: { status: 200, client_id: 'string', ours: false },
    run: async (line) => {
      const { status, body } = await verify(line, line.credential('foreignToken'))
      return { status, ...typesOf(body, 'client_id'), ours: body.client_id === line.credential('channel') }
    },
  },
  {
    ...common,
    id: 'verify.channel-token-200',
    says: 'LINE answers 200 for a channel access token, although it belongs to no user.',
    source: at('OAPI'),
    tag: 'O',
    needs: ['channel', 'secret'],
    expected: { status: 200, ours: true },
    run: async (line) => {
      const client = { client_id: line.credential('channel'), client_secret: line.credential('secret') }
      const issued = await line.post('/oauth2/v3/token', { grant_type: 'client_credentials', ...client })
      const { status, body } = await verify(line, textIn(issued.body, 'access_token'))
      return { status, ours: body.client_id === line.credential('channel') }
    },
  },
  {
    ...common,
    id: 'verify.unlinked',
    says: 'LINE refuses the token at once after the user has unlinked the app.',
    source: at('APPS'),
    needs: ['accessToken', 'user'],
    expected: { before: 200, status: 400, error: 'invalid_request' },
    run: async (line) => {
      const before = await verify(line, line.credential('accessToken'))
      line.unlink()
      return { before: before.status, ...errorOf(await verify(line, line.credential('accessToken'))) }
    },
  },
]
