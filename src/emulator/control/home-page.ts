import { type Html, html } from '../http/html.ts'
import type { LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { page } from '../http/page.ts'
import type { Channel, User } from '../platform/accounts.ts'
import type { EmulatorParts } from './control.ts'

/** `GET /`: explains the emulator to people who open it in a browser. Shows no secret. */
export function homePage({ platform, calls }: EmulatorParts, { headers, query }: LineRequest): LineResponse {
  const [channels, users] = [[...platform.channels.values()], [...platform.users.values()]]
  const content = html`<h1>LINE emulator</h1>
<p>This server answers like access.line.me and api.line.me for LINE Login v2.1. All accounts are examples. No data leaves this machine.</p>
${loginResult(query)}
${channels.slice(0, 1).map((channel) => html`<p><a href="${loginLink(channel, headers.host ?? '')}">Log in as a demo user</a></p>`)}
<h2>Users</h2>${table(['Name', 'User ID'], users.slice(0, 50).map(userRow))}
<h2>Channels</h2>${table(['Channel ID', 'Type'], channels.map(channelRow))}
<h2>Calls</h2>${table(['Endpoint', 'Calls'], Object.entries(calls.byEndpoint()).map(callRow))}
<h2>Control</h2>
<ul>${controlLinks.map((path) => html`<li><a href="${path}"><code>${path}</code></a></li>`)}</ul>`
  return page('Home', content)
}

const controlLinks = [
  '/emulator/calls',
  '/emulator/faults',
  '/emulator/switches',
  '/oauth2/v2.1/certs',
  '/.well-known/openid-configuration',
]

/** The result of a login that started on this page: a code to exchange, or the error. */
function loginResult(query: string): readonly Html[] {
  const parameters = [...new URLSearchParams(query)]
  if (parameters.length === 0) return []
  const rows = parameters.map(([name, value]) => html`<tr><td>${name}</td><td><code>${value}</code></td></tr>`)
  return [html`<h2>Result of the login</h2>${table(['Parameter', 'Value'], rows)}`]
}

/** A login that returns to this page, if the channel has no registered callback URL. */
function loginLink({ id, callbackUrls }: Channel, host: string): string {
  const redirectUri = callbackUrls?.[0] ?? `http://${host}/`
  const query = {
    response_type: 'code',
    client_id: id,
    redirect_uri: redirectUri,
    state: 'demo',
    scope: 'profile openid',
  }
  return `/oauth2/v2.1/authorize?${new URLSearchParams(query)}`
}

function table(columns: readonly string[], rows: readonly Html[]): Html {
  return html`<table><thead><tr>${columns.map((column) => html`<th scope="col">${column}</th>`)}</tr></thead><tbody>${rows}</tbody></table>`
}

function userRow({ userId, displayName }: User): Html {
  return html`<tr><td><bdi dir="auto">${displayName}</bdi></td><td><code>${userId}</code></td></tr>`
}

function channelRow({ id, type }: Channel): Html {
  return html`<tr><td><code>${id}</code></td><td>${type}</td></tr>`
}

function callRow([endpoint, count]: [string, number]): Html {
  return html`<tr><td>${endpoint}</td><td>${count}</td></tr>`
}
