import { createBoundedMap } from './bounded-map.ts'

/** Refused credentials, remembered for 30 s, so that a bad credential in a loop costs one call. Never outages. */
export type Refusals<Reason> = {
  add(key: string, reason: Reason): void
  find(key: string): Reason | undefined
  /** How many refusals there were so far. It orders events of the same millisecond. */
  count(): number
  /** The reason, if the key was refused after `count` had this value. An answer requested before that must not be used. */
  findSince(key: string, count: number): Reason | undefined
  /** With those that have ended and were not looked for since. */
  size(): number
}

type Refusal<Reason> = { readonly reason: Reason; readonly at: number; readonly number: number }

const rememberedForMs = 30_000
/** Refusals have a cache of their own, so junk can evict only junk. */
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
      if (now() - refusal.at < rememberedForMs) return refusal.reason
      refusals.delete(key)
      return undefined
    },
    count: () => count,
    findSince(key, since) {
      const refusal = refusals.peek(key)
      return refusal !== undefined && refusal.number > since ? refusal.reason : undefined
    },
    size: () => refusals.size,
  }
}
