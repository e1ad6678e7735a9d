/**
 * The page that LINE leads back to. It finishes the login if this browser has started it. A code works once: without its
 * verifier it is not sent.
 */

import { showSession } from './callback-session.js'
import {
  callbackUrl,
  endLogin,
  finishLogin,
  isCodeSent,
  kindOf,
  loginOf,
  markCode,
  needsLogin,
  readSession,
  wordsFor,
} from './session.js'
import { checkStorage } from './storage.js'

const parameters = new URLSearchParams(location.search || history.state?.kept)
if (parameters.has('error')) parameters.delete('code')
// An address is easily copied, so it loses its parameters.
keepForReload(parameters.has('error'))

const [code, state = ''] = [parameters.get('code'), parameters.get('state') ?? '']
const part = (id) => document.getElementById(id)
const isPrinted = state === document.querySelector('meta[name="printed-login"]').content

const meanings = new Map([
  ['ACCESS_DENIED', 'The login was cancelled: the user did not allow the access.'],
  ['LOGIN_REQUIRED', 'LINE could not log the user in without a page, and the prompt NONE allows no page.'],
  ['INTERACTION_REQUIRED', 'LINE has to ask the user something, and the prompt NONE allows no page.'],
  ['INVALID_SCOPE', 'LINE refused a scope of this login.'],
  ['INVALID_REQUEST', 'LINE refused the login: a parameter is wrong, or the automatic login failed.'],
])

await start()

function start() {
  const login = loginOf(state)
  if (parameters.has('error')) return sayRefused(parameters.get('error'), parameters.get('error_description'), login)
  if (!code) return sayWithoutCode()
  if (login?.isFinished && !isPrinted) return sayAndShow('This login was finished before.')
  if (isCodeSent(code)) return sayAndShow('This code was sent to LINE before. LINE takes each code once.')
  if (isPrinted || login?.codeVerifier) return finish({ ...login })
  try {
    checkStorage()
    askForVerifier(login)
  } catch (failure) {
    sayFailed(failure, {}, start)
  }
}

/** Sends the code. After an outage the same code can be sent again. */
async function finish(given) {
  say('One moment: the gateway exchanges the code for tokens.')
  part('again').hidden = part('advice').hidden = true
  keepForReload(false)
  try {
    const login = { ...given, redirectUri: given.redirectUri ?? callbackUrl }
    const { viewer, idToken } = await finishLogin(code, login)
    if (!isPrinted) endLogin(state)
    if (isOurs(given.returnTo)) location.replace(given.returnTo)
    else show('LINE gave the tokens.', viewer?.displayName, idToken)
  } catch (failure) {
    sayFailed(failure, given, () => finish(given))
  }
}

/** A reload says again what LINE refused, and sends a code again only while it is good. */
function keepForReload(isKept) {
  history.replaceState({ kept: isKept ? `${parameters}` : undefined }, '', location.pathname)
}

function sayFailed(failure, given, again) {
  const isGood = kindOf(failure) === 'wait' || ['NO_STORAGE', 'MISCONFIGURED'].includes(failure.code)
  say(wordsFor(failure, 'The code is still good.'), kindOf(failure), 'The login is not finished')
  if (needsLogin(failure)) return advise('A code ends after ten minutes, and LINE takes it once.', given)
  if (!isGood) return advise('Start a new login.', given)
  markCode(code, false)
  keepForReload(true)
  part('again').hidden = false
  part('again').onclick = again
  part('again').focus()
}

/** The login is kept: the user can go back to LINE's page and allow the access. */
function sayRefused(error, description, login) {
  const meaning = meanings.get(error) ?? 'LINE did not log the user in.'
  const title = error === 'ACCESS_DENIED' ? 'The login was cancelled' : 'The login failed'
  say(`${meaning} LINE said ${short(error)}: ${short(description || 'nothing more')}`, 'bad', title)
  advise('Nothing has changed. Start the login again when you like.', login)
}

/** The address can come from anybody, so its texts are cut. */
function short(text) {
  const letters = [...text]
  return letters.length > 200 ? `${letters.slice(0, 200).join('')} …` : text
}

function sayWithoutCode() {
  if (parameters.has('response'))
    say('LINE sent a signed response (a response mode with "jwt"). This page reads a plain code only.', 'bad')
  else if (code === '') sayAndShow('The code in the address is empty.')
  else sayAndShow('The address has no code. This page takes the code out of the address when it reads it.')
}

/** A reload, or the same address again: the login may be done. */
function sayAndShow(words) {
  if (readSession()) show(`${words} You are logged in.`)
  else {
    say(words, 'bad', 'Nobody is logged in')
    advise('Start a new login.')
  }
}

function askForVerifier(login) {
  say(
    login
      ? 'The code verifier of this login is missing: startLogin was asked without codeVerifier.'
      : 'The code verifier is missing: this browser did not start this login in the last ten minutes, or the automatic login of LINE failed.',
    'wait',
    'The login is not finished',
  )
  advise('LINE sent a code. This page does not use it without the code verifier, which is in the answer of startLogin.')
  const [form, verifier, nonce] = ['missing', 'verifier', 'nonce'].map(part)
  form.hidden = false
  part('state').value = state
  nonce.value = login?.nonce ?? ''
  verifier.oninput = () => {
    part('finish').disabled = !/^[\w.~-]{43,128}$/.test(verifier.value.trim())
  }
  form.onsubmit = (event) => {
    event.preventDefault()
    form.hidden = part('advice').hidden = true
    void finish({ ...login, codeVerifier: verifier.value.trim(), nonce: nonce.value.trim() || undefined })
  }
}

function show(words, name, idToken) {
  say(words, '', 'You are logged in')
  part('title').textContent = 'You are logged in'
  part('graphiql').textContent = 'Open GraphiQL as this user'
  part('graphiql').classList.add('main')
  showSession(readSession(), { name, idToken })
}

/** Says what happened. `kind`: `wait`, `bad` or nothing. `title`: of the window. */
function say(words, kind = '', title = 'Back from LINE') {
  document.title = title
  part('what').hidden = false
  part('what').className = `notice ${kind}`
  part('what').textContent = words
}

/** Says what to do, with the way back to where the login started. */
function advise(words, { returnTo } = {}) {
  part('advice').hidden = false
  part('advice').textContent = words
  if (!isOurs(returnTo)) return
  const isDemo = returnTo.includes('/dev/demo')
  const link = part(isDemo ? 'demo' : 'graphiql')
  link.href = returnTo
  link.textContent = isDemo ? 'Back to the demo page' : 'Back to GraphiQL'
}

/** The storage can be edited by hand, so the address is checked. */
function isOurs(address) {
  return (
    typeof address === 'string' &&
    URL.canParse(address, location) &&
    new URL(address, location).href.startsWith(`${location.origin}/`)
  )
}
