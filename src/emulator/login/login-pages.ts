import { type Html, html } from '../http/html.ts'
import type { LineResponse } from '../http/line-response.ts'
import { page } from '../http/page.ts'
import type { Channel, User } from '../platform/accounts.ts'
import type { AuthorizationRequest } from './authorization-request.ts'
import { offersFriendship } from './login-result.ts'
import { smallPicture } from './pictures.ts'

/** The target of the login forms. Its query is the authorization request. */
export const LOGIN_PATH = '/emulator/login'

const MAX_USERS_SHOWN = 50

export function loginPage({ channel }: AuthorizationRequest, query: string, users: readonly User[]): LineResponse {
  const content = html`<h1>Log in with LINE</h1>
<p>${nameOf(channel)} asks you to log in. Choose a demo user.</p>
<form method="post" action="${LOGIN_PATH}?${query}"><ul class="plain stacked">${users.slice(0, MAX_USERS_SHOWN).map(userButton)}</ul></form>
<p class="note">This is the LINE emulator. The users are examples and need no password.</p>`
  return page('Log in', content)
}

function userButton(user: User): Html {
  const { userId, displayName } = user
  return html`<li><button class="user" name="user" value="${userId}">${smallPicture(user)} <span>Log in as <bdi dir="auto">${displayName}</bdi></span></button></li>
`
}

export function consentPage(request: AuthorizationRequest, query: string, user: User): LineResponse {
  const mandatory = request.scopes.filter((scope) => scope !== 'email')
  const content = html`<h1>Allow access?</h1>
<p>${nameOf(request.channel)} asks <bdi dir="auto">${user.displayName}</bdi> for access to:</p>
<form method="post" action="${LOGIN_PATH}?${query}">
<input type="hidden" name="user" value="${user.userId}">
<ul class="plain">${mandatory.map((scope) => html`<li>${meaningOf(scope)} <span class="note">(required)</span></li>`)}</ul>
${request.scopes.includes('email') ? checkbox('email', 'Your e-mail address') : html``}
${offersFriendship(request, user) ? checkbox('friend', 'Add the official account as a friend') : html``}
<div class="stacked">
<button class="main" name="decision" value="allow">Allow</button>
<button name="decision" value="cancel">Cancel</button>
</div>
</form>`
  return page('Allow access?', content)
}

function checkbox(name: string, text: string): Html {
  return html`<label><input type="checkbox" name="${name}" checked> ${text}</label>`
}

function nameOf({ id, type, name = `The ${type} app` }: Channel): string {
  return `${name} (channel ${id})`
}

const meanings: Readonly<Record<string, string>> = {
  profile: 'Your name, picture and status message',
  openid: 'Your user ID',
}

function meaningOf(scope: string): string {
  return meanings[scope] ?? `Your ${scope.replace('_', ' ')}`
}
