import { html } from '../http/html.ts'
import { formOf, type LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { page } from '../http/page.ts'
import type { User } from '../platform/accounts.ts'
import type { Platform } from '../platform/platform.ts'
import {
  type AuthorizationRequest,
  type Callback,
  type CallbackError,
  checkAuthorization,
} from './authorization-request.ts'
import { returnTo } from './callback.ts'
import { consentPage, loginPage } from './login-pages.ts'
import { issueCode, needsConsent, offersFriendship } from './login-result.ts'

/**
 * Handles the login forms. The first has `user`. The second has `user`, `decision` (allow or cancel) and the checkboxes
 * `email` and `friend`. The query is the authorization request, so one POST with all fields is a complete login.
 */
export function logIn(request: LineRequest, platform: Platform): LineResponse {
  const checked = checkAuthorization(request.query, platform.channels)
  if (checked.outcome === 'refused') return refusedPage(checked.reason)
  if (checked.outcome === 'returned') return returnError(checked, platform)
  const form = formOf(request)
  const user = platform.users.get(form.get('user') ?? '')
  if (user === undefined) return loginPage(checked.request, request.query, [...platform.users.values()])
  return decide(checked.request, user, form, request.query, platform)
}

/** LINE's error page. The browser must not go to the callback URL of an unknown channel, or to an unregistered URL. */
export function refusedPage(reason: string): LineResponse {
  return page('Bad Request', html`<h1>400 Bad Request</h1><p>${reason}</p>`, { status: 400 })
}

/** Otherwise any page could log the user of this browser in, as a user of its choice. */
export const foreignFormPage = page(
  'Forbidden',
  html`<h1>403 Forbidden</h1><p>The login form answers only pages of this machine: start the login in your app.</p>`,
  { status: 403 },
)

export function returnError(
  { callback, error, description }: { callback: Callback; error: CallbackError; description: string },
  { now }: Platform,
): LineResponse {
  return returnTo(callback, { error, error_description: description }, now())
}

function decide(
  request: AuthorizationRequest,
  user: User,
  form: URLSearchParams,
  query: string,
  platform: Platform,
): LineResponse {
  const asksConsent = needsConsent(request, user, platform)
  const decision = form.get('decision')
  if (asksConsent && decision !== 'allow' && decision !== 'cancel') return consentPage(request, query, user)
  if (decision === 'cancel') return returnError({ callback: request.callback, ...denial }, platform)
  return finishLogin(request, user, asksConsent ? form : undefined, platform)
}

const denial = { error: 'ACCESS_DENIED', description: 'The resource owner denied the request.' } as const

/** `consent` is the form with the user's choices. It is undefined when consent was given before. */
function finishLogin(
  request: AuthorizationRequest,
  user: User,
  consent: URLSearchParams | undefined,
  platform: Platform,
): LineResponse {
  const { cookie, session } = platform.sessions.open(user)
  const scopes = request.scopes.filter((scope) => scope !== 'email' || consent === undefined || consent.has('email'))
  const offered = consent !== undefined && offersFriendship(request, user)
  const becameFriend = offered && consent.has('friend')
  if (becameFriend) user.isFriend = true
  const code = issueCode(request, session, scopes, request.startsWithQr ? 'lineqr' : 'pwd', platform)
  const friendship = offered ? { friendship_status_changed: String(becameFriend) } : undefined
  const answer = returnTo(request.callback, { code, ...friendship }, platform.now())
  return { ...answer, headers: { ...answer.headers, 'set-cookie': cookie } }
}
