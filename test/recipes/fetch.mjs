/**
 * Asks the gateway with plain fetch. It needs no package.
 * - The access token has expired: one refresh, however many questions wait for it. Then each question is sent once more.
 * - The session has ended (INVALID_GRANT, REVOKED): `login` is called once.
 * - LINE is down, or a limit is reached: waits as long as the gateway says and tries again. Nobody is logged out.
 *
 * `session.read()` returns the tokens of the login (`accessToken refreshToken expiresAt`), or undefined.
 * `session.save(tokens)` keeps them. `undefined` means that the session has ended.
 * `channelId` is needed only if the gateway has several channels.
 */
export function createClient({ url, session, login, channelId, wait = sleep }) {
  let refreshing
  let refreshedAt = 0
  return { ask }

  /**
   * `query`: a text, or a typed document of codegen's client preset with `documentMode: 'string'`. Resolves with
   * `{ data, errors }`. Rejects if the gateway cannot be reached.
   */
  async function ask(query, variables) {
    if (endsSoon(session.read())) await refresh().catch(() => undefined)
    const used = session.read()?.accessToken
    const answer = await send(query, variables, used)
    const reason = refusalIn(answer)
    if (reason === undefined || session.read() === undefined) return answer
    if (used === session.read().accessToken) {
      if (!canRefresh(reason)) return end(answer)
      const errors = await refresh()
      if (errors) return { data: null, errors }
    }
    return askAgain(query, variables)
  }

  async function askAgain(query, variables) {
    const used = session.read()?.accessToken
    const answer = await send(query, variables, used)
    return refusalIn(answer) && used === session.read()?.accessToken ? end(answer) : answer
  }

  /** Resolves with undefined if there is a new access token, else with the errors. */
  function refresh() {
    refreshing ??= refreshOnce().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  async function refreshOnce() {
    refreshedAt = Date.now()
    const { refreshToken } = session.read()
    const { data, errors = [] } = await send(REFRESH, { input: { refreshToken, channelId } })
    const tokens = data?.refreshToken
    // Meanwhile somebody has logged out or in, or another tab has refreshed.
    if (session.read()?.refreshToken !== refreshToken) return undefined
    if (tokens) session.save(tokens)
    else if (errors.some(({ extensions }) => extensions?.code === 'INVALID_GRANT')) end()
    return tokens ? undefined : errors
  }

  /** In its last minute. At most one refresh a minute, because the clock of this device may be wrong. */
  function endsSoon(tokens) {
    if (!tokens?.refreshToken || Date.now() - refreshedAt < 60_000) return false
    return !(Date.parse(tokens.expiresAt) - Date.now() > 60_000)
  }

  /** A refresh helps if the token has expired, is not there, or is refused without a known reason. */
  function canRefresh(reason) {
    return session.read().refreshToken && ['EXPIRED', 'MISSING', 'INVALID'].includes(reason)
  }

  function end(answer) {
    if (session.read() !== undefined) {
      session.save(undefined)
      login()
    }
    return answer
  }

  /** Up to four times: the gateway sends `Retry-After` (seconds) if an error of the answer has `retryAfter`. */
  async function send(query, variables, accessToken) {
    const headers = { 'content-type': 'application/json' }
    if (accessToken) headers.authorization = `Bearer ${accessToken}`
    const body = JSON.stringify({ query: textOf(query), variables })
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(url, { method: 'POST', headers, body })
      const seconds = Number(response.headers.get('retry-after'))
      if (!seconds || tries === 4) return answerOf(response)
      await wait(seconds * 1000)
    }
  }
}

const REFRESH = `mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken refreshToken expiresAt }
}`

function textOf(query) {
  if (query.kind) throw new TypeError("Plain fetch needs documentMode: 'string' in the config of codegen")
  return String(query)
}

/** The `reason` of a refused access token, or undefined. */
function refusalIn({ errors = [] }) {
  return errors.find(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')?.extensions.reason
}

/** Rejects if something in front of the gateway answers in its place: with HTML, with nothing, or with its own JSON. */
async function answerOf(response) {
  const answer = await response.json().catch(() => undefined)
  if (answer?.data !== undefined || Array.isArray(answer?.errors)) return answer
  throw new Error(`No answer of the gateway (status ${response.status})`)
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
