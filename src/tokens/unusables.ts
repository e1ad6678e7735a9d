import { isUnusable, type LineOutage } from '../line/errors.ts'
import { createBoundedMap } from './bounded-map.ts'

/**
 * Answers of LINE that neither accept nor refuse a credential (a 403, an unreadable answer, a refusal of our settings),
 * remembered for 2 s by the key of their question. So the same question in a loop does not cause a call each time. Other outages are not
 * remembered: the circuit breaker handles them.
 */
export type Unusables = {
  /** Remembers the error, if it is such an answer. */
  add(key: string, error: unknown): void
  find(key: string): LineOutage | undefined
}

type Unusable = { readonly outage: LineOutage; readonly at: number }

const rememberedForMs = 2_000
const max = 20_000

export function createUnusables(now: () => number): Unusables {
  const unusables = createBoundedMap<Unusable>(max)

  return { add, find }

  function add(key: string, error: unknown): void {
    if (isUnusable(error)) unusables.set(key, { outage: error, at: now() })
  }

  function find(key: string): LineOutage | undefined {
    const unusable = unusables.get(key)
    if (unusable === undefined) return undefined
    if (now() - unusable.at < rememberedForMs) return unusable.outage
    unusables.delete(key)
    return undefined
  }
}
