/** A bar a second for the last minute: questions upwards, calls to LINE downwards. */

const seconds = 60
const height = 64
const width = 240 / seconds

const chart = document.getElementById('chart')
const pairs = Array.from({ length: seconds }, (_, second) => ({ up: bar(second, 'up'), down: bar(second, 'down') }))
/** The counts of the seconds, oldest first. */
let history = Array.from({ length: seconds }, () => ({ questions: 0, lineCalls: 0 }))
let before
/** Nothing is read while the page is hidden: what happened then belongs to no bar. */
let wasHidden = false
document.addEventListener('visibilitychange', () => {
  wasHidden ||= document.hidden
})

/** The numbers are totals: the first ones tell nothing about a second. */
export function drawChart({ questions, lineCalls }) {
  const second = Math.floor(Date.now() / 1_000)
  const passed = before === undefined ? 0 : Math.min(second - before.second, seconds)
  const empty = Array.from({ length: passed }, () => ({ questions: 0, lineCalls: 0 }))
  history = [...history, ...empty].slice(-seconds)
  if (before !== undefined && !wasHidden) {
    const newest = history.at(-1)
    newest.questions += Math.max(0, questions - before.questions)
    newest.lineCalls += Math.max(0, lineCalls - before.lineCalls)
  }
  wasHidden = document.hidden
  before = { second, questions, lineCalls }
  drawBars()
}

/** One scale for both directions, or the comparison would lie. */
function drawBars() {
  const most = Math.max(5, ...history.map(({ questions }) => questions))
  const mostCalls = Math.max(1, ...history.map(({ lineCalls }) => lineCalls))
  const unit = (height - 2) / (most + mostCalls)
  const zero = most * unit + 1
  for (const [second, { up, down }] of pairs.entries()) {
    const { questions, lineCalls } = history[second]
    place(up, zero - questions * unit, questions * unit)
    place(down, zero, lineCalls * unit)
  }
}

function bar(second, className) {
  const rect = document.createElementNS('http://www.w3.org/2000/svg', 'rect')
  rect.setAttribute('class', className)
  rect.setAttribute('x', String(second * width))
  rect.setAttribute('width', String(width - 1))
  chart.append(rect)
  return rect
}

function place(rect, y, length) {
  rect.setAttribute('y', String(y))
  rect.setAttribute('height', String(length))
}
