import { createCipheriv, createDecipheriv, createSecretKey, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/**
 * Encrypts a value with AES-256-GCM. The key is derived (HKDF) from the credential the value was requested with, so a
 * caller needs the same credential to read it. The label names the kind of value: a value sealed with one label cannot be opened with another.
 * Returns the IV (12 bytes), the tag (16 bytes) and the encrypted value.
 */
export function seal(value: string, credential: string, label: string): Buffer {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', sealingKey(credential, label), iv)
  const sealed = Buffer.concat([cipher.update(value, 'utf8'), cipher.final()])
  return Buffer.concat([iv, cipher.getAuthTag(), sealed])
}

/** Throws when the value was not sealed under this credential and label. */
export function unseal(sealed: Buffer, credential: string, label: string): string {
  const decipher = createDecipheriv('aes-256-gcm', sealingKey(credential, label), sealed.subarray(0, 12), {
    authTagLength: 16,
  })
  decipher.setAuthTag(sealed.subarray(12, 28))
  return Buffer.concat([decipher.update(sealed.subarray(28)), decipher.final()]).toString('utf8')
}

/** A KeyObject, because Node takes three times as long with the bytes of a key. */
function sealingKey(credential: string, label: string): KeyObject {
  return createSecretKey(new Uint8Array(hkdfSync('sha256', credential, '', `line-graphql-gateway ${label}`, 32)))
}
