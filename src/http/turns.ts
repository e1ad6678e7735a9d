import { performance } from 'node:perf_hooks'

/** Shares each turn of the event loop between requests and everything else: sockets, timers, `/health`. */
export type Turns = {
  /** True if there is time left in this turn. `now`: `performance.now()`. */
  hasTime(now: number): boolean
  /** A task that began at `startedAt` (`performance.now()`) has ended. A long one limits the rest of this turn. */
  ended(startedAt: number): void
  /** Runs the task in a later turn, after those that wait already. `bodyBytes`: what it holds while it waits. */
  runLater(task: () => void, bodyBytes: number): void
  /** The tasks that wait for a later turn. */
  waiting(): number
}

/** The time in one turn that remains after the first long task. */
const turnMs = 10
/** Warm requests are far shorter, and cost only one more reading of the clock. */
const longTaskMs = 0.5
/** More would wait for seconds. With more of them, the first ones are run at once. */
const mostWaiting = 1_000
/** A request that waits holds its body and its head. */
const mostWaitingBytes = 20 * 1024 * 1024
const headBytes = 4 * 1024

/**
 * Node runs the handlers of all sockets that are readable, then timers and new sockets get their turn. Hundreds of costly
 * requests at the same moment would stop everything else for as long as they take together. So the requests that come
 * when the time of a turn is over wait for the next ones.
 */
export function createTurns(): Turns {
  const waiting = new Map<() => void, number>()
  let waitingBytes = 0
  let endsAt: number | undefined

  return { hasTime, ended, runLater, waiting: () => waiting.size }

  function hasTime(now: number): boolean {
    return waiting.size === 0 && (endsAt === undefined || now < endsAt)
  }

  function ended(startedAt: number): void {
    if (endsAt !== undefined || waiting.size > 0) return
    const now = performance.now()
    if (now - startedAt < longTaskMs) return
    endsAt = now + turnMs
    setImmediate(endTurn)
  }

  function runLater(task: () => void, bodyBytes: number): void {
    const bytes = headBytes + bodyBytes
    while (waiting.size >= mostWaiting || (waiting.size > 0 && waitingBytes + bytes > mostWaitingBytes)) runNext()
    waiting.set(task, bytes)
    waitingBytes += bytes
  }

  function runNext(): void {
    const [first] = waiting
    if (first === undefined) return
    const [task, bytes] = first
    waiting.delete(task)
    waitingBytes -= bytes
    task()
  }

  /** Immediates run after the sockets, in the same turn. */
  function endTurn(): void {
    endsAt = undefined
    const until = performance.now() + turnMs
    while (waiting.size > 0 && performance.now() < until) runNext()
    if (waiting.size > 0) setImmediate(endTurn)
  }
}
