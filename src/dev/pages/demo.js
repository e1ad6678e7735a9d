/**
 * The demo page. It does with each answer of the gateway what a front end must do: refresh once after EXPIRED, log in again
 * after REVOKED or INVALID_GRANT, wait after an outage and try again.
 */
import { showUser, stopCountdown } from './demo-card.js'
import { endFault, newLogin, startedFault, startFault, unlink } from './demo-faults.js'
import { clearNotice, isWaiting, say, sayIn, sayWhileWaiting } from './demo-notice.js'
import { nextNumbers, readNumbers, watchNumbers } from './live.js'
import {
  ask,
  dropSession,
  keepSession,
  kindOf,
  logIn,
  logOut,
  needsLogin,
  readSession,
  refresh,
  wordsFor,
} from './session.js'

const actions = { logIn: () => logIn(location.href), renew, leave, expire, beUnlinked, askOften, askOftenUnknown }

let user
let queue = Promise.resolve()

for (const button of document.querySelectorAll('[data-action]'))
  button.addEventListener('click', () => start(actions[button.dataset.action]))
for (const button of document.querySelectorAll('[data-fault]'))
  button.addEventListener('click', () => run(() => toggleFault(button.dataset.fault)))
// After "back" the page may be an old one, from before a login or logout.
addEventListener('pageshow', ({ persisted }) => persisted && start(showCard))
run(showCard)
run(async () => showFault(await startedFault().catch(() => undefined)))
watchNumbers()

/** The user's own action: it ends the wait for another one. */
function start(action) {
  clearNotice()
  run(action)
}

/** Actions run one after the other. `tries`: how often this one has met an outage already. */
function run(action, tries = 0) {
  queue = queue
    .then(action)
    .catch((failure) => answerTo(failure, action, tries))
    .finally(() => {
      document.getElementById('you').ariaBusy = 'false'
      return readNumbers()
    })
}

/** What a front end does with each kind of failure. */
function answerTo(failure, action, tries) {
  if (failure.code === undefined) say('bad', `This page failed: ${failure.message}.`)
  else if (kindOf(failure) === 'wait') wait(failure, action, tries)
  else if (needsLogin(failure)) endSession(failure)
  else say('bad', wordsFor(failure))
  showParts()
}

/** After an outage: stays logged in, and tries again after `retryAfter` seconds, later from time to time. */
function wait(failure, action, tries) {
  const seconds = Math.max(failure.retryAfter ?? 2, Math.min(2 ** tries, 8))
  sayWhileWaiting(wordsFor({ ...failure, retryAfter: seconds }), seconds, () => run(action, tries + 1))
}

function endSession(failure) {
  dropSession()
  show(undefined)
  say('bad', wordsFor(failure))
}

async function showCard() {
  show(readSession() && (await askWho()))
}

/** Asks who the user is. An expired token is refreshed once, and the question repeated. */
async function askWho() {
  try {
    return await askViewer()
  } catch (failure) {
    if (failure.reason !== 'EXPIRED') throw failure
    await refresh()
    const viewer = await askViewer()
    say('ok', 'The access token had expired. Refreshed.')
    return viewer
  }
}

const facts = 'accessToken { channelId scopes expiresAt verifiedAt }'

async function askViewer() {
  const { accessToken } = readSession()
  const query = `{ viewer { id displayName pictureUrl(size: LARGE) statusMessage isFriend ${facts} } }`
  const whole = await ask(query, {}, accessToken)
  const { data, errors } =
    whole.errors[0]?.code === 'FORBIDDEN' ? await ask(`{ viewer { id ${facts} } }`, {}, accessToken) : whole
  if (!data.viewer) throw errors[0]
  return { ...data.viewer, isComplete: errors.length === 0 }
}

async function renew() {
  const { accessToken } = readSession() ?? {}
  const isSame = (await refresh()).accessToken === accessToken
  await showCard()
  const words = isSame ? 'it is still the token of the last refresh, for 30 s' : 'you have a new access token'
  say('ok', `Refreshed: ${words}.`)
}

