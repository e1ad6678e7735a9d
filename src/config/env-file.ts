import { existsSync } from 'node:fs'

/** Adds the settings of the optional file `.env` to the environment, which wins. Returns a warning if it cannot be read. */
export function readEnvFile(): string[] {
  try {
    process.loadEnvFile()
    return []
  } catch {
    return existsSync('.env') ? ['.env: cannot be read and is ignored'] : []
  }
}
