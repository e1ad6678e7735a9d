/** The state of LINE now. Other pages and commands can change it too, so the page asks the emulator again and again. */
import { readFaults } from './demo-faults.js'
import { clear, sayIn } from './demo-notice.js'
import { watch } from './watch.js'

const buttons = [...document.querySelectorAll('[data-fault]')]

/** The sentence that is true now. Empty while LINE is well. */
let shown = ''

/** `changed` is called when a fault has begun or ended. Resolves with the functions that read the faults. */
export function watchLine(changed) {
  return watch(async () => {
    const faults = await readFaults().catch(() => undefined)
    if (faults !== undefined && show(faults)) changed()
    return faults !== undefined
  })
}

export function isWell() {
  return shown === ''
}

/** The name of the button whose fault LINE has now, or `undefined`. */
export function pressedFault() {
  return buttons.find(({ ariaPressed }) => ariaPressed === 'true')?.dataset.fault
}

/** "LINE works again" is news only until the next action. */
export function clearNews() {
  if (isWell()) clear('world')
}

/** Says only what is new: the number of calls that a fault still lasts is not. */
function show(faults) {
  const pressed = faultNameOf(faults['*'])
  for (const button of buttons) button.ariaPressed = String(button.dataset.fault === pressed)
  const sentences = Object.entries(faults).map(([endpoint, fault]) => sentenceFor(endpoint, fault))
  if (pressed) sentences.push('Press the button again to end it.')
  const words = sentences.join(' ')
  if (words === shown) return false
  shown = words
  clear('meanwhile')
  sayIn('world', isWell() ? 'ok' : 'wait', words || 'LINE works again.')
  return true
}

function faultNameOf({ status, hang, reset, close } = {}) {
  if (status === 429) return 'limit'
  return status >= 500 || hang || reset || close ? 'down' : undefined
}

function sentenceFor(endpoint, fault) {
  const calls = endpoint === '*' ? 'each call' : `each call to "${endpoint}"`
  if (faultNameOf(fault) === 'limit') return `LINE answers ${calls} with "too many requests" now.`
  if (faultNameOf(fault) === 'down') return `An outage of LINE has begun: ${calls} gets ${fault.status ?? 'no answer'}.`
  const { times, ...what } = fault
  return `LINE has a fault now: ${calls} gets ${JSON.stringify(what)}.`
}
