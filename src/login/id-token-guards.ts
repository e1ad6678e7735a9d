import { longestIdToken } from '../line/id-token.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { SourceBuckets } from '../tokens/source-gate.ts'
import { digestOf } from '../tokens/token-key.ts'

/** Decides whether one ID token may be checked, and counts the result. */
export type Guard = {
  /** Throws `SourceLimited` when the bucket of the caller's network is empty. */
  assertOpen(): void
  passed(): void
  failed(): void
}

/** For ID tokens that do not come from a caller. */
export const unguarded: Guard = { assertOpen() {}, passed() {}, failed() {} }

const mostKnown = 10_000

/**
 * Limits the bad ID tokens of a client network with the bucket that also limits its bad access tokens. An ID token that
 * fails takes a token out, and one that is good for the first time here puts a token back. One that was good before is
 * not limited, so it does not count either, for example with a wrong nonce: else one of them could keep the bucket empty
 * for all others of the network. The digests of good ID tokens are kept only for this: they do not change the result of a check.
 */
export function createIdTokenGuards(buckets: SourceBuckets): (idToken: string, network: string) => Guard {
  const known = createBoundedMap<true>(mostKnown)

  return function guardOf(idToken, network) {
    return { assertOpen, passed, failed }

    function assertOpen(): void {
      const limit = buckets.limitFor(network)
      if (limit !== undefined && !isKnown(idToken)) throw limit
    }

    function passed(): void {
      if (isKnown(idToken)) return
      known.set(digestOf(idToken), true)
      buckets.count(network, 'good')
    }

    function failed(): void {
      if (!isKnown(idToken)) buckets.count(network, 'refused')
    }
  }

  function isKnown(idToken: string): boolean {
    return idToken.length <= longestIdToken && known.get(digestOf(idToken)) !== undefined
  }
}
