import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { createBoundedMap } from '../tokens/bounded-map.ts'

export type Nonces = {
  issue(): string
  isOurs(nonce: string): boolean
  /** `false` when it was used within the last hour. */
  use(nonce: string): boolean
}

const randomLength = 16
const proofLength = 16
/** As long as an ID token lives: an older replay is refused as expired. */
const usedForMs = 60 * 60 * 1_000
const maxUsed = 100_000

/**
 * A nonce carries its own proof, random bytes and a keyed digest of them, so that nothing is stored until it is used and
 * a replica that never saw it knows it for ours.
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
