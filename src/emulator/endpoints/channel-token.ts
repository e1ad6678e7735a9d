import { formOf, type LineRequest } from '../http/line-request.ts'
import { json, type LineResponse, missingParameters, wrongFormat, wrongSecret } from '../http/line-response.ts'
import { CHANNEL_TOKEN_LIFETIME_S } from '../platform/channel-tokens.ts'
import type { Platform } from '../platform/platform.ts'

/** `POST /oauth2/v3/token`: a stateless channel token. Supports `client_secret` but no JWT assertion. */
export function channelToken(request: LineRequest, platform: Platform): LineResponse {
  const form = formOf(request)
  const clientId = form.get('client_id')
  if (form.get('grant_type') !== 'client_credentials' || !clientId) return missingParameters
  const channel = platform.channels.get(clientId)
  if (channel === undefined) return wrongFormat
  if (form.get('client_secret') !== channel.secret) return wrongSecret
  const accessToken = platform.channelTokens.issue(channel)
  return json({ token_type: 'Bearer', access_token: accessToken, expires_in: CHANNEL_TOKEN_LIFETIME_S })
}
