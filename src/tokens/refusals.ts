import { LRUCache } from 'lru-cache'

/** Definitive refusals by LINE, remembered for a moment so that a bad credential in a loop costs one call. Never outages. */
export type Refusals<Reason> = {
  add(key: string, reason: Reason): void
  find(key: string): Reason | undefined
  /** Whether it was refused at or after `time` (epoch ms): an answer asked for before then comes too late to be believed. */
  isRefusedSince(key: string, time: number): boolean
}

const rememberedForMs = 30_000
/** A cache of their own: junk can push out junk, and nothing else. */
const max = 20_000

export function createRefusals<Reason extends string>(now: () => number): Refusals<Reason> {
  const refusals = new LRUCache<string, { readonly reason: Reason; readonly at: number }>({ max })

  return {
    add(key, reason) {
      refusals.set(key, { reason, at: now() })
    },
    find(key) {
      const refusal = refusals.get(key)
      if (refusal === undefined) return undefined
      if (Math.abs(now() - refusal.at) < rememberedForMs) return refusal.reason
      refusals.delete(key)
      return undefined
    },
    isRefusedSince(key, time) {
      const refusal = refusals.peek(key)
      return refusal !== undefined && refusal.at >= time
    },
  }
}
