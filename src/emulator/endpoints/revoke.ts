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

/** `POST /oauth2/v2.1/revoke` by access token, or (the SDKs) by refresh token, which ends the whole login. */
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

function revokeAccessToken(accessToken: string, channel: Channel, { ledger, switches }: Platform): boolean {
  const found = ledger.find(accessToken)
  if (found?.grant.link.channel !== channel || ledger.standingOf(found) !== 'good') return false
  found.revoked = true
  if (switches.revokeKillsRefreshToken) ledger.revokeGrant(found.grant)
  return true
}

function revokeRefreshToken(refreshToken: string, channel: Channel, { ledger }: Platform): boolean {
  const grant = ledger.findGrant(refreshToken)
  if (grant?.link.channel !== channel) return false
  ledger.revokeGrant(grant)
  return true
}
