/** Causes the errors for real, through the control endpoint of the emulator. */

const emulator = new URL('/emulator/', document.querySelector('meta[name=emulator]').content)

const faults = {
  down: { status: 500 },
  limit: { status: 429, headers: { 'retry-after': '5' } },
}

/** The access token that LINE gives for 2 s. The refresh token of the login stays good. */
export async function shortToken(user) {
  const { accessToken } = await tell('POST', 'tokens', { ...requestFor(user), expiresIn: 2 })
  return accessToken
}

/** Tokens of another login of the same user. The gateway has not seen them. */
export function unknownToken(user) {
  return tell('POST', 'tokens', requestFor(user))
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

function requestFor({ id, accessToken: { channelId, scopes } }) {
  return { userId: id, channelId, scope: scopes.join(' ') }
}

async function tell(method, path, body = undefined) {
  const content = body && { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
  const response = await fetch(new URL(path, emulator), { method, ...content }).catch(() => undefined)
  if (!response?.ok) throw new Error('the emulator did not do it')
  return response.status === 204 ? undefined : response.json()
}
