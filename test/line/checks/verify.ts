import type { Answer, Driver, Need } from '../../harness/check-driver.ts'
import { at, type Check, contested } from './check.ts'
import { errorOf, isWithin, refusalOf, textIn, typesOf, wordsIn } from './reading.ts'

function verify(line: Driver, accessToken: string): Promise<Answer> {
  return line.get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`)
}

const common = { endpoint: 'verify', source: at('REF', '#verify-access-token'), tag: 'D' } as const

/** The texts are those of July 2026; before there was one for all. */
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
    says: 'A living token is answered with its channel as a string, its scopes and the seconds it has left.',
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
      const { status, body } = await verify(line, line.hold('accessToken'))
      return {
        status,
        ...typesOf(body, 'client_id', 'scope', 'expires_in'),
        ours: body.client_id === line.hold('channel'),
        numeric: /^\d+$/.test(String(body.client_id)),
        lifetime: isWithin(body.expires_in, 1, 2_592_000),
        scopes: wordsIn(body.scope),
      }
    },
  },
  {
    ...common,
    id: 'verify.email-not-in-scope',
    says: '`email` is never in the scope, though it was granted.',
    needs: ['emailToken'],
    expected: { status: 200, scopes: ['openid'] },
    run: async (line) => {
      const { status, body } = await verify(line, line.hold('emailToken'))
      return { status, scopes: wordsIn(body.scope) }
    },
  },
  {
    ...common,
    id: 'verify.counts-down',
    says: '`expires_in` is what is left, not what there was.',
    needs: ['accessToken', 'clock'],
    expected: { passed: 60 },
    run: async (line) => {
      const before = await verify(line, line.hold('accessToken'))
      line.wait(60_000)
      const after = await verify(line, line.hold('accessToken'))
      return { passed: Number(before.body.expires_in) - Number(after.body.expires_in) }
    },
  },
  {
    ...common,
    id: 'verify.liff-12-hours',
    says: 'A LIFF token has at most 12 hours.',
    source: at('LIFFREF', '#get-access-token'),
    tag: 'I',
    needs: ['liffToken'],
    expected: { status: 200, lifetime: true },
    run: async (line) => {
      const { status, body } = await verify(line, line.hold('liffToken'))
      return { status, lifetime: isWithin(body.expires_in, 1, 12 * 3_600) }
    },
  },
  refused(
    'malformed-400',
    [],
    'What is no token at all is refused with 400, never 401.',
    'The access token not JWS',
    () => 'garbage',
  ),
  refused(
    'unreadable-400',
    [],
    'What looks like a token and is none is refused with 400.',
    'The access token malformed',
    () => 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.bm9ib2R5',
  ),
  refused(
    'expired-400',
    ['expiredToken'],
    'An expired token is refused with 400, never 401.',
    'The access token expired',
    (line) => line.hold('expiredToken'),
  ),
  refused(
    'revoked-400',
    ['revokedToken'],
    'A revoked token is refused with 400, never 401.',
    'The access token revoked',
    (line) => line.hold('revokedToken'),
  ),
  {
    ...common,
    id: 'verify.missing-400',
    says: 'No token at all is 400 too.',
    source: at('OAUTH236'),
    tag: 'O',
    needs: [],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.get('/oauth2/v2.1/verify')),
  },
  {
    ...common,
    id: 'verify.whole-token',
    says: 'The token is one parameter: more behind a good one, percent-encoded, makes it a bad one.',
    needs: ['accessToken'],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await verify(line, `${line.hold('accessToken')}&client_id=1`)),
  },
  {
    ...common,
    id: 'verify.foreign-200',
    says: 'The tokens of other channels are answered with 200 as well: `client_id` has to be compared.',
    needs: ['channel', 'foreignToken'],
    expected: { status: 200, client_id: 'string', ours: false },
    run: async (line) => {
      const { status, body } = await verify(line, line.hold('foreignToken'))
      return { status, ...typesOf(body, 'client_id'), ours: body.client_id === line.hold('channel') }
    },
  },
  {
    ...common,
    id: 'verify.channel-token-200',
    says: 'A channel access token is answered with 200, though it is no user’s.',
    source: at('OAPI'),
    tag: 'O',
    needs: ['channel', 'secret'],
    expected: { status: 200, ours: true },
    run: async (line) => {
      const client = { client_id: line.hold('channel'), client_secret: line.hold('secret') }
      const issued = await line.post('/oauth2/v3/token', { grant_type: 'client_credentials', ...client })
      const { status, body } = await verify(line, textIn(issued.body, 'access_token'))
      return { status, ours: body.client_id === line.hold('channel') }
    },
  },
  {
    ...common,
    id: 'verify.unlinked',
    says: 'When the user unlinks the app the token is refused at once.',
    source: at('APPS'),
    needs: ['accessToken', 'user'],
    expected: { before: 200, status: 400, error: 'invalid_request' },
    run: async (line) => {
      const before = await verify(line, line.hold('accessToken'))
      line.unlink()
      return { before: before.status, ...errorOf(await verify(line, line.hold('accessToken'))) }
    },
  },
]
