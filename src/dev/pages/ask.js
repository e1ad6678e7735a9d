/** Asks the gateway, and says in words what went wrong. It is for the pages of `npm run dev` and an example for your own. */

const base = new URL('../', import.meta.url)
export const graphqlUrl = new URL('graphql', base).href
export const callbackUrl = new URL('dev/callback', base).href

/** A gateway that is stopped in a debugger takes a question, but does not answer. */
const timeoutMs = 15_000

/**
 * An error of the gateway, `NO_NETWORK` if no answer came, or `NO_STORAGE` if the browser keeps nothing. `retryAfter` is in
 * seconds.
 */
export class Failure extends Error {
  constructor({ message = '', path, extensions }) {
    super(message)
    this.field = path?.[0]
    this.code = extensions?.code
    this.reason = extensions?.reason
    this.retryAfter = extensions?.retryAfter
    this.requiredScope = extensions?.requiredScope
  }
}

/** Sends one operation. Resolves with `data` and `errors`. Rejects with a `Failure` if there is no answer. */
export async function ask(query, variables = {}, accessToken = undefined) {
  const headers = accessToken ? { authorization: `Bearer ${accessToken}` } : {}
  const answer = await send({ query, variables }, headers)
  return { data: answer.data ?? {}, errors: (answer.errors ?? []).map((error) => new Failure(error)) }
}

/** Asks for one root field. Rejects with its `Failure` if it is null. */
export async function askFor(field, query, variables, accessToken) {
  const { data, errors } = await ask(query, variables, accessToken)
  const [first] = errors
  if (data[field] == null && first) throw errors.find((error) => error.field === field) ?? first
  return data[field]
}

/** Sends the body of a GraphQL request. Resolves with the answer as it came. Rejects like `ask`. */
export async function send(body, headers = {}) {
  const response = await fetch(graphqlUrl, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(timeoutMs),
  }).catch(() => undefined)
  const answer = await response?.json().catch(() => undefined)
  if (answer?.data !== undefined || answer?.errors !== undefined) return answer
  // A proxy in between can answer in place of the gateway.
  const retryAfter = Number(response?.headers.get('retry-after')) || undefined
  throw new Failure({ message: 'no answer', extensions: { code: 'NO_NETWORK', retryAfter } })
}

/**
 * Says in words what happened and what to do. `meanwhile`: what stays good until the outage is over. `isRepeated`: the page
 * tries again by itself.
 */
export function wordsFor(failure, meanwhile = '', isRepeated = false) {
  if (failure instanceof Error && !(failure instanceof Failure)) return `This page failed: ${failure.message}.`
  const { code, reason, retryAfter, requiredScope, message } = failure
  const again = isRepeated ? '' : ` Try again ${retryAfter === undefined ? 'later' : `in ${retryAfter} s`}.`
  const advice = `${meanwhile && ` ${meanwhile}`}${again}`
  if (code === 'UNAUTHENTICATED') return wordsForRefused(reason)
  const words = {
    NO_NETWORK: `No network: the gateway cannot be reached.${advice}`,
    LINE_UNAVAILABLE: `LINE is unavailable.${advice}`,
    LINE_RATE_LIMITED: `LINE limits the calls of this channel.${advice}`,
    RATE_LIMITED: `Too many bad tokens came from this address.${again}`,
    SHUTTING_DOWN: `The gateway is restarting.${advice}`,
    NO_STORAGE: 'This page needs the storage of the browser, which is blocked or full. Allow it, or free some of it.',
    INVALID_GRANT: 'The session has ended: LINE refused the refresh token or code. Log in again.',
    NO_REFRESH_TOKEN: 'LINE gave no refresh token for this login. Log in again.',
    INVALID_ID_TOKEN: `The ID token of this login is not valid (${reason}). Log in again.`,
    FORBIDDEN: requiredScope
      ? `The token lacks the scope "${requiredScope}". Log in again and ask for it.`
      : 'The token is good, but it does not allow this.',
    MISCONFIGURED: 'The operator of the gateway must change a setting. Its log names the setting.',
  }
  return Object.hasOwn(words, code) ? words[code] : `The gateway answered ${code}: ${message}`
}

function wordsForRefused(reason) {
  if (reason === 'EXPIRED') return 'The access token has expired. Refresh it.'
  if (reason === 'MISSING') return 'The request has no access token. Log in.'
  return `The session has ended: the access token is refused (${reason}). Log in again.`
}

const passing = ['NO_NETWORK', 'LINE_UNAVAILABLE', 'LINE_RATE_LIMITED', 'RATE_LIMITED', 'SHUTTING_DOWN']

/** The kind of a failure: `wait` keeps the user logged in, `bad` needs an action. */
export function kindOf({ code }) {
  return passing.includes(code) ? 'wait' : 'bad'
}

/** True if only a new login helps. */
export function needsLogin({ code, reason }) {
  if (code === 'UNAUTHENTICATED') return reason !== 'EXPIRED'
  return ['INVALID_GRANT', 'NO_REFRESH_TOKEN', 'INVALID_ID_TOKEN'].includes(code)
}

/**
 * The end of a token by the clock of this browser, as an RFC 3339 text. The clock of the gateway can be another one, so its
 * `expiresAt` is not for a countdown. `expiresIn` is in seconds.
 */
export function endAfter(expiresIn) {
  return new Date(Date.now() + expiresIn * 1000).toISOString()
}

/** The time to an end in words, such as `29 days 23 h` or `4 min 10 s`. `undefined` when it is over. `end` is an RFC 3339 text. */
export function timeLeft(end, now = Date.now()) {
  const seconds = (Date.parse(end) - now) / 1000
  if (!(seconds > 0)) return undefined
  const [days, hours, minutes] = [86_400, 3600, 60].map((unit) => Math.floor(seconds / unit))
  if (days > 1) return `${days} days ${hours % 24} h`
  if (hours > 0) return `${hours} h ${minutes % 60} min`
  return minutes > 0 ? `${minutes} min ${Math.floor(seconds % 60)} s` : `${Math.ceil(seconds)} s`
}
