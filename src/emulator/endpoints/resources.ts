import { bearerOf, type LineRequest } from '../http/line-request.ts'
import { json, type LineResponse, refusal } from '../http/line-response.ts'
import type { Platform } from '../platform/platform.ts'
import { hasScope } from '../platform/scope.ts'
import type { Grant } from '../platform/user-tokens.ts'

/** `GET /v2/profile`. A member that the user has not set is absent. */
export function profile(request: LineRequest, platform: Platform): LineResponse {
  return withScope('profile', request, platform, ({ link: { user } }) => {
    const { userId, displayName, pictureUrl, statusMessage } = user
    return json({ userId, displayName, pictureUrl, statusMessage })
  })
}

/** `GET` or `POST /oauth2/v2.1/userinfo`. It never returns an e-mail address or a status message. */
export function userinfo(request: LineRequest, platform: Platform): LineResponse {
  return withScope('openid', request, platform, ({ scope, link: { user } }) => {
    const withProfile = hasScope(scope, 'profile')
    return json({ sub: user.userId, ...(withProfile ? { name: user.displayName, picture: user.pictureUrl } : {}) })
  })
}

/** `GET /friendship/v1/status`: whether the user is a friend of the official account and does not block it. */
export function friendship(request: LineRequest, platform: Platform): LineResponse {
  return withScope('profile', request, platform, ({ link: { user, channel } }) => {
    if (channel.linkedBot === false) return refusal(400, 'There is no login bot linked to this channel.')
    return json({ friendFlag: user.isFriend ?? false })
  })
}

function withScope(
  scope: string,
  request: LineRequest,
  { userTokens, channelTokens, switches }: Platform,
  answer: (grant: Grant) => LineResponse,
): LineResponse {
  const bearer = bearerOf(request) ?? ''
  const found = userTokens.find(bearer)
  if (found === undefined) {
    return channelTokens.find(bearer) ? refusal(403, switches.deniedText) : refusal(401, switches.invalidText)
  }
  const status = userTokens.statusOf(found)
  if (status === 'expired') return refusal(401, switches.expiredText)
  if (status === 'revoked') return refusal(401, switches.revokedText)
  if (!hasScope(found.grant.scope, scope)) return refusal(403, switches.deniedText)
  return answer(found.grant)
}
