import { expect, it, vi } from 'vitest'
import { createTurns } from '../../src/http/turns.ts'

/** Starts many tasks of 1 ms in one turn, as a server does with requests. */
function startTasks(count: number, bodyBytes = 0) {
  const turns = createTurns()
  const done: number[] = []
  for (let n = 0; n < count; n += 1) {
    const task = () => {
      spin(1)
      done.push(n)
    }
    const startedAt = performance.now()
    if (turns.hasTime(startedAt)) {
      task()
      turns.ended(startedAt)
    } else turns.runLater(task, bodyBytes)
  }
  return { turns, done }
}

it('100 tasks of 1 ms at once: eleven at most in this turn, and other work comes between the rest (A3)', async () => {
  const { done } = startTasks(100)
  expect(done.length).toBeGreaterThan(0)
  expect(done.length).toBeLessThanOrEqual(11)
  let turns = 0
  for (; done.length < 100; turns += 1) {
    const before = done.length
    await new Promise(setImmediate)
    expect(done.length - before).toBeLessThanOrEqual(11)
  }
  expect(turns).toBeGreaterThanOrEqual(8)
  expect(done).toEqual(done.toSorted((one, other) => one - other))
})

it('250 tasks that hold little: none is run at once to make room', () => {
  const { done, turns } = startTasks(250)
  expect(done.length).toBeLessThanOrEqual(11)
  expect(turns.waiting()).toBe(250 - done.length)
})

it('tasks that hold 100 KB each: no more than 20 MB wait, the first ones are run at once', () => {
  const { done } = startTasks(300, 100 * 1024)
  expect(300 - done.length).toBe(Math.floor(20_480 / 104))
})

it('more than 1,000 tasks: the first ones are run at once', () => {
  const turns = createTurns()
  let run = 0
  for (let n = 0; n < 1_100; n += 1) turns.runLater(() => (run += 1), 0)
  expect(run).toBe(100)
})

it('large tasks come while small ones wait: as many small ones are run as they need', () => {
  const turns = createTurns()
  let small = 0
  for (let n = 0; n < 900; n += 1) turns.runLater(() => (small += 1), 16 * 1024)
  expect(small).toBe(0)
  for (let n = 0; n < 40; n += 1) turns.runLater(() => {}, 100 * 1024)
  expect(small).toBeGreaterThan(0)
})

it('a few short tasks: all in this turn', () => {
  const turns = createTurns()
  // Time stands still: else a pause of the machine is a long task.
  const now = vi.spyOn(performance, 'now').mockReturnValue(1_000)
  for (let n = 0; n < 100; n += 1) turns.ended(1_000 - 0.49)
  now.mockRestore()
  expect([turns.hasTime(1_000), turns.hasTime(2_000)]).toEqual([true, true])
})

it('a task that comes while others wait: after them, also if there is time', async () => {
  const { turns, done } = startTasks(30)
  await new Promise(setImmediate)
  if (done.length < 30) expect(turns.hasTime(performance.now())).toBe(false)
  while (done.length < 30) await new Promise(setImmediate)
  expect(turns.hasTime(performance.now())).toBe(true)
})

function spin(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}
