/**
 * Asks the gateway from a LIFF page or a MINI App, with the ID token of LIFF as the Bearer token. It is valid for one hour.
 * LIFF keeps it, so in an old window, and after a reload, it may have expired. Then this logs in again, once. It needs no
 * package but the LIFF SDK.
 *
 *   await liff.init({ liffId })
 *   const answer = await createClient({ url, liff, say }).ask('{ viewer { displayName } }')
 *
 * `say(words, action)` shows words to the user, and a button where `action` is given: `{ label, run }`.
 *
 * Inside LINE, a window that is in "recently used" can come back with its old tokens, also after the user closed it. If that
 * happens to your users, send the access token with each question. It is valid for 12 hours.
 */
export function createClient({ url, liff, say, wait = sleep }) {
  return { ask }

  /**
   * Resolves with `{ data, errors }`, or with undefined after it called `say` or began a login. `statusMessage`, `isFriend`,
   * `logout` and `deauthorize` need the access token: `ask(query, {}, liff.getAccessToken())`. Rejects if the page sends a
   * wrong token (MALFORMED), for example the ID token to `logout`.
   */
  async function ask(query, variables, token = liff.getIDToken()) {
    if (!liff.isLoggedIn()) return logInOnce('Log in with LINE to go on.')
    if (!token) return say('This app needs the scope openid.')
    const answer = await send(query, variables, token).catch(() => undefined)
    if (answer === undefined) return say('No network. You stay logged in. Try again when you are online.')
    const refusal = errorOf(answer, (code) => code === 'UNAUTHENTICATED')
    if (refusal?.reason === 'MALFORMED') throw new Error(refusal.message)
    if (refusal?.reason === 'WRONG_CHANNEL') return say('This app is not known to the service.')
    if (refusal) return logInOnce('LINE gave this page an old login. Wait a few minutes, then log in.')
    const outage = errorOf(answer, (code) => code in outages)
    return outage && !hasData(answer) ? say(outages[outage.code]) : answer
  }

  /** At most one login in five minutes by itself, so that this is never a loop. After that: `words` and a button. */
  function logInOnce(words) {
    if (liff.isInClient()) {
      // Inside LINE `liff.login()` does nothing: LINE gives a new token when the app is opened.
      const close = { label: 'Close', run: () => liff.closeWindow() }
      return say('Your login has ended. Close this window, then open it again.', close)
    }
    const last = Number(sessionStorage.getItem('liff-login-at'))
    if (Date.now() - last < 5 * 60_000) return say(words, { label: 'Log in', run: logIn })
    return logIn()
  }

  function logIn() {
    sessionStorage.setItem('liff-login-at', String(Date.now()))
    if (liff.isLoggedIn()) liff.logout() // forgets the old ID token. Without this, `liff.login()` keeps it.
    liff.login({ redirectUri: location.href })
  }

  /** Up to four times: the gateway sends `Retry-After` (seconds) if an error of the answer has `retryAfter`. */
  async function send(query, variables, token) {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
    const body = JSON.stringify({ query, variables })
    for (let tries = 1; ; tries += 1) {
      const response = await fetch(url, { method: 'POST', headers, body })
      const seconds = Number(response.headers.get('retry-after'))
      if (!seconds || tries === 4) return answerOf(response)
      await wait(seconds * 1000)
    }
  }
}

const outages = {
  LINE_UNAVAILABLE: 'LINE is not available now. You stay logged in. Try again later.',
  LINE_RATE_LIMITED: 'LINE is busy now. You stay logged in. Try again later.',
  RATE_LIMITED: 'There were too many requests. You stay logged in. Try again later.',
  SHUTTING_DOWN: 'The service starts again. You stay logged in. Try again now.',
}

function errorOf({ errors = [] }, isWanted) {
  return errors.map(({ message, extensions }) => ({ message, ...extensions })).find(({ code }) => isWanted(code))
}

const hasData = ({ data }) => Object.values(data ?? {}).some((field) => field !== null)

/** Rejects if something in front of the gateway answers in its place: with HTML, with nothing, or with its own JSON. */
async function answerOf(response) {
  const answer = await response.json().catch(() => undefined)
  if (answer?.data !== undefined || Array.isArray(answer?.errors)) return answer
  throw new Error(`No answer of the gateway (status ${response.status})`)
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
