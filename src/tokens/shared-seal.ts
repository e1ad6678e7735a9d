import { createCipheriv, createDecipheriv, type KeyObject, randomFillSync } from 'node:crypto'

/**
 * AES-256-GCM: the IV (12 bytes), the tag (16 bytes) and the encrypted value. `place` is not encrypted, but must be the same.
 * The key is a KeyObject: with the bytes of a key, Node takes three times as long.
 */
export type SharedSeal = {
  seal(value: Buffer, sealingKey: KeyObject, place: string): Buffer
  /** `undefined`: it was not sealed with this key and place, or it was changed. */
  unseal(sealed: Buffer, sealingKey: KeyObject, place: string): Buffer | undefined
}

const ivBytes = 12
const tagBytes = 16
const tagLength = { authTagLength: tagBytes }

export function createSharedSeal(): SharedSeal {
  const drawIv = createIvs()

  return { seal, unseal }

  function seal(value: Buffer, sealingKey: KeyObject, place: string): Buffer {
    const iv = drawIv()
    const cipher = createCipheriv('aes-256-gcm', sealingKey, iv)
    cipher.setAAD(Buffer.from(place, 'latin1'))
    const encrypted = cipher.update(value)
    cipher.final()
    return Buffer.concat([iv, cipher.getAuthTag(), encrypted])
  }

  function unseal(sealed: Buffer, sealingKey: KeyObject, place: string): Buffer | undefined {
    if (sealed.length < ivBytes + tagBytes) return undefined
    const decipher = createDecipheriv('aes-256-gcm', sealingKey, sealed.subarray(0, ivBytes), tagLength)
    decipher.setAuthTag(sealed.subarray(ivBytes, ivBytes + tagBytes))
    decipher.setAAD(Buffer.from(place, 'latin1'))
    const value = decipher.update(sealed.subarray(ivBytes + tagBytes))
    try {
      decipher.final()
      return value
    } catch {
      return undefined
    }
  }
}

/** Random bytes for many IVs are drawn at a time, because that is cheaper. Each part of them is used once. */
function createIvs(count = 1_024): () => Buffer {
  const pool = Buffer.allocUnsafe(ivBytes * count)
  let used = pool.length

  return () => {
    if (used === pool.length) {
      randomFillSync(pool)
      used = 0
    }
    used += ivBytes
    return pool.subarray(used - ivBytes, used)
  }
}
