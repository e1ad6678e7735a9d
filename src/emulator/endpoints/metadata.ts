import type { LineRequest } from '../http/line-request.ts'
import { json, type LineResponse } from '../http/line-response.ts'
import { ISSUER } from '../platform/id-token.ts'
import type { Platform } from '../platform/platform.ts'

/** `GET /oauth2/v2.1/certs`: the public ES256 keys. */
export function certs(_request: LineRequest, { keys, switches }: Platform): LineResponse {
  return json(keys.jwks(switches.wideCoordinates))
}

/** `GET /.well-known/openid-configuration`: a copy of LINE's answer, with LINE's real hosts and without HS256. */
export function discovery(): LineResponse {
  return json({
    issuer: ISSUER,
    authorization_endpoint: 'https://access.line.me/oauth2/v2.1/authorize',
    token_endpoint: 'https://api.line.me/oauth2/v2.1/token',
    revocation_endpoint: 'https://api.line.me/oauth2/v2.1/revoke',
    userinfo_endpoint: 'https://api.line.me/oauth2/v2.1/userinfo',
    scopes_supported: ['openid', 'profile', 'email'],
    jwks_uri: 'https://api.line.me/oauth2/v2.1/certs',
    response_types_supported: ['code'],
    subject_types_supported: ['pairwise'],
    id_token_signing_alg_values_supported: ['ES256'],
    code_challenge_methods_supported: ['S256'],
  })
}
