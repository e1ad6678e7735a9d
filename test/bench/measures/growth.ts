import { join } from 'node:path'
import type { Effort } from '../effort.ts'
import { costText, type Figure, medianText, type Section } from '../figures.ts'
import { measure, type Slice } from '../load.ts'
import { bodyOf, viewerName } from '../operations.ts'
import { allStarted, cores, residentBytesOf, type ServerProcess, startServer, stopAll } from '../processes.ts'
import { inRounds, ratios, type Series, spreadOf } from '../rounds.ts'
import { assertAnswers, gatewaySettings, startBaseline, startFlags, startLine } from '../subjects.ts'

/** Compares requests with many different tokens with requests of one token. */
export async function measureGrowth(effort: Effort): Promise<readonly Section[]> {
  const line = await startLine()
  const many = effort.manyTokens
  const servers = await allStarted({
    gateway: startLoadedGateway(many),
    baseline: startBaseline(line, { PRELOAD: String(many), CACHE_MAX_TOKENS: String(many) }),
  })
  try {
    for (const server of Object.values(servers)) {
      await assertAnswers(server, viewerName)
      await hotSlice(server, many, effort.warmUpSeconds)
    }
    const sizes = [...new Set([1, 1_000, 100_000, many])].filter((size) => size <= many)
    const names = sizes.flatMap((size) => [`gateway ${size}`, `baseline ${size}`])
    const series = await inRounds(effort.rounds, names, (name) => {
      const { server, size } = readName(name)
      return hotSlice(servers[server], size, effort.sliceSeconds)
    })
    const megabytes = Math.round(residentBytesOf(servers.gateway.pid) / 2 ** 20)
    return [
      {
        title: `Growth: ${count(many)} different hot tokens in random order against one token`,
        how: `All ${count(many)} tokens are always in memory. The requests use one, some or all of them. 64 connections. The gateway’s process has ${megabytes} MB of resident memory at the end.`,
        figures: figuresOf(series, many),
        details: {
          head: ['server', 'hot tokens', 'CPU µs a request (least)', 'requests/s', 'p99 ms'],
          rows: names.map((name) => row(name, series[name] ?? [])),
        },
      },
    ]
  } finally {
    await stopAll({ line, ...servers })
  }
}

/**
 * The speed with many tokens, as a ratio to the speed with one token. The baseline gets slower too, because a million
 * tokens do not fit into a CPU's caches.
 */
function figuresOf(series: Series<string, Slice>, many: number): Figure[] {
  const ratioTo1 = (server: string, read: (slice: Slice) => number) =>
    ratios((series[`${server} ${many}`] ?? []).map(read), (series[`${server} 1`] ?? []).map(read))
  const perSecond = ratioTo1('gateway', (slice) => slice.requestsPerSecond)
  const perCpuSecond = ratioTo1('gateway', (slice) => 1 / slice.cpuUs)
  const baselinePerCpuSecond = ratioTo1('baseline', (slice) => 1 / slice.cpuUs)
  return [
    {
      name: 'throughput',
      value: spreadOf(perSecond),
      unit: '×',
      ...(many >= 1_000_000 && { goal: { atLeast: 0.9, stretch: 0.97 } }),
    },
    { name: 'requests per CPU second', value: spreadOf(perCpuSecond), unit: '×' },
    { name: 'for comparison: the baseline, requests per CPU second', value: spreadOf(baselinePerCpuSecond), unit: '×' },
    {
      name: 'the gateway’s ratio divided by the baseline’s',
      value: spreadOf(ratios(perCpuSecond, baselinePerCpuSecond)),
      unit: '×',
    },
  ]
}

function row(name: string, slices: readonly Slice[]): string[] {
  const { server, size } = readName(name)
  return [
    server === 'gateway' ? 'this gateway' : 'baseline',
    count(size),
    costText(slices.map((slice) => slice.cpuUs)),
    medianText(slices.map((slice) => Math.round(slice.requestsPerSecond))),
    medianText(slices.map((slice) => slice.p99Us / 1_000)),
  ]
}

function readName(name: string): { readonly server: 'gateway' | 'baseline'; readonly size: number } {
  const [server, size] = name.split(' ')
  return { server: server === 'baseline' ? 'baseline' : 'gateway', size: Number(size) }
}

function count(tokens: number): string {
  return tokens.toLocaleString('en')
}

/** Starts the gateway with all tokens in memory. Loading takes so long that the default ages would cause re-checks. */
function startLoadedGateway(tokens: number): Promise<ServerProcess> {
  return startServer({
    script: join(import.meta.dirname, '../servers/loaded-gateway.ts'),
    nodeArgs: startFlags,
    cores: cores.server,
    env: {
      ...gatewaySettings('http://127.0.0.1:9'),
      CACHE_MAX_TOKENS: String(tokens),
      PRELOAD: String(tokens),
      VERIFICATION_FRESH_SECONDS: '86400',
      FAILED_TOKENS_BURST: '1000000',
      LINE_MAX_CONCURRENCY: '1024',
    },
  })
}

function hotSlice(server: ServerProcess, size: number, seconds: number): Promise<Slice> {
  const tokens = { first: 0, count: size, order: 'random' } as const
  return measure(server, { body: bodyOf(viewerName), connections: 64, tokens }, seconds)
}
