import type { Driver, Form, Need } from '../../harness/check-driver.ts'
import { at, type Check } from './check.ts'
import { errorOf, isWithin, jwtParts, refusalOf, textIn, typesOf, wordsIn } from './reading.ts'

const path = '/oauth2/v2.1/token'
const thirtyDays = 2_592_000

/** A correct exchange with PKCE for the web channel. */
function grant(line: Driver, more: Form = {}): Form {
  return {
    grant_type: 'authorization_code',
    code: line.credential('code'),
    redirect_uri: line.credential('redirectUri'),
    client_id: line.credential('channel'),
    client_secret: line.credential('secret'),
    code_verifier: line.credential('codeVerifier'),
    ...more,
  }
}

const needs = ['channel', 'secret', 'redirectUri', 'code', 'codeVerifier'] as const
const exchange = {
  endpoint: 'token',
  source: at('REF', '#issue-access-token'),
  tag: 'D',
  needs,
  harms: 'uses up the code',
  spends: ['code'],
} as const
/** With invented codes and channels: no real login is changed. */
const harmless = { endpoint: 'token', source: at('DIAG', '#issue-access-token'), tag: 'O', needs: ['channel'] } as const

const invalidCode = { status: 400, error: 'invalid_grant', text: 'invalid authorization code' }
const missing = { status: 400, error: 'invalid_request', text: 'some parameters missed or invalid' }

function invented(line: Driver, more: Form = {}): Form {
  return {
    grant_type: 'authorization_code',
    code: 'aCodeNobodyIssued000',
    redirect_uri: 'https://app.example/callback',
    client_id: line.credential('channel'),
    ...more,
  }
}

/** An exchange with another kind of code, for the web channel. */
function granted(code: Need, line: Driver) {
  return line.post(path, {
    grant_type: 'authorization_code',
    code: line.credential(code),
    redirect_uri: line.credential('redirectUri'),
    client_id: line.credential('channel'),
    client_secret: line.credential('secret'),
  })
}

/** An exchange as in LINE's SDKs: no secret, a verifier, and an ES256 ID token. */
function asSdk(line: Driver, channel: Need, code: Need) {
  return line.post(path, {
    grant_type: 'authorization_code',
    code: line.credential(code),
    redirect_uri: line.credential('redirectUri'),
    client_id: line.credential(channel),
    code_verifier: line.credential('codeVerifier'),
    id_token_key_type: 'JWK',
  })
}

