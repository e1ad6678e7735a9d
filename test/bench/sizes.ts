import { existsSync, mkdirSync, rmdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { measure, type Slice } from './load.ts'
import { bodyOf, viewerName } from './operations.ts'
import { cores, cpuSecondsOf, peakBytesOf, pin, residentBytesOf, type ServerProcess, startServer } from './processes.ts'
import { withRedis } from './redis.ts'
import { spreadOf } from './rounds.ts'
import { assertAnswers, gatewaySettings, type Line, type Settings, startFlags, withLine } from './subjects.ts'

/**
 * `npm run build && node_modules/.bin/node test/bench/sizes.ts` prints how much memory and CPU a process needs, for the sizes of a
 * pod. It runs the built gateway for a quarter of an hour or more, on an idle machine. A word leaves out all rows without it:
 * `node_modules/.bin/node test/bench/sizes.ts 100,000`.
 */
const project = join(import.meta.dirname, '../..')
const runs = 3
const secondsOfLoad = 10
const quietMs = 3_000
const wanted = process.argv[2] ?? ''

type Row = { readonly name: string; readonly measure: () => Promise<string> }

const rows: readonly Row[] = [
  { name: 'start, idle', measure: () => inRuns(() => startOf(startFlags)) },
  { name: 'start, idle, without the V8 flags', measure: () => inRuns(() => startOf([])) },
  { name: 'GraphiQL on, opened once', measure: graphiqlOf },
  ...[10_000, 100_000, 1_000_000].map((tokens) => ({
    name: `${count(tokens)} tokens`,
    measure: () => loadOf(tokens, startFlags),
  })),
  { name: '100,000 tokens, without the V8 flags', measure: () => loadOf(100_000, []) },
  {
    name: '100,000 tokens, heap of 128 MB',
    measure: () => loadOf(100_000, [...startFlags, '--max-old-space-size=128']),
  },
  { name: '100,000 tokens, limit of 512 MB', measure: () => limitedTo(512, [...startFlags]) },
  { name: '100,000 tokens, limit of 256 MB', measure: () => limitedTo(256, [...startFlags]) },
  {
    name: '100,000 tokens, limit of 256 MB, without the V8 flags, heap of 128 MB',
    measure: () => limitedTo(256, ['--max-old-space-size=128']),
  },
  { name: 'WORKERS=2, with Redis, idle', measure: workersOf },
]

if (!existsSync(join(project, 'dist/main.js'))) throw new Error('First: npm run build')
pin(process.pid, cores.load)
process.stdout.write(`Node ${process.version}\n`)
for (const { name, measure } of rows.filter((row) => row.name.includes(wanted)))
  process.stdout.write(`${name}: ${await measure().catch((error: Error) => `failed: ${error.message}`)}\n`)
process.exit()

async function startOf(nodeArgs: readonly string[]): Promise<Record<string, number>> {
  return withLine(async (line) => {
    const startedAt = performance.now()
    const server = await startBuilt(line, {}, nodeArgs)
    const ms = performance.now() - startedAt
    const cpuMs = cpuSecondsOf(server.pid) * 1_000
    await sleep(quietMs)
    const result = { 'start ms': ms, 'CPU ms': cpuMs, 'MB idle': megabytesOf(server) }
    await server.stop()
    return result
  })
}

async function graphiqlOf(): Promise<string> {
  return inRuns(() =>
    withLine(async (line) => {
      const server = await startBuilt(line, { GRAPHIQL: 'true' }, startFlags)
      const before = megabytesOf(server)
      const page = await fetch(`${server.url}/graphql`, { headers: { accept: 'text/html', 'accept-encoding': 'gzip' } })
      await page.text()
      await sleep(quietMs)
      const result = { 'MB before': before, 'MB after': megabytesOf(server), 'MB at most': peakMegabytesOf(server) }
      await server.stop()
      return result
    }),
  )
}

async function workersOf(): Promise<string> {
  const texts: string[] = []
  await withRedis('workers', (redis) =>
    withLine(async (line) => {
      texts.push(
        await inRuns(async () => {
          const server = await startBuilt(line, { ...redis.settings, WORKERS: '2' }, startFlags)
          await sleep(quietMs)
          const idle = megabytesOf(server)
          await assertAnswers(server, viewerName)
          const slice = await loaded(server, 1)
          const result = { 'MB idle': idle, ...sliceFigures(slice), 'MB after': megabytesOf(server) }
          await server.stop()
          return result
        }),
      )
      return { title: '', how: '', figures: [] }
    }),
  )
  return texts[0] ?? 'left out: no redis-server'
}

async function loadOf(tokens: number, nodeArgs: readonly string[], group?: string): Promise<string> {
  const server = await startLoaded(tokens, nodeArgs, group)
  const filled = megabytesOf(server)
  await loaded(server, tokens)
  const text = await inRuns(async () => sliceFigures(await loaded(server, tokens)))
  const after = { 'MB filled': filled, 'MB after': megabytesOf(server), 'MB at most': peakMegabytesOf(server) }
  await server.stop()
  return `${text}, ${figuresText([after])}`
}

/** A memory limit of the kernel, as a container has one. Needs root and a control group of version 1 or 2. */
async function limitedTo(megabytes: number, nodeArgs: readonly string[]): Promise<string> {
  const version2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
  const folder = join('/sys/fs/cgroup', version2 ? '' : 'memory', `gateway-sizes-${process.pid}`)
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, version2 ? 'memory.max' : 'memory.limit_in_bytes'), String(megabytes * 2 ** 20))
  } catch (error) {
    return `not measured: ${error instanceof Error ? error.message.split(',')[0] : error}`
  }
  try {
    return await loadOf(100_000, nodeArgs, join(folder, 'cgroup.procs'))
  } finally {
    await sleep(1_000)
    rmdirSync(folder)
  }
}

