/**
 * The login of a browser, for the pages of `npm run dev`. What a front end of your own does is the same: start a login, keep
 * its verifier by its state, exchange the code, send the access token with each question, refresh it, log out.
 */

const base = new URL('../', import.meta.url)
const graphqlUrl = new URL('graphql', base).href
export const callbackUrl = new URL('dev/callback', base).href

/** An error of the gateway, or `NO_NETWORK` if it could not be reached. `retryAfter` is in seconds. */
export class Failure extends Error {
  constructor({ message, extensions = {} }) {
    super(message)
    this.code = extensions.code
    this.reason = extensions.reason
    this.retryAfter = extensions.retryAfter
  }
}

/** Sends one operation. Resolves with `data` and `errors`. Rejects with a `Failure` if there is no answer. */
export async function ask(query, variables = {}, accessToken = undefined) {
  const headers = { 'content-type': 'application/json' }
  if (accessToken) headers.authorization = `Bearer ${accessToken}`
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers,
    body: JSON.stringify({ query, variables }),
  }).catch(() => undefined)
  const answer = await response?.json().catch(() => undefined)
  if (answer === undefined) throw new Failure({ message: 'no answer', extensions: { code: 'NO_NETWORK' } })
  return { data: answer.data, errors: (answer.errors ?? []).map((error) => new Failure(error)) }
}

/** Asks for one root field. Rejects with its `Failure` if it is null. */
export async function askFor(field, query, variables, accessToken) {
  const { data, errors } = await ask(query, variables, accessToken)
  if (data?.[field] == null && errors.length > 0) throw errors[0]
  return data[field]
}

/** Says in words what happened and what to do. */
export function wordsFor({ code, reason, retryAfter }) {
  const when = retryAfter === undefined ? 'later' : `in ${retryAfter} s`
  if (code === 'NO_NETWORK')
    return 'No network: the gateway cannot be reached. You stay logged in. Try again when it is back.'
  if (code === 'LINE_UNAVAILABLE') return `LINE is unavailable. You stay logged in. Try again ${when}.`
  if (code === 'LINE_RATE_LIMITED')
    return `LINE limits the calls of this channel. You stay logged in. Try again ${when}.`
  if (code === 'RATE_LIMITED') return `Too many bad tokens came from this address. Wait: try again ${when}.`
  if (code === 'INVALID_GRANT') return 'The session has ended: LINE refused the refresh token or code. Log in again.'
  if (code === 'UNAUTHENTICATED' && reason === 'EXPIRED') return 'The access token has expired. Refresh it.'
  if (code === 'UNAUTHENTICATED') return `The session has ended: the access token is refused (${reason}). Log in again.`
  return `The gateway answered ${code}.`
}

/** The kind of a failure: `wait` keeps the user logged in, `bad` needs an action. */
export function kindOf({ code }) {
  return ['NO_NETWORK', 'LINE_UNAVAILABLE', 'LINE_RATE_LIMITED', 'RATE_LIMITED'].includes(code) ? 'wait' : 'bad'
}

// The session: the tokens of this tab. They end with the tab.

const sessionKey = 'line-session'

/** `{ accessToken, refreshToken, expiresAt, scopes }`, or `undefined` if nobody is logged in. */
export function readSession() {
  return JSON.parse(sessionStorage.getItem(sessionKey) ?? 'null') ?? undefined
}

export function keepSession({ accessToken, refreshToken, expiresAt, scopes }) {
  sessionStorage.setItem(sessionKey, JSON.stringify({ accessToken, refreshToken, expiresAt, scopes }))
}

export function dropSession() {
  sessionStorage.removeItem(sessionKey)
}

// Logins under way: what `startLogin` gave, by state. Another tab of this browser can finish them within ten minutes.

const loginKey = (state) => `line-login:${state}`
const loginMs = 10 * 60_000

/** Keeps what `startLogin` gave. `returnTo`: where the callback page goes when it has finished the login. */
export function keepLogin({ state, codeVerifier, nonce, redirectUri = callbackUrl }, returnTo = undefined) {
  dropOldLogins()
  const login = { codeVerifier, nonce, redirectUri, returnTo, startedAt: Date.now() }
  localStorage.setItem(loginKey(state), JSON.stringify(login))
}

/** What was kept for a state, or `undefined`. */
export function loginOf(state) {
  dropOldLogins()
  return JSON.parse(localStorage.getItem(loginKey(state)) ?? 'null') ?? undefined
}

export function forgetLogin(state) {
  localStorage.removeItem(loginKey(state))
}

function dropOldLogins() {
  for (const key of Object.keys(localStorage).filter((name) => name.startsWith(loginKey('')))) {
    const { startedAt = 0 } = JSON.parse(localStorage.getItem(key) ?? '{}')
    if (startedAt < Date.now() - loginMs) localStorage.removeItem(key)
  }
}

/** Goes to LINE's login page. The callback page finishes the login and goes to `returnTo`. */
export async function logIn(returnTo) {
  const query = `mutation ($input: StartLoginInput!) {
    startLogin(input: $input) { authorizationUrl state nonce codeVerifier redirectUri }
  }`
  const login = await askFor('startLogin', query, { input: { redirectUri: callbackUrl } })
  keepLogin(login, returnTo)
  location.assign(login.authorizationUrl)
}

/** Exchanges the code for tokens and keeps the session. Resolves with the `LoginPayload`. */
export async function finishLogin(code, { codeVerifier, nonce, redirectUri }) {
  const query = `mutation ($input: ExchangeLoginInput!) {
    exchangeLogin(input: $input) {
      tokens { accessToken refreshToken expiresAt scopes } viewer { id displayName } idTokenClaims { sub }
    }
  }`
  const { data, errors } = await ask(query, { input: { code, redirectUri, codeVerifier, nonce } })
  const unbelievable = errors.find((error) => error.code === 'INVALID_ID_TOKEN')
  if (unbelievable || !data?.exchangeLogin) throw unbelievable ?? errors[0]
  keepSession(data.exchangeLogin.tokens)
  return data.exchangeLogin
}

let refreshing

/** Gets a new access token. Calls at the same time share one request. Rejects with a `Failure`. */
export function refresh() {
  refreshing ??= refreshOnce().finally(() => {
    refreshing = undefined
  })
  return refreshing
}

async function refreshOnce() {
  const query = `mutation ($input: RefreshTokenInput!) {
    refreshToken(input: $input) { accessToken refreshToken expiresAt scopes }
  }`
  const tokens = await askFor('refreshToken', query, { input: { refreshToken: readSession()?.refreshToken } })
  keepSession(tokens)
  return tokens
}

/** Ends the session at LINE and here. */
export async function logOut() {
  const session = readSession()
  const query = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'
  await askFor('logout', query, { input: { refreshToken: session?.refreshToken } }, session?.accessToken)
  dropSession()
}
