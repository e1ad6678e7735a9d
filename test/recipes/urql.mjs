/**
 * A client of urql that does the same as fetch.mjs: one refresh for all, `login` once when the session has ended, and in an
 * outage it waits as long as the gateway says. Make a new client after a login: its cache has the old user's answers.
 *
 *   npm install @urql/core@6.0.3 @urql/exchange-auth@3.0.0 @urql/exchange-persisted@5.0.1
 *
 * It takes texts and typed documents of codegen's client preset, without `documentMode: 'string'`.
 * Without a bundler, a browser says "process is not defined": run `globalThis.process = { env: {} }` in a script before it.
 */
import { Client, CombinedError, cacheExchange, fetchExchange, mapExchange } from '@urql/core'
import { authExchange } from '@urql/exchange-auth'
import { persistedExchange } from '@urql/exchange-persisted'

export function createClient({ url, session, login, channelId, wait = sleep }) {
  let refusedToken
  let refreshedAt = 0

  return new Client({
    url,
    fetch: patientFetch(wait),
    preferGetMethod: false, // an argument can be a credential: never in an address
    exchanges: [
      cacheExchange,
      mapExchange({ onResult }),
      authExchange(async ({ appendHeaders, mutate }) => ({
        addAuthToOperation: (operation) => appendHeaders(operation, headersFor(session.read())),
        willAuthError: () => endsSoon(session.read()),
        didAuthError,
        refreshAuth: () => refresh(mutate),
      })),
      persistedExchange({ preferGetForPersistedQueries: false }),
      fetchExchange,
    ],
  })

  /** A refresh helps if the token has expired, is not there, or is refused without a known reason. */
  function didAuthError(error, operation) {
    refusedToken = tokenIn(operation)
    return Boolean(session.read()?.refreshToken) && ['EXPIRED', 'MISSING', 'INVALID'].includes(refusalIn(error))
  }

  /** If it throws, all questions that wait for it get this error. */
  async function refresh(mutate) {
    const { accessToken, refreshToken } = session.read()
    // The answer to a question with an old token can come late. There is a new token already.
    if (refusedToken !== accessToken && !endsSoon(session.read())) return
    refreshedAt = Date.now()
    const { data, error } = await mutate(REFRESH, { input: { refreshToken, channelId } })
    // Meanwhile somebody has logged out or in, or another tab has refreshed.
    if (session.read()?.refreshToken !== refreshToken) return
    if (data?.refreshToken) return session.save(data.refreshToken)
    if (error?.graphQLErrors.some(({ extensions }) => extensions?.code === 'INVALID_GRANT')) end()
    throw error
  }

  /** In its last minute. At most one refresh a minute, because the clock of this device may be wrong. */
  function endsSoon(tokens) {
    if (!tokens?.refreshToken || Date.now() - refreshedAt < 60_000) return false
    return !(Date.parse(tokens.expiresAt) - Date.now() > 60_000)
  }

  /** What is still refused here cannot be refreshed. The error of a refresh comes as a `networkError`: it is unpacked. */
  function onResult(result) {
    const { error, operation } = result
    if (error?.networkError instanceof CombinedError) return { ...result, error: error.networkError }
    if (error && refusalIn(error) && tokenIn(operation) === session.read()?.accessToken) end()
    return result
  }

  function end() {
    if (session.read() === undefined) return
    session.save(undefined)
    login()
  }
}

const REFRESH = `mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken refreshToken expiresAt }
}`

/** The `reason` of a refused access token, or undefined. */
function refusalIn({ graphQLErrors }) {
  return graphQLErrors.find(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')?.extensions.reason
}

const headersFor = (tokens) => (tokens?.accessToken ? { authorization: `Bearer ${tokens.accessToken}` } : {})

const tokenIn = ({ context }) => context.fetchOptions?.headers?.authorization?.slice('Bearer '.length)

/** Sends up to four times: the gateway sends `Retry-After` (seconds) if an error of the answer has `retryAfter`. */
function patientFetch(wait) {
  return async (input, init) => {
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(input, init)
      const seconds = Number(response.headers.get('retry-after'))
      if (!seconds || tries === 4) return response
      await wait(seconds * 1000)
    }
  }
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
