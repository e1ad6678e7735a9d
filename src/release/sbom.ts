import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { withProductionCopy } from './production-copy.ts'

/**
 * `npm run -s sbom`: prints a CycloneDX list of what is shipped. `npm sbom --omit dev` in the project itself leaves out each
 * package that a development package needs too (graphql, dataloader…).
 */
const options = ['--package-lock-only', '--sbom-format', 'cyclonedx', '--sbom-type', 'application']

await withProductionCopy(join(import.meta.dirname, '../..'), (folder) => {
  execFileSync('npm', ['sbom', ...options], { cwd: folder, stdio: 'inherit', shell: process.platform === 'win32' })
})
