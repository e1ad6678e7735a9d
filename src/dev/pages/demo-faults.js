/** Causes the errors for real, through the control endpoint of the emulator. */

const emulator = new URL('/emulator/', document.querySelector('meta[name=emulator]').content)

const faults = {
  down: { status: 500 },
  limit: { status: 429, headers: { 'retry-after': '3' } },
}

/** Tokens of another login of the same user. The gateway has not seen them. `wanted`: more of the control's request. */
export function newLogin({ id, accessToken: { channelId, scopes } }, wanted = {}) {
  return tell('POST', 'tokens', { userId: id, channelId, scope: scopes.join(' '), ...wanted })
}

/** The user unlinks the app: all its tokens end at LINE. The gateway is not told. */
export function unlink({ id, accessToken: { channelId } }) {
  return tell('POST', `users/${encodeURIComponent(id)}/unlink`, { channelId })
}

export function startFault(name) {
  return tell('PUT', 'faults/*', faults[name])
}

export function endFault() {
  return tell('DELETE', 'faults/*')
}

/** The name of the fault that LINE has now, or `undefined`. */
export async function startedFault() {
  const fault = await tell('GET', 'faults/*')
  return Object.keys(faults).find((name) => faults[name].status === fault?.status)
}

async function tell(method, path, body = undefined) {
  const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(new URL(path, emulator), { method, ...content }).catch(() => undefined)
  if (!response?.ok) throw new Error('the emulator did not do it')
  return response.status === 204 ? undefined : response.json()
}
