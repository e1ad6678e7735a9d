import { type CryptoKey, importJWK, type JWK } from 'jose'
import { LineUnavailable } from './errors.ts'
import { parseKeySet } from './responses.ts'
import type { LineAnswer } from './transport.ts'

export type KeySet = {
  /** The public key for an ES256 ID token; `undefined` if LINE has no such `kid`. Rejects if LINE cannot be reached. */
  keyOf(kid: string): Promise<CryptoKey | undefined>
}

/** LINE documents no rotation. Keys are fetched again after an hour, in case LINE withdrew one. */
const freshForMs = 60 * 60 * 1_000
/** An unknown `kid` causes one fetch. Further unknown `kid`s cause none for this long. */
const cooldownMs = 30 * 1_000

/** LINE's signing keys (RFC 7517), fetched at the first use and cached. `now` returns epoch ms. */
export function createKeySet(fetchCerts: () => Promise<LineAnswer>, now: () => number): KeySet {
  let keys = new Map<string, CryptoKey>()
  let fetchedAt = Number.NEGATIVE_INFINITY
  let searchedAt = Number.NEGATIVE_INFINITY
  let pendingFetch: Promise<void> | undefined

  return { keyOf }

  async function keyOf(kid: string): Promise<CryptoKey | undefined> {
    if (!isFresh()) await refetch().catch((error) => keepOrThrow(kid, error))
    else if (!keys.has(kid) && !isCoolingDown()) await search()
    return keys.get(kid)
  }

  /** LINE may sign with a new key since the last fetch. */
  async function search(): Promise<void> {
    await refetch()
    searchedAt = now()
  }

  function refetch(): Promise<void> {
    pendingFetch ??= fetchKeys().finally(() => {
      pendingFetch = undefined
    })
    return pendingFetch
  }

  async function fetchKeys(): Promise<void> {
    const answer = await fetchCerts()
    const published = await importKeys(parseKeySet(answer))
    if (published.size === 0) throw noKeys(answer)
    keys = published
    fetchedAt = now()
  }

  /** While LINE is down, a cached key older than an hour is still used. Any other `kid` then causes an outage, not a refusal. */
  function keepOrThrow(kid: string, error: unknown): void {
    if (!keys.has(kid)) throw error
  }

  function isFresh(): boolean {
    return Math.abs(now() - fetchedAt) < freshForMs
  }

  function isCoolingDown(): boolean {
    return Math.abs(now() - searchedAt) < cooldownMs
  }
}

/** LINE always has a key. A list without one is a faulty answer, so no token is refused because of it. */
function noKeys({ lineRequestId }: LineAnswer): LineUnavailable {
  return new LineUnavailable('LINE returned no usable signing key', { lineRequestId, retryAfter: 1 })
}

/** The P-256 keys in LINE's list. Other keys are skipped: LINE once had RSA keys. */
async function importKeys(sent: readonly unknown[]): Promise<Map<string, CryptoKey>> {
  const keys = new Map<string, CryptoKey>()
  for (const key of sent as readonly Partial<JWK>[]) {
    if (key?.kty !== 'EC' || key.crv !== 'P-256' || typeof key.kid !== 'string') continue
    if (typeof key.x !== 'string' || typeof key.y !== 'string') continue
    const jwk = { kty: 'EC', crv: 'P-256', x: toWidth(key.x), y: toWidth(key.y) }
    const imported = await importJWK(jwk, 'ES256').catch(() => undefined)
    if (imported && !(imported instanceof Uint8Array)) keys.set(key.kid, imported)
  }
  return keys
}

/** RFC 7518 section 6.2.1.2 requires 32 bytes. LINE has published 33 with a leading zero; shorter ones are possible. */
function toWidth(coordinate: string): string {
  const bytes = Buffer.from(coordinate, 'base64url')
  const fixed = Buffer.alloc(32)
  const kept = bytes.subarray(Math.max(bytes.length - 32, 0))
  kept.copy(fixed, 32 - kept.length)
  return fixed.toString('base64url')
}
