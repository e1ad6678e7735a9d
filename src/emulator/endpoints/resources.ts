import { bearerOf, type LineRequest } from '../http/line-request.ts'
import { json, type LineResponse, refusal } from '../http/line-response.ts'
import type { Grant } from '../platform/ledger.ts'
import type { Platform } from '../platform/platform.ts'
import { hasScope } from '../platform/scope.ts'

/** `GET /v2/profile`. What the user hasn't set is absent. */
export function profile(request: LineRequest, platform: Platform): LineResponse {
  return withScope('profile', request, platform, ({ link: { user } }) => {
    const { userId, displayName, pictureUrl, statusMessage } = user
    return json({ userId, displayName, pictureUrl, statusMessage })
  })
}

/** `GET` or `POST /oauth2/v2.1/userinfo`. Never an e-mail address or a status message. */
export function userinfo(request: LineRequest, platform: Platform): LineResponse {
  return withScope('openid', request, platform, ({ scope, link: { user } }) => {
    const shown = hasScope(scope, 'profile')
    return json({ sub: user.userId, ...(shown ? { name: user.displayName, picture: user.pictureUrl } : {}) })
  })
}

/** `GET /friendship/v1/status`: friend of the official account linked to the channel, and not blocking it. */
export function friendship(request: LineRequest, platform: Platform): LineResponse {
  return withScope('profile', request, platform, ({ link: { user, channel } }) => {
    if (channel.linkedBot === false) return refusal(400, 'There is no login bot linked to this channel.')
    return json({ friendFlag: user.isFriend ?? false })
  })
}

function withScope(
  scope: string,
  request: LineRequest,
  { ledger, channelTokens, switches }: Platform,
  answer: (grant: Grant) => LineResponse,
): LineResponse {
  const bearer = bearerOf(request) ?? ''
  const found = ledger.find(bearer)
  if (found === undefined) {
    return channelTokens.find(bearer) ? refusal(403, switches.deniedText) : refusal(401, switches.invalidText)
  }
  const standing = ledger.standingOf(found)
  if (standing === 'expired') return refusal(401, switches.expiredText)
  if (standing === 'revoked') return refusal(401, switches.revokedText)
  if (!hasScope(found.grant.scope, scope)) return refusal(403, switches.deniedText)
  return answer(found.grant)
}
