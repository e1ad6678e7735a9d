import { createHmac, createSecretKey, type KeyObject, randomBytes, timingSafeEqual } from 'node:crypto'

export type Nonces = {
  issue(): string
  isOurs(nonce: string): boolean
}

const randomLength = 16
const proofLength = 16

/**
 * A nonce is random bytes and their keyed digest (HMAC-SHA256, 16 bytes). So it is never stored, and a replica with the
 * same secret recognizes it as ours. The first secret signs. A nonce signed with any of them is ours.
 */
export function createNonces(secrets: readonly [string, ...string[]]): Nonces {
  const [first, ...others] = secrets
  const signing = createSecretKey(first, 'utf8')
  const keys = [signing, ...others.map((secret) => createSecretKey(secret, 'utf8'))]
  return { issue, isOurs }

  function issue(): string {
    const random = randomBytes(randomLength)
    return Buffer.concat([random, proofOf(random, signing)]).toString('base64url')
  }

  function isOurs(nonce: string): boolean {
    const bytes = Buffer.from(nonce, 'base64url')
    if (bytes.length !== randomLength + proofLength) return false
    const [random, proof] = [bytes.subarray(0, randomLength), bytes.subarray(randomLength)]
    return keys.some((key) => timingSafeEqual(proofOf(random, key), proof))
  }
}

function proofOf(random: Uint8Array, key: KeyObject): Buffer {
  return createHmac('sha256', key).update('nonce').update(random).digest().subarray(0, proofLength)
}
