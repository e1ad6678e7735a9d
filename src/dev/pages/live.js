/** Shows what the gateway reports of itself, once a second while the page is visible. */
import { drawChart } from './live-chart.js'

const numbersUrl = new URL('numbers', import.meta.url)
const everyMs = 1_000
/** While the gateway is away: a browser writes each failed request to its console. */
const everyMsWhileAway = 5_000

let timer
let reading

export function watchNumbers() {
  document.addEventListener('visibilitychange', readNumbers)
  addEventListener('online', readNumbers)
  addEventListener('offline', readNumbers)
  readNumbers()
}

/** Reads and shows the numbers. Resolves with them, or with the last ones if the gateway is away. */
export function readNumbers() {
  reading ??= read().finally(() => {
    reading = undefined
  })
  return reading
}

/** Reads the numbers after what has happened so far: a reading that is under way may be older. */
export async function nextNumbers() {
  await reading
  return readNumbers()
}

let last = { questions: 0, lineCalls: 0 }

async function read() {
  clearTimeout(timer)
  const numbers = await fetchNumbers()
  if (numbers) show(numbers)
  showAway(numbers === undefined)
  clearTimeout(timer)
  if (!document.hidden) timer = setTimeout(readNumbers, numbers === undefined ? everyMsWhileAway : everyMs)
  return last
}

/** `undefined`: the gateway is away. `null`: it has no numbers. */
async function fetchNumbers() {
  const response = await fetch(numbersUrl).catch(() => undefined)
  return response?.json().catch(() => undefined)
}

function show(numbers) {
  const { questions, lineCalls, lookUps, schemaReads } = numbers
  const counts = { questions, 'line-calls': lineCalls, memory: lookUps.memory, shared: lookUps.shared }
  for (const [id, count] of Object.entries({ ...counts, 'schema-reads': schemaReads }))
    document.getElementById(id).textContent = count.toLocaleString('en')
  document.getElementById('ratio').textContent = ratio(numbers)
  document.getElementById('breakers').replaceChildren(...numbers.breakers.map(breakerItem))
  showFeed(numbers.events)
  drawChart(numbers)
  last = numbers
}

function ratio({ questions, lineCalls }) {
  if (questions === 0) return 'Log in, and this counts.'
  if (lineCalls === 0) return 'No call to LINE so far.'
  const times = questions / lineCalls
  return `${times.toFixed(times < 10 ? 1 : 0)} questions for each call to LINE`
}

function breakerItem({ endpoint, state, secondsLeft }) {
  const words = {
    closed: 'closed',
    half_open: 'half open',
    open: secondsLeft > 0 ? `open for ${secondsLeft} s` : 'open',
  }
  return element('li', `breaker ${state}`, `${endpoint}: ${words[state]}`)
}

function showFeed(events) {
  const items = events.map(({ at, kind, text, times }) => {
    const item = element('li', kind, '')
    const time = element('time', 'note', new Date(at).toLocaleTimeString('en', { hour12: false }))
    item.append(time, ` ${text}`, times > 1 ? ` × ${times}` : '')
    return item
  })
  document.getElementById('feed').replaceChildren(...items)
}

function showAway(isAway) {
  const words = 'These numbers are old: the gateway does not answer.'
  const region = document.getElementById('live-status')
  if (isAway !== region.hasChildNodes()) region.replaceChildren(...(isAway ? [element('p', 'notice wait', words)] : []))
}

function element(name, className, textContent) {
  return Object.assign(document.createElement(name), { className, textContent })
}
