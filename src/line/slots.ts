import { LineRateLimited } from './errors.ts'

/** The slots for calls to LINE in flight, with a bounded queue behind them. */
export type Slots = {
  /**
   * `taken` resolves when a slot is free. It rejects with `LineRateLimited` if the queue is full, or with the reason
   * given to `abandon`, which leaves the queue.
   */
  take(): { readonly taken: Promise<void>; abandon(reason: Error): void }
  release(): void
  /** How many slots are free now. */
  free(): number
}

/** First come, first served: `count` calls at once, up to `maxQueued` more in the queue. A full queue refuses the rest. */
export function createSlots(count: number, maxQueued: number): Slots {
  let used = 0
  const queue = new Set<() => void>()

  return { take, release, free: () => count - used }

  function take() {
    if (used < count) {
      used += 1
      return { taken: Promise.resolve(), abandon: () => {} }
    }
    if (queue.size >= maxQueued)
      return { taken: Promise.reject(new LineRateLimited({ retryAfter: 1 })), abandon: () => {} }
    return enqueue()
  }

  function enqueue() {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    queue.add(resolve)
    const abandon = (reason: Error) => {
      if (queue.delete(resolve)) reject(reason)
    }
    return { taken: promise, abandon }
  }

  /** A slot goes straight to the next in the queue. It is never free in between, so no later call can take it first. */
  function release(): void {
    const [next] = queue
    if (next === undefined) {
      used -= 1
      return
    }
    queue.delete(next)
    next()
  }
}