export const tokenChecks: readonly Check[] = [
  {
    ...harmless,
    id: 'token.code-bogus',
    says: 'LINE refuses a code that it did not issue with 400 invalid_grant.',
    expected: invalidCode,
    run: async (line) => refusalOf(await line.post(path, invented(line))),
  },
  {
    ...harmless,
    id: 'token.code-before-secret',
    says: 'LINE checks the code before the secret: if both are wrong, it refuses the code.',
    expected: invalidCode,
    run: async (line) => refusalOf(await line.post(path, invented(line, { client_secret: 'wrong' }))),
  },
  ...(['code', 'redirect_uri', 'client_id'] as const).map(
    (name): Check => ({
      ...harmless,
      id: `token.${name.replace('_', '-')}-missing`,
      says: `\`${name}\` is required.`,
      source: at('OAUTH236'),
      expected: missing,
      run: async (line) => {
        const { [name]: _, ...rest } = invented(line)
        return refusalOf(await line.post(path, rest as Form))
      },
    }),
  ),
  {
    ...harmless,
    id: 'token.client-id-unknown',
    says: 'LINE refuses an unknown channel with 400.',
    expected: { status: 400, error: 'invalid_request', text: 'some parameters in the wrong format' },
    run: async (line) => refusalOf(await line.post(path, invented(line, { client_id: '1' }))),
  },
  {
    ...harmless,
    id: 'token.grant-type-unknown',
    says: 'LINE refuses an unknown grant type with 400.',
    tag: 'I',
    expected: { status: 400 },
    run: async (line) => ({ status: (await line.post(path, invented(line, { grant_type: 'password' }))).status }),
  },
  {
    ...exchange,
    id: 'token.answer',
    says: 'For a code LINE returns tokens; the access token is valid for at most 30 days.',
    expected: {
      status: 200,
      access_token: 'string',
      expires_in: 'number',
      id_token: 'string',
      refresh_token: 'string',
      scope: 'string',
      lifetime: true,
      token_type: 'Bearer',
      scopes: ['openid', 'profile'],
    },
    run: async (line) => {
      const { status, body } = await line.post(path, grant(line))
      return {
        status,
        ...typesOf(body, 'access_token', 'expires_in', 'id_token', 'refresh_token', 'scope'),
        lifetime: isWithin(body.expires_in, 1, thirtyDays),
        token_type: body.token_type,
        scopes: wordsIn(body.scope),
      }
    },
  },
  {
    ...exchange,
    id: 'token.new-token-verifies',
    says: 'The access token of an exchange is valid at once, for the channel that it was issued to.',
    source: at('REF', '#verify-access-token'),
    expected: { status: 200, ours: true },
    run: async (line) => {
      const { body } = await line.post(path, grant(line))
      const token = encodeURIComponent(textIn(body, 'access_token'))
      const verified = await line.get(`/oauth2/v2.1/verify?access_token=${token}`)
      return { status: verified.status, ours: verified.body.client_id === line.credential('channel') }
    },
  },
  {
    ...exchange,
    id: 'token.without-pkce',
    says: 'Without a challenge in the authorization request no verifier is needed, only the secret.',
    needs: ['channel', 'secret', 'redirectUri', 'plainCode'],
    spends: ['plainCode'],
    expected: { status: 200 },
    run: async (line) => ({ status: (await granted('plainCode', line)).status }),
  },
  {
    ...exchange,
    id: 'token.no-id-token-without-openid',
    says: 'LINE returns an ID token only if the scope `openid` was granted.',
    needs: ['channel', 'secret', 'redirectUri', 'profileCode'],
    spends: ['profileCode'],
    expected: { status: 200, id_token: 'undefined', scopes: ['profile'] },
    run: async (line) => {
      const { status, body } = await granted('profileCode', line)
      return { status, ...typesOf(body, 'id_token'), scopes: wordsIn(body.scope) }
    },
  },
  {
    ...exchange,
    id: 'token.email-not-in-scope',
    says: 'A granted `email` is not in the scope; the address is a claim of the ID token.',
    needs: ['channel', 'secret', 'redirectUri', 'emailCode'],
    spends: ['emailCode'],
    expected: { status: 200, scopes: ['openid'], email: 'string' },
    run: async (line) => {
      const { status, body } = await granted('emailCode', line)
      const { claims } = jwtParts(textIn(body, 'id_token'))
      return { status, scopes: wordsIn(body.scope), email: typeof claims.email }
    },
  },
  {
    ...exchange,
    id: 'token.code-used',
    says: 'A code works only once.',
    source: at('INT'),
    expected: { first: 200, ...invalidCode },
    run: async (line) => {
      const first = await line.post(path, grant(line))
      return { first: first.status, ...refusalOf(await line.post(path, grant(line))) }
    },
  },
  {
    ...exchange,
    id: 'token.code-expired',
    says: 'A code expires after ten minutes.',
    source: at('INT'),
    needs: [...needs, 'clock'],
    expected: invalidCode,
    run: async (line) => {
      line.wait(600_000)
      return refusalOf(await line.post(path, grant(line)))
    },
  },
  {
    ...exchange,
    id: 'token.code-in-time',
    says: 'A code still works one second before its ten minutes are over.',
    source: at('INT'),
    needs: [...needs, 'clock'],
    expected: { status: 200 },
    run: async (line) => {
      line.wait(599_000)
      return { status: (await line.post(path, grant(line))).status }
    },
  },
  {
    ...exchange,
    id: 'token.redirect-uri-other',
    says: 'The redirect URI must be the one of the authorization request.',
    source: at('OMNIAUTH26'),
    tag: 'O',
    expected: { status: 400, error: 'invalid_grant', text: 'redirect_uri does not match' },
    run: async (line) => refusalOf(await line.post(path, grant(line, { redirect_uri: 'https://other.example/' }))),
  },
  {
    ...exchange,
    id: 'token.secret-wrong',
    says: 'LINE refuses a valid code with a wrong secret with 400 invalid_client.',
    tag: 'I',
    source: at('DIAG', '#issue-access-token'),
    expected: { status: 400, error: 'invalid_client' },
    run: async (line) => errorOf(await line.post(path, grant(line, { client_secret: 'wrong' }))),
  },
  {
    ...exchange,
    id: 'token.secret-missing',
    says: 'A web channel must send its secret.',
    expected: { status: 400 },
    run: async (line) => {
      const { client_secret: _, ...rest } = grant(line)
      return { status: (await line.post(path, rest as Form)).status }
    },
  },
  {
    ...exchange,
    id: 'token.basic',
    says: 'LINE refuses client authentication with HTTP Basic: it must be in the body.',
    source: at('OAUTH236'),
    tag: 'O',
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => {
      const { client_id: id = '', client_secret: secret = '', ...rest } = grant(line)
      const basic = Buffer.from(`${id}:${secret}`).toString('base64')
      return errorOf(await line.post(path, rest, { authorization: `Basic ${basic}` }))
    },
  },
  {
    ...exchange,
    id: 'token.verifier-missing',
    says: 'After a login with a challenge LINE refuses the code without the verifier.',
    source: at('PKCE'),
    expected: { status: 400, error: 'invalid_grant' },
    run: async (line) => {
      const { code_verifier: _, ...rest } = grant(line)
      return errorOf(await line.post(path, rest as Form))
    },
  },
  {
    ...exchange,
    id: 'token.verifier-wrong',
    says: 'After a login with a challenge LINE refuses the code with a wrong verifier.',
    source: at('PKCE'),
    expected: { status: 400, error: 'invalid_grant' },
    run: async (line) => errorOf(await line.post(path, grant(line, { code_verifier: 'x'.repeat(43) }))),
  },
  {
    ...exchange,
    id: 'token.jwk',
    says: 'With `id_token_key_type=JWK` the ID token is signed with ES256, for a web channel too.',
    source: at('AND'),
    tag: 'S',
    expected: { status: 200, alg: 'ES256', kid: 'string' },
    run: async (line) => {
      const { status, body } = await line.post(path, grant(line, { id_token_key_type: 'JWK' }))
      const { header } = jwtParts(textIn(body, 'id_token'))
      return { status, alg: header.alg, ...typesOf(header, 'kid') }
    },
  },
  {
    ...exchange,
    id: 'token.native',
    says: 'A native channel needs no secret, and gets a refresh token and an ES256 ID token.',
    source: at('IOS'),
    tag: 'S',
    needs: ['nativeChannel', 'nativeCode', 'redirectUri', 'codeVerifier'],
    spends: ['nativeCode'],
    expected: { status: 200, refresh_token: 'string', lifetime: true, alg: 'ES256' },
    run: async (line) => {
      const { status, body } = await asSdk(line, 'nativeChannel', 'nativeCode')
      const { header } = jwtParts(textIn(body, 'id_token'))
      const lifetime = isWithin(body.expires_in, 1, thirtyDays)
      return { status, ...typesOf(body, 'refresh_token'), lifetime, alg: header.alg }
    },
  },
  {
    ...exchange,
    id: 'token.liff',
    says: 'A LIFF channel needs no secret, and gets a token for 12 hours and no refresh token.',
    source: at('LIFFREF', '#get-access-token'),
    tag: 'I',
    needs: ['liffChannel', 'liffCode', 'redirectUri', 'codeVerifier'],
    spends: ['liffCode'],
    expected: { status: 200, refresh_token: 'undefined', lifetime: true, alg: 'ES256' },
    run: async (line) => {
      const { status, body } = await asSdk(line, 'liffChannel', 'liffCode')
      const { header } = jwtParts(textIn(body, 'id_token'))
      const lifetime = isWithin(body.expires_in, 1, 12 * 3_600)
      return { status, ...typesOf(body, 'refresh_token'), lifetime, alg: header.alg }
    },
  },
]
