/**
 * The page that LINE leads back to. It finishes the login if this browser has started it. A code works once: without its
 * verifier it is not sent.
 */

import { showSession } from './callback-session.js'
import {
  callbackUrl,
  finishLogin,
  forgetLogin,
  isCodeSent,
  kindOf,
  loginOf,
  markCode,
  needsLogin,
  readSession,
  wordsFor,
} from './session.js'

const part = (id) => document.getElementById(id)
const parameters = new URLSearchParams(location.search)
const [code, state = ''] = [parameters.get('code'), parameters.get('state') ?? '']
const printedState = document.querySelector('meta[name="printed-login"]').content
const login = loginOf(state) ?? (state === printedState ? {} : undefined)

const meanings = {
  ACCESS_DENIED: 'The login was cancelled: the user did not allow the access.',
  LOGIN_REQUIRED: 'LINE could not log the user in without a page, and the prompt NONE allows no page.',
  INTERACTION_REQUIRED: 'LINE has to ask the user something, and the prompt NONE allows no page.',
  INVALID_SCOPE: 'LINE refused a scope of this login.',
  INVALID_REQUEST: 'LINE refused the login: a parameter is wrong, or the automatic login failed.',
}

// A reload must not send the code again, and an address is easily copied.
history.replaceState(null, '', location.pathname)
await start()

function start() {
  if (parameters.has('error')) return sayRefused(parameters.get('error'), parameters.get('error_description'))
  if (code === null) return sayWithoutCode()
  if (isCodeSent(code)) return sayAndShow('This code was sent to LINE before. LINE takes each code once.')
  if (login?.codeVerifier || state === printedState) return finish(login)
  return askForVerifier()
}

/** Sends the code. After an outage the same code can be sent again. */
async function finish(given) {
  say('One moment: the gateway exchanges the code for tokens.')
  part('again').hidden = true
  markCode(code)
  try {
    const { viewer, idToken } = await finishLogin(code, { redirectUri: callbackUrl, ...given })
    forgetLogin(state)
    if (isOurs(given.returnTo)) location.replace(given.returnTo)
    else show('LINE gave the tokens.', viewer?.displayName, idToken)
  } catch (failure) {
    sayFailed(failure, given)
  }
}

function sayFailed(failure, given) {
  say(wordsFor(failure, 'The code is still good.'), kindOf(failure))
  if (needsLogin(failure)) return advise('A code ends after ten minutes, and LINE takes it once.', given)
  markCode(code, false)
  part('again').hidden = false
  part('again').onclick = () => finish(given)
  part('again').focus()
}

function sayRefused(error, description) {
  say(
    `${meanings[error] ?? 'LINE did not log the user in.'} LINE said ${error}: ${description ?? 'nothing more'}`,
    'bad',
  )
  forgetLogin(state)
  advise('Nothing has changed. Start the login again when you like.', login)
}

function sayWithoutCode() {
  if (parameters.has('response'))
    say('LINE sent a signed response (a response mode with "jwt"). This page reads a plain code only.', 'bad')
  else sayAndShow('The address has no code. This page takes the code out of the address when it reads it.')
}

/** A reload, or the same address again: the login may be done. */
function sayAndShow(words) {
  if (readSession()) show(`${words} You are logged in.`)
  else {
    say(words, 'bad')
    advise('Start a new login.')
  }
}

function askForVerifier() {
  say(
    login
      ? 'The code verifier of this login is missing: startLogin was asked without codeVerifier.'
      : 'The code verifier is missing: this browser did not start this login in the last ten minutes, or the automatic login of LINE failed.',
    'wait',
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
  say(words)
  part('title').textContent = 'You are logged in'
  part('graphiql').textContent = 'Open GraphiQL as this user'
  part('graphiql').classList.add('main')
  showSession(readSession(), { name, idToken })
}

/** Says what happened. `kind`: `wait`, `bad` or nothing. */
function say(words, kind = '') {
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
    new URL(address, location).origin === location.origin
  )
}
