import { formOf, type LineRequest } from '../http/line-request.ts'
import { json, type LineResponse, missingParameters, oauthError } from '../http/line-response.ts'
import { ISSUER, readIdToken } from '../platform/id-token.ts'
import type { Platform } from '../platform/platform.ts'
import { shownScope } from '../platform/scope.ts'

/** `GET /oauth2/v2.1/verify`: whose access token this is and how long it lives. Always 400 for a bad one, never 401. */
export function verifyAccessToken(request: LineRequest, platform: Platform): LineResponse {
  const accessToken = new URLSearchParams(request.query).get('access_token')
  if (!accessToken) return missingParameters
  const found = platform.ledger.find(accessToken)
  if (found === undefined) return verifyChannelToken(accessToken, platform)
  const standing = platform.ledger.standingOf(found)
  if (standing !== 'good') return refuse(`The access token ${standing}`, platform)
  const { link, scope } = found.grant
  return json({
    scope: shownScope(scope),
    client_id: link.channel.id,
    expires_in: Math.floor((found.expiresAt - platform.now()) / 1000),
  })
}

/** The same path answers 200 for channel tokens, which is why a client must compare `client_id` and scope. */
function verifyChannelToken(token: string, platform: Platform): LineResponse {
  const found = platform.channelTokens.find(token)
  if (found !== undefined) {
    const expiresIn = Math.floor((found.expiresAt - platform.now()) / 1000)
    return json({ scope: 'profile chat_message.write', client_id: found.channel.id, expires_in: expiresIn })
  }
  // "revoked" would claim that LINE once issued it; "malformed" is the text documented for what can't be read.
  return refuse(
    /^[\w-]+\.[\w-]+\.[\w-]+$/.test(token) ? 'The access token malformed' : 'The access token not JWS',
    platform,
  )
}

function refuse(text: string, { switches }: Platform): LineResponse {
  return oauthError('invalid_request', switches.verifyTexts === 'old' ? 'access token expired' : text)
}

/** `POST /oauth2/v2.1/verify`: the claims of an ID token. Order: format, signature, iss, exp, aud, nonce, sub. */
export function verifyIdToken(request: LineRequest, platform: Platform): LineResponse {
  const form = formOf(request)
  const [idToken, clientId] = [form.get('id_token'), form.get('client_id')]
  if (!idToken || !clientId) return missingParameters
  const reading = readIdToken(idToken, platform.channels, platform.keys)
  if ('fault' in reading) return refuseUnreadable(reading.fault, platform)
  const { claims } = reading
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

function refuseUnreadable(fault: 'format' | 'signature', { switches }: Platform): LineResponse {
  const observed = fault === 'format' ? 'JWS format error' : 'JWS verification failed'
  return oauthError('invalid_request', switches.idTokenTexts === 'observed' ? observed : 'Invalid IdToken.')
}
