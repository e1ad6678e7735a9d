/**
 * A process has two clocks, and neither is right alone. The wall clock can be set, forwards and backwards. The monotonic
 * clock stands still while the machine is suspended. So a token could be used after its end, or refused before it.
 */
export type Clock = {
  /**
   * The process's own time, epoch ms at the start. It never goes back, and it is at most 6 s slower than the faster of the
   * two clocks. For ages, lifetimes and pauses: everything that we keep in memory.
   */
  now(): number
  /** The wall clock, epoch ms. For times that others have written: `iat` and `exp` of ID tokens, HTTP dates. */
  wall(): number
  /** A value of `now()` as a time of the wall clock. For callers to read. */
  toWall(time: number): number
  /** A time of the wall clock as a value of `now()`. For what other processes have written. */
  fromWall(wallTime: number): number
  /**
   * The last `now()` at which the two clocks had drifted apart by more than 5 s: a suspend or a correction. Values of
   * `now()` from before are smaller. -Infinity: never.
   */
  driftedAt(): number
  /** Epoch ms at the start, then the monotonic clock alone. For what must not end too early when the wall clock is set. */
  steady(): number
}

/** In ms. The wall clock counts from the epoch, the monotonic clock from any moment. */
export type ClockSources = { readonly wall: () => number; readonly monotonic: () => number }

/** Called through the global objects, so that a test can replace them. */
export const systemSources: ClockSources = { wall: () => Date.now(), monotonic: () => performance.now() }

/** A smaller difference is no drift: no system keeps its clocks equal to the millisecond. */
const toleranceMs = 5_000
/** `now` runs on every cache hit. Within this time it reads only the wall clock. */
const checkEveryMs = 1_000

/**
 * `now()` follows the wall clock. A jump forwards is taken over. After a jump back `now()` goes on as the monotonic clock
 * did, and is ahead of the wall clock from then on: that is `aheadBy`, 0 until then.
 */
export function createClock({ wall, monotonic }: ClockSources = systemSources): Clock {
  const startedAt = wall()
  const steadyOffset = startedAt - monotonic()
  let time = startedAt
  let readAt = startedAt
  let checkedAt = startedAt
  let aheadBy = 0
  let driftedAt = Number.NEGATIVE_INFINITY
  /** The difference of the two clocks at the start or at the last drift. */
  let wallOffset = steadyOffset
  /** The greatest difference of `time` and the monotonic clock so far. */
  let timeOffset = steadyOffset

  return {
    now,
    wall,
    toWall: (some) => some - aheadBy,
    fromWall: (some) => some + aheadBy,
    driftedAt: () => driftedAt,
    steady: () => steadyOffset + monotonic(),
  }

  function now(): number {
    const read = wall()
    if (read < readAt || read - checkedAt >= checkEveryMs) compareClocks(read)
    readAt = read
    if (read + aheadBy > time) time = read + aheadBy
    return time
  }

  function compareClocks(read: number): void {
    const steady = monotonic()
    const latest = Math.max(time, steady + timeOffset)
    const isBehind = latest - (read + aheadBy) > toleranceMs
    if (isBehind) aheadBy = Math.floor(latest) + 1 - read
    time = Math.max(time, read + aheadBy)
    if (isBehind || read - steady - wallOffset > toleranceMs) {
      driftedAt = time
      wallOffset = read - steady
    }
    timeOffset = Math.max(timeOffset, time - steady)
    checkedAt = read
  }
}
