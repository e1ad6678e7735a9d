import { bearerOf, type LineRequest } from '../http/line-request.ts'
import { empty, type LineResponse, refusal } from '../http/line-response.ts'
import type { Platform } from '../platform/platform.ts'

/** `POST /user/v1/deauthorize`: the app unlinks itself from the user. The bearer token is a channel token. */
export function deauthorize(request: LineRequest, platform: Platform): LineResponse {
  const { userTokens, channelTokens, switches } = platform
  const bearer = bearerOf(request) ?? ''
  const app = channelTokens.find(bearer)
  if (app === undefined) {
    return userTokens.find(bearer) === undefined
      ? refusal(401, switches.invalidText)
      : refusal(403, switches.deniedText)
  }
  const found = userTokens.find(userAccessTokenIn(request.body))
  if (found?.grant.link.channel !== app.channel || userTokens.statusOf(found) !== 'good') {
    return refusal(400, 'invalid token')
  }
  userTokens.unlink(found.grant.link.user, app.channel)
  return empty(204)
}

function userAccessTokenIn(body: string): string {
  try {
    return String(JSON.parse(body).userAccessToken)
  } catch {
    return ''
  }
}
