import { bearerOf, type LineRequest } from '../http/line-request.ts'
import { empty, type LineResponse, refusal } from '../http/line-response.ts'
import type { Platform } from '../platform/platform.ts'

/** `POST /user/v1/deauthorize`, with a channel token as bearer: the app unlinks itself from the user. */
export function deauthorize(request: LineRequest, platform: Platform): LineResponse {
  const { ledger, channelTokens, switches } = platform
  const bearer = bearerOf(request) ?? ''
  const app = channelTokens.find(bearer)
  if (app === undefined) {
    return ledger.find(bearer) === undefined ? refusal(401, switches.invalidText) : refusal(403, switches.deniedText)
  }
  const found = ledger.find(userAccessTokenIn(request.body))
  if (found?.grant.link.channel !== app.channel || ledger.standingOf(found) !== 'good') {
    return refusal(400, 'invalid token')
  }
  ledger.unlink(found.grant.link.user, app.channel)
  return empty(204)
}

function userAccessTokenIn(body: string): string {
  try {
    return String(JSON.parse(body).userAccessToken)
  } catch {
    return ''
  }
}
