/** The card of the user who is logged in, with a countdown to the end of the token. */
import { timeLeft } from './session.js'

const emulatorOrigin = new URL(document.querySelector('meta[name=emulator]').content).origin
const card = document.getElementById('user')

let ticking

/** `atEnd` is called once, when the token has ended. */
export function showUser(viewer, atEnd) {
  const { id, displayName, statusMessage, accessToken } = viewer
  fill('name', displayName ?? id)
  fill('statusMessage', statusMessage ?? '')
  fill('id', id)
  fill('friend', friendship(viewer))
  fill('scopes', accessToken.scopes.join(', '))
  fill('checked', new Date(accessToken.verifiedAt).toLocaleTimeString('en', { hour12: false }))
  showPicture(viewer)
  startCountdown(accessToken, atEnd)
}

export function stopCountdown() {
  clearInterval(ticking)
}

function fill(fact, text) {
  card.querySelector(`[data-fact=${fact}]`).textContent = text
}

function friendship({ displayName, isFriend, isComplete }) {
  if (displayName === undefined) return 'needs the scope profile'
  if (isFriend == null) return isComplete ? 'no account is linked' : 'not known now'
  return isFriend ? 'yes' : 'no'
}

/** A picture of the emulator, or the first letter of the name. Other hosts are never asked. */
function showPicture({ displayName, pictureUrl }) {
  const letter = document.createElement('span')
  letter.className = 'picture initials'
  letter.ariaHidden = 'true'
  letter.textContent = firstLetter(displayName ?? '')
  card.querySelector('.picture').replaceWith(letter)
  if (!URL.canParse(pictureUrl) || new URL(pictureUrl).origin !== emulatorOrigin) return
  const image = Object.assign(new Image(), { src: pictureUrl, alt: '', className: 'picture' })
  image.addEventListener('load', () => letter.replaceWith(image))
}

/** A letter can be several code points, such as an emoji. */
function firstLetter(name) {
  const [first] = new Intl.Segmenter().segment(name)
  return first?.segment ?? ''
}

function startCountdown({ expiresAt }, atEnd) {
  stopCountdown()
  ticking = setInterval(tick, 1_000)
  tick()

  function tick() {
    fill('validFor', timeLeft(expiresAt) ?? '0 s')
    // One second later, so that the token has ended for LINE too.
    if (Date.now() < Date.parse(expiresAt) + 1_000) return
    stopCountdown()
    atEnd()
  }
}
