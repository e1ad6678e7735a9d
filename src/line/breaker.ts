import type { BreakerState } from '../telemetry/metric-labels.ts'
import type { BreakerChange } from '../telemetry/telemetry.ts'
import { type LineOutage, LineRateLimited, LineUnavailable } from './errors.ts'

/** This many failures in a row open the breaker. */
const failuresBeforePause = 10
/** How long the breaker is open before one call may probe. Short, so that a recovery is noticed within two seconds. */
const pauseMs = 1_000
/** The longest pause: a longer `Retry-After` is cut to this. */
const longestPauseMs = 60_000

/** A circuit breaker. Each endpoint of LINE has its own. */
export type Breaker = {
  /** Throws `LineUnavailable` or `LineRateLimited` while no call may be sent. */
  check(): void
  /** The same check right before a call. After the call, report its result with one of the methods below. */
  enter(): void
  succeeded(): void
  failed(): void
  /** The call ended without a result that says something about LINE. */
  undecided(): void
  /** LINE answered 429. Returns the seconds until the next call may be sent. */
  limited(retryAfterMs: number | undefined): number
  /** LINE answered 429 to another replica, which has this time to wait. */
  pauseFor(ms: number): void
  /** The state at this moment: a pause whose time is over is half open. */
  state(): BreakerState
}

/**
 * Closed until ten failures in a row or one 429. Then open for a pause, then half open for one probe.
 * Only transport errors, 5xx and 429 count as failures. A refused token is a normal answer. `changed` gets each new state,
 * `wasLimited` each new pause because of LINE's 429 to this process (ms).
 */
export function createBreaker(
  now: () => number,
  changed: (change: BreakerChange) => void = () => {},
  wasLimited: (forMs: number) => void = () => {},
): Breaker {
  let failures = 0
  let openUntil = Number.NEGATIVE_INFINITY
  let pausedBy: 'failures' | 'limit' | undefined
  let probing = false

  return { check, enter, succeeded, failed, undecided, limited, pauseFor, state }

  function check(): void {
    if (pausedBy === undefined) return
    const waitMs = openUntil - now()
    if (waitMs > 0 || probing) throw refusal(Math.max(waitMs, pauseMs))
  }

  function enter(): void {
    check()
    if (pausedBy === undefined) return
    probing = true
    changed({ state: 'half_open' })
  }

  function succeeded(): void {
    failures = 0
    // Only the probe ends a pause: calls sent before a 429 may still succeed, and the 429 must be obeyed.
    if (!probing) return
    pausedBy = undefined
    probing = false
    changed({ state: 'closed' })
  }

  function failed(): void {
    failures += 1
    if (failures >= failuresBeforePause || probing) pause('failures', pauseMs)
  }

  /** If it was the probe, the next call is the probe. */
  function undecided(): void {
    probing = false
  }

  function limited(retryAfterMs: number | undefined): number {
    const waitMs = Math.min(Math.max(retryAfterMs ?? pauseMs, pauseMs), longestPauseMs)
    if (pause('limit', waitMs)) wasLimited(waitMs)
    return Math.ceil((openUntil - now()) / 1_000)
  }

  function pauseFor(ms: number): void {
    if (ms > 0) pause('limit', Math.min(ms, longestPauseMs))
  }

  /**
   * The pause that ends last holds, with its cause. A pause that only becomes a little longer is not a change: then the
   * result is false.
   */
  function pause(cause: 'failures' | 'limit', forMs: number): boolean {
    const until = now() + forMs
    const wasOpen = state() === 'open'
    if (pausedBy !== undefined && openUntil > until) return false
    const isNew = !wasOpen || pausedBy !== cause || until - openUntil > pauseMs
    openUntil = until
    pausedBy = cause
    probing = false
    if (isNew) changed({ state: 'open', cause, forMs, ...(wasOpen && { wasOpen: true }) })
    return isNew
  }

  function state(): BreakerState {
    if (pausedBy === undefined) return 'closed'
    return probing || openUntil <= now() ? 'half_open' : 'open'
  }

  function refusal(waitMs: number): LineOutage {
    const retryAfter = Math.ceil(waitMs / 1_000)
    return pausedBy === 'limit'
      ? new LineRateLimited({ retryAfter })
      : new LineUnavailable('Calls to LINE failed several times in a row: try again later', { retryAfter, sent: false })
  }
}