function loaded(server: ServerProcess, tokens: number): Promise<Slice> {
  const order = { first: 0, count: tokens, order: 'random' } as const
  return measure(server, { body: bodyOf(viewerName), connections: 64, tokens: order }, secondsOfLoad)
}

function startBuilt(line: Line, env: Settings, nodeArgs: readonly string[]): Promise<ServerProcess> {
  const settings = { ...gatewaySettings(line.url), ...env }
  return startServer({ script: join(project, 'dist/main.js'), nodeArgs, cores: cores.server, env: settings })
}

/** Filled without a network, because a million tokens take an hour with one. The process also has what fills it: some MB. */
function startLoaded(tokens: number, nodeArgs: readonly string[], group?: string): Promise<ServerProcess> {
  return startServer({
    script: join(import.meta.dirname, 'servers/loaded-gateway.ts'),
    nodeArgs,
    ...(group !== undefined && { group }),
    cores: cores.server,
    env: {
      ...gatewaySettings('http://127.0.0.1:9'),
      BUILT: 'yes',
      CACHE_MAX_TOKENS: String(tokens),
      PRELOAD: String(tokens),
      VERIFICATION_FRESH_SECONDS: '86400',
      FAILED_TOKENS_BURST: '1000000',
      LINE_MAX_CONCURRENCY: '1024',
    },
  })
}

async function inRuns(measure: () => Promise<Record<string, number>>): Promise<string> {
  const results: Record<string, number>[] = []
  for (let run = 0; run < runs; run++) results.push(await measure())
  return figuresText(results)
}

/** The median of the runs, and the least and greatest value in brackets. */
function figuresText(results: readonly Readonly<Record<string, number>>[]): string {
  return Object.keys(results[0] ?? {})
    .map((name) => {
      const { median, least, most } = spreadOf(results.map((result) => Math.round(result[name] ?? Number.NaN)))
      return `${name} ${count(median)}${least === most ? '' : ` (${count(least)} to ${count(most)})`}`
    })
    .join(', ')
}

/** One core for one second is 1,000 CPU ms. */
function sliceFigures({ cpuUs, requestsPerSecond, p99Us }: Slice) {
  return { 'requests/s': requestsPerSecond, 'CPU ms for 1,000': cpuUs, 'p99 ms': p99Us / 1_000 }
}

function megabytesOf({ pid }: ServerProcess): number {
  return residentBytesOf(pid) / 2 ** 20
}

function peakMegabytesOf({ pid }: ServerProcess): number {
  return peakBytesOf(pid) / 2 ** 20
}

function count(value: number): string {
  return value.toLocaleString('en')
}
