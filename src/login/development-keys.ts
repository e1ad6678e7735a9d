import { generateKeyPair } from 'node:crypto'
import { promisify } from 'node:util'
import type { KeySource } from './signing-key-file.ts'
import { parseSigningKeys, type SigningKey } from './signing-key-set.ts'

/** A key that lives as long as the process, for development. It is made beside the event loop. */
export function makeDevelopmentKeys(): KeySource & { readonly ready: Promise<void> } {
  let keys: readonly SigningKey[] = []
  const ready = promisify(generateKeyPair)('rsa', { modulusLength: 2048 }).then(({ privateKey }) => {
    keys = parseSigningKeys(JSON.stringify({ keys: [privateKey.export({ format: 'jwk' })] }))
  })
  return { keys: () => keys, ready, close: () => {} }
}
