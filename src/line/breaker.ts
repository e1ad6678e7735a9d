import { type LineOutage, LineRateLimited, LineUnavailable } from './errors.ts'

/** Failures in a row after which an endpoint of LINE is left alone. */
const failuresBeforePause = 10
/** How long it is left alone before one call may probe it: recovery is noticed within two seconds. */
const pauseMs = 1_000
/** A `Retry-After` beyond this is not believed. */
const longestPauseMs = 60_000

/** Slows us down where LINE is in trouble: one of these for each endpoint. */
export type Breaker = {
  /** Throws when LINE is to be left alone just now. */
  check(): void
  /** The same at the moment of calling; whoever gets through reports back with one of the three below. */
  enter(): void
  succeeded(): void
  failed(): void
  /** LINE answered 429; answers the seconds it wants to be left alone. */
  limited(retryAfterMs: number | undefined): number
}

/**
 * A circuit breaker: closed until ten failures in a row or one 429, then open for a pause, then half open for one probe.
 * Only transport errors, 5xx and 429 count as failures; a refusal is an answer like any other.
 */
export function createBreaker(now: () => number): Breaker {
  let failures = 0
  let openUntil = Number.NEGATIVE_INFINITY
  let pausedBy: 'failures' | 'limit' | undefined
  let probing = false

  return { check, enter, succeeded, failed, limited }

  function check(): void {
    if (pausedBy === undefined) return
    const waitMs = openUntil - now()
    // A pause longer than any we make means that the clock was set back: probe now rather than wait for it.
    if ((waitMs > 0 && waitMs <= longestPauseMs) || probing) throw refusal(Math.max(waitMs, pauseMs))
  }

  function enter(): void {
    check()
    probing = pausedBy !== undefined
  }

  function succeeded(): void {
    failures = 0
    // What was under way when the pause began is no probe: a 429 is obeyed though older calls still come home.
    if (pausedBy !== undefined && !probing) return
    pausedBy = undefined
    probing = false
  }

  function failed(): void {
    failures += 1
    if (failures >= failuresBeforePause || probing) pause('failures', pauseMs)
  }

  function limited(retryAfterMs: number | undefined): number {
    const waitMs = Math.min(Math.max(retryAfterMs ?? pauseMs, pauseMs), longestPauseMs)
    pause('limit', waitMs)
    return Math.ceil(waitMs / 1_000)
  }

  function pause(cause: 'failures' | 'limit', forMs: number): void {
    openUntil = pausedBy === undefined ? now() + forMs : Math.max(openUntil, now() + forMs)
    pausedBy = cause
    probing = false
  }

  function refusal(waitMs: number): LineOutage {
    const retryAfter = Math.ceil(waitMs / 1_000)
    return pausedBy === 'limit'
      ? new LineRateLimited({ retryAfter })
      : new LineUnavailable('LINE is not answering', { retryAfter, sent: false })
  }
}
