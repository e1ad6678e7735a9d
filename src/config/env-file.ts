import { existsSync, readFileSync } from 'node:fs'
import { parseEnv } from 'node:util'

/**
 * Adds the settings of the optional file `.env` to the environment, which wins. Returns a warning if it cannot be read. PowerShell
 * writes a byte order mark, or UTF-16, which has zero bytes. Node's `loadEnvFile` takes both for parts of the names.
 */
export function readEnvFile(path = '.env'): string[] {
  try {
    const text = readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
    if (text.includes('\0')) return ['.env: is not UTF-8 text and is ignored']
    for (const [name, value] of Object.entries(parseEnv(text))) process.env[name] ??= value
    return []
  } catch {
    return existsSync(path) ? ['.env: cannot be read and is ignored'] : []
  }
}
