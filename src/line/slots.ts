import type { lanes } from '../telemetry/metric-labels.ts'
import { LineRateLimited } from './errors.ts'

/**
 * The lanes to LINE, the most urgent first. `caller`: somebody waits and gets an error without the call. `recheck`:
 * somebody waits, but gets a stale answer without the call. `background`: nobody waits.
 */
export type Lane = (typeof lanes)[number]

/** The slots for calls to LINE in flight, with a bounded queue for each lane behind them. */
export type Slots = {
  /** Takes a free slot. False: there is none for this lane. */
  takeFree(lane: Lane): boolean
  /**
   * Waits for a slot. `taken` resolves when the slot is taken. It rejects with `LineRateLimited` if the queue is full, or
   * with the reason given to `abandon`, which leaves the queue.
   */
  waitFor(lane: Lane): { readonly taken: Promise<void>; abandon(reason: Error): void }
  release(lane: Lane): void
  /** How many slots are free now. */
  free(): number
  /** How many calls of this lane have a slot now. */
  inFlight(lane: Lane): number
  /** How many calls of this lane wait for a slot now. */
  waiting(lane: Lane): number
}

const callersFirst: readonly Lane[] = ['caller', 'recheck', 'background']
const recheckFirst: readonly Lane[] = ['recheck', 'caller', 'background']
/** Each fourth slot goes to a re-check first. Otherwise a flood of new tokens could keep a revoked token in use. */
const recheckTurn = 4
const queueFull = 'Too many calls to LINE wait in our own queue: try again later'
/** The part of the slots that background calls can have. */
const backgroundShare = 1 / 4

/**
 * At most `count` calls at once, and up to `maxQueued` more in each lane's queue. A full queue refuses the rest. In a
 * lane, the first one comes first. A background call gets a slot only if no other call waits, so that re-checks never
 * delay a caller by more than one call.
 */
export function createSlots(count: number, maxQueued: number): Slots {
  const mostInBackground = Math.max(Math.floor(count * backgroundShare), 1)
  const queues: Record<Lane, Set<() => void>> = { caller: new Set(), recheck: new Set(), background: new Set() }
  const used: Record<Lane, number> = { caller: 0, recheck: 0, background: 0 }
  let free = count
  let releases = 0

  return {
    takeFree,
    waitFor,
    release,
    free: () => free,
    inFlight: (lane) => used[lane],
    waiting: (lane) => queues[lane].size,
  }

  function takeFree(lane: Lane): boolean {
    if (free === 0 || (lane === 'background' && !hasRoomInBackground())) return false
    take(lane)
    return true
  }

  function waitFor(lane: Lane) {
    const queue = queues[lane]
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const abandon = (reason: Error) => {
      if (queue.delete(resolve)) reject(reason)
    }
    if (queue.size < maxQueued) queue.add(resolve)
    else reject(new LineRateLimited({ retryAfter: 1, message: queueFull }))
    return { taken: promise, abandon }
  }

  /** A slot goes straight to the next call in a queue. It is never free in between, so no later call can take it first. */
  function release(lane: Lane): void {
    free += 1
    used[lane] -= 1
    releases += 1
    for (const waiting of releases % recheckTurn === 0 ? recheckFirst : callersFirst) if (passTo(waiting)) return
  }

  function passTo(lane: Lane): boolean {
    const [next] = queues[lane]
    if (next === undefined || !takeFree(lane)) return false
    queues[lane].delete(next)
    next()
    return true
  }

  function take(lane: Lane): void {
    free -= 1
    used[lane] += 1
  }

  function hasRoomInBackground(): boolean {
    return used.background < mostInBackground
  }
}
