/** The bar above GraphiQL: who is logged in, until when, and the buttons. */

import { graphqlUrl, timeLeft, wordsFor } from './session.js'

const markup = `
  <h1>LINE GraphQL Gateway</h1>
  <p class="who"><span class="name"></span> <span class="until note"></span></p>
  <button type="button" class="log-in">Log in with LINE</button>
  <button type="button" class="refresh">Refresh</button>
  <button type="button" class="log-out">Log out</button>
  <a class="demo-page">Demo page</a>
  <p class="notice" role="status"></p>
  <p class="offer" role="status"></p>`

/** `actions`: what the buttons do. `leave`: runs before the user goes to LINE by a link, and says if the user may. */
export function createBar(actions) {
  const element = document.createElement('header')
  element.className = 'login-bar'
  element.innerHTML = markup
  const [name, until, logInButton, refreshButton, logOutButton, demoPage, notice, offers] = [
    '.name',
    '.until',
    '.log-in',
    '.refresh',
    '.log-out',
    '.demo-page',
    '.notice',
    '.offer',
  ].map((selector) => element.querySelector(selector))
  const addresses = new Set()
  let session
  let hasEnded = false
  demoPage.href = new URL('dev/demo', graphqlUrl)
  addStyle()
  runOnce(logInButton, actions.logIn)
  runOnce(refreshButton, actions.refresh)
  runOnce(logOutButton, actions.logOut)
  setInterval(countDown, 1000)

  return { element, show, name: showName, say, offer, isLogin: (address) => addresses.has(address) }

  /** Shows a session, or with `undefined` that nobody is logged in. `isOver`: only a new login helps. */
  function show(next, { isOver = false, isDemo = false } = {}) {
    const focused = document.activeElement
    if (next?.accessToken !== session?.accessToken) hasEnded = false
    if (next === undefined) name.textContent = `Nobody is logged in${isDemo ? ': the headers have a demo token' : ''}.`
    else if (session === undefined) name.textContent = 'Logged in'
    session = next
    logInButton.hidden = session !== undefined && !isOver
    refreshButton.hidden = logOutButton.hidden = session === undefined
    if (focused.hidden) logInButton.focus()
    countDown()
  }

  function showName(text) {
    const bdi = document.createElement('bdi')
    bdi.dir = 'auto'
    bdi.textContent = bdi.title = text ?? ''
    name.replaceChildren(bdi)
  }

  function countDown() {
    const left = session && timeLeft(session.expiresAt)
    until.textContent = session ? (left ? `Token ends in ${left}` : 'Token has expired') : ''
    refreshButton.classList.toggle('main', session !== undefined && left === undefined)
    if (session === undefined || left !== undefined || hasEnded) return
    hasEnded = true
    say(wordsFor({ code: 'UNAUTHENTICATED', reason: 'EXPIRED' }), 'bad')
  }

  /** Says what has happened. `kind`: `wait`, `bad` or nothing. */
  function say(words, kind = '') {
    notice.textContent = words
    notice.className = `notice ${kind}`
  }

  /** A link to LINE's login page for what `startLogin` gave. */
  function offer({ authorizationUrl, codeVerifier }) {
    addresses.add(authorizationUrl)
    const link = document.createElement('a')
    link.href = authorizationUrl
    link.textContent = 'Continue to LINE'
    link.addEventListener('click', (event) => {
      const isPlain = !event.ctrlKey && !event.metaKey && !event.shiftKey
      if (isPlain && !actions.leave()) event.preventDefault()
    })
    const words = codeVerifier
      ? ' to log in. The callback page finishes the login.'
      : ' to log in. Select codeVerifier too: without it the login cannot be finished.'
    offers.replaceChildren(link, words)
  }
}

/** A second click changes nothing until the first is done. A disabled button would lose the focus. */
function runOnce(button, action) {
  button.addEventListener('click', async () => {
    if (button.ariaBusy === 'true') return
    button.ariaBusy = 'true'
    try {
      await action()
    } finally {
      button.ariaBusy = 'false'
    }
  })
}

function addStyle() {
  const link = document.createElement('link')
  link.rel = 'stylesheet'
  link.href = new URL('graphiql.css', import.meta.url)
  document.head.append(link)
}
