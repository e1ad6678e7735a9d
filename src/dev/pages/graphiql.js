/** GraphiQL of `npm run dev`: opens it with the token of the login, and shows a bar to log in, refresh and log out. */

import { emulatorUrl } from './emulator-url.js'
import { loginsIn } from './graphiql-answers.js'
import { createBar } from './graphiql-bar.js'
import { tokenIn } from './graphiql-headers.js'
import { createTabs, followLinks, placeholder } from './graphiql-tabs.js'
import {
  ask,
  dropSession,
  endAfter,
  Failure,
  keepLogin,
  keepSession,
  kindOf,
  logIn,
  logOut,
  needsLogin,
  readSession,
  refresh,
  send,
  wordsFor,
} from './session.js'

const { root, options } = globalThis.graphiql
/** The access token of the session that LINE has ended here. Answers to it can still be on the way. */
let ended
const tabs = createTabs(options, readSession()?.accessToken)
const bar = createBar({ logIn: startLogin, refresh: refreshSession, logOut: endSession, leave: leaveForLine })
root.before(bar.element)
root.role = 'main'
followLinks((address) => (bar.isLogin(address) ? leaveForLine : undefined))
addEventListener('pageshow', ({ persisted }) => persisted && comeBack())

globalThis.YogaGraphiQL.renderYogaGraphiQL(root, { ...tabs.options, fetcher: fetchAnswer })
bar.show(readSession(), { isDemo: tabs.isDemo() })
if (readSession()) {
  void tabs.runSample()
  void showUser()
}

/** Asks for what GraphiQL runs. */
async function fetchAnswer({ query, variables, operationName }, { headers } = {}) {
  try {
    const answer = await send({ query, variables, operationName }, headers)
    readAnswer(answer, tokenIn(headers))
    return answer
  } catch (failure) {
    bar.say(wordsFor(failure), kindOf(failure))
    return { errors: [{ message: wordsFor(failure) }] }
  }
}

/** `token`: of the request. */
function readAnswer({ data, errors }, token) {
  for (const login of loginsIn(data, emulatorUrl)) offer(login)
  const failures = (errors ?? []).map((error) => new Failure(error ?? {}))
  const refused = failures.find(({ code }) => code === 'UNAUTHENTICATED')
  const passing = failures.find((failure) => kindOf(failure) === 'wait')
  const isOfSession = token !== undefined && [readSession()?.accessToken, ended].includes(token)
  if (refused && !isOfSession) bar.say(wordsForToken(refused, token), 'bad')
  else if (refused ?? passing) sayFailure(refused ?? passing)
  // The schema is asked for at the start, and any token is good for it.
  else if (failures.length === 0 && !data?.__schema) bar.say('')
}

function offer(login) {
  try {
    if (login.codeVerifier) keepLogin(login)
    bar.offer(login)
  } catch (failure) {
    sayFailure(failure)
  }
}

/** The token in the headers is not the session's: the user typed it, or it is the demo token. */
function wordsForToken({ reason }, token) {
  const button = readSession() ? 'Refresh' : 'Log in'
  if (reason === 'MISSING' || token === placeholder) return `The headers have no token. ${button} puts one there.`
  const what = reason === 'EXPIRED' ? 'has expired' : `is refused (${reason})`
  return `The token in the headers ${what}. ${button} puts a new one there.`
}

/** A failure of the session. A session that LINE has ended is dropped, so that it does not come back after a reload. */
function sayFailure(failure) {
  bar.say(wordsFor(failure), kindOf(failure))
  if (!needsLogin(failure)) return
  const canStay = failure.code === 'NO_REFRESH_TOKEN'
  if (!canStay) {
    ended = readSession()?.accessToken ?? ended
    dropSession()
  }
  bar.show(readSession(), { isOver: true })
}

/** The name comes by a question of its own, because another tab of GraphiQL can be open. */
async function showUser() {
  const { accessToken } = readSession() ?? {}
  try {
    const { data, errors } = await ask('{ viewer { displayName accessToken { expiresIn } } }', {}, accessToken)
    if (accessToken !== readSession()?.accessToken) return
    if (!data.viewer) throw errors[0]
    bar.name(data.viewer.displayName)
    keepSession({ ...readSession(), expiresAt: endAfter(data.viewer.accessToken.expiresIn) })
    bar.show(readSession())
  } catch (failure) {
    if (accessToken === readSession()?.accessToken) sayFailure(failure)
  }
}

/** The user leaves the page. The callback page leads back to it. */
async function startLogin() {
  try {
    tabs.keepDraft()
    await logIn(location.pathname)
  } catch (failure) {
    tabs.dropDraft()
    bar.say(wordsFor(failure), kindOf(failure))
  }
}

/** The user follows a link to LINE. False: what was typed cannot be kept, so the user stays. */
function leaveForLine() {
  try {
    tabs.keepDraft({ opensSample: true })
    return true
  } catch (failure) {
    sayFailure(failure)
    return false
  }
}

/** The browser shows this page as it was when the user left it. */
function comeBack() {
  tabs.dropDraft()
  if (readSession()) tabs.use(readSession().accessToken)
  bar.show(readSession())
  if (readSession()) void showUser()
}

/** The user can log out before the answer comes. Then there is nothing to say. */
async function refreshSession() {
  try {
    await refresh().finally(() => tabs.use(readSession()?.accessToken))
    if (!readSession()) return
    bar.show(readSession())
    bar.say('You have a new access token. It is in the headers of all tabs.')
    await showUser()
  } catch (failure) {
    if (readSession()) sayFailure(failure)
  }
}

async function endSession() {
  try {
    await logOut()
    tabs.use(undefined)
    bar.show(undefined)
    bar.say('You are logged out: LINE has ended the session. The headers have no token now.')
  } catch (failure) {
    sayFailure(failure)
  }
}
