/**
 * The demo page. It does with each answer of the gateway what a front end must do: refresh once after EXPIRED, log in again
 * after REVOKED or INVALID_GRANT, wait after an outage and try again.
 */
import { askAtOnce } from './demo-burst.js'
import { showUser, stopCountdown } from './demo-card.js'
import { EmulatorFailure, endFault, newLogin, startFault, unlink } from './demo-faults.js'
import { clearNews, isWell, pressedFault, watchLine } from './demo-line.js'
import { clear, clearNotice, endWait, isWaiting, say, sayIn, sayWhileWaiting, showNewest } from './demo-notice.js'
import { askWho } from './demo-viewer.js'
import { readNumbers } from './live.js'
import {
  dropSession,
  endAfter,
  Failure,
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
const line = watchLine(enableButtons)

for (const button of document.querySelectorAll('[data-action]'))
  button.addEventListener('click', () => start(ifPossible(button.dataset.action)))
for (const button of document.querySelectorAll('[data-fault]'))
  button.addEventListener('click', () => changeLine(() => toggleFault(button.dataset.fault)))
// After "back" the page may be an old one, from before a login or logout.
addEventListener('pageshow', ({ persisted }) => persisted && run(showCard))
// The clock of the emulator may have moved meanwhile. A wait asks by itself.
document.addEventListener('visibilitychange', () => document.hidden || isWaiting() || run(showCard))
run(showCard)
line.now()
readNumbers()

/** An action waits for those before it. After a logout only a login makes sense, without a card only what needs no user. */
function ifPossible(name) {
  const needsCard = !['logIn', 'renew', 'leave'].includes(name)
  return () => {
    const isPossible = name === 'logIn' || (readSession() && (user || !needsCard))
    return isPossible ? actions[name]() : undefined
  }
}

/** The user's own action: it ends the wait for another one. */
function start(action) {
  clearNotice()
  changeLine(action)
}

/** Only LINE changes, not the app: a wait that is under way goes on. */
function changeLine(action) {
  for (const id of ['burst', 'meanwhile']) clear(id)
  clearNews()
  runForUser(action)
}

function runForUser(action) {
  run(action).then(showNewest)
}

/** Actions run one after the other. `tries`: how often this one has met an outage already. */
function run(action, tries = 0) {
  queue = queue
    .then(action)
    .then(endWait)
    .catch((failure) => answerTo(failure, action, tries))
    .finally(() => {
      document.getElementById('you').ariaBusy = 'false'
      readNumbers()
    })
  return queue
}

/** What a front end does with each kind of failure. */
function answerTo(failure, action, tries) {
  if (failure instanceof EmulatorFailure) say('bad', failure.message)
  else if (!(failure instanceof Failure)) say('bad', `This page failed: ${failure.message}.`)
  else if (kindOf(failure) === 'wait') wait(failure, action, tries)
  else if (needsLogin(failure)) endSession(failure)
  else say('bad', wordsFor(failure))
  showParts()
}

/** After an outage: stays logged in, and tries again after `retryAfter` seconds, later from time to time. */
function wait(failure, action, tries) {
  const seconds = Math.max(failure.retryAfter ?? 2, Math.min(2 ** tries, 8))
  sayWhileWaiting(wordsFor(failure, undefined, true), seconds, () => run(action, tries + 1))
}

function endSession(failure) {
  dropSession()
  show(undefined)
  say('bad', wordsFor(failure))
}

async function showCard() {
  if (readSession() === undefined) return show(undefined)
  const { viewer, isRefreshed } = await askWho()
  if (isRefreshed) say('ok', 'The access token had expired. Refreshed.')
  show(viewer)
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
  setTimeout(() => run(showCard), 2_200)
}

async function beUnlinked() {
  await useNewLogin()
  await unlink(user)
  runForUser(showCard)
}

/** Uses tokens that the gateway has not seen, so that it must ask LINE about them. Resolves with the end of the token. */
async function useNewLogin(wanted) {
  const { accessToken, refreshToken, expiresIn } = await newLogin(user, wanted)
  const expiresAt = endAfter(expiresIn)
  keepSession({ ...readSession(), accessToken, refreshToken, expiresAt })
  return expiresAt
}

async function toggleFault(name) {
  const isEnd = pressedFault() === name
  if (!isEnd && isWell() && user !== undefined) await makeRefreshable().catch(() => {})
  await (isEnd ? endFault() : startFault(name))
  await line.next()
  if (!isEnd && user !== undefined && !isWaiting()) runForUser(showCardAllTheSame)
}

/** The gateway repeats the answer of a refresh for 30 s. These tokens were never refreshed. */
async function makeRefreshable() {
  await useNewLogin()
  await showCard()
}

async function showCardAllTheSame() {
  await showCard()
  const words = 'Your card was answered all the same: from memory. Only Refresh, Log in and Log out need LINE now.'
  sayIn('meanwhile', 'ok', words)
}

/** The card is asked first: so the gateway knows the token, and has checked it. */
async function askOften() {
  await showCard()
  await askAtOnce(readSession().accessToken)
}

async function askOftenUnknown() {
  const { accessToken } = await newLogin(user)
  await askAtOnce(accessToken)
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
  keepFocus(() => {
    for (const [id, isShown] of Object.entries(parts)) document.getElementById(id).hidden = !isShown
    document.querySelector('[data-action=renew]').hidden = !session?.refreshToken
    enableButtons()
  })
}

/** Without a user only the end of a fault makes sense. */
function enableButtons() {
  keepFocus(() => {
    for (const button of document.querySelectorAll('.faults button, [data-action^=askOften]'))
      button.disabled = user === undefined && button.ariaPressed !== 'true'
  })
}

/** A button that is hidden or disabled loses the focus, in some browsers at once: "Log in" or "Refresh" gets it. */
function keepFocus(change) {
  const focused = document.activeElement
  change()
  if (!focused.matches(':disabled, [hidden], [hidden] *')) return
  const shown = [...document.querySelectorAll('#you button')].find(({ offsetParent }) => offsetParent)
  shown?.focus({ preventScroll: true })
}
