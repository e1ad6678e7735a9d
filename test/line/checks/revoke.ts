import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested } from './check.ts'
import { deniedBy, errorOf, textIn } from './reading.ts'

const path = '/oauth2/v2.1/revoke'

function client(line: Driver): Form {
  return { client_id: line.credential('channel'), client_secret: line.credential('secret') }
}

function revoke(line: Driver, accessToken: string): Promise<Answer> {
  return line.post(path, { access_token: accessToken, ...client(line) })
}

function verify(line: Driver, accessToken: string): Promise<Answer> {
  return line.get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`)
}

async function refresh(line: Driver): Promise<Answer> {
  const form = { grant_type: 'refresh_token', refresh_token: line.credential('refreshToken'), ...client(line) }
  const answer = await line.post('/oauth2/v2.1/token', form)
  line.replace('refreshToken', answer.body.refresh_token)
  return answer
}

/** A new access token of the login, to be revoked. */
async function newAccessToken(line: Driver): Promise<string> {
  return textIn((await refresh(line)).body, 'access_token')
}

const common = {
  endpoint: 'revoke',
  source: at('REF', '#revoke-access-token'),
  tag: 'D',
  needs: ['channel', 'secret', 'refreshToken'],
  harms: 'revokes an access token that it gets with a refresh',
} as const

export const revokeChecks: readonly Check[] = [
  {
    endpoint: 'revoke',
    source: at('REF', '#revoke-access-token'),
    tag: 'D',
    needs: ['channel', 'secret'],
    id: 'revoke.token-missing',
    says: 'The token is required.',
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.post(path, client(line))),
  },
  {
    endpoint: 'revoke',
    source: at('IOS'),
    tag: 'S',
    needs: ['channel', 'secret'],
    id: 'revoke.unknown',
    says: 'LINE answers 200 for an unknown token; LINE’s SDKs also accept 400.',
    expected: contested(
      'revokeUnknown',
      ['ok', { status: 200, error: undefined }],
      ['error', { status: 400, error: 'invalid_request' }],
    ),
    run: async (line) => errorOf(await revoke(line, 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJub2JvZHkifQ.bm9ib2R5')),
  },
  {
    ...common,
    id: 'revoke.answer',
    says: 'After a revocation LINE answers 200 with an empty body.',
    expected: { status: 200, text: '' },
    run: async (line) => {
      const { status, text } = await revoke(line, await newAccessToken(line))
      return { status, text }
    },
  },
  {
    ...common,
    id: 'revoke.then-verify',
    says: 'Verify refuses a revoked token with 400.',
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => {
      const accessToken = await newAccessToken(line)
      await revoke(line, accessToken)
      return errorOf(await verify(line, accessToken))
    },
  },
  {
    ...common,
    id: 'revoke.then-profile',
    says: 'Profile refuses a revoked token with 401.',
    source: at('IOS'),
    tag: 'S',
    expected: { status: 401, hasMessage: true },
    run: async (line) => {
      const accessToken = await newAccessToken(line)
      await revoke(line, accessToken)
      return deniedBy(await line.getAs(accessToken, '/v2/profile'))
    },
  },
  {
    ...common,
    id: 'revoke.again',
    says: 'LINE answers 200 for a token that is revoked already; LINE’s SDKs also accept 400.',
    source: at('IOS'),
    tag: 'S',
    expected: contested(
      'revokeUnknown',
      ['ok', { first: 200, status: 200, error: undefined }],
      ['error', { first: 200, status: 400, error: 'invalid_request' }],
    ),
    run: async (line) => {
      const accessToken = await newAccessToken(line)
      const first = await revoke(line, accessToken)
      return { first: first.status, ...errorOf(await revoke(line, accessToken)) }
    },
  },
  {
    ...common,
    id: 'revoke.refresh-token-lives',
    says: 'After the revocation of an access token its refresh token stays valid.',
    tag: 'I',
    spends: ['refreshToken'],
    expected: contested(
      'revokeKillsRefreshToken',
      [false, { revoked: 200, refreshes: 200 }],
      [true, { revoked: 200, refreshes: 400 }],
    ),
    run: async (line) => {
      const revoked = await revoke(line, await newAccessToken(line))
      return { revoked: revoked.status, refreshes: (await refresh(line)).status }
    },
  },
  {
    ...common,
    id: 'revoke.refresh-token',
    says: 'The revocation of a refresh token also revokes all access tokens issued from it.',
    source: at('IOS'),
    tag: 'S',
    harms: 'ends the login',
    spends: ['refreshToken'],
    expected: { status: 200, refreshes: 400, first: 400, second: 400 },
    run: async (line) => {
      const [first, second] = [await newAccessToken(line), await newAccessToken(line)]
      const { status } = await line.post(path, { refresh_token: line.credential('refreshToken'), ...client(line) })
      return {
        status,
        refreshes: (await refresh(line)).status,
        first: (await verify(line, first)).status,
        second: (await verify(line, second)).status,
      }
    },
  },
  {
    ...common,
    id: 'revoke.secret-missing',
    says: 'A web channel must send its secret; without it the token stays valid.',
    expected: { status: 400, verifies: 200 },
    run: async (line) => {
      const accessToken = await newAccessToken(line)
      const { status } = await line.post(path, { access_token: accessToken, client_id: line.credential('channel') })
      return { status, verifies: (await verify(line, accessToken)).status }
    },
  },
  {
    ...common,
    id: 'revoke.secret-ignored',
    says: 'A native channel can revoke without a secret.',
    needs: ['nativeChannel', 'nativeAccessToken'],
    harms: 'revokes the access token of the native channel',
    spends: ['nativeAccessToken'],
    expected: { status: 200, verifies: 400 },
    run: async (line) => {
      const form = { access_token: line.credential('nativeAccessToken'), client_id: line.credential('nativeChannel') }
      const { status } = await line.post(path, form)
      return { status, verifies: (await verify(line, line.credential('nativeAccessToken'))).status }
    },
  },
  {
    ...common,
    id: 'revoke.other-channel',
    says: 'A channel cannot revoke a token of another channel.',
    tag: 'I',
    needs: ['channel', 'secret', 'foreignToken'],
    harms: 'might revoke the token of the other channel',
    expected: { verifies: 200 },
    run: async (line) => {
      await revoke(line, line.credential('foreignToken'))
      return { verifies: (await verify(line, line.credential('foreignToken'))).status }
    },
  },
]
