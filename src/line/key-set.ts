import { type CryptoKey, importJWK, type JWK } from 'jose'
import { LineUnavailable } from './errors.ts'
import { parseKeySet } from './responses.ts'
import type { LineAnswer } from './transport.ts'

export type KeySet = {
  /** The public key of an ES256 ID token, `undefined` when LINE does not know the `kid`. Rejects when LINE cannot be asked. */
  keyOf(kid: string): Promise<CryptoKey | undefined>
}

/** LINE documents no rotation: keys are asked for again after an hour, in case one was withdrawn. */
const freshForMs = 60 * 60 * 1_000
/** Unknown `kid`s make us ask once and then not again for this long, however many come. */
const cooldownMs = 30 * 1_000

/** LINE's signing keys (RFC 7517), fetched when first needed and kept. */
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

  /** LINE may have begun to sign with a new key since we asked. */
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

  /** While LINE is down, a key that was good an hour ago is better than none; about another it says nothing. */
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

/** LINE always has a key: a list without one is an answer gone wrong and no reason to refuse anybody's token. */
function noKeys({ lineRequestId }: LineAnswer): LineUnavailable {
  return new LineUnavailable('LINE published no key', { lineRequestId, retryAfter: 1 })
}

/** The P-256 keys among those LINE sent; others (LINE had RSA keys once) are passed over. */
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

/** RFC 7518 section 6.2.1.2 wants 32 bytes; LINE has published 33 with a leading zero, and shorter ones are thinkable. */
function toWidth(coordinate: string): string {
  const bytes = Buffer.from(coordinate, 'base64url')
  const fixed = Buffer.alloc(32)
  const kept = bytes.subarray(Math.max(bytes.length - 32, 0))
  kept.copy(fixed, 32 - kept.length)
  return fixed.toString('base64url')
}
