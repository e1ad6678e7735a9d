import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Effort, fullEffort, quickEffort, quickEffortAlone } from './effort.ts'
import type { Section } from './figures.ts'
import { measureCold } from './measures/cold.ts'
import { measureFaces } from './measures/faces.ts'
import { measureGrowth } from './measures/growth.ts'
import { measureHerd } from './measures/herd.ts'
import { measureHot } from './measures/hot.ts'
import { measureMemory } from './measures/memory.ts'
import { measureSharedCold } from './measures/shared-cold.ts'
import { measureSharedHot } from './measures/shared-hot.ts'
import { measureWorkers } from './measures/workers.ts'
import { plot } from './plot.ts'
import { cores, pin } from './processes.ts'
import { circumstancesOf, markdownReport, plainReport } from './report.ts'
import { installPeers } from './subjects.ts'

const measures = {
  hot: measureHot,
  cold: measureCold,
  herd: measureHerd,
  growth: measureGrowth,
  'shared-hot': measureSharedHot,
  'shared-cold': measureSharedCold,
  workers: measureWorkers,
  faces: measureFaces,
  memory: measureMemory,
} as const
type Measure = keyof typeof measures

const mostMinutes = 30
/** With `--quick`, no measure starts later than this. On a busy machine some are left out. */
const quickStartsUntilMs = 45_000

const { quick, only } = readFlags()
if (!existsSync('/proc/self/stat')) fail('The benchmark needs Linux, because it reads CPU time from /proc')
setTimeout(() => fail(`The benchmark did not end within ${mostMinutes} minutes`), mostMinutes * 60_000).unref()
// Requests of this process come from the load's core too.
pin(process.pid, cores.load)

// If this fails, each measure that needs the peers tries again and reports the error.
await installPeers().catch(() => {})
const startedAt = performance.now()
const circumstances = circumstancesOf(new Date())
const sections: Section[] = []
let failures = 0
for (const name of only) {
  if (quick && only.length > 1 && performance.now() - startedAt > quickStartsUntilMs)
    process.stderr.write(`${name}: left out, because there is no time left\n`)
  else await run(name)
}

process.stdout.write(`${circumstances.join('\n')}\n\n${plainReport(sections)}`)
if (!quick && only.length === Object.keys(measures).length && failures === 0) {
  publish()
}
process.exit(failures === 0 ? 0 : 1)

/** Writes results.md and results.svg: only after a full run of all measures without a failure. */
function publish(): void {
  const bars = sections.flatMap((section) => section.bars ?? [])
  const title = 'Requests for the same CPU time: { viewer { displayName } } with a known token'
  const subtitle = 'baseline = 1.0: a bare node:http server; bar: median; line: all rounds; longer is better'
  writeFileSync(join(import.meta.dirname, 'results.svg'), plot(title, subtitle, bars))
  writeFileSync(join(import.meta.dirname, 'results.md'), markdownReport(sections, circumstances))
}

/** If a measure fails, the others still run. */
async function run(name: Measure): Promise<void> {
  const startedAt = performance.now()
  try {
    sections.push(...(await measures[name](effort())))
    process.stderr.write(`${name}: ${Math.round((performance.now() - startedAt) / 1_000)} s\n`)
  } catch (error) {
    failures += 1
    process.stderr.write(`${name} failed: ${error instanceof Error ? error.stack : error}\n`)
  }
}

function effort(): Effort {
  if (!quick) return fullEffort
  return only.length === 1 ? quickEffortAlone : quickEffort
}

function readFlags(): { readonly quick: boolean; readonly only: readonly Measure[] } {
  const all = Object.keys(measures) as Measure[]
  const { values } = parseArgs({ options: { quick: { type: 'boolean' }, only: { type: 'string' } } })
  const wanted = values.only?.split(',') ?? all
  const unknown = wanted.filter((name) => !all.includes(name as Measure))
  if (unknown.length > 0) fail(`--only needs a comma list with some of ${all.join(',')}`)
  return { quick: values.quick === true, only: all.filter((name) => wanted.includes(name)) }
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(1)
}
