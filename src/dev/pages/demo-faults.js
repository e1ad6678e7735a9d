/** Causes the errors for real, through the control endpoint of the emulator. */

const emulator = new URL('/emulator/', document.querySelector('meta[name=emulator]').content)

const faults = {
  down: { status: 500 },
  limit: { status: 429, headers: { 'retry-after': '3' } },
}

/** An emulator that is stopped in a debugger takes a request, but does not answer. */
const timeoutMs = 10_000

/** The emulator gave no answer, or it refused. The message is for the user. */
export class EmulatorFailure extends Error {}

/** Tokens of another login of the same user. The gateway has not seen them. `wanted`: more of the control's request. */
export function newLogin({ id, accessToken: { channelId, scopes } }, wanted = {}) {
  return tell('POST', 'tokens', { userId: id, channelId, scope: scopes.join(' '), ...wanted })
}

/** The user unlinks the app: all its tokens end at LINE. The gateway is not told. */
export function unlink({ id, accessToken: { channelId } }) {
  return tell('POST', `users/${encodeURIComponent(id)}/unlink`, { channelId })
}

/** For all endpoints of LINE. `name`: `down` or `limit`. */
export function startFault(name) {
  return tell('PUT', 'faults/*', faults[name])
}

export function endFault() {
  return tell('DELETE', 'faults/*')
}

/** The faults that LINE has now, by endpoint. `*`: all endpoints. */
export function readFaults() {
  return tell('GET', 'faults')
}

async function tell(method, path, body = undefined) {
  const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const signal = AbortSignal.timeout(timeoutMs)
  const response = await fetch(new URL(path, emulator), { method, signal, ...content }).catch(sayAway)
  if (!response.ok) throw new EmulatorFailure(`The LINE emulator refused it (${response.status}).`)
  return response.status === 204 ? undefined : response.json().catch(sayAway)
}

function sayAway() {
  throw new EmulatorFailure('No network: the LINE emulator cannot be reached. Is it still running?')
}
