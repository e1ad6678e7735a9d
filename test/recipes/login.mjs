/**
 * The login of a web page: it goes to LINE, and LINE sends the user back with a code. It needs no package but fetch.mjs:
 * `ask` and `session` are those of its client. `redirectUri` is the address of your callback page, as it is registered at LINE.
 *
 *   const { startLogin, finishLogin } = createLogin({ ask: client.ask, session, say, redirectUri })
 *   button.onclick = () => startLogin()
 *   const login = await finishLogin() // on the callback page
 *
 * `say(words, action)` shows words to the user, and a button where `action` is given: `{ label, run }`.
 */
export function createLogin({ ask, session, say, redirectUri, channelId, browser = globalThis }) {
  const { location, history, sessionStorage } = browser
  let finishing
  return { startLogin, finishLogin }

  /** Goes to LINE. `more`: other arguments of the mutation `startLogin`. */
  async function startLogin(more) {
    const { data, codes } = await send(START_LOGIN, { redirectUri, channelId, ...more })
    if (!data?.startLogin) return offerLogin(passing[codes[0]] ?? 'The login cannot start now.', more)
    keep(data.startLogin)
    location.assign(data.startLogin.authorizationUrl)
  }

  /** Resolves with `{ tokens, viewer }`, or with undefined if there is no login to finish, or after it called `say`. */
  function finishLogin() {
    finishing ??= finish().finally(() => {
      finishing = undefined
    })
    return finishing
  }

  async function finish() {
    const { code, state, error } = Object.fromEntries(new URL(location.href).searchParams)
    const login = JSON.parse(sessionStorage.getItem(KEY))
    if (!code && !error) return login?.code && exchange(login) // after an outage
    history.replaceState(null, '', redirectUri) // nobody copies or sends the code again
    // Not the login of this window. Inside the LINE app the usual reason is a failed auto login.
    if (!state || login?.state !== state) return offerLogin('This login has failed.', { disableAutoLogin: true })
    if (code) return exchange({ ...login, code })
    return offerLogin(error.toUpperCase() === 'ACCESS_DENIED' ? 'You cancelled the login.' : 'LINE stopped the login.')
  }

  async function exchange(login) {
    keep(login)
    const { code, codeVerifier, nonce } = login
    const { data, codes } = await send(EXCHANGE_LOGIN, { code, codeVerifier, nonce, redirectUri, channelId })
    const result = data?.exchangeLogin
    // LINE did not get the code. It is valid for ten minutes.
    if (!result && codes[0] in passing) return say(passing[codes[0]], { label: 'Try again', run: finishLogin })
    sessionStorage.removeItem(KEY)
    // A code works once: INVALID_GRANT. Do not log in a user whose ID token is wrong.
    if (!result || codes.includes('INVALID_ID_TOKEN')) return offerLogin('This login has ended.')
    session.save(result.tokens)
    return result
  }

  async function send(query, input) {
    const { data, errors = [] } = await ask(query, { input }).catch(() => NO_NETWORK)
    return { data, codes: errors.map(({ extensions }) => extensions?.code) }
  }

  function keep({ state, nonce, codeVerifier, code }) {
    sessionStorage.setItem(KEY, JSON.stringify({ state, nonce, codeVerifier, code }))
  }

  function offerLogin(words, more) {
    return say(words, { label: 'Log in', run: () => startLogin(more) })
  }
}

const KEY = 'line-login'

const NO_NETWORK = { errors: [{ extensions: { code: 'NO_NETWORK' } }] }

/** After these the same code can be sent again. */
const passing = {
  NO_NETWORK: 'No network. Try again when you are online.',
  LINE_UNAVAILABLE: 'LINE is not available now. Try again later.',
  LINE_RATE_LIMITED: 'LINE is busy now. Try again later.',
  RATE_LIMITED: 'There were too many requests. Try again later.',
  SHUTTING_DOWN: 'The service starts again. Try again now.',
  MISCONFIGURED: 'The service has a wrong setting. Try again later.',
}

const START_LOGIN = `mutation StartLogin($input: StartLoginInput!) {
  startLogin(input: $input) { authorizationUrl state nonce codeVerifier }
}`
const EXCHANGE_LOGIN = `mutation ExchangeLogin($input: ExchangeLoginInput!) {
  exchangeLogin(input: $input) {
    tokens { accessToken refreshToken expiresAt } viewer { id displayName } idTokenClaims { sub }
  }
}`
