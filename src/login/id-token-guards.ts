import { within } from '../line/deadline.ts'
import type { InvalidIdToken } from '../line/errors.ts'
import { longestIdToken } from '../line/id-token.ts'
import { UnknownKid } from '../line/key-set.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import { createRefusals } from '../tokens/refusals.ts'
import type { SourceBuckets } from '../tokens/source-gate.ts'
import { digestOf } from '../tokens/token-key.ts'
import { createWaitingRoom } from '../tokens/waiting-room.ts'
import type { Sighting } from './left-users.ts'

/** Decides whether one ID token may be checked, and counts the result. */
export type Guard = {
  /** Throws `SourceLimited` when the bucket of the caller's network is empty. */
  assertOpen(): void
  /** False: too many ID tokens of the network, or of all networks, wait for LINE's keys. */
  hasRoom(): boolean
  /** Waits for a key until `deadline`. Only for those that had room in the same turn. */
  wait<Key>(deadline: number, key: Promise<Key>): Promise<Key>
  /** When the ID token was good for the first time. `undefined`: it is new. */
  seen(): Sighting | undefined
  /** `sighting`: now, or `undefined` if it is not certain that its user is still there. */
  passed(sighting: Sighting | undefined): void
  failed(error: InvalidIdToken | UnknownKid): void
}

/** For ID tokens that do not come from a caller. */
export const unguarded: Guard = {
  assertOpen() {},
  hasRoom: () => true,
  wait: within,
  seen() {},
  passed() {},
  failed() {},
}

export type IdTokenGuards = {
  guardOf(idToken: string, network: string): Guard
  /** Makes an ID token known that does not come from a caller. */
  remember(idToken: string, sighting: Sighting | undefined): void
}

type Known = { readonly sighting: Sighting | undefined }

const mostKnown = 10_000
/** Each one that waits holds its whole request, of up to 100 KB. A fetch of the keys is short, and rare. */
const mostWaiting = { mostOfOne: 100, mostInAll: 1_000 }

/**
 * Limits the bad ID tokens of a client network with the bucket that also limits its bad access tokens. An ID token that
 * fails takes a token out, and one that is good for the first time here puts a token back. One that was good before is
 * not limited, so it does not count either, for example with a wrong nonce: one of them could keep the bucket empty
 * for all others of the network. For the same reason, one that an honest app may hold counts once in 30 s. Of a good ID token,
 * only its digest and its sighting are kept.
 */
export function createIdTokenGuards(buckets: SourceBuckets, now: () => number): IdTokenGuards {
  const known = createBoundedMap<Known>(mostKnown)
  const counted = createRefusals<'failed'>(now)
  const waitingRoom = createWaitingRoom(mostWaiting)

  return { guardOf, remember }

  function guardOf(idToken: string, network: string): Guard {
    return { assertOpen, hasRoom, wait, seen, passed, failed }

    function assertOpen(): void {
      const limit = buckets.limitFor(network)
      if (limit !== undefined && find(idToken) === undefined) throw limit
    }

    function hasRoom(): boolean {
      return !waitingRoom.isFullFor(network)
    }

    async function wait<Key>(deadline: number, key: Promise<Key>): Promise<Key> {
      waitingRoom.enter(network)
      try {
        return await within(deadline, key)
      } finally {
        waitingRoom.leave(network)
      }
    }

    function seen(): Sighting | undefined {
      return find(idToken)?.sighting
    }

    function passed(sighting: Sighting | undefined): void {
      if (find(idToken) === undefined) buckets.count(network, 'good')
      remember(idToken, sighting)
    }

    function failed(error: InvalidIdToken | UnknownKid): void {
      if (find(idToken) !== undefined) return
      if (mayBeHonest(error) && isCounted(digestOf(idToken))) return
      buckets.count(network, 'refused')
    }
  }

  /** Whether it has counted in the last 30 s. If not, it has from now on. */
  function isCounted(digest: string): boolean {
    if (counted.find(digest) !== undefined) return true
    counted.add(digest, 'failed')
    return false
  }

  function remember(idToken: string, sighting: Sighting | undefined): void {
    if (find(idToken)?.sighting === undefined) known.set(digestOf(idToken), { sighting })
  }

  function find(idToken: string): Known | undefined {
    return idToken.length <= longestIdToken ? known.get(digestOf(idToken)) : undefined
  }
}

/**
 * An app sends the same ID token with each request or reload: also after its end (LIFF hands it out again), with wrong settings
 * or clocks, or before we have LINE's new key. Others are forged, or a guess at a nonce: each check of them counts.
 */
function mayBeHonest(error: InvalidIdToken | UnknownKid): boolean {
  return error instanceof UnknownKid || honestReasons.has(error.reason)
}

const honestReasons: ReadonlySet<InvalidIdToken['reason']> = new Set(['EXPIRED', 'ISSUED_AT', 'AUDIENCE'])
