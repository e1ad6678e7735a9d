/**
 * A client of Apollo Client 4 that does the same as fetch.mjs: one refresh for all, `login` once when the session has ended,
 * and in an outage it waits as long as the gateway says. Make a new client after a login: its cache has the old user's answers.
 *
 *   npm install @apollo/client@4.3.8 graphql@17.1.0 rxjs@7.8.2
 *
 * It takes documents of `gql` and typed documents of codegen's client preset, without `documentMode: 'string'`.
 */
import { ApolloClient, ApolloLink, CombinedGraphQLErrors, gql, HttpLink, InMemoryCache } from '@apollo/client'
import { SetContextLink } from '@apollo/client/link/context'
import { ErrorLink } from '@apollo/client/link/error'
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries'
import { from, switchMap, tap } from 'rxjs'

export function createClient({ url, session, login, channelId, wait = sleep }) {
  let refreshing
  let refreshedAt = 0

  const auth = new SetContextLink(async ({ headers, isRefresh }) => {
    if (!isRefresh && endsSoon(session.read())) await refresh().catch(() => undefined)
    const accessToken = isRefresh ? undefined : session.read()?.accessToken
    return { accessToken, headers: { ...headers, ...headersFor(accessToken) } }
  })
  const client = new ApolloClient({
    link: ApolloLink.from([
      new ErrorLink(afterError),
      auth,
      new PersistedQueryLink({ sha256 }),
      new HttpLink({ uri: url, fetch: patientFetch(wait) }),
    ]),
    cache: new InMemoryCache(),
  })
  return client

  /** Returns the new answers to the question, or undefined: then the error is the answer. */
  function afterError({ error, operation, forward }) {
    const reason = refusalIn(error)
    const { accessToken } = operation.getContext()
    if (reason === undefined || session.read() === undefined) return
    const isOld = accessToken !== session.read().accessToken
    if (!isOld && !canRefresh(reason)) return end()
    const again = forward(operation).pipe(tap((answer) => endIfRefused(answer, operation)))
    return isOld ? again : from(refresh()).pipe(switchMap(() => again))
  }

  /** Rejects with the error of the refresh. All questions that wait for it get this error. */
  function refresh() {
    refreshing ??= refreshOnce().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  async function refreshOnce() {
    refreshedAt = Date.now()
    const { refreshToken } = session.read()
    const variables = { input: { refreshToken, channelId } }
    const options = { mutation: REFRESH, variables, context: { isRefresh: true }, fetchPolicy: 'no-cache' }
    const { data, error } = await client.mutate({ ...options, errorPolicy: 'all' })
    // Meanwhile somebody has logged out or in, or another tab has refreshed.
    if (session.read()?.refreshToken !== refreshToken) return
    if (data?.refreshToken) return session.save(data.refreshToken)
    if (errorsIn(error).some(({ extensions }) => extensions?.code === 'INVALID_GRANT')) end()
    throw error
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

  function endIfRefused(answer, operation) {
    const isCurrent = operation.getContext().accessToken === session.read()?.accessToken
    if (isCurrent && refusalIn(answer)) end()
  }

  function end() {
    if (session.read() === undefined) return
    session.save(undefined)
    login()
  }
}

const REFRESH = gql`mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken refreshToken expiresAt }
}`

const errorsIn = (error) => (CombinedGraphQLErrors.is(error) ? error.errors : [])

/** The `reason` of a refused access token, or undefined. */
function refusalIn({ errors = [] }) {
  return errors.find(({ extensions }) => extensions?.code === 'UNAUTHENTICATED')?.extensions.reason
}

const headersFor = (accessToken) => (accessToken ? { authorization: `Bearer ${accessToken}` } : {})

/** The hash of a persisted query. The gateway asks for the text, and Apollo Client sends it. */
async function sha256(text) {
  const bytes = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text))
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, '0')).join('')
}

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
