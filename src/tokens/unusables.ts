import { LineUnavailable } from '../line/errors.ts'
import { createBoundedMap } from './bounded-map.ts'
import type { Outage } from './token-resolver.ts'

/**
 * Answers of LINE that neither accept nor refuse a credential (a 403, a 404, an unreadable answer). Each is remembered
 * for 2 s, so that the same question in a loop does not cause a call each time. Other outages are not remembered: the
 * circuit breaker handles them.
 */
export type Unusables = {
  /** Remembers the outage of this question, if LINE's answer was the reason. */
  add(key: string, outage: Outage): void
  find(key: string): Outage | undefined
}

type Unusable = { readonly outage: Outage; readonly at: number }

const rememberedForMs = 2_000
const max = 20_000

export function createUnusables(now: () => number): Unusables {
  const unusables = createBoundedMap<Unusable>(max)

  return { add, find }

  function add(key: string, outage: Outage): void {
    if (outage instanceof LineUnavailable && outage.unusable) unusables.set(key, { outage, at: now() })
  }

  function find(key: string): Outage | undefined {
    const unusable = unusables.get(key)
    if (unusable === undefined) return undefined
    if (Math.abs(now() - unusable.at) < rememberedForMs) return unusable.outage
    unusables.delete(key)
    return undefined
  }
}
