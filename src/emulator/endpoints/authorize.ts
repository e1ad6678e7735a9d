import type { LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { type AuthorizationRequest, checkAuthorization } from '../login/authorization-request.ts'
import { returnTo } from '../login/callback.ts'
import { refusedPage, returnError } from '../login/login.ts'
import { loginPage } from '../login/login-pages.ts'
import { issueCode, needsConsent } from '../login/login-result.ts'
import type { Platform } from '../platform/platform.ts'
import { randomText } from '../random-text.ts'

/** `GET /oauth2/v2.1/authorize`: the login page, LINE's error page, or a redirect to the callback. */
export function authorize(request: LineRequest, platform: Platform): LineResponse {
  const checked = checkAuthorization(request.query, platform.channels)
  if (checked.outcome === 'refused') return refusedPage(checked.reason)
  if (checked.outcome === 'returned') return returnError(checked, platform)
  const accepted = checked.request
  if (platform.switches.autoLoginFails && accepted.allowsAutoLogin) return failAutoLogin(accepted, platform)
  if (accepted.prompt === 'none') return logInSilently(accepted, request, platform)
  return loginPage(accepted, request.query, [...platform.users.values()])
}

/** Returns an unusable code and a state that the app did not send. To the app it looks like a forged callback. */
function failAutoLogin({ callback }: AuthorizationRequest, platform: Platform): LineResponse {
  return returnTo({ ...callback, state: randomText(12) }, { code: randomText(15) }, platform.now())
}

function logInSilently(accepted: AuthorizationRequest, request: LineRequest, platform: Platform): LineResponse {
  const session = platform.sessions.find(request.headers.cookie)
  const { callback, maxAge } = accepted
  if (session === undefined || (maxAge !== undefined && platform.now() - session.loggedInAt > maxAge * 1000)) {
    return returnError({ callback, error: 'LOGIN_REQUIRED', description: 'The user is not logged in.' }, platform)
  }
  if (needsConsent(accepted, session.user, platform)) {
    return returnError({ callback, error: 'INTERACTION_REQUIRED', description: 'The user has to consent.' }, platform)
  }
  return returnTo(
    callback,
    { code: issueCode(accepted, session, accepted.scopes, 'linesso', platform) },
    platform.now(),
  )
}
