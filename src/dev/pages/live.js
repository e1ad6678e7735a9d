/** Shows what the gateway reports of itself. What has not changed stays, so that a selection of text stays too. */
import { drawChart } from './live-chart.js'
import { watch } from './watch.js'

/** A gateway that is stopped in a debugger takes a question, but does not answer. */
const timeoutMs = 10_000
const numbersUrl = new URL('numbers', import.meta.url)

let last = { questions: 0, lineCalls: 0 }

const numbers = watch(async () => {
  const fetched = await fetchNumbers()
  if (fetched) show(fetched)
  showAway(fetched === undefined)
  return fetched !== undefined
})

export const readNumbers = numbers.now

/** Resolves with the numbers after what has happened so far, or with the last ones if the gateway is away. */
export async function nextNumbers() {
  await numbers.next()
  return last
}

/** `undefined`: the gateway is away. `null`: it has no numbers. */
async function fetchNumbers() {
  const response = await fetch(numbersUrl, { signal: AbortSignal.timeout(timeoutMs) }).catch(() => undefined)
  return response?.json().catch(() => undefined)
}

function show(numbers) {
  const { questions, lineCalls, lookUps, schemaReads } = numbers
  const counts = { questions, 'line-calls': lineCalls, memory: lookUps.memory, shared: lookUps.shared }
  for (const [id, count] of Object.entries({ ...counts, 'schema-reads': schemaReads }))
    setText(document.getElementById(id), count.toLocaleString('en'))
  setText(document.getElementById('ratio'), ratio(numbers))
  showBreakers(numbers.breakers)
  showEvents(numbers.events)
  drawChart(numbers)
  last = numbers
}

function ratio({ questions, lineCalls }) {
  if (questions === 0) return 'Log in to start the count.'
  if (lineCalls === 0) return 'No call to LINE so far.'
  const times = questions / lineCalls
  return `${times.toFixed(times < 10 ? 1 : 0)} questions for each call to LINE`
}

/** Those that are not closed. */
function showBreakers(breakers) {
  const list = document.getElementById('breakers')
  const items = breakers.filter(({ state }) => state !== 'closed').map(breakerItem)
  if (items.length === 0) items.push(element('li', 'breaker', 'all closed'))
  if (textOf(items) !== textOf(list.children)) list.replaceChildren(...items)
}

function breakerItem({ endpoint, state, secondsLeft }) {
  const words = { half_open: 'half open', open: secondsLeft > 0 ? `open for ${secondsLeft} s` : 'open' }
  return element('li', `breaker ${state}`, `${endpoint}: ${words[state]}`)
}

/** Newest first. The newest event can get a new time and count. */
function showEvents(events) {
  const feed = document.getElementById('feed')
  const ids = new Set(events.map(({ id }) => String(id)))
  for (const item of [...feed.children]) if (!ids.has(item.dataset.id)) item.remove()
  const known = new Map([...feed.children].map((item) => [item.dataset.id, item]))
  for (const event of events.toReversed()) {
    const shown = known.get(String(event.id))
    if (shown === undefined) feed.prepend(eventItem(event))
    else if (shown.textContent !== eventItem(event).textContent) shown.replaceWith(eventItem(event))
  }
}

function eventItem({ id, at, kind, text, times }) {
  const item = element('li', kind, '')
  item.dataset.id = id
  const time = element('time', 'note', new Date(at).toLocaleTimeString('en', { hour12: false }))
  item.append(time, ` ${text}`, times > 1 ? ` × ${times}` : '')
  return item
}

function showAway(isAway) {
  const words = 'These numbers are old: the gateway does not answer.'
  const region = document.getElementById('live-status')
  if (isAway !== region.hasChildNodes()) region.replaceChildren(...(isAway ? [element('p', 'notice wait', words)] : []))
}

function textOf(items) {
  return Array.from(items, ({ textContent }) => textContent).join('\n')
}

function setText(place, text) {
  if (place.textContent !== text) place.textContent = text
}

function element(name, className, textContent) {
  return Object.assign(document.createElement(name), { className, textContent })
}
