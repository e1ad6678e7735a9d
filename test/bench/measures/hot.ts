import type { Effort } from '../effort.ts'
import { type Bar, costText, type Figure, medianText, type Section } from '../figures.ts'
import { measure, type Slice, type Workload } from '../load.ts'
import { bodyOf, type Operation, otherOperations, viewerName } from '../operations.ts'
import { allStarted, type ServerProcess, stopAll } from '../processes.ts'
import { inRounds, ratioOf, type Series } from '../rounds.ts'
import {
  assertAnswers,
  installPeers,
  startBaseline,
  startFlags,
  startGateway,
  startLine,
  startPeer,
} from '../subjects.ts'

const labels = {
  baseline: 'baseline (bare node:http)',
  baselineWithFlags: 'baseline, flags of npm start',
  gateway: 'this gateway',
  mercurius: 'mercurius + jit',
  apollo: 'Apollo Server, cached',
  yoga: 'GraphQL Yoga, cached',
  naive: 'Apollo Server, no cache',
}
type Name = keyof typeof labels
const names = Object.keys(labels) as Name[]

const cpu = (slice: Slice) => slice.cpuUs
const p50 = (slice: Slice) => slice.p50Us

/** One token that is in every cache: the cost of a request without a call to LINE. */
export async function measureHot(effort: Effort): Promise<readonly Section[]> {
  await installPeers()
  const line = await startLine()
  const servers = await allStarted({
    baseline: startBaseline(line),
    baselineWithFlags: startBaseline(line, {}, startFlags),
    gateway: startGateway(line),
    mercurius: startPeer('mercurius', line),
    apollo: startPeer('apollo', line),
    yoga: startPeer('yoga', line),
    naive: startPeer('naive', line),
  })
  try {
    return [await measureViewer(servers, effort), await measureOthers(servers, effort)]
  } finally {
    await stopAll({ line, ...servers })
  }
}

async function measureViewer(servers: Record<Name, ServerProcess>, effort: Effort): Promise<Section> {
  const workload = hot(viewerName, 64)
  for (const name of names) {
    await assertAnswers(servers[name], viewerName)
    await measure(servers[name], workload, effort.warmUpSeconds)
  }
  const at64 = await inRounds(effort.rounds, names, (name) => measure(servers[name], workload, effort.sliceSeconds))
  const at8 = await inRounds(effort.rounds, ['baseline', 'gateway'], (name) =>
    measure(servers[name], hot(viewerName, 8), effort.sliceSeconds),
  )
  for (const name of names) await assertAnswers(servers[name], viewerName)
  const against = (name: Name) => ratioOf(at64[name], at64.gateway, cpu)
  const bars = names.map((name): Bar => ({ name: labels[name], value: ratioOf(at64.baseline, at64[name], cpu) }))
  return {
    title: 'Hot: `{ viewer { displayName } }` with a known token',
    how: 'The server’s CPU time for one request at 64 connections, as a ratio within each round. The last row is the p50 at 8 connections. The gateway runs with the flags that `npm start` gives Node: a larger young generation for V8. The other servers run with Node’s defaults, unless the row says that they have the same flags.',
    figures: [
      {
        name: 'CPU against the baseline',
        value: against('baseline'),
        unit: '×',
        goal: { atLeast: 0.85, stretch: 0.95 },
      },
      { name: 'against the baseline with the same V8 flags', value: against('baselineWithFlags'), unit: '×' },
      {
        name: 'against mercurius + jit',
        value: against('mercurius'),
        unit: '×',
        goal: { atLeast: 1.1, stretch: 1.25 },
      },
      {
        name: 'against Apollo Server with the same cache',
        value: against('apollo'),
        unit: '×',
        goal: { atLeast: 3.5, stretch: 4 },
      },
      {
        name: 'against plain GraphQL Yoga with the same cache',
        value: against('yoga'),
        unit: '×',
        goal: { atLeast: 6, stretch: 7 },
      },
      {
        name: 'against Apollo Server without a cache',
        value: against('naive'),
        unit: '×',
        goal: { atLeast: 13, stretch: 16 },
      },
      {
        name: 'p50 at 8 connections against the baseline',
        value: ratioOf(at8.gateway, at8.baseline, p50),
        unit: '×',
        goal: { atMost: 1.2, stretch: 1.1 },
      },
    ],
    details: { head: detailHead, rows: [...detailRows(at64, 64), ...detailRows(at8, 8)] },
    bars,
  }
}

async function measureOthers(servers: Record<Name, ServerProcess>, effort: Effort): Promise<Section> {
  const figures: Figure[] = []
  const rounds = Math.ceil(effort.rounds / 2)
  for (const operation of otherOperations) {
    const both = ['gateway', 'mercurius'] as const
    for (const name of both) {
      await assertAnswers(servers[name], operation)
      await measure(servers[name], hot(operation, 64), effort.warmUpSeconds / 2)
    }
    const series = await inRounds(rounds, both, (name) =>
      measure(servers[name], hot(operation, 64), effort.sliceSeconds),
    )
    figures.push({
      name: operation.name,
      value: ratioOf(series.mercurius, series.gateway, cpu),
      unit: '×',
      goal: { atLeast: 1, stretch: 1.1 },
    })
  }
  return {
    title: 'Hot: other operations against mercurius + jit',
    how: 'The server’s CPU time for one request at 64 connections, as a ratio within each round.',
    figures,
  }
}

function hot(operation: Operation, connections: number): Workload {
  return { body: bodyOf(operation), connections, tokens: { first: 0, count: 1, order: 'same' } }
}

const detailHead = ['server', 'connections', 'CPU µs a request (least)', 'requests/s', 'p50 ms', 'p99 ms']

function detailRows(series: Partial<Series<Name, Slice>>, connections: number): string[][] {
  return Object.entries(series).map(([name, slices]) => [
    labels[name as Name],
    String(connections),
    costText(slices.map(cpu)),
    medianText(slices.map(({ requestsPerSecond }) => Math.round(requestsPerSecond))),
    medianText(slices.map(({ p50Us }) => p50Us / 1_000)),
    medianText(slices.map(({ p99Us }) => p99Us / 1_000)),
  ])
}
