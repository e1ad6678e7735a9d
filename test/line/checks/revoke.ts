import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested } from './check.ts'
import { deniedBy, errorOf, textIn } from './reading.ts'

const path = '/oauth2/v2.1/revoke'

function client(line: Driver): Form {
  return { client_id: line.hold('channel'), client_secret: line.hold('secret') }
}

function revoke(line: Driver, accessToken: string): Promise<Answer> {
  return line.post(path, { access_token: accessToken, ...client(line) })
}

function verify(line: Driver, accessToken: string): Promise<Answer> {
  return line.get(`/oauth2/v2.1/verify?access_token=${encodeURIComponent(accessToken)}`)
}

async function refresh(line: Driver): Promise<Answer> {
  const form = { grant_type: 'refresh_token', refresh_token: line.hold('refreshToken'), ...client(line) }
  const answer = await line.post('/oauth2/v2.1/token', form)
  line.keep('refreshToken', answer.body.refresh_token)
  return answer
}

/** An access token of the login that nobody will miss. */
async function victim(line: Driver): Promise<string> {
  return textIn((await refresh(line)).body, 'access_token')
}

const common = {
  endpoint: 'revoke',
  source: at('REF', '#revoke-access-token'),
  tag: 'D',
  needs: ['channel', 'secret', 'refreshToken'],
  harms: 'revokes an access token it has refreshed for that',
} as const

export const revokeChecks: readonly Check[] = [
  {
    endpoint: 'revoke',
    source: at('REF', '#revoke-access-token'),
    tag: 'D',
    needs: ['channel', 'secret'],
    id: 'revoke.token-missing',
    says: 'A token is required.',
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.post(path, client(line))),
  },
  {
    endpoint: 'revoke',
    source: at('IOS'),
    tag: 'S',
    needs: ['channel', 'secret'],
    id: 'revoke.unknown',
    says: 'A token LINE does not know is nothing to complain about; its SDKs are ready for a 400.',
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
    says: 'A token is revoked with 200 and an empty body.',
    expected: { status: 200, text: '' },
    run: async (line) => {
      const { status, text } = await revoke(line, await victim(line))
      return { status, text }
    },
  },
  {
    ...common,
    id: 'revoke.then-verify',
    says: 'A revoked token is refused by verify with 400.',
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => {
      const accessToken = await victim(line)
      await revoke(line, accessToken)
      return errorOf(await verify(line, accessToken))
    },
  },
  {
    ...common,
    id: 'revoke.then-profile',
    says: 'A revoked token is refused by the profile with 401.',
    source: at('IOS'),
    tag: 'S',
    expected: { status: 401, hasMessage: true },
    run: async (line) => {
      const accessToken = await victim(line)
      await revoke(line, accessToken)
      return deniedBy(await line.getAs(accessToken, '/v2/profile'))
    },
  },
  {
    ...common,
    id: 'revoke.again',
    says: 'Revoking what was revoked is nothing to complain about; its SDKs are ready for a 400.',
    source: at('IOS'),
    tag: 'S',
    expected: contested(
      'revokeUnknown',
      ['ok', { first: 200, status: 200, error: undefined }],
      ['error', { first: 200, status: 400, error: 'invalid_request' }],
    ),
    run: async (line) => {
      const accessToken = await victim(line)
      const first = await revoke(line, accessToken)
      return { first: first.status, ...errorOf(await revoke(line, accessToken)) }
    },
  },
  {
    ...common,
    id: 'revoke.refresh-token-lives',
    says: 'Revoking an access token leaves its refresh token alone.',
    tag: 'I',
    spends: ['refreshToken'],
    expected: contested(
      'revokeKillsRefreshToken',
      [false, { revoked: 200, refreshes: 200 }],
      [true, { revoked: 200, refreshes: 400 }],
    ),
    run: async (line) => {
      const revoked = await revoke(line, await victim(line))
      return { revoked: revoked.status, refreshes: (await refresh(line)).status }
    },
  },
  {
    ...common,
    id: 'revoke.refresh-token',
    says: 'Revoking a refresh token kills it and every access token made from it.',
    source: at('IOS'),
    tag: 'S',
    harms: 'ends the login',
    spends: ['refreshToken'],
    expected: { status: 200, refreshes: 400, first: 400, second: 400 },
    run: async (line) => {
      const [first, second] = [await victim(line), await victim(line)]
      const { status } = await line.post(path, { refresh_token: line.hold('refreshToken'), ...client(line) })
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
    says: 'A web channel has to send its secret, and the token lives on where it does not.',
    expected: { status: 400, verifies: 200 },
    run: async (line) => {
      const accessToken = await victim(line)
      const { status } = await line.post(path, { access_token: accessToken, client_id: line.hold('channel') })
      return { status, verifies: (await verify(line, accessToken)).status }
    },
  },
  {
    ...common,
    id: 'revoke.secret-ignored',
    says: 'A native channel revokes without a secret.',
    needs: ['nativeChannel', 'nativeAccessToken'],
    harms: 'revokes the access token of the native channel',
    spends: ['nativeAccessToken'],
    expected: { status: 200, verifies: 400 },
    run: async (line) => {
      const form = { access_token: line.hold('nativeAccessToken'), client_id: line.hold('nativeChannel') }
      const { status } = await line.post(path, form)
      return { status, verifies: (await verify(line, line.hold('nativeAccessToken'))).status }
    },
  },
  {
    ...common,
    id: 'revoke.other-channel',
    says: 'A channel cannot revoke the tokens of another.',
    tag: 'I',
    needs: ['channel', 'secret', 'foreignToken'],
    harms: 'might revoke the token of the other channel',
    expected: { verifies: 200 },
    run: async (line) => {
      await revoke(line, line.hold('foreignToken'))
      return { verifies: (await verify(line, line.hold('foreignToken'))).status }
    },
  },
]