async function leave() {
  await logOut()
  show(undefined)
  say('ok', 'You are logged out: LINE has revoked the tokens.')
}

async function expire() {
  const expiresAt = await useNewLogin({ expiresIn: 2 })
  show({ ...user, accessToken: { ...user.accessToken, expiresAt } })
  say('ok', 'Your token lasts 2 s now. The next question comes right after that.')
  await new Promise((resolve) => setTimeout(resolve, 2_200))
  run(showCard)
}

async function beUnlinked() {
  await useNewLogin()
  await unlink(user)
  run(showCard)
}

/** Uses tokens that the gateway has not seen, so that it must ask LINE about them. Resolves with the end of the token. */
async function useNewLogin(wanted) {
  const { accessToken, refreshToken, expiresIn } = await newLogin(user, wanted)
  const expiresAt = new Date(Date.now() + expiresIn * 1_000).toISOString()
  keepSession({ ...readSession(), accessToken, refreshToken, expiresAt })
  return expiresAt
}

async function toggleFault(fault) {
  const pressed = document.querySelector('[data-fault][aria-pressed=true]')
  if (pressed?.dataset.fault === fault) return stopFault()
  if (pressed === null && user !== undefined) {
    // The gateway repeats the answer of a refresh for 30 s. These tokens were never refreshed.
    await useNewLogin()
    await showCard()
  }
  await startFault(fault)
  showFault(fault)
  if (user !== undefined && !isWaiting()) run(showCardAllTheSame)
}

/** Only LINE changes, not the app: a wait that is under way goes on. */
async function stopFault() {
  await endFault()
  showFault(undefined)
  sayIn('world', 'ok', 'LINE works again.')
}

async function showCardAllTheSame() {
  await showCard()
  say('ok', 'Your card was answered all the same: from memory. Only Refresh, Log in and Log out need LINE now.')
}

const faultWords = {
  down: 'An outage of LINE has begun: each call gets 500. Press the button again to end it.',
  limit: 'LINE answers each call with "too many requests" now. Press the button again to end it.',
}

function showFault(fault) {
  for (const button of document.querySelectorAll('[data-fault]'))
    button.ariaPressed = String(button.dataset.fault === fault)
  sayIn('world', 'wait', faultWords[fault])
  enableButtons()
}

/** The card is asked first: so the gateway knows the token, and has checked it. */
async function askOften() {
  await showCard()
  await askOftenWith(readSession().accessToken)
}

async function askOftenUnknown() {
  const { accessToken } = await newLogin(user)
  await askOftenWith(accessToken)
}

async function askOftenWith(token) {
  const before = await nextNumbers()
  const answers = await Promise.all(Array.from({ length: 100 }, () => ask('{ viewer { displayName } }', {}, token)))
  const calls = (await nextNumbers()).lineCalls - before.lineCalls
  const good = answers.filter(({ data }) => data?.viewer).length
  sayIn('burst', 'ok', `100 questions at once: ${good} answers, ${calls} ${calls === 1 ? 'call' : 'calls'} to LINE.`)
}

/** `undefined`: nobody is logged in. */
function show(viewer) {
  user = viewer
  if (viewer === undefined) stopCountdown()
  else showUser(viewer, () => run(showCard))
  showParts()
}

/** After a start during an outage there is a session, but no card yet. */
function showParts() {
  const session = readSession()
  const parts = { nobody: session === undefined, user: user !== undefined, session: session !== undefined }
  for (const [id, isShown] of Object.entries(parts)) document.getElementById(id).hidden = !isShown
  document.querySelector('[data-action=renew]').hidden = !canRefresh()
  enableButtons()
}

/** Without a user only the end of a fault makes sense. */
function enableButtons() {
  for (const button of document.querySelectorAll('.faults button, [data-action^=askOften]'))
    button.disabled = user === undefined && button.ariaPressed !== 'true'
}

function canRefresh() {
  return Boolean(readSession()?.refreshToken)
}
