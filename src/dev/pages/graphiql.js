/** GraphiQL of `npm run dev`: opens it with the token of the login, and shows a bar to log in, refresh and log out. */

import { send } from './ask.js'
import { loginsIn } from './graphiql-answers.js'
import { createBar } from './graphiql-bar.js'
import { createTabs, followLinks } from './graphiql-tabs.js'
import {
  ask,
  Failure,
  keepLogin,
  kindOf,
  logIn,
  logOut,
  needsLogin,
  readSession,
  refresh,
  wordsFor,
} from './session.js'

const { root, options } = globalThis.graphiql
const tabs = createTabs(options, readSession()?.accessToken)
const bar = createBar({ logIn: startLogin, refresh: refreshSession, logOut: endSession, leave: tabs.keepDraft })
root.before(bar.element)
followLinks((address) => (bar.isLogin(address) ? tabs.keepDraft : undefined))
addEventListener('pageshow', ({ persisted }) => persisted && tabs.dropDraft())

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
    readAnswer(answer, headers)
    return answer
  } catch (failure) {
    bar.say(wordsFor(failure), kindOf(failure))
    throw new Error(wordsFor(failure))
  }
}

function readAnswer({ data, errors = [] }, headers = {}) {
  for (const login of loginsIn(data)) {
    if (login.codeVerifier) keepLogin(login)
    bar.offer(login)
  }
  const failures = errors.map((error) => new Failure(error))
  const ofSession = Object.values(headers).some((value) => String(value).includes(tabs.token()))
  const failure = failures.find(({ code }) => kindOf({ code }) === 'wait' || (ofSession && code === 'UNAUTHENTICATED'))
  if (failure) sayFailure(failure)
  // The schema is asked for at the start, and any token is good for it.
  else if (ofSession && errors.length === 0 && !data.__schema) bar.say('')
}

function sayFailure(failure) {
  const isDemo = readSession() === undefined && failure.code === 'UNAUTHENTICATED'
  bar.say(isDemo ? 'The token in the headers is refused. Log in with LINE.' : wordsFor(failure), kindOf(failure))
  if (needsLogin(failure)) bar.show(readSession(), { isOver: true })
}

/** The name comes by a question of its own, because another tab of GraphiQL can be open. */
async function showUser() {
  try {
    const { data, errors } = await ask('{ viewer { displayName } }', {}, readSession()?.accessToken)
    if (data.viewer) bar.name(data.viewer.displayName)
    else throw errors[0]
  } catch (failure) {
    sayFailure(failure)
  }
}

/** The user leaves the page. The callback page leads back to it. */
async function startLogin() {
  tabs.keepDraft()
  try {
    await logIn(location.pathname)
  } catch (failure) {
    tabs.dropDraft()
    bar.say(wordsFor(failure), kindOf(failure))
  }
}

async function refreshSession() {
  try {
    const { accessToken } = await refresh()
    tabs.use(accessToken)
    bar.show(readSession())
    bar.say('You have a new access token. It is in the headers of all tabs.')
    await showUser()
  } catch (failure) {
    sayFailure(failure)
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
