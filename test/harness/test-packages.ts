import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import { project } from './programs.ts'

/** Tests that need packages of their own. Where no registry can be reached they are skipped, and the output gives the reason. */
export function describeWithPackages<T>(
  packages: T | undefined,
  name: string,
  subject: string,
  tests: (packages: T) => void,
): void {
  if (packages !== undefined) return void describe(subject, () => tests(packages))
  const reason = `${name} cannot be installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, () => {})
}

/**
 * Copies a folder that has a `package.json` to a temporary folder, and installs its packages there. So `npm ci` of the project
 * stays small. `undefined`: no registry can be reached. Throws if anything else fails. The caller removes the folder.
 */
export async function installPackages(source: string): Promise<string | undefined> {
  const folder = mkdtempSync(join(tmpdir(), 'packages-'))
  cpSync(join(project, source), folder, { recursive: true })
  cpSync(join(project, '.npmrc'), join(folder, '.npmrc'))
  try {
    const options = ['--no-audit', '--prefer-offline', '--fetch-retries=1', '--fetch-timeout=60000']
    await promisify(execFile)('npm', ['ci', ...options], { cwd: folder })
  } catch (error) {
    rmSync(folder, { recursive: true })
    if (isUnreachable(error)) return undefined
    throw error
  }
  return folder
}

/** npm says so, or there is no npm. */
export function isUnreachable(error: unknown): boolean {
  const { code, stderr = '' } = error as { readonly code?: unknown; readonly stderr?: string }
  return code === 'ENOENT' || /\b(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ENETUNREACH|ETIMEDOUT|ENOTCACHED)\b/.test(stderr)
}
