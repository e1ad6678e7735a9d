import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type KeyFile = { readonly path: string; remove(): void }

/** A SIGNING_KEYS_FILE with one new ES256 key, which has no times: it signs since ever. `times`: members of the key. */
export function writeKeyFile(times: Readonly<Record<string, string | number>> = {}): KeyFile {
  const folder = mkdtempSync(join(tmpdir(), 'signing-keys-'))
  const path = join(folder, 'keys.json')
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  writeFileSync(path, JSON.stringify({ keys: [{ ...privateKey.export({ format: 'jwk' }), ...times }] }))
  return { path, remove: () => rmSync(folder, { recursive: true }) }
}
