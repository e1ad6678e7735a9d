/**
 * The login of a browser, for the pages of `npm run dev`. What a front end of your own does is the same: start a login, keep
 * its verifier by its state, exchange the code, send the access token with each question, refresh it, log out.
 */

import { ask, askFor, callbackUrl, endAfter, Failure, wordsFor as wordsOf } from './ask.js'
import { checkStorage, keysOf, readObject, removeKey, textOf, writeObject } from './storage.js'

export { ask, askFor, callbackUrl, endAfter, Failure, graphqlUrl, kindOf, needsLogin, send, timeLeft } from './ask.js'

// The session: the tokens of this tab. They end with the tab.

const sessionKey = 'line-session'

/**
 * `{ accessToken, refreshToken, expiresAt, scopes, channelId }`, or `undefined` if nobody is logged in. `expiresAt` is by the
 * clock of this browser.
 */
export function readSession() {
  const kept = readObject('sessionStorage', sessionKey) ?? {}
  const [accessToken, refreshToken, expiresAt, channelId] = [
    kept.accessToken,
    kept.refreshToken,
    kept.expiresAt,
    kept.channelId,
  ].map(textOf)
  if (!/^[\x21-\x7e]+$/.test(accessToken ?? '')) return undefined
  const scopes = Array.isArray(kept.scopes) ? kept.scopes.filter(textOf) : []
  return { accessToken, refreshToken, expiresAt, scopes, channelId }
}

/**
 * `channelId`: needed to refresh where the gateway serves several channels. Throws a `Failure` with the code `NO_STORAGE` if
 * the browser keeps nothing.
 */
export function keepSession({ accessToken, refreshToken, expiresAt, scopes, channelId }) {
  writeObject('sessionStorage', sessionKey, { accessToken, refreshToken, expiresAt, scopes, channelId })
}

export function dropSession() {
  removeKey('sessionStorage', sessionKey)
}

/** Says a failure in words. An outage ends no session. */
export function wordsFor(failure, meanwhile = readSession() ? 'You stay logged in.' : '', isRepeated = false) {
  return wordsOf(failure, meanwhile, isRepeated)
}

// Logins under way: what `startLogin` gave, by state. Another tab of this browser can finish them within ten minutes. The
// codes that were sent, and the states of finished logins, are kept as long: none is used twice.

const loginKey = (state) => `line-login:${state}`
const codeKey = (code) => `line-code:${code}`
const loginMs = 10 * 60_000

/**
 * Keeps what `startLogin` gave. `returnTo`: where the callback page goes when it has finished the login. Throws like
 * `keepSession`.
 */
export function keepLogin({ state, codeVerifier, nonce, redirectUri = callbackUrl, channelId }, returnTo = undefined) {
  dropOldLogins()
  writeForMinutes(loginKey(state), { codeVerifier, nonce, redirectUri, channelId, returnTo })
}

/** What was kept for a state, or `undefined`. After its end only `{ isFinished: true }`. */
export function loginOf(state) {
  dropOldLogins()
  const kept = readObject('localStorage', loginKey(state))
  if (kept === undefined || kept.isFinished === true) return kept && { isFinished: true }
  const names = ['codeVerifier', 'nonce', 'redirectUri', 'channelId', 'returnTo']
  return Object.fromEntries(names.map((name) => [name, textOf(kept[name])]))
}

/** Forgets what was kept for a state, and remembers that the login is finished. */
export function endLogin(state) {
  writeForMinutes(loginKey(state), { isFinished: true })
}

export function isCodeSent(code) {
  return readObject('localStorage', codeKey(code)) !== undefined
}

/** Remembers that a code was sent to LINE, or with `false` that it was not. Throws like `keepSession`. */
export function markCode(code, isSent = true) {
  if (isSent) writeForMinutes(codeKey(code), {})
  else removeKey('localStorage', codeKey(code))
}

function writeForMinutes(key, value) {
  writeObject('localStorage', key, { ...value, startedAt: Date.now() })
}

function dropOldLogins() {
  const ours = keysOf('localStorage').filter((key) => key.startsWith(loginKey('')) || key.startsWith(codeKey('')))
  for (const key of ours) {
    const { startedAt } = readObject('localStorage', key) ?? {}
    if (!(startedAt > Date.now() - loginMs)) removeKey('localStorage', key)
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

/**
 * Exchanges the code for tokens and keeps the session. Resolves with the `LoginPayload`. Sends no code if the browser cannot
 * keep the tokens.
 */
export async function finishLogin(code, { codeVerifier, nonce, redirectUri, channelId }) {
  checkStorage()
  markCode(code)
  const query = `mutation ($input: ExchangeLoginInput!) {
    exchangeLogin(input: $input) {
      tokens { accessToken refreshToken expiresIn scopes } viewer { id displayName } idToken idTokenClaims { sub }
    }
  }`
  const { data, errors } = await ask(query, { input: { code, redirectUri, codeVerifier, nonce, channelId } })
  const unbelievable = errors.find((error) => error.code === 'INVALID_ID_TOKEN')
  if (unbelievable || !data.exchangeLogin) throw unbelievable ?? errors[0]
  // An outage can hide the viewer. The tokens are good all the same.
  const { tokens } = data.exchangeLogin
  keepSession({ ...tokens, expiresAt: endAfter(tokens.expiresIn), channelId })
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
    refreshToken(input: $input) { accessToken refreshToken expiresIn scopes }
  }`
  const tokens = await askFor('refreshToken', query, { input: { refreshToken, channelId } })
  // A user who logged out meanwhile stays logged out.
  if (readSession()?.refreshToken === refreshToken) keepSession(sessionWith(tokens))
  return tokens

  function sessionWith({ expiresIn, ...rest }) {
    return { ...rest, refreshToken: rest.refreshToken ?? refreshToken, expiresAt: endAfter(expiresIn), channelId }
  }
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
