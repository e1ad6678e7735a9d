import { monitorEventLoopDelay } from 'node:perf_hooks'

/** How long the event loop was blocked (ms). */
export type Blocking = {
  /** The most processor time that one turn of the event loop took. What other processes take does not count. */
  readonly longestTurnMs: number
  /** What `monitorEventLoopDelay` saw, in real time. A busy machine adds to it. */
  readonly longestDelayMs: number
}

/** Watches the event loop while `task` runs. */
export async function blockingOf(task: () => Promise<unknown>): Promise<Blocking> {
  const delays = monitorEventLoopDelay({ resolution: 1 })
  let longestTurnMs = 0
  let last = process.threadCpuUsage()
  let watching = true
  const turn = () => {
    const used = process.threadCpuUsage(last)
    longestTurnMs = Math.max(longestTurnMs, (used.user + used.system) / 1_000)
    last = process.threadCpuUsage()
    if (watching) setImmediate(turn)
  }
  delays.enable()
  setImmediate(turn)
  await task()
  await new Promise((resolve) => setImmediate(resolve))
  watching = false
  delays.disable()
  return { longestTurnMs, longestDelayMs: delays.max / 1e6 }
}
