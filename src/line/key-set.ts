import { createPublicKey, type KeyObject } from 'node:crypto'
import { isLineOutage, LineUnavailable } from './errors.ts'
import { parseKeySet } from './responses.ts'
import type { LineAnswer } from './transport.ts'

export type KeySet = {
  /**
   * The public key for an ES256 ID token, at once if we have it. `undefined`: LINE has no key with this `kid`. Rejects
   * with an outage if we do not know that.
   */
  keyOf(kid: string): KeyObject | undefined | Promise<KeyObject | undefined>
  /** Whether the key is at hand. */
  has(kid: string): boolean
}

/** LINE's list of keys came just now, without this `kid`. Either the key is very new, or the `kid` is invented. */
export class UnknownKid extends LineUnavailable {}

/** LINE documents no rotation. Keys are fetched again after an hour, in case LINE withdrew one. */
const freshForMs = 60 * 60 * 1_000
/** How long no fetch is made after one that did not find the `kid`: at most 6 such fetches a minute. */
const cooldownMs = 10 * 1_000
/** LINE's have 64 characters. */
const longestKid = 200
const mostAbsent = 1_000

/**
 * LINE's signing keys (RFC 7517), fetched at the first use and cached. `now` returns epoch ms. `failed` gets an error of a fetch
 * in the background that is no outage. The rules:
 *
 * - A key that we have is used at once. If the keys are older than an hour, they are fetched in the background.
 * - An unknown `kid` waits for a fetch: LINE may have a new key. If the fetch does not find it, LINE has no such key.
 *   That is certain only if the fetch began no earlier than the question, or in the same turn of the event loop.
 * - After that, a cool-down of 10 seconds starts. In it, the same `kid` is still absent. For any other `kid` we cannot
 *   know, because LINE may have published it since: `UnknownKid`, with the rest of the cool-down as `retryAfter`.
 * - A failed fetch starts a cool-down too, as long as the `retryAfter` of its error. In it, every unknown `kid` is an
 *   outage.
 *
 * So strangers with invented kids cause few fetches, and delay users of a new key by 10 seconds at most.
 */
export function createKeySet(
  fetchCerts: () => Promise<LineAnswer>,
  now: () => number,
  failed: (error: unknown) => void = () => {},
): KeySet {
  const absent = new Set<string>()
  let keys = new Map<string, KeyObject>()
  let fetchedAt = Number.NEGATIVE_INFINITY
  let cooldown = { startedAt: Number.NEGATIVE_INFINITY, ms: 0, hasList: false }
  let pendingFetch: Promise<void> | undefined
  let isFromThisTurn = false

  return { keyOf, has: (kid) => keys.has(kid) }

  function keyOf(kid: string): KeyObject | undefined | Promise<KeyObject | undefined> {
    const key = keys.get(kid)
    if (key === undefined) return kid.length <= longestKid ? search(kid) : undefined
    if (!isFresh() && !isCoolingDown()) refetch().catch(unlessOutage)
    return key
  }

  /** Nobody waits for a fetch in the background. */
  function unlessOutage(error: unknown): void {
    if (!isLineOutage(error)) failed(error)
  }

  async function search(kid: string): Promise<KeyObject | undefined> {
    if (pendingFetch === undefined && isCoolingDown()) {
      if (absent.has(kid)) return undefined
      throw notKnown()
    }
    const isLate = pendingFetch !== undefined && !isFromThisTurn
    await refetch()
    const key = keys.get(kid)
    if (key !== undefined) return key
    if (isLate) return search(kid)
    miss(kid)
    return undefined
  }

  function miss(kid: string): void {
    if (absent.size < mostAbsent) absent.add(kid)
    if (!isCoolingDown()) cooldown = { startedAt: now(), ms: cooldownMs, hasList: true }
  }

  function notKnown(): LineUnavailable {
    const leftSeconds = Math.ceil((cooldown.startedAt + cooldown.ms - now()) / 1_000)
    const facts = { retryAfter: Math.max(leftSeconds, 1), sent: false }
    return cooldown.hasList ? new UnknownKid(notKnownYet, facts) : new LineUnavailable(notKnownYet, facts)
  }

  function refetch(): Promise<void> {
    pendingFetch ??= fetchKeys().finally(() => {
      pendingFetch = undefined
    })
    return pendingFetch
  }

  async function fetchKeys(): Promise<void> {
    absent.clear()
    isFromThisTurn = true
    setImmediate(() => {
      isFromThisTurn = false
    })
    try {
      keys = parseKeySet(await fetchCerts(), importKeys)
      fetchedAt = now()
    } catch (error) {
      cooldown = { startedAt: now(), ms: pauseMsOf(error), hasList: false }
      throw error
    }
  }

  function isFresh(): boolean {
    return Math.abs(now() - fetchedAt) < freshForMs
  }

  function isCoolingDown(): boolean {
    return Math.abs(now() - cooldown.startedAt) < cooldown.ms
  }
}

/** An error without `retryAfter` does not pass soon: the usual cool-down. */
function pauseMsOf(error: unknown): number {
  const retryAfter = isLineOutage(error) ? error.retryAfter : undefined
  return retryAfter === undefined ? cooldownMs : retryAfter * 1_000
}

const notKnownYet =
  'The key of the ID token is not known yet, and LINE was asked for its keys just now: try again later'

type SentKey = { readonly [name in 'kty' | 'crv' | 'kid' | 'x' | 'y']?: unknown }

/** The P-256 keys in LINE's list. Other keys are skipped: LINE once had RSA keys. */
function importKeys(sent: readonly unknown[]): Map<string, KeyObject> {
  const keys = new Map<string, KeyObject>()
  for (const key of sent as readonly (SentKey | null)[]) {
    if (key?.kty !== 'EC' || key.crv !== 'P-256' || typeof key.kid !== 'string') continue
    const imported = importKey(key)
    if (imported !== undefined) keys.set(key.kid, imported)
  }
  return keys
}

function importKey({ x, y }: SentKey): KeyObject | undefined {
  if (typeof x !== 'string' || typeof y !== 'string') return undefined
  try {
    const key = { kty: 'EC', crv: 'P-256', x: toWidth(x), y: toWidth(y) }
    return createPublicKey({ key, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** RFC 7518 section 6.2.1.2 requires 32 bytes. LINE has published 33 with a leading zero; shorter ones are possible. */
function toWidth(coordinate: string): string {
  const bytes = Buffer.from(coordinate, 'base64url')
  const fixed = Buffer.alloc(32)
  const kept = bytes.subarray(Math.max(bytes.length - 32, 0))
  kept.copy(fixed, 32 - kept.length)
  return fixed.toString('base64url')
}
