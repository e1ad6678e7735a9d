import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createBoundedMap } from '../tokens/bounded-map.ts'

export type Nonces = {
  issue(): string
  isOurs(nonce: string): boolean
  /** Marks a nonce as used. `false` when it was used within the last hour. */
  use(nonce: string): boolean
}

const randomLength = 16
const proofLength = 16
/** The lifetime of an ID token: a later replay is refused as expired. */
const usedForMs = 60 * 60 * 1_000
const maxUsed = 100_000

/**
 * A nonce is random bytes and their keyed digest (HMAC-SHA256, 16 bytes). So it is not stored before it is used, and a
 * replica with the same secret recognizes it as ours.
 */
export function createNonces(secret: string, now: () => number): Nonces {
  const usedAt = createBoundedMap<number>(maxUsed)

  return { issue, isOurs, use }

  function issue(): string {
    const random = randomBytes(randomLength)
    return Buffer.concat([random, proofOf(random)]).toString('base64url')
  }

  function isOurs(nonce: string): boolean {
    const bytes = Buffer.from(nonce, 'base64url')
    if (bytes.length !== randomLength + proofLength) return false
    return timingSafeEqual(proofOf(bytes.subarray(0, randomLength)), bytes.subarray(randomLength))
  }

  function use(nonce: string): boolean {
    const at = usedAt.get(nonce)
    if (at !== undefined && Math.abs(now() - at) < usedForMs) return false
    usedAt.set(nonce, now())
    return true
  }

  function proofOf(random: Uint8Array): Buffer {
    return createHmac('sha256', secret).update('nonce').update(random).digest().subarray(0, proofLength)
  }
}
