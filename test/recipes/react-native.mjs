/**
 * For React Native, and for each app that can send HTTP: `fetch` is all that it needs, no package. `createSdkClient` is for apps with the
 * LINE SDK, `createNativeClient` for apps without it. An outage or a lost network never logs the user out.
 */

/**
 * With the LINE SDK: it keeps the refresh token and refreshes. The gateway gets only the access token. For example `sdk`, with
 * `@xmartlabs/react-native-line`:
 *   readAccessToken: async () => (await Line.getCurrentAccessToken()).accessToken
 *   refresh: () => Line.refreshAccessToken()
 * `login()` shows the login of your app: `Line.login({})`.
 */
export function createSdkClient({ url, sdk, login, wait = sleep }) {
  const refresh = once(sdk.refresh)
  let endedToken
  return { ask }

  /** Resolves with `{ data, errors }`. Rejects if the gateway cannot be reached, or with the SDK's error of a refresh. */
  async function ask(query, variables) {
    const used = await sdk.readAccessToken()
    const answer = await send({ url, query, variables, wait, accessToken: used })
    const reason = refusalIn(answer)
    if (reason === undefined || !used) return answer
    if (reason === 'WRONG_CHANNEL') return answer // a login would give a token of the same channel
    if (!canRefresh(reason)) return end(answer, used)
    if (used === (await sdk.readAccessToken())) await refresh()
    const next = await sdk.readAccessToken()
    const second = await send({ url, query, variables, wait, accessToken: next })
    return refusalIn(second) ? end(second, next) : second
  }

  /** Many questions can end with the same token: one login. */
  function end(answer, accessToken) {
    if (endedToken !== accessToken) login()
    endedToken = accessToken
    return answer
  }
}

/**
 * Without the SDK. `redirectUri` opens your app (`https://app.example/line` or `com.example.app://line`) and is registered at
 * LINE. `channelId` is your native channel. `store.read()` and `store.save(tokens)` keep the tokens in the keychain;
 * `undefined` means that the session has ended. `login()` shows the login of your app.
 */
export function createNativeClient({ url, channelId, redirectUri, store, login, wait = sleep }) {
  const refresh = once(refreshOnce)
  return { startLogin, finishLogin, ask }

  /** Keep the result, and open its `authorizationUrl` in the browser, not in a web view. */
  function startLogin() {
    return sendFor('startLogin', START_LOGIN, { redirectUri, channelId })
  }

  /** `link` has opened the app. Rejects with a code: ACCESS_DENIED (the user said no), STATE, INVALID_GRANT and others. */
  async function finishLogin({ state, nonce, codeVerifier }, link) {
    const parameters = parametersOf(link)
    if (parameters.state !== state) throw new Error('STATE') // not the login that this app has started
    const { code, error = 'NO_CODE' } = parameters
    if (!code) throw new Error(error.toUpperCase())
    const input = { code, redirectUri, codeVerifier, nonce, channelId }
    const { tokens, viewer } = await sendFor('exchangeLogin', EXCHANGE_LOGIN, input)
    await store.save(tokens)
    return viewer
  }

  /** Resolves with `{ data, errors }`. Rejects if the gateway cannot be reached. */
  async function ask(query, variables) {
    const used = await store.read()
    const answer = await send({ url, query, variables, wait, accessToken: used?.accessToken })
    const reason = refusalIn(answer)
    const now = await store.read()
    if (reason === undefined || now === undefined) return answer
    if (used?.accessToken === now.accessToken) {
      if (!now.refreshToken || !canRefresh(reason)) return end(answer)
      const errors = await refresh()
      if (errors) return { data: null, errors }
    }
    const second = await send({ url, query, variables, wait, accessToken: (await store.read())?.accessToken })
    return refusalIn(second) ? end(second) : second
  }

  /** Resolves with undefined if there is a new access token, else with the errors. */
  async function refreshOnce() {
    const { refreshToken } = await store.read()
    const variables = { input: { refreshToken, channelId } }
    const { data, errors = [] } = await send({ url, query: REFRESH, variables, wait })
    if ((await store.read())?.refreshToken !== refreshToken) return undefined // somebody has logged out or in
    if (data?.refreshToken) await store.save(data.refreshToken)
    else if (errors.some(({ extensions }) => extensions?.code === 'INVALID_GRANT')) await end()
    return data?.refreshToken ? undefined : errors
  }

  async function end(answer) {
    if ((await store.read()) === undefined) return answer
    await store.save(undefined)
    login()
    return answer
  }

  /** Rejects with the code of an error. A wrong ID token has `tokens` beside it: they are not used. */
  async function sendFor(field, query, input) {
    const { data, errors = [] } = await send({ url, query, variables: { input }, wait })
    const codes = errors.map(({ extensions }) => extensions?.code)
    if (!data?.[field] || codes.includes('INVALID_ID_TOKEN')) throw new Error(codes[0] ?? 'UNKNOWN')
    return data[field]
  }
}

const START_LOGIN = `mutation StartLogin($input: StartLoginInput!) {
  startLogin(input: $input) { authorizationUrl state nonce codeVerifier }
}`
const EXCHANGE_LOGIN = `mutation ExchangeLogin($input: ExchangeLoginInput!) {
  exchangeLogin(input: $input) {
    tokens { accessToken refreshToken expiresAt } viewer { id displayName } idTokenClaims { sub }
  }
}`
const REFRESH = `mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken refreshToken expiresAt }
}`

/** The `reason` of a refused access token, or undefined. */
function refusalIn({ errors = [] }) {
  return errors.find(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')?.extensions.reason
}

/** INVALID: LINE gave no known reason, so the token may have expired. REVOKED, MALFORMED: only a login helps. */
const canRefresh = (reason) => ['EXPIRED', 'INVALID', 'MISSING'].includes(reason)

/** Without `URLSearchParams.get`, which older versions of React Native lack. */
function parametersOf(link) {
  const [, query = ''] = link.split(/[?#]/)
  const pairs = query.split('&').map((pair) => pair.replaceAll('+', ' ').split('='))
  return Object.fromEntries(pairs.map(([name, value = '']) => [name, decodeURIComponent(value)]))
}

/** Calls at the same time share one promise. */
function once(act) {
  let running
  return () => {
    running ??= act().finally(() => {
      running = undefined
    })
    return running
  }
}

/** Up to four times: the gateway sends `Retry-After` (seconds) if an error of the answer has `retryAfter`. */
async function send({ url, query, variables, accessToken, wait }) {
  const headers = { 'content-type': 'application/json' }
  if (accessToken) headers.authorization = `Bearer ${accessToken}`
  const body = JSON.stringify({ query, variables })
  for (let tries = 1; ; tries += 1) {
    const response = await fetch(url, { method: 'POST', headers, body })
    const seconds = Number(response.headers.get('retry-after'))
    if (!seconds || tries === 4) return answerOf(response)
    await wait(seconds * 1000)
  }
}

/** Rejects if something in front of the gateway answers in its place: with HTML, with nothing, or with its own JSON. */
async function answerOf(response) {
  const answer = await response.json().catch(() => undefined)
  if (answer?.data !== undefined || Array.isArray(answer?.errors)) return answer
  throw new Error(`No answer of the gateway (status ${response.status})`)
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
