/** The home page: buttons for its commands, and what happens at the emulator, live. */

import { watch } from './watch.js'

/** An emulator that is stopped in a debugger takes a question, but does not answer. */
const timeoutMs = 10_000

const live = document.querySelector('[data-switches]')
const defaults = JSON.parse(live.dataset.switches)
const byId = (id) => document.getElementById(id)

for (const command of document.querySelectorAll('.command')) addButtons(command)
for (const group of [byId('common'), byId('reset')]) group.hidden = false
for (const button of live.querySelectorAll('button[data-path]')) button.addEventListener('click', () => change(button))
byId('well').addEventListener('click', makeWell)
const events = watch(showNow)
void events.now()

function addButtons(command) {
  const buttons = document.createElement('div')
  buttons.className = 'buttons'
  const answer = document.createElement('output')
  buttons.append(
    makeButton('Copy', command, (button) => copy(command, button)),
    makeButton('Run', command, async () => answer.replaceChildren(answerBlock(await run(command.dataset)))),
  )
  command.append(buttons, answer)
}

function makeButton(text, command, act) {
  const button = document.createElement('button')
  button.type = 'button'
  label(button, text, command)
  button.addEventListener('click', () => act(button))
  return button
}

/** Many buttons have the same text, so a screen reader gets more words. */
function label(button, text, { dataset: { says } }) {
  button.textContent = text
  button.ariaLabel = `${text} ${says}`
}

/** Without the clipboard, the command is selected, so that the user can copy it. */
async function copy(command, button) {
  const code = command.querySelector('code')
  const done = await navigator.clipboard?.writeText(code.textContent).then(
    () => true,
    () => false,
  )
  if (!done) getSelection().selectAllChildren(code)
  label(button, done ? 'Copied' : 'Selected', command)
  setTimeout(() => label(button, 'Copy', command), 2_000)
}

function answerBlock(text) {
  const block = document.createElement('pre')
  block.textContent = text
  return block
}

/** The answer in words: its status and its JSON. */
async function run({ method, path, body }) {
  try {
    const response = await fetch(path, { method, ...(body ? { body } : {}) })
    const text = await response.text()
    void events.next()
    return `${response.status}${text === '' ? '' : `\n${JSON.stringify(JSON.parse(text), undefined, 2)}`}`
  } catch {
    return 'The emulator does not answer.'
  }
}

async function change(button) {
  await run(button.dataset)
}

async function makeWell() {
  await run({ method: 'DELETE', path: '/emulator/faults' })
  await run({ method: 'PUT', path: '/emulator/switches', body: JSON.stringify(defaults) })
}

/** Resolves with `false` if the emulator does not answer. It is asked one question then: the console gets one error. */
async function showNow() {
  try {
    const calls = await read('calls')
    const [faults, switches] = await Promise.all(['faults', 'switches'].map(read))
    showCalls(calls)
    showWorld(faults, switches)
    byId('live-status').textContent = ''
    return true
  } catch {
    byId('live-status').textContent = 'The emulator does not answer. Is it still running?'
    return false
  }
}

async function read(name) {
  const response = await fetch(`/emulator/${name}`, { signal: AbortSignal.timeout(timeoutMs) })
  return response.json()
}

function showCalls({ total, byEndpoint, recent }) {
  byId('total').textContent = total
  for (const { cells } of byId('counts').querySelectorAll('tbody tr'))
    cells[1].textContent = byEndpoint[cells[0].textContent]
  const lines = recent.toReversed().map(wordsForCall)
  fill(byId('feed'), lines.length > 0 ? lines : ['No calls yet.'])
}

function wordsForCall({ at, endpoint, method, status }) {
  return `${new Date(at).toLocaleTimeString('en', { hourCycle: 'h23' })}  ${method} ${endpoint}: ${status ?? 'no answer'}`
}

/** The faults and the changed switches, in the words of the page as it is loaded. */
function showWorld(faults, switches) {
  const changed = Object.entries(switches).filter(([name, value]) => value !== defaults[name])
  const lines = [
    ...Object.entries(faults).map(([name, fault]) => `Fault at ${nameOf(name)}: ${JSON.stringify(fault)}`),
    ...changed.map(([name, value]) => `Switch ${name}: ${JSON.stringify(value)}`),
  ]
  fill(byId('world'), lines.length > 0 ? lines : ['LINE is well.'])
}

function nameOf(endpoint) {
  return endpoint === '*' ? 'all endpoints' : endpoint
}

/** A list that has not changed stays, so that a screen reader does not read it again, and a selection stays. */
function fill(list, lines) {
  if (list.textContent === lines.join('')) return
  list.replaceChildren(
    ...lines.map((line) => {
      const item = document.createElement('li')
      item.textContent = line
      return item
    }),
  )
}
