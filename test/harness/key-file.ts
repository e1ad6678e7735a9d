import { execFile } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { JWK } from 'jose'
import { project } from './programs.ts'

export type Algorithm = 'RS256' | 'ES256'

/** A SIGNING_KEYS_FILE, in a folder of its own. */
export type KeyFile = {
  readonly path: string
  /** `npm run keys rotate FILE`. */
  rotate(): Promise<void>
  keys(): readonly (JWK & Readonly<Record<string, unknown>>)[]
  write(keys: readonly object[]): void
  remove(): void
}

/** With one new key, which has no times: it signs since ever. `times`: members of the key. */
export function writeKeyFile(
  times: Readonly<Record<string, string | number>> = {},
  algorithm: Algorithm = 'ES256',
): KeyFile {
  const file = emptyKeyFile()
  file.write([{ ...privateKeyFor(algorithm).export({ format: 'jwk' }), ...times }])
  return file
}

/** `npm run keys new FILE`. */
export async function createKeyFile(algorithm: Algorithm): Promise<KeyFile> {
  const file = emptyKeyFile()
  await runKeys('new', file.path, '--alg', algorithm)
  return file
}

function emptyKeyFile(): KeyFile {
  const folder = mkdtempSync(join(tmpdir(), 'signing-keys-'))
  const path = join(folder, 'keys.json')
  return {
    path,
    rotate: () => runKeys('rotate', path),
    keys: () => JSON.parse(readFileSync(path, 'utf8')).keys,
    write,
    remove: () => rmSync(folder, { recursive: true }),
  }

  /** In one step, so that nobody reads half a file. */
  function write(keys: readonly object[]): void {
    writeFileSync(`${path}.new`, JSON.stringify({ keys }), { mode: 0o600 })
    renameSync(`${path}.new`, path)
  }
}

function privateKeyFor(algorithm: Algorithm): KeyObject {
  if (algorithm === 'RS256') return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey
}

async function runKeys(...words: readonly string[]): Promise<void> {
  await promisify(execFile)(process.execPath, ['src/keys.ts', ...words], { cwd: project })
}
