/**
 * The login of a browser, for the pages of `npm run dev`. What a front end of your own does is the same: start a login, keep
 * its verifier by its state, exchange the code, send the access token with each question, refresh it, log out.
 */

import { ask, askFor, callbackUrl, Failure } from './ask.js'

export { ask, askFor, callbackUrl, Failure, graphqlUrl, kindOf, needsLogin, timeLeft, wordsFor } from './ask.js'

// The session: the tokens of this tab. They end with the tab.

const sessionKey = 'line-session'

/** `{ accessToken, refreshToken, expiresAt, scopes, channelId }`, or `undefined` if nobody is logged in. */
export function readSession() {
  return readJson(sessionStorage, sessionKey)
}

/** `channelId`: needed to refresh where the gateway serves several channels. */
export function keepSession({ accessToken, refreshToken, expiresAt, scopes, channelId }) {
  sessionStorage.setItem(sessionKey, JSON.stringify({ accessToken, refreshToken, expiresAt, scopes, channelId }))
}

export function dropSession() {
  sessionStorage.removeItem(sessionKey)
}

// Logins under way: what `startLogin` gave, by state. Another tab of this browser can finish them within ten minutes. The
// codes that were sent are kept as long, so that none is sent twice.

const loginKey = (state) => `line-login:${state}`
const codeKey = (code) => `line-code:${code}`
const loginMs = 10 * 60_000

/** Keeps what `startLogin` gave. `returnTo`: where the callback page goes when it has finished the login. */
export function keepLogin({ state, codeVerifier, nonce, redirectUri = callbackUrl, channelId }, returnTo = undefined) {
  dropOldLogins()
  writeForMinutes(loginKey(state), { codeVerifier, nonce, redirectUri, channelId, returnTo })
}

/** What was kept for a state, or `undefined`. */
export function loginOf(state) {
  dropOldLogins()
  return readJson(localStorage, loginKey(state))
}

export function forgetLogin(state) {
  localStorage.removeItem(loginKey(state))
}

export function isCodeSent(code) {
  return readJson(localStorage, codeKey(code)) !== undefined
}

/** Remembers that a code was sent to LINE, or with `false` that it was not. */
export function markCode(code, isSent = true) {
  if (isSent) writeForMinutes(codeKey(code), {})
  else localStorage.removeItem(codeKey(code))
}

function writeForMinutes(key, value) {
  localStorage.setItem(key, JSON.stringify({ ...value, startedAt: Date.now() }))
}

function dropOldLogins() {
  const ours = Object.keys(localStorage).filter((key) => key.startsWith(loginKey('')) || key.startsWith(codeKey('')))
  for (const key of ours) {
    const { startedAt = 0 } = readJson(localStorage, key) ?? {}
    if (!(startedAt > Date.now() - loginMs)) localStorage.removeItem(key)
  }
}

/** An object in the storage. What is not one is as good as nothing: people edit the storage by hand. */
function readJson(storage, key) {
  try {
    const value = JSON.parse(storage.getItem(key))
    return typeof value === 'object' ? (value ?? undefined) : undefined
  } catch {
    return undefined
  }
}

// The four steps.

/** Goes to LINE's login page. The callback page finishes the login and goes to `returnTo`, an address of this origin. */
export async function logIn(returnTo) {
  const query = `mutation ($input: StartLoginInput!) {
    startLogin(input: $input) { authorizationUrl state nonce codeVerifier redirectUri channelId }
  }`
  const login = await askFor('startLogin', query, { input: { redirectUri: callbackUrl } })
  keepLogin(login, returnTo)
  location.assign(login.authorizationUrl)
}

/** Exchanges the code for tokens and keeps the session. Resolves with the `LoginPayload`. */
export async function finishLogin(code, { codeVerifier, nonce, redirectUri, channelId }) {
  const query = `mutation ($input: ExchangeLoginInput!) {
    exchangeLogin(input: $input) {
      tokens { accessToken refreshToken expiresAt scopes } viewer { id displayName } idToken idTokenClaims { sub }
    }
  }`
  const { data, errors } = await ask(query, { input: { code, redirectUri, codeVerifier, nonce, channelId } })
  const unbelievable = errors.find((error) => error.code === 'INVALID_ID_TOKEN')
  if (unbelievable || !data.exchangeLogin) throw unbelievable ?? errors[0]
  // An outage can hide the viewer. The tokens are good all the same.
  keepSession({ ...data.exchangeLogin.tokens, channelId })
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
  const { refreshToken, channelId } = readSession() ?? {}
  if (!refreshToken) throw new Failure({ message: 'no refresh token', extensions: { code: 'NO_REFRESH_TOKEN' } })
  const query = `mutation ($input: RefreshTokenInput!) {
    refreshToken(input: $input) { accessToken refreshToken expiresAt scopes }
  }`
  const tokens = await askFor('refreshToken', query, { input: { refreshToken, channelId } })
  // Who logged out meanwhile stays logged out.
  if (readSession()) keepSession({ ...tokens, refreshToken: tokens.refreshToken ?? refreshToken, channelId })
  return tokens
}

/** Ends the session at LINE and here. A session that LINE has ended before ends here too. */
export async function logOut() {
  const { accessToken, refreshToken } = readSession() ?? {}
  const query = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'
  try {
    await askFor('logout', query, { input: { refreshToken } }, accessToken)
  } catch (failure) {
    if (!['UNAUTHENTICATED', 'INVALID_GRANT'].includes(failure.code)) throw failure
  }
  dropSession()
}
