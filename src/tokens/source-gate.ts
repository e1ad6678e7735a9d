import { RateLimiterMemory } from 'rate-limiter-flexible'
import { InvalidGrant, LineUnavailable } from '../line/errors.ts'
import { createBoundedMap } from './bounded-map.ts'
import { type Caller, SourceLimited } from './token-resolver.ts'

/** How an admitted attempt ended. Only `refused` (by LINE) counts against the source. `open`: LINE gave no verdict. */
export type Outcome = 'good' | 'refused' | 'open'

export type Admission = {
  /** Calls to LINE that it may make at once: 2 only if 2 were requested. */
  readonly calls: 1 | 2
  settle(outcome: Outcome): void
}

/** A source is a client address. The gate limits the calls to LINE for credentials that are unknown here. */
export type SourceGate = {
  /**
   * Waits until the source may send an unknown credential to LINE. Rejects with `SourceLimited` when LINE has refused too
   * many credentials of this source. Rejects with `LineUnavailable` when it still waits at `deadline`
   * (`performance.now()`).
   */
  admit(address: string, wish: { readonly deadline: number; readonly calls: 1 | 2 }): Promise<Admission>
}

export type SourceGateOptions = {
  /** Refusals that one source may cause in `burst / perSecond` seconds. That window begins with the first refusal. */
  readonly burst: number
  readonly perSecond: number
  /** How many more calls to LINE could start now. The first value, with no call in flight, is the maximum. */
  readonly room: () => number
}

type Source = { tokens: number; calls: number; trust: number; readonly waiting: Set<() => void> }

/** The most trust a source can earn. If a trusted source starts to send bad tokens, LINE gets at most that many more of them. */
const mostTrust = 30
const mostSources = 10_000
const longestWindowSeconds = 24 * 60 * 60

/**
 * Limits how much junk a source can send to LINE. We do not know in advance which of its tokens are junk. So it may
 * have no more tokens in flight than it has refusals left. A thousand bad tokens at once cost no more than a thousand
 * in a row. Each success adds one to the source's trust, which allows one more token in flight: many honest users
 * behind one address soon get full speed. A refusal sets the trust to 0. While LINE has no free place, a source may
 * have one token in flight plus its trust. So the queue stays short for the others, however many sources send junk.
 */
export function createSourceGate({ burst, perSecond, room }: SourceGateOptions): SourceGate {
  const duration = Math.min(burst / perSecond, longestWindowSeconds)
  const refusals = new RateLimiterMemory({ points: burst, duration })
  const sources = createBoundedMap<Source>(mostSources)
  const places = room()
  const mostCalls = Math.max(2 * burst, burst + mostTrust)
  let underway = 0

  return { admit }

  async function admit(
    address: string,
    wish: { readonly deadline: number; readonly calls: 1 | 2 },
  ): Promise<Admission> {
    const source = sourceOf(address)
    for (;;) {
      const left = await refusalsLeft(address)
      const window = (isBusy() ? 1 : left) + source.trust
      if (source.tokens < window && source.calls < mostCalls)
        return letThrough(address, source, mayPair(source, left) ? wish.calls : 1)
      await turn(source, wish.deadline)
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

  /** Two calls at once for a token that may be junk: only for a source without a counted refusal. */
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

  /** When no refusal is left, all waiting attempts are woken: each of them is refused. */
  function charge(address: string, source: Source): void {
    source.trust = 0
    refusals.consume(address).then(
      ({ remainingPoints }) => wake(source, remainingPoints > 0 ? 2 : source.waiting.size),
      () => wake(source, source.waiting.size),
    )
  }

  /** Not all at once: most would find no free place and wait again. */
  function wake(source: Source, count: number): void {
    let toWake = count
    for (const next of source.waiting) {
      if (toWake === 0) return
      toWake -= 1
      source.waiting.delete(next)
      next()
    }
  }

  async function turn(source: Source, deadline: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const tooLate = () =>
      reject(new LineUnavailable('Too many calls to LINE are waiting: try again later', { retryAfter: 1, sent: false }))
    const timer = setTimeout(tooLate, Math.max(deadline - performance.now(), 0))
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

/**
 * Sends a code or refresh token to LINE through the same gate. Rejects as the call does, or as the gate does.
 * `isRefusal`: the result counts as a refusal by LINE, although the call succeeded.
 */
export async function guarded<Result>(
  gate: SourceGate,
  caller: Caller,
  call: () => Promise<Result>,
  isRefusal: (result: Result) => boolean = () => false,
): Promise<Result> {
  const admission = await gate.admit(caller.clientAddress, { deadline: caller.deadline, calls: 1 })
  let outcome: Outcome = 'open'
  try {
    const result = await call()
    outcome = isRefusal(result) ? 'refused' : 'good'
    return result
  } catch (error) {
    if (error instanceof InvalidGrant) outcome = 'refused'
    throw error
  } finally {
    admission.settle(outcome)
  }
}
