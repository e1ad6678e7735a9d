import type { LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { type AuthorizationRequest, judgeAuthorization } from '../login/authorization-request.ts'
import { returnTo } from '../login/callback.ts'
import { refusedPage, returned } from '../login/login.ts'
import { loginPage } from '../login/login-pages.ts'
import { issueCode, needsConsent } from '../login/login-result.ts'
import type { Platform } from '../platform/platform.ts'
import { randomText } from '../random-text.ts'

/** `GET /oauth2/v2.1/authorize`: the login page, or an error of LINE's own, or a callback at once. */
export function authorize(request: LineRequest, platform: Platform): LineResponse {
  const judgement = judgeAuthorization(request.query, platform.channels)
  if (judgement.verdict === 'refused') return refusedPage(judgement.reason)
  if (judgement.verdict === 'returned') return returned(judgement, platform)
  const accepted = judgement.request
  if (platform.switches.autoLoginFails && accepted.allowsAutoLogin) return failAutoLogin(accepted, platform)
  if (accepted.prompt === 'none') return logInSilently(accepted, request, platform)
  return loginPage(accepted, request.query, [...platform.users.values()])
}

/** The user arrives with a code nobody can use and a state nobody sent: to the app it looks like forgery. */
function failAutoLogin({ callback }: AuthorizationRequest, platform: Platform): LineResponse {
  return returnTo({ ...callback, state: randomText(12) }, { code: randomText(15) }, platform.now())
}

function logInSilently(accepted: AuthorizationRequest, request: LineRequest, platform: Platform): LineResponse {
  const session = platform.sessions.find(request.headers.cookie)
  const { callback, maxAge } = accepted
  if (session === undefined || (maxAge !== undefined && platform.now() - session.loggedInAt > maxAge * 1000)) {
    return returned({ callback, error: 'LOGIN_REQUIRED', description: 'The user is not logged in.' }, platform)
  }
  if (needsConsent(accepted, session.user, platform)) {
    return returned({ callback, error: 'INTERACTION_REQUIRED', description: 'The user has to consent.' }, platform)
  }
  return returnTo(
    callback,
    { code: issueCode(accepted, session, accepted.scopes, 'linesso', platform) },
    platform.now(),
  )
}
