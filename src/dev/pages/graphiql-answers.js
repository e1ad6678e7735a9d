/** What the answers in GraphiQL hold: what `startLogin` gave, and addresses to click. */

/**
 * The logins in the `data` of an answer, also by aliases. Other fields can be named like its fields, so the address must be
 * of LINE's login page. State and nonce are in the address too: they need not be selected.
 */
export function loginsIn(data, lineUrl) {
  return Object.values(data ?? {})
    .filter((value) => isLoginPage(value?.authorizationUrl, lineUrl))
    .map(loginOf)
}

function isLoginPage(address, lineUrl) {
  if (typeof address !== 'string' || !URL.canParse(address)) return false
  const { protocol, origin, searchParams } = new URL(address)
  return /^https?:$/.test(protocol) && origin === new URL(lineUrl).origin && searchParams.has('state')
}

function loginOf({ authorizationUrl, state, nonce, codeVerifier, redirectUri, channelId }) {
  const { searchParams } = new URL(authorizationUrl)
  return {
    authorizationUrl,
    codeVerifier,
    state: state ?? searchParams.get('state'),
    nonce: nonce ?? searchParams.get('nonce'),
    redirectUri: redirectUri ?? searchParams.get('redirect_uri'),
    channelId: channelId ?? searchParams.get('client_id'),
  }
}

/** The address at a column of a line (both as Monaco counts them, from 1), or `undefined`. */
export function addressAt(line, column) {
  const found = [...line.matchAll(/https?:[^\s"<>\\]+/g)]
  return found.find(({ 0: text, index }) => column > index && column <= index + text.length + 1)?.[0]
}
