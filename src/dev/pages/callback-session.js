/** The session on the callback page: the user, and the tokens to copy. */

import { askFor, timeLeft, wordsFor } from './session.js'

const part = (id) => document.getElementById(id)

/** `name`: asked for if it is missing. `idToken`: LINE gives it once, with the code. */
export function showSession({ accessToken, refreshToken, expiresAt, scopes }, { name, idToken }) {
  part('session').hidden = false
  part('about-id-token').hidden = !idToken
  part('scopes').textContent = scopes.join(', ')
  part('tokens').replaceChildren(
    ...fields({ 'Access token': accessToken, 'Refresh token': refreshToken, 'ID token': idToken }),
  )
  const countDown = () => {
    part('left').textContent = timeLeft(expiresAt) ?? '0 s: it has expired'
  }
  countDown()
  setInterval(countDown, 1000)
  if (name === undefined) void showName(accessToken)
  else part('name').textContent = name
}

async function showName(accessToken) {
  try {
    part('name').textContent = (await askFor('viewer', '{ viewer { displayName } }', {}, accessToken)).displayName
  } catch (failure) {
    part('name').textContent = `not known. ${wordsFor(failure)}`
  }
}

function fields(tokens) {
  return Object.entries(tokens)
    .filter(([, token]) => token)
    .map(([label, token]) => field(label, token))
}

/** The field scrolls, so a long token takes one line. */
function field(label, token) {
  const input = document.createElement('input')
  Object.assign(input, { readOnly: true, value: token, className: 'code', onfocus: () => input.select() })
  const button = document.createElement('button')
  Object.assign(button, { type: 'button', textContent: 'Copy', ariaLabel: `Copy the ${nounOf(label)}` })
  button.onclick = () => copy(input, nounOf(label))
  const line = document.createElement('div')
  line.className = 'copy-line'
  line.append(input, button)
  const whole = document.createElement('div')
  const caption = document.createElement('label')
  caption.textContent = label
  caption.htmlFor = input.id = label.toLowerCase().replaceAll(' ', '-')
  whole.append(caption, line)
  return whole
}

function nounOf(label) {
  return label.replace(/^[AR]/, (letter) => letter.toLowerCase())
}

async function copy(input, noun) {
  try {
    await navigator.clipboard.writeText(input.value)
    part('copied').textContent = `Copied: the ${noun}.`
  } catch {
    input.select()
    part('copied').textContent = `The browser does not allow it. The ${noun} is selected: press Ctrl+C.`
  }
}
