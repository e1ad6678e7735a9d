/** What the answers of `startLogin` hold, also those of aliases. */

/** The logins in the `data` of an answer. State and nonce are in the address too, so they need not be selected. */
export function loginsIn(value) {
  if (value === null || typeof value !== 'object') return []
  if (URL.canParse(value.authorizationUrl ?? '')) return [loginOf(value)]
  return Object.values(value).flatMap(loginsIn)
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
