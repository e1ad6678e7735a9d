import { createHash } from 'node:crypto'
import { formOf, type LineRequest } from '../http/line-request.ts'
import {
  json,
  type LineResponse,
  missingParameters,
  oauthError,
  wrongFormat,
  wrongSecret,
} from '../http/line-response.ts'
import { isAuthenticated } from '../platform/accounts.ts'
import type { Authorization } from '../platform/codes.ts'
import { idTokenFor, type LoginFacts } from '../platform/id-token.ts'
import type { Platform } from '../platform/platform.ts'
import { hasScope, returnedScope } from '../platform/scope.ts'
import type { Grant, Issued } from '../platform/user-tokens.ts'

/** `POST /oauth2/v2.1/token`: exchanges an authorization code or refreshes a token. */
export function token(request: LineRequest, platform: Platform): LineResponse {
  // LINE accepts client credentials only in the body. A library that tries HTTP Basic must fail here too.
  if (request.headers.authorization !== undefined) return missingParameters
  const form = formOf(request)
  switch (form.get('grant_type')) {
    case 'authorization_code':
      return exchange(form, platform)
    case 'refresh_token':
      return refresh(form, platform)
    default:
      return missingParameters
  }
}

/** LINE checks the code before the secret. The order of the other checks is not known. */
function exchange(form: URLSearchParams, platform: Platform): LineResponse {
  const [code, clientId, redirectUri] = [form.get('code'), form.get('client_id'), form.get('redirect_uri')]
  if (!code || !clientId || !redirectUri) return missingParameters
  const channel = platform.channels.get(clientId)
  if (channel === undefined) return wrongFormat
  const authorization = platform.codes.find(code)
  if (authorization?.link.channel !== channel) return oauthError('invalid_grant', 'invalid authorization code')
  if (authorization.redirectUri !== redirectUri) return oauthError('invalid_grant', 'redirect_uri does not match')
  if (!isAuthenticated(channel, form.get('client_secret'))) return wrongSecret
  if (!isVerifierValid(authorization, form)) return oauthError('invalid_grant', 'invalid code_verifier')
  platform.codes.consume(code)
  const issued = platform.userTokens.open(authorization.link, authorization.scope)
  return json({ ...tokenBody(issued), ...idTokenBody(issued.grant, authorization, form, platform) })
}

function isVerifierValid({ codeChallenge }: Authorization, form: URLSearchParams): boolean {
  if (codeChallenge === undefined) return true
  const verifier = form.get('code_verifier') ?? ''
  return (
    /^[\w.~-]{43,128}$/.test(verifier) && createHash('sha256').update(verifier).digest('base64url') === codeChallenge
  )
}

function tokenBody({ accessToken, refreshToken, expiresIn, grant }: Issued) {
  return {
    access_token: accessToken,
    expires_in: expiresIn,
    ...(refreshToken === undefined ? {} : { refresh_token: refreshToken }),
    scope: returnedScope(grant.scope),
    token_type: 'Bearer',
  }
}

/** One channel gets both kinds. Apps and LIFF send `id_token_key_type=JWK` and no secret; web logins send the secret. */
function idTokenBody(grant: Grant, facts: LoginFacts, form: URLSearchParams, platform: Platform) {
  if (!hasScope(grant.scope, 'openid')) return {}
  const es256 = form.get('id_token_key_type') === 'JWK' || form.get('client_secret') !== grant.link.channel.secret
  return { id_token: idTokenFor(grant, { ...facts, es256 }, platform.now(), platform.keys) }
}

function refresh(form: URLSearchParams, platform: Platform): LineResponse {
  const [refreshToken, clientId] = [form.get('refresh_token'), form.get('client_id')]
  if (!refreshToken || !clientId) return missingParameters
  const channel = platform.channels.get(clientId)
  if (channel === undefined) return wrongFormat
  const grant = platform.userTokens.findGrant(refreshToken)
  if (grant?.link.channel !== channel) return oauthError('invalid_grant', 'invalid refresh token')
  if (!isAuthenticated(channel, form.get('client_secret'))) return wrongSecret
  return json(tokenBody(platform.userTokens.refresh(grant)))
}
