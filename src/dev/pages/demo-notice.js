/** Says what happened. Screen readers read each sentence once, and not each second of a countdown. */

let waiting
/** The last sentence that is new, until it is brought into view. */
let newest

/** `kind`: `ok`, `wait` or `bad`. */
export function say(kind, words) {
  stopWaiting()
  const [region, other] = kind === 'bad' ? ['alert', 'status'] : ['status', 'alert']
  clear(other)
  sayIn(region, kind, words)
}

/** Says it in another live region. A sentence that is there already stays, so that nothing is read twice. */
export function sayIn(id, kind, words) {
  const region = document.getElementById(id)
  const className = `notice ${kind}`
  if (region.textContent === words && region.firstChild.className === className) return
  newest = Object.assign(document.createElement('p'), { className, textContent: words })
  region.replaceChildren(newest)
}

export function clear(id) {
  document.getElementById(id).replaceChildren()
}

/** Brings the newest sentence into view, and the button that has the focus. Only the user's own click may move the page. */
export function showNewest() {
  newest?.scrollIntoView({ block: 'nearest' })
  document.querySelector('button:focus')?.scrollIntoView({ block: 'nearest' })
  newest = undefined
}

/** Says it, counts down, and then calls `again`. Another notice ends the wait. */
export function sayWhileWaiting(words, seconds, again) {
  say('wait', words)
  const endsAt = Date.now() + seconds * 1_000
  waiting = setInterval(tick, 250)
  tick()

  function tick() {
    const left = Math.ceil((endsAt - Date.now()) / 1_000)
    showCountdown(left > 0 ? `This page repeats it by itself in ${left} s.` : 'Repeating it now …')
    if (left > 0) return
    clearInterval(waiting)
    waiting = undefined
    again()
  }
}

/** An action succeeded: a sentence about its outage is not true any more. */
export function endWait() {
  if (!isWaiting() && document.querySelector('#status .wait')) clearNotice()
}

export function isWaiting() {
  return waiting !== undefined
}

export function clearNotice() {
  stopWaiting()
  clear('status')
  clear('alert')
}

function stopWaiting() {
  clearInterval(waiting)
  waiting = undefined
  showCountdown('')
}

function showCountdown(text) {
  const countdown = document.getElementById('countdown')
  countdown.textContent = text
  countdown.hidden = text === ''
}
