import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { measure, type Slice, type Workload } from './load.ts'
import { bodyOf, viewerName } from './operations.ts'
import { allStarted, cores, type ServerProcess, startServer, stopAll } from './processes.ts'
import { inRounds, ratioOf } from './rounds.ts'
import { assertAnswers, gatewaySettings, startLine } from './subjects.ts'

/**
 * `node test/bench/compare.ts OTHER [ROUNDS]`: the CPU time of a hot request in the checkout OTHER, divided by that in this one:
 * two processes of each. Above 1: this one is faster. Each checkout needs its own `npm ci`.
 */
const [other, rounds = '31'] = process.argv.slice(2)
if (other === undefined) throw new Error('Usage: node test/bench/compare.ts OTHER_CHECKOUT [ROUNDS]')

const hot: Workload = { body: bodyOf(viewerName), connections: 64, tokens: { first: 0, count: 1, order: 'same' } }
const warmUpSeconds = 4
const sliceSeconds = 1
const cpu = (slice: Slice) => slice.cpuUs

const line = await startLine()
const [ours, theirs] = [join(import.meta.dirname, '../..'), resolve(other)]
// Two processes of one checkout can differ by a fifth, because V8 compiles each one by itself.
const servers = await allStarted({
  here: start(ours),
  other: start(theirs),
  hereToo: start(ours),
  otherToo: start(theirs),
})
try {
  const names = ['here', 'other', 'hereToo', 'otherToo'] as const
  for (const name of names) {
    await assertAnswers(servers[name], viewerName)
    await measure(servers[name], hot, warmUpSeconds)
  }
  const series = await inRounds(Number(rounds), names, (name) => measure(servers[name], hot, sliceSeconds))
  const both = (one: readonly Slice[], too: readonly Slice[]) =>
    one.map((slice, n) => cpu(slice) + cpu(too[n] ?? slice))
  const [here, there] = [both(series.here, series.hereToo), both(series.other, series.otherToo)]
  const { median, least, most } = ratioOf(there, here, (sum) => sum)
  const costs = names.map((name) => `${name} ${medianOf(series[name].map(cpu)).toFixed(1)} µs`).join(', ')
  const range = `${least.toFixed(3)} to ${most.toFixed(3)}`
  process.stdout.write(`other / here: median ${median.toFixed(3)} of ${rounds} rounds (${range}); ${costs}\n`)
} finally {
  await stopAll({ line, ...servers })
}

/** As `npm start` of that checkout starts it. */
function start(checkout: string): Promise<ServerProcess> {
  const { scripts } = JSON.parse(readFileSync(join(checkout, 'package.json'), 'utf8'))
  const nodeArgs: string[] = scripts.start.match(/--\S+/g) ?? []
  return startServer({
    script: join(checkout, 'src/main.ts'),
    nodeArgs,
    cores: cores.server,
    env: gatewaySettings(line.url),
  })
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
