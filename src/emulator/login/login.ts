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
  judgeAuthorization,
} from './authorization-request.ts'
import { returnTo } from './callback.ts'
import { consentPage, loginPage } from './login-pages.ts'
import { issueCode, needsConsent, offersFriendship } from './login-result.ts'

/**
 * The forms of the login: `user`, then `decision` (allow or cancel) with the checkboxes `email` and `friend`.
 * The authorization request is in the query still, so one POST with all of them is a whole login without a browser.
 */
export function logIn(request: LineRequest, platform: Platform): LineResponse {
  const judgement = judgeAuthorization(request.query, platform.channels)
  if (judgement.verdict === 'refused') return refusedPage(judgement.reason)
  if (judgement.verdict === 'returned') return returned(judgement, platform)
  const form = formOf(request)
  const user = platform.users.get(form.get('user') ?? '')
  if (user === undefined) return loginPage(judgement.request, request.query, [...platform.users.values()])
  return decide(judgement.request, user, form, request.query, platform)
}

/** LINE's own error page: an unknown channel or callback URL must not be sent anything. */
export function refusedPage(reason: string): LineResponse {
  return page('Bad Request', html`<h1>400 Bad Request</h1><p>${reason}</p>`, { status: 400 })
}

export function returned(
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
  const asked = needsConsent(request, user, platform)
  const decision = form.get('decision')
  if (asked && decision !== 'allow' && decision !== 'cancel') return consentPage(request, query, user)
  if (decision === 'cancel') return returned({ callback: request.callback, ...denial }, platform)
  return admit(request, user, asked ? form : undefined, platform)
}

const denial = { error: 'ACCESS_DENIED', description: 'The resource owner denied the request.' } as const

/** `consent` is what the user ticked; undefined when consent was given before. */
function admit(
  request: AuthorizationRequest,
  user: User,
  consent: URLSearchParams | undefined,
  platform: Platform,
): LineResponse {
  const { cookie, session } = platform.sessions.open(user)
  const scopes = request.scopes.filter((scope) => scope !== 'email' || consent === undefined || consent.has('email'))
  const offered = consent !== undefined && offersFriendship(request, user)
  const befriended = offered && consent.has('friend')
  if (befriended) user.isFriend = true
  const code = issueCode(request, session, scopes, request.startsWithQr ? 'lineqr' : 'pwd', platform)
  const friendship = offered ? { friendship_status_changed: String(befriended) } : undefined
  const answer = returnTo(request.callback, { code, ...friendship }, platform.now())
  return { ...answer, headers: { ...answer.headers, 'set-cookie': cookie } }
}
