import type { Answer, Driver, Form } from '../../harness/check-driver.ts'
import { at, type Check, contested, type Observations } from './check.ts'
import { errorOf, forged, refusalOf, typesOf } from './reading.ts'

function verify(line: Driver, idToken: string, more: Form = {}): Promise<Answer> {
  return line.post('/oauth2/v2.1/verify', { id_token: idToken, client_id: line.hold('channel'), ...more })
}

const common = {
  endpoint: 'verifyIdToken',
  source: at('REF', '#verify-id-token'),
  tag: 'D',
  needs: ['channel', 'idToken'],
} as const

function refusedAs(text: string): Observations {
  return { status: 400, error: 'invalid_request', text }
}

/** The reference has one text for both; what third parties recorded tells them apart. */
function unreadable(observed: string) {
  return contested('idTokenTexts', ['documented', refusedAs('Invalid IdToken.')], ['observed', refusedAs(observed)])
}

export const verifyIdTokenChecks: readonly Check[] = [
  {
    ...common,
    id: 'verify-id-token.answer',
    says: 'A good ID token is answered with its claims; neither secret nor nonce is needed.',
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
      const { status, body } = await verify(line, line.hold('idToken'))
      const types = typesOf(body, 'sub', 'exp', 'iat', 'nonce', 'name')
      return { status, iss: body.iss, aud: body.aud === line.hold('channel'), ...types }
    },
  },
  {
    ...common,
    id: 'verify-id-token.es256',
    says: 'ID tokens signed with ES256 are verified by the same endpoint.',
    needs: ['nativeChannel', 'nativeIdToken'],
    expected: { status: 200, aud: true },
    run: async (line) => {
      const client_id = line.hold('nativeChannel')
      const answer = await line.post('/oauth2/v2.1/verify', { id_token: line.hold('nativeIdToken'), client_id })
      return { status: answer.status, aud: answer.body.aud === client_id }
    },
  },
  {
    ...common,
    id: 'verify-id-token.malformed',
    says: 'What is no JWT is refused with 400.',
    needs: ['channel'],
    expected: unreadable('JWS format error'),
    run: async (line) => refusalOf(await verify(line, 'garbage')),
  },
  {
    ...common,
    id: 'verify-id-token.forged',
    says: 'A signature that is not LINE’s is refused with 400.',
    expected: unreadable('JWS verification failed'),
    run: async (line) => refusalOf(await verify(line, forged(line.hold('idToken')))),
  },
  {
    ...common,
    id: 'verify-id-token.issuer',
    says: 'Another issuer is refused.',
    needs: ['channel', 'alienIdToken'],
    expected: refusedAs('Invalid IdToken Issuer.'),
    run: async (line) => refusalOf(await verify(line, line.hold('alienIdToken'))),
  },
  {
    ...common,
    id: 'verify-id-token.expired',
    says: 'An expired ID token is refused.',
    needs: ['channel', 'expiredIdToken'],
    expected: refusedAs('IdToken expired.'),
    run: async (line) => refusalOf(await verify(line, line.hold('expiredIdToken'))),
  },
  {
    ...common,
    id: 'verify-id-token.audience',
    says: 'An ID token of another channel is refused.',
    needs: ['channel', 'nativeIdToken'],
    expected: refusedAs('Invalid IdToken Audience.'),
    run: async (line) => refusalOf(await verify(line, line.hold('nativeIdToken'))),
  },
  {
    ...common,
    id: 'verify-id-token.nonce',
    says: 'The nonce is compared where one is sent.',
    needs: ['channel', 'idToken', 'nonce'],
    expected: { right: 200, ...refusedAs('Invalid IdToken Nonce.') },
    run: async (line) => {
      const right = await verify(line, line.hold('idToken'), { nonce: line.hold('nonce') })
      const wrong = await verify(line, line.hold('idToken'), { nonce: `${line.hold('nonce')}x` })
      return { right: right.status, ...refusalOf(wrong) }
    },
  },
  {
    ...common,
    id: 'verify-id-token.nonce-unsent',
    says: 'An ID token with a nonce is accepted where none is sent to compare.',
    tag: 'I',
    expected: { status: 200 },
    run: async (line) => ({ status: (await verify(line, line.hold('idToken'))).status }),
  },
  {
    ...common,
    id: 'verify-id-token.user-id',
    says: 'The user is compared where one is sent.',
    expected: { right: 200, ...refusedAs('Invalid IdToken Subject Identifier.') },
    run: async (line) => {
      const { body } = await verify(line, line.hold('idToken'))
      const right = await verify(line, line.hold('idToken'), { user_id: String(body.sub) })
      const wrong = await verify(line, line.hold('idToken'), { user_id: 'U00000000000000000000000000000000' })
      return { right: right.status, ...refusalOf(wrong) }
    },
  },
  {
    ...common,
    id: 'verify-id-token.missing',
    says: 'Without an ID token it is 400.',
    tag: 'I',
    needs: ['channel'],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.post('/oauth2/v2.1/verify', { client_id: line.hold('channel') })),
  },
  {
    ...common,
    id: 'verify-id-token.client-id-missing',
    says: 'Without a channel it is 400.',
    tag: 'I',
    needs: ['idToken'],
    expected: { status: 400, error: 'invalid_request' },
    run: async (line) => errorOf(await line.post('/oauth2/v2.1/verify', { id_token: line.hold('idToken') })),
  },
]
