import { LineRateLimited } from './errors.ts'

/** The places for calls in flight to LINE, with a bounded queue behind them. */
export type Slots = {
  /** Resolves when a place is free. Rejects when the queue is full, or with what `giveUp` was called with. */
  take(): { readonly taken: Promise<void>; giveUp(reason: Error): void }
  release(): void
  /** How many more calls could start at once. */
  free(): number
}

/** First come, first served: `places` calls at once, `waiting` more in line, everybody else is told to come back. */
export function createSlots(places: number, waiting: number): Slots {
  let taken = 0
  const queue = new Set<() => void>()

  return { take, release, free: () => places - taken }

  function take() {
    if (taken < places) {
      taken += 1
      return { taken: Promise.resolve(), giveUp: () => {} }
    }
    if (queue.size >= waiting)
      return { taken: Promise.reject(new LineRateLimited({ retryAfter: 1 })), giveUp: () => {} }
    return standInLine()
  }

  function standInLine() {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    queue.add(resolve)
    const giveUp = (reason: Error) => {
      if (queue.delete(resolve)) reject(reason)
    }
    return { taken: promise, giveUp }
  }

  /** The place goes to the next in line without ever being free, so that nobody can push in. */
  function release(): void {
    const [next] = queue
    if (next === undefined) {
      taken -= 1
      return
    }
    queue.delete(next)
    next()
  }
}
