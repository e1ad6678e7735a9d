import type { Driver } from '../../harness/check-driver.ts'
import { at, type Check, contested } from './check.ts'
import { isSignedWith, jwtParts, typesOf } from './reading.ts'

type Key = Readonly<Record<string, unknown>>

async function keysOf(line: Driver): Promise<readonly Key[]> {
  const { keys } = (await line.get('/oauth2/v2.1/certs')).body
  return Array.isArray(keys) ? keys : []
}

function bytesIn(coordinate: unknown): number {
  return Buffer.from(String(coordinate), 'base64url').length
}

const common = { endpoint: 'token', source: at('IDT'), tag: 'D' } as const
const certs = { endpoint: 'certs', source: at('IOS'), tag: 'S', needs: [] } as const
const discovery = { endpoint: 'discovery', source: at('DISC'), tag: 'O', needs: [] } as const
const methods = ['lineautologin', 'lineqr', 'linesso', 'mfa', 'pwd']

export const idTokenChecks: readonly Check[] = [
  {
    ...common,
    id: 'id-token.web-hs256',
    says: 'A web channel’s ID token is signed with HS256 and the channel secret, and has no `kid`.',
    needs: ['idToken', 'secret'],
    expected: { alg: 'HS256', typ: 'JWT', kid: false, signed: true },
    run: async (line) => {
      const { header } = jwtParts(line.credential('idToken'))
      const signed = isSignedWith(line.credential('secret'), line.credential('idToken'))
      return { alg: header.alg, typ: header.typ, kid: 'kid' in header, signed }
    },
  },
  {
    ...common,
    id: 'id-token.native-es256',
    says: 'A native channel’s ID token is signed with ES256 and a key that LINE publishes.',
    needs: ['nativeIdToken'],
    expected: { alg: 'ES256', published: true },
    run: async (line) => {
      const { header } = jwtParts(line.credential('nativeIdToken'))
      const published = (await keysOf(line)).some(({ kid }) => kid === header.kid)
      return { alg: header.alg, published }
    },
  },
  {
    ...common,
    id: 'id-token.claims',
    says: 'The ID token has the claims of the reference: one issuer, and one audience as a string.',
    needs: ['channel', 'idToken'],
    expected: { iss: 'https://access.line.me', ours: true, sub: 'string', exp: 'number', iat: 'number' },
    run: async (line) => {
      const { claims } = jwtParts(line.credential('idToken'))
      return {
        iss: claims.iss,
        ours: claims.aud === line.credential('channel'),
        ...typesOf(claims, 'sub', 'exp', 'iat'),
      }
    },
  },
  {
    ...common,
    id: 'id-token.lifetime',
    says: 'An ID token is valid for one hour.',
    source: at('LIFFREF', '#get-id-token'),
    needs: ['idToken'],
    expected: { seconds: 3_600 },
    run: async (line) => {
      const { exp, iat } = jwtParts(line.credential('idToken')).claims
      return { seconds: Number(exp) - Number(iat) }
    },
  },
  {
    ...common,
    id: 'id-token.amr',
    says: '`amr` has only login methods of the reference, or is absent.',
    needs: ['idToken'],
    expected: { unknown: [] },
    run: async (line) => {
      const { amr } = jwtParts(line.credential('idToken')).claims
      return { unknown: Array.isArray(amr) ? amr.filter((method) => !methods.includes(String(method))) : [] }
    },
  },
  {
    ...common,
    id: 'id-token.nonce',
    says: 'The ID token has the nonce of the login.',
    needs: ['idToken', 'nonce'],
    expected: { same: true },
    run: async (line) => ({ same: jwtParts(line.credential('idToken')).claims.nonce === line.credential('nonce') }),
  },
  {
    ...common,
    id: 'id-token.user',
    says: 'The ID token has the user ID, name and picture of the profile, in UTF-8.',
    source: at('IOS'),
    tag: 'S',
    needs: ['idToken', 'accessToken'],
    expected: { sub: true, name: true, picture: true },
    run: async (line) => {
      const { claims } = jwtParts(line.credential('idToken'))
      const { body } = await line.getAs(line.credential('accessToken'), '/v2/profile')
      const { sub, name, picture } = claims
      return { sub: sub === body.userId, name: name === body.displayName, picture: picture === body.pictureUrl }
    },
  },
  {
    ...common,
    id: 'id-token.no-hashes',
    says: 'The ID token has neither `at_hash` nor `c_hash`.',
    needs: ['idToken'],
    expected: { at_hash: 'undefined', c_hash: 'undefined' },
    run: async (line) => typesOf(jwtParts(line.credential('idToken')).claims, 'at_hash', 'c_hash'),
  },
  {
    ...certs,
    id: 'certs.answer',
    says: 'LINE publishes its signing keys as a JWK set of P-256 keys for ES256.',
    expected: { some: true, unexpected: [] },
    run: async (line) => {
      const keys = await keysOf(line)
      const unexpected = keys.filter(({ kty, crv, alg, kid }) => {
        return kty !== 'EC' || crv !== 'P-256' || alg !== 'ES256' || typeof kid !== 'string'
      })
      return { some: keys.length > 0, unexpected: unexpected.map(({ kty }) => kty) }
    },
  },
  {
    ...certs,
    id: 'certs.coordinates',
    says: 'A coordinate has 32 bytes; LINE has also published 33 bytes with a leading zero.',
    expected: contested(
      'wideCoordinates',
      [false, { widest: 32, leadingZero: false }],
      [true, { widest: 33, leadingZero: true }],
    ),
    run: async (line) => {
      const coordinates = (await keysOf(line)).flatMap(({ x, y }) => [x, y])
      const wide = coordinates.filter((one) => bytesIn(one) > 32)
      const leadingZero = wide.length > 0 && wide.every((one) => Buffer.from(String(one), 'base64url')[0] === 0)
      return { widest: Math.max(...coordinates.map(bytesIn)), leadingZero }
    },
  },
  {
    ...discovery,
    id: 'discovery.answer',
    says: 'The metadata has LINE’s endpoints and its only issuer.',
    expected: {
      status: 200,
      issuer: 'https://access.line.me',
      authorization_endpoint: 'https://access.line.me/oauth2/v2.1/authorize',
      token_endpoint: 'https://api.line.me/oauth2/v2.1/token',
      userinfo_endpoint: 'https://api.line.me/oauth2/v2.1/userinfo',
      jwks_uri: 'https://api.line.me/oauth2/v2.1/certs',
    },
    run: async (line) => {
      const { status, body } = await line.wellKnown('openid-configuration')
      const { issuer, authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri } = body
      return { status, issuer, authorization_endpoint, token_endpoint, userinfo_endpoint, jwks_uri }
    },
  },
  {
    ...discovery,
    id: 'discovery.algorithms',
    says: 'The metadata lists only ES256, although web channels get HS256, and only S256 for PKCE.',
    expected: { id_token: ['ES256'], challenge: ['S256'], response: ['code'] },
    run: async (line) => {
      const { body } = await line.wellKnown('openid-configuration')
      return {
        id_token: body.id_token_signing_alg_values_supported,
        challenge: body.code_challenge_methods_supported,
        response: body.response_types_supported,
      }
    },
  },
  {
    ...discovery,
    id: 'discovery.silent',
    says: 'The metadata lists no client authentication method and no introspection endpoint.',
    expected: { token_endpoint_auth_methods_supported: 'undefined', introspection_endpoint: 'undefined' },
    run: async (line) => {
      const { body } = await line.wellKnown('openid-configuration')
      return typesOf(body, 'token_endpoint_auth_methods_supported', 'introspection_endpoint')
    },
  },
  {
    ...discovery,
    id: 'discovery.oauth-404',
    says: 'LINE has no metadata at the path of RFC 8414.',
    expected: { status: 404 },
    run: async (line) => ({ status: (await line.wellKnown('oauth-authorization-server')).status }),
  },
]
