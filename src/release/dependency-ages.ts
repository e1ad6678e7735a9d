import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { withProductionCopy } from './production-copy.ts'

const dayMs = 24 * 3_600_000

/**
 * Installs the production packages into a folder that is removed again, without those published in the last days. Returns
 * npm's message, which names a younger package, or `undefined` if none is younger. Most malicious releases are found within
 * days, so a release that waits does not ship them.
 */
export async function findYoungDependency(
  project: string,
  { days = 7, now = Date.now(), env = process.env }: { days?: number; now?: number; env?: NodeJS.ProcessEnv } = {},
): Promise<string | undefined> {
  const before = new Date(now - days * dayMs).toISOString()
  return withProductionCopy(project, async (cwd) => {
    const options = ['--before', before, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const shell = process.platform === 'win32'
    try {
      await promisify(execFile)('npm', ['ci', ...options], { cwd, env, shell })
      return undefined
    } catch (error) {
      const { stderr = '' } = error as { readonly stderr?: string }
      const young = /No matching version found.*/.exec(stderr)?.[0]
      if (young !== undefined) return young
      throw new Error(`npm could not install the production packages: ${stderr}`, { cause: error })
    }
  })
}
