import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested, type Observations } from './check.ts'
import { errorOf, forged, refusalOf, typesOf } from './reading.ts'

function verify(line: Driver, idToken: string, more: Form = {}): Promise<Answer> {
  return line.post('/oauth2/v2.1/verify', { id_token: idToken, client_id: line.credential('channel'), ...more })
}

const common = {
  endpoint: 'verifyIdToken',
  source: at('REF', '#verify-id-token'),
  tag: 'D',
  needs: ['channel', 'idToken'],
} as const

function refusal(text: string): Observations {
  return { status: 400, error: 'invalid_request', text }
}

/** The reference has one text for both cases. Third parties recorded a different text for each. */
function unreadable(observed: string) {
  return contested('idTokenTexts', ['documented', refusal('Invalid IdToken.')], ['observed', refusal(observed)])
}

export const verifyIdTokenChecks: readonly Check[] = [
  {
    ...common,
    id: 'verify-id-token.answer',
    says: 'For a valid ID token LINE returns its claims, without a secret or a nonce in the request.',
    expected: {
      status: 200,
      iss: 'https://access.line.me',
      aud: true,
      sub: 'string',
      exp: 'number',
      iat: 'number',
      nonce: 'string',
      name: 'string',
    },
    run: async (line) => {
      const { status, body } = await verify(line, line.credential('idToken'))
      const types = typesOf(body, 'sub', 'exp', 'iat', 'nonce', 'name')
      return { status, iss: body.iss, aud: body.aud === line.credential('channel'), ...types }
    },
  },
  {
    ...common,
    id: 'verify-id-token.es256',
    says: 'The same endpoint verifies ID tokens signed with ES256.',
    needs: ['nativeChannel', 'nativeIdToken'],
    expected: { status: 200, aud: true },
    run: async (line) => {
      const client_id = line.credential('nativeChannel')
      const answer = await line.post('/oauth2/v2.1/verify', { id_token: line.credential('nativeIdToken'), client_id })
      return { status: answer.status, aud: answer.body.aud === client_id }
    },
  },
  {
    ...common,
    id: 'verify-id-token.malformed',
    says: 'LINE refuses a text that is not a JWT with 400.',
    needs: ['channel'],
    expected: unreadable('JWS format error'),
    run: async (line) => refusalOf(await verify(line, 'garbage')),
  },
  {
    ...common,
    id: 'verify-id-token.forged',
    says: 'LINE refuses a wrong signature with 400.',
    expected: unreadable('JWS verification failed'),
    run: async (line) => refusalOf(await verify(line, forged(line.credential('idToken')))),
  },
  {
    ...common,
    id: 'verify-id-token.issuer',
    says: 'LINE refuses an ID token with another issuer.',
    needs: ['channel', 'alienIdToken'],
    expected: refusal('Invalid IdToken Issuer.'),
    run: async (line) => refusalOf(await verify(line, line.credential('alienIdToken'))),
  },
  {
    ...common,
    id: 'verify-id-token.expired',
    says: 'LINE refuses an expired ID token.',
    needs: ['channel', 'expiredIdToken'],
    expected: refusal('IdToken expired.'),
    run: async (line) => refusalOf(await verify(line, line.credential('expiredIdToken'))),
  },
  {
    ...common,
    id: 'verify-id-token.audience',
    says: 'LINE refuses an ID token of another channel.',
    needs: ['channel', 'nativeIdToken'],
    expected: refusal('Invalid IdToken Audience.'),
    run: async (line) => refusalOf(await verify(line, line.credential('nativeIdToken'))),
  },
  {
    ...common,
    id: 'verify-id-token.nonce',
    says: 'If the request has a nonce, LINE compares it.',
    needs: ['channel', 'idToken', 'nonce'],
    expected: { right: 200, ...refusal('Invalid IdToken Nonce.') },
    run: async (line) => {
      const right = await verify(line, line.credential('idToken'), { nonce: line.credential('nonce') })
      const wrong = await verify(line, line.credential('idToken'), { nonce: `${line.credential('nonce')}x` })
      return { right: right.status, ...refusalOf(wrong) }
    },
  },
  {
    ...common,
    id: 'verify-id-token.nonce-unsent',
    says: 'LINE accepts an ID token with a nonce if the request has none.',
    tag: 'I',
    expected: { status: 200 },
    run: async (line) => ({ status: (await verify(line, line.credential('idToken'))).status }),
  },
  {
    ...common,
    id: 'verify-id-token.user-id',
    says: 'If the request has a user ID, LINE compares it.',
    expected: { right: 200, ...refusal('Invalid IdToken Subject Identifier.') },
    run: async (line) => {
      const { body } = await verify(line, line.credential('idToken'))
      const right = await verify(line, line.credential('idToken'), { user_id: String(body.sub) })
      const wrong = await verify(line, line.credential('idToken'), { user_id: 'U00000000000000000000000000000000' })
      return { right: right.status, ...refusalOf(wrong) }
    },
  },
  {
    ...common,
    id: 'verify-id-token.missing',
    says: 'LINE refuses a request without an ID token with 400.',
    tag: 'I',
    needs: ['channel'],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.post('/oauth2/v2.1/verify', { client_id: line.credential('channel') })),
  },
  {
    ...common,
    id: 'verify-id-token.client-id-missing',
    says: 'LINE refuses a request without a channel with 400.',
    tag: 'I',
    needs: ['idToken'],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.post('/oauth2/v2.1/verify', { id_token: line.credential('idToken') })),
  },
]
