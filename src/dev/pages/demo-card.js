/** The card of the user who is logged in, with a countdown to the end of the token. */

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
  showPicture(viewer)
  startTimers(accessToken, atEnd)
}

export function stopTimers() {
  clearInterval(ticking)
}

/** `29 days 23 hours`, `4 min 05 s`. */
export function inWords(seconds) {
  const [days, hours, minutes] = [Math.floor(seconds / 86_400), Math.floor(seconds / 3_600), Math.floor(seconds / 60)]
  if (days > 0) return `${counted(days, 'day')} ${counted(hours % 24, 'hour')}`
  if (hours > 0) return `${counted(hours, 'hour')} ${minutes % 60} min`
  if (minutes > 0) return `${minutes} min ${String(seconds % 60).padStart(2, '0')} s`
  return `${seconds} s`
}

function counted(count, unit) {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function fill(fact, text) {
  card.querySelector(`[data-fact=${fact}]`).textContent = text
}

function friendship({ displayName, isFriend }) {
  if (isFriend == null) return displayName === undefined ? 'needs the scope profile' : 'not known'
  return isFriend ? 'yes' : 'no'
}

/** A picture of the emulator, or the first letter of the name. Other hosts are never asked. */
function showPicture({ displayName = '', pictureUrl }) {
  const letter = document.createElement('span')
  letter.className = 'picture initials'
  letter.ariaHidden = 'true'
  letter.textContent = firstLetter(displayName)
  card.querySelector('.picture').replaceWith(letter)
  if (!pictureUrl || new URL(pictureUrl).origin !== emulatorOrigin) return
  const image = Object.assign(new Image(), { src: pictureUrl, alt: '', className: 'picture' })
  image.addEventListener('load', () => letter.replaceWith(image))
}

/** A letter can be several code points, such as an emoji. */
function firstLetter(name) {
  const [first] = new Intl.Segmenter().segment(name)
  return first?.segment ?? ''
}

function startTimers({ expiresIn, verifiedAt }, atEnd) {
  const endsAt = Date.now() + expiresIn * 1_000
  stopTimers()
  ticking = setInterval(tick, 1_000)
  tick()

  function tick() {
    const left = Math.max(0, Math.round((endsAt - Date.now()) / 1_000))
    fill('validFor', inWords(left))
    fill('checked', `${inWords(Math.max(0, Math.round((Date.now() - Date.parse(verifiedAt)) / 1_000)))} ago`)
    // One second later, so that the token has ended for LINE too.
    if (Date.now() > endsAt + 1_000) end()
  }

  function end() {
    stopTimers()
    atEnd()
  }
}
