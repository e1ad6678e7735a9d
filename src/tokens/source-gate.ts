import { RateLimiterMemory } from 'rate-limiter-flexible'
import { LineUnavailable } from '../line/errors.ts'
import { createBoundedMap } from './bounded-map.ts'
import { SourceLimited } from './token-resolver.ts'

/** How what a source was let through for has ended: only LINE's own refusals are held against it. */
export type Outcome = 'good' | 'refused' | 'open'

export type Admission = {
  /** Calls to LINE it may make at once: two only where two were asked for. */
  readonly calls: 1 | 2
  settle(outcome: Outcome): void
}

export type SourceGate = {
  /**
   * Lets a source spend calls on a credential nobody knows. Rejects with `SourceLimited` when LINE has refused too much
   * of what came from there, with `LineUnavailable` when its turn does not come in time.
   */
  admit(address: string, wish: { readonly since: number; readonly calls: 1 | 2 }): Promise<Admission>
}

export type SourceGateOptions = {
  /** Refusals one source may cause at once, and how many a second come back. */
  readonly burst: number
  readonly perSecond: number
  readonly timeoutMs: number
  /** How many more calls to LINE could start at once; asked first while there are none. */
  readonly room: () => number
}

type Source = { tokens: number; calls: number; trust: number; readonly waiting: Set<() => void> }

/** Tokens that a source's successes may earn it beyond its burst: what it costs when a trusted source turns to junk. */
const mostTrust = 30
const mostSources = 10_000
const longestWindowSeconds = 24 * 60 * 60

/**
 * The junk shield's budget. Not knowing yet which of a source's tokens are junk, we let it have no more of them under way
 * than it has refusals left, so that a thousand bad tokens at once cost no more than a thousand in a row. Every success
 * earns it one more, so an honest crowd behind one address soon goes at full speed; a refusal takes all that back.
 * While LINE has no place left, a source gets one call and what its successes earned it: however many sources send junk,
 * the line stays short enough for the rest.
 */
export function createSourceGate({ burst, perSecond, timeoutMs, room }: SourceGateOptions): SourceGate {
  const duration = Math.min(burst / perSecond, longestWindowSeconds)
  const refusals = new RateLimiterMemory({ points: burst, duration })
  const sources = createBoundedMap<Source>(mostSources)
  const places = room()
  const mostCalls = Math.max(2 * burst, burst + mostTrust)
  let underway = 0

  return { admit }

  async function admit(address: string, wish: { readonly since: number; readonly calls: 1 | 2 }): Promise<Admission> {
    const source = sourceOf(address)
    for (;;) {
      const left = await refusalsLeft(address)
      const window = (isBusy() ? 1 : left) + source.trust
      if (source.tokens < window && source.calls < mostCalls)
        return letThrough(address, source, mayPair(source, left) ? wish.calls : 1)
      await turn(source, wish.since)
    }
  }

  function isBusy(): boolean {
    return underway >= places || room() === 0
  }

  async function refusalsLeft(address: string): Promise<number> {
    const spent = await refusals.get(address)
    if (spent === null || spent.msBeforeNext <= 0) return burst
    if (spent.consumedPoints >= burst) throw new SourceLimited(Math.ceil(spent.msBeforeNext / 1_000))
    return burst - spent.consumedPoints
  }

  /** A second call for a token that may be junk is spent only on sources with a clean slate. */
  function mayPair(source: Source, left: number): boolean {
    return left === burst && source.calls + 2 <= mostCalls && room() >= 2
  }

  function letThrough(address: string, source: Source, calls: 1 | 2): Admission {
    underway += calls
    source.calls += calls
    source.tokens += 1
    return { calls, settle }

    function settle(outcome: Outcome): void {
      underway -= calls
      source.calls -= calls
      source.tokens -= 1
      if (outcome === 'good') source.trust = Math.min(source.trust + 1, mostTrust)
      if (outcome === 'refused') charge(address, source)
      else wake(source, calls + 1)
    }
  }

  /** That nothing is left is for everybody to hear. */
  function charge(address: string, source: Source): void {
    source.trust = 0
    refusals.consume(address).then(
      ({ remainingPoints }) => wake(source, remainingPoints > 0 ? 2 : source.waiting.size),
      () => wake(source, source.waiting.size),
    )
  }

  /** Not all at once: most would only find the places taken again. */
  function wake(source: Source, count: number): void {
    let toWake = count
    for (const next of source.waiting) {
      if (toWake === 0) return
      toWake -= 1
      source.waiting.delete(next)
      next()
    }
  }

  async function turn(source: Source, since: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const tooLate = () => reject(new LineUnavailable('LINE is too busy', { retryAfter: 1, sent: false }))
    const timer = setTimeout(tooLate, Math.max(since + timeoutMs - performance.now(), 0))
    source.waiting.add(resolve)
    await promise.finally(() => {
      source.waiting.delete(resolve)
      clearTimeout(timer)
    })
  }

  function sourceOf(address: string): Source {
    const known = sources.get(address)
    if (known !== undefined) return known
    const source: Source = { tokens: 0, calls: 0, trust: 0, waiting: new Set() }
    sources.set(address, source)
    return source
  }
}
