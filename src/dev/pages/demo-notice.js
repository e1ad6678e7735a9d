/** Says what happened. Screen readers read the sentences, but not each second of a countdown. */

let waiting

/** `kind`: `ok`, `wait` or `bad`. */
export function say(kind, words) {
  clearNotice()
  sayIn(kind === 'bad' ? 'alert' : 'status', kind, words)
}

/** Says it in another live region. Without words: empties it. */
export function sayIn(id, kind, words = undefined) {
  const region = document.getElementById(id)
  if (words === undefined) return region.replaceChildren()
  const notice = Object.assign(document.createElement('p'), { className: `notice ${kind}`, textContent: words })
  region.replaceChildren(notice)
  notice.scrollIntoView({ block: 'nearest' })
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

export function isWaiting() {
  return waiting !== undefined
}

export function clearNotice() {
  clearInterval(waiting)
  waiting = undefined
  showCountdown('')
  for (const id of ['status', 'alert']) sayIn(id)
}

function showCountdown(text) {
  const countdown = document.getElementById('countdown')
  countdown.textContent = text
  countdown.hidden = text === ''
}
