import { createBoundedMap } from './bounded-map.ts'

/** Definitive refusals by LINE, remembered for a moment so that a bad credential in a loop costs one call. Never outages. */
export type Refusals<Reason> = {
  add(key: string, reason: Reason): void
  find(key: string): Reason | undefined
  /** How many there were so far: a point in time that no clock can move. */
  count(): number
  /** Whether it was refused since that point: an answer asked for before then comes too late to be believed. */
  isRefusedSince(key: string, count: number): boolean
}

type Refusal<Reason> = { readonly reason: Reason; readonly at: number; readonly number: number }

const rememberedForMs = 30_000
/** A cache of their own: junk can push out junk, and nothing else. */
const max = 20_000

export function createRefusals<Reason extends string>(now: () => number): Refusals<Reason> {
  const refusals = createBoundedMap<Refusal<Reason>>(max)
  let count = 0

  return {
    add(key, reason) {
      count += 1
      refusals.set(key, { reason, at: now(), number: count })
    },
    find(key) {
      const refusal = refusals.get(key)
      if (refusal === undefined) return undefined
      if (Math.abs(now() - refusal.at) < rememberedForMs) return refusal.reason
      refusals.delete(key)
      return undefined
    },
    count: () => count,
    isRefusedSince(key, since) {
      const refusal = refusals.peek(key)
      return refusal !== undefined && refusal.number > since
    },
  }
}
