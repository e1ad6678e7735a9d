import { execFileSync, spawnSync } from 'node:child_process'
import { describe } from 'vitest'

/** Tests that need Debian's `prometheus` (with `promtool`). Where it is missing they are skipped, and the output gives the reason. */
export function describeWithPrometheus(subject: string, tests: () => void): void {
  if (hasPrometheus()) return void describe(subject, tests)
  const reason = `prometheus is not installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, tests)
}

/** What `promtool` prints. Empty: it found nothing wrong. */
export function promtoolFinds(folder: string, ...argument: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync('promtool', argument, { cwd: folder, encoding: 'utf8' })
  return status === 0 ? '' : stdout + stderr
}

function hasPrometheus(): boolean {
  try {
    for (const program of ['prometheus', 'promtool']) execFileSync(program, ['--version'], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}
