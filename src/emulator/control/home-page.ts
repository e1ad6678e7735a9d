import { type Html, html } from '../http/html.ts'
import type { LineRequest } from '../http/line-request.ts'
import type { LineResponse } from '../http/line-response.ts'
import { page } from '../http/page.ts'
import { smallPicture } from '../login/pictures.ts'
import type { Channel, User } from '../platform/accounts.ts'
import { defaultSwitches, type Switches } from '../platform/switches.ts'
import type { EmulatorParts } from './control.ts'
import { controlSection } from './control-section.ts'
import type { Fault } from './faults.ts'

/** `GET /`: explains the emulator to people who open it in a browser. Shows no secret. */
export function homePage(parts: EmulatorParts, { headers, query }: LineRequest): LineResponse {
  const { platform, appUrl } = parts
  const [channels, users] = [[...platform.channels.values()], [...platform.users.values()]]
  const origin = `http://${headers.host}`
  const content = html`<header><h1>LINE emulator</h1>
<p>This server answers like access.line.me and api.line.me for LINE Login v2.1. All accounts are examples. No data leaves this machine.</p>
<nav aria-label="On this page"><ul class="plain links"><li><a href="#live-title">Calls and faults, live</a></li><li><a href="#control-title">Control it with curl</a>: expiry, outages, clock and more</li></ul></nav>
</header>
<div class="stack">
${loginResult(query, origin, appUrl?.())}
<div class="columns">
<div class="stack">${accountCards(channels, users, origin)}</div>
${liveCard(parts)}
</div>
${controlSection(origin, platform)}
</div>`
  return page('Home', content, { wide: true, script: 'home.js' })
}

function accountCards(channels: readonly Channel[], users: readonly User[], origin: string): Html {
  return html`<section class="card"><h2>Users</h2>
${channels.slice(0, 1).map((channel) => html`<p><a class="button main" href="${loginLink(channel, origin)}">Log in as a demo user</a></p>`)}
${table(['Name', 'User ID'], users.slice(0, 50).map(userRow))}</section>
<section class="card"><h2>Channels</h2>${table(['Channel', 'Type'], channels.map(channelRow))}
<p class="note">A LINE MINI App has three channels of type liff: developing, review and published.</p>
<p class="note">LINE's own documents: <a href="/.well-known/openid-configuration">discovery</a>, <a href="/oauth2/v2.1/certs">public keys</a></p></section>`
}

/** What happens now. The script of the page keeps it fresh. */
function liveCard({ calls, faults, platform }: EmulatorParts): Html {
  const counts = Object.entries(calls.byEndpoint())
  return html`<section class="card" aria-labelledby="live-title" data-switches="${JSON.stringify(defaultSwitches)}">
<h2 id="live-title">Calls and faults, live</h2>
<ul id="world" class="plain" role="status">${worldOf(faults.all(), platform.switches).map((line) => html`<li>${line}</li>`)}</ul>
<noscript><p class="note">Without JavaScript this page shows what was true when it was loaded, and has no buttons. The commands below work in a terminal.</p></noscript>
<div class="buttons" id="common" hidden>
<button type="button" data-method="PUT" data-path="/emulator/faults/*" data-body='{"status":500}'>LINE down</button>
<button type="button" data-method="PUT" data-path="/emulator/faults/*" data-body='{"status":429,"headers":{"retry-after":"5"}}'>LINE answers 429</button>
<button type="button" data-method="PUT" data-path="/emulator/faults/*" data-body='{"latencyMs":2000}'>LINE is slow</button>
<button type="button" id="well">All well again</button>
</div>
<h3>Calls to LINE: <span id="total">${counts.reduce((sum, [, count]) => sum + count, 0)}</span></h3>
<div id="live-status" role="status"></div>
<ol id="feed" class="plain feed" aria-label="The last calls, newest first"></ol>
<div class="buttons" id="reset" hidden><button type="button" data-method="POST" data-path="/emulator/calls/reset">Count from 0</button></div>
<div id="counts">${table(['Endpoint', 'Calls'], counts.map(callRow))}</div>
</section>`
}

/** The faults and the changed switches, in the words of `home.js`. */
function worldOf(faults: Record<string, Fault>, switches: Switches): readonly string[] {
  const lines = [
    ...Object.entries(faults).map(
      ([name, fault]) => `Fault at ${name === '*' ? 'all endpoints' : name}: ${JSON.stringify(fault)}`,
    ),
    ...Object.entries(switches)
      .filter(([name, value]) => value !== defaultSwitches[name as keyof Switches])
      .map(([name, value]) => `Switch ${name}: ${JSON.stringify(value)}`),
  ]
  return lines.length > 0 ? lines : ['LINE is well.']
}

/** The result of a login that started on this page: a code to exchange, or the error. */
function loginResult(query: string, origin: string, appUrl: string | undefined): readonly Html[] {
  const parameters = [...new URLSearchParams(query)]
  if (parameters.length === 0) return []
  const rows = parameters.map(([name, value]) => html`<tr><td>${name}</td><td><code>${value}</code></td></tr>`)
  return [
    html`<section class="card"><h2>Result of the login</h2>${nextStep(parameters, origin)}
${appUrl === undefined ? html`` : html`<p>The <a href="${appUrl}">demo page</a> logs in and does all of this for you.</p>`}
${table(['Parameter', 'Value'], rows)}</section>`,
  ]
}

function nextStep(parameters: readonly (readonly [string, string])[], origin: string): Html {
  if (!parameters.some(([name]) => name === 'code')) return html`<p>There is no code, so start the login again.</p>`
  return html`<p>Now an app exchanges the code for tokens. To do that yourself, send the code to the gateway's <code>exchangeLogin</code> within ten minutes, with the redirect URI <code>${origin}/</code>. It works once.</p>`
}

/** A login that returns to this page, if the channel has no registered callback URL. */
function loginLink({ id, callbackUrls }: Channel, origin: string): string {
  const redirectUri = callbackUrls?.[0] ?? `${origin}/`
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

function userRow(user: User): Html {
  const { userId, displayName } = user
  return html`<tr><td><span class="user">${smallPicture(user)} <bdi dir="auto">${displayName}</bdi></span></td><td><code>${userId}</code></td></tr>`
}

function channelRow({ id, type, name = '' }: Channel): Html {
  return html`<tr><td>${name} <code>${id}</code></td><td>${type}</td></tr>`
}

function callRow([endpoint, count]: readonly [string, number]): Html {
  return html`<tr><td>${endpoint}</td><td>${count}</td></tr>`
}
