import { formOf, type LineRequest } from '../http/line-request.ts'
import {
  empty,
  type LineResponse,
  missingParameters,
  oauthError,
  wrongFormat,
  wrongSecret,
} from '../http/line-response.ts'
import { type Channel, isAuthenticated } from '../platform/accounts.ts'
import type { Platform } from '../platform/platform.ts'

/** `POST /oauth2/v2.1/revoke` of an access token. The SDKs send a refresh token, which revokes the whole login. */
export function revoke(request: LineRequest, platform: Platform): LineResponse {
  const form = formOf(request)
  const [accessToken, refreshToken] = [form.get('access_token'), form.get('refresh_token')]
  const clientId = form.get('client_id')
  if (!clientId || !(accessToken || refreshToken)) return missingParameters
  const channel = platform.channels.get(clientId)
  if (channel === undefined) return wrongFormat
  if (!isAuthenticated(channel, form.get('client_secret'))) return wrongSecret
  const revoked = accessToken
    ? revokeAccessToken(accessToken, channel, platform)
    : revokeRefreshToken(refreshToken ?? '', channel, platform)
  return revoked || platform.switches.revokeUnknown === 'ok' ? empty(200) : oauthError('invalid_request')
}

function revokeAccessToken(accessToken: string, channel: Channel, { userTokens, switches }: Platform): boolean {
  const found = userTokens.find(accessToken)
  if (found?.grant.link.channel !== channel || userTokens.statusOf(found) !== 'good') return false
  found.revoked = true
  if (switches.revokeKillsRefreshToken) userTokens.revokeGrant(found.grant)
  return true
}

function revokeRefreshToken(refreshToken: string, channel: Channel, { userTokens }: Platform): boolean {
  const grant = userTokens.findGrant(refreshToken)
  if (grant?.link.channel !== channel) return false
  userTokens.revokeGrant(grant)
  return true
}
