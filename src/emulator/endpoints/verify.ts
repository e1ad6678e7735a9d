import { formOf, type LineRequest } from '../http/line-request.ts'
import { json, type LineResponse, missingParameters, oauthError } from '../http/line-response.ts'
import { ISSUER, readIdToken } from '../platform/id-token.ts'
import type { Platform } from '../platform/platform.ts'
import { returnedScope } from '../platform/scope.ts'

/** `GET /oauth2/v2.1/verify`: channel, scope and remaining seconds of an access token. A bad one is 400, never 401. */
export function verifyAccessToken(request: LineRequest, platform: Platform): LineResponse {
  const accessToken = new URLSearchParams(request.query).get('access_token')
  if (!accessToken) return missingParameters
  const found = platform.userTokens.find(accessToken)
  if (found === undefined) return verifyChannelToken(accessToken, platform)
  const status = platform.userTokens.statusOf(found)
  if (status !== 'good') return refuse(`The access token ${status}`, platform)
  const { link, scope } = found.grant
  return json({
    scope: returnedScope(scope),
    client_id: link.channel.id,
    expires_in: Math.floor((found.expiresAt - platform.now()) / 1000),
  })
}

/** The same path answers 200 for channel tokens. So a client must compare `client_id` and scope. */
function verifyChannelToken(token: string, platform: Platform): LineResponse {
  const found = platform.channelTokens.find(token)
  if (found !== undefined) {
    const expiresIn = Math.floor((found.expiresAt - platform.now()) / 1000)
    return json({ scope: 'profile chat_message.write', client_id: found.channel.id, expires_in: expiresIn })
  }
  // Not "revoked", because LINE never issued this token. LINE documents "malformed" for a token it cannot read.
  return refuse(
    /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? 'The access token malformed' : 'The access token not JWS',
    platform,
  )
}

function refuse(text: string, { switches }: Platform): LineResponse {
  return oauthError('invalid_request', switches.verifyTexts === 'old' ? 'access token expired' : text)
}

/**
 * `POST /oauth2/v2.1/verify`: the claims of an ID token. The order of the checks: format, signature, iss, exp, aud,
 * nonce, sub.
 */
export function verifyIdToken(request: LineRequest, platform: Platform): LineResponse {
  const form = formOf(request)
  const [idToken, clientId] = [form.get('id_token'), form.get('client_id')]
  if (!idToken || !clientId) return missingParameters
  const read = readIdToken(idToken, platform.channels, platform.keys)
  if ('problem' in read) return refuseUnreadable(read.problem, platform)
  const { claims } = read
  if (claims.iss !== ISSUER) return oauthError('invalid_request', 'Invalid IdToken Issuer.')
  if (!(Number(claims.exp) * 1000 > platform.now())) return oauthError('invalid_request', 'IdToken expired.')
  if (claims.aud !== clientId) return oauthError('invalid_request', 'Invalid IdToken Audience.')
  if (form.has('nonce') && form.get('nonce') !== claims.nonce) {
    return oauthError('invalid_request', 'Invalid IdToken Nonce.')
  }
  if (form.has('user_id') && form.get('user_id') !== claims.sub) {
    return oauthError('invalid_request', 'Invalid IdToken Subject Identifier.')
  }
  return json(claims)
}

function refuseUnreadable(problem: 'format' | 'signature', { switches }: Platform): LineResponse {
  const observed = problem === 'format' ? 'JWS format error' : 'JWS verification failed'
  return oauthError('invalid_request', switches.idTokenTexts === 'observed' ? observed : 'Invalid IdToken.')
}
