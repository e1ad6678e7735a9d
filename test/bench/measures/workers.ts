import { join } from 'node:path'
import { createCaller } from '../callers.ts'
import type { Effort } from '../effort.ts'
import { costText, type Figure, medianText, type Section } from '../figures.ts'
import { measure, type Slice } from '../load.ts'
import { bodyOf, viewerName } from '../operations.ts'
import { allStarted, cores, type ServerProcess, startServer, stopAll } from '../processes.ts'
import { type RedisServer, withRedis } from '../redis.ts'
import { inRounds, ratioOf, ratios, type Series, spreadOf } from '../rounds.ts'
import { type Line, type Settings, startBaseline, startFlags, startGateway, withLine } from '../subjects.ts'
import { tokenAt } from '../tokens.ts'

const title = 'More cores: two workers against one process'

const labels = {
  one: 'this gateway, 1 process',
  two: 'this gateway, `WORKERS=2`',
  bareOne: 'baseline, 1 process',
  bareTwo: 'baseline, 2 workers of node:cluster',
}
type Name = keyof typeof labels
const names = Object.keys(labels) as Name[]

/** Compares two workers on two cores with one process, for the gateway and for the baseline. */
export async function measureWorkers(effort: Effort): Promise<readonly Section[]> {
  return withRedis(title, (redis) => withLine((line) => compareAll(line, redis, effort)))
}

async function compareAll(line: Line, redis: RedisServer, effort: Effort): Promise<Section> {
  const servers = await allStarted({
    one: startGateway(line, redis.settings),
    two: startGateway(line, { ...redis.settings, WORKERS: '2' }, cores.servers(2)),
    bareOne: startBaseline(line, {}, startFlags),
    bareTwo: startBareWorkers(line, { WORKERS: '2' }),
  })
  const tokens = { first: 0, count: 1, order: 'same' } as const
  const slice = (name: Name, seconds: number) =>
    measure(servers[name], { body: bodyOf(viewerName), connections: 64, tokens }, seconds)
  try {
    for (const name of names) await slice(name, effort.warmUpSeconds)
    const series = await inRounds(effort.fineRounds, names, (name) => slice(name, effort.sliceSeconds))
    return sectionOf(series, await callsForOneToken(line, servers.two))
  } finally {
    await stopAll(servers)
  }
}

type Calls = { readonly verify: number; readonly profile: number }

function sectionOf(series: Series<Name, Slice>, calls: Calls): Section {
  const shared = cores.servers(2).split(',').includes(cores.load)
  return {
    title,
    how: [
      'One worker for each core, `{ viewer { displayName } }` with a known token, 64 connections. All servers have the flags that `npm start` gives Node; the CPU time is that of all their processes.',
      'The first row is what node:cluster costs the gateway, divided by what it costs the baseline: the CPU time of one request with two workers divided by that with one process, for each of them.',
      `32 connections with one cold token caused ${calls.verify} verification${calls.verify === 1 ? '' : 's'} and ${calls.profile} profile${calls.profile === 1 ? '' : 's'}: the workers share their records through Redis.`,
      ...(shared
        ? ['With only two cores, the second worker shares a core with the load, so the real throughput is higher.']
        : []),
    ].join(' '),
    figures: figuresOf(series),
    details: {
      head: ['server', 'CPU µs a request (least)', 'requests/s', 'p50 ms'],
      rows: names.map((name) => [
        labels[name],
        costText(series[name].map(cpu)),
        medianText(series[name].map((slice) => Math.round(slice.requestsPerSecond))),
        medianText(series[name].map((slice) => slice.p50Us / 1_000)),
      ]),
    },
  }
}

const cpu = (slice: Slice) => slice.cpuUs

function figuresOf({ one, two, bareOne, bareTwo }: Series<Name, Slice>): Figure[] {
  const growth = ratios(two.map(cpu), one.map(cpu))
  const bareGrowth = ratios(bareTwo.map(cpu), bareOne.map(cpu))
  return [
    {
      name: 'CPU that clustering adds to a request, against the baseline',
      value: spreadOf(ratios(growth, bareGrowth)),
      unit: '×',
      goal: { atMost: 1.1 },
    },
    {
      name: 'CPU for one request, two workers against one process',
      value: spreadOf(growth),
      unit: '×',
      goal: { atMost: 1.25 },
    },
    { name: 'for comparison: the same for the baseline', value: spreadOf(bareGrowth), unit: '×' },
    { name: 'two workers against two workers of the baseline', value: ratioOf(two, bareTwo, cpu), unit: '×' },
    {
      name: 'throughput, two workers against one process',
      value: ratioOf(two, one, (slice) => slice.requestsPerSecond),
      unit: '×',
    },
  ]
}

function startBareWorkers(line: ServerProcess, env: Settings): Promise<ServerProcess> {
  return startServer({
    script: join(import.meta.dirname, '../servers/bare-workers.ts'),
    nodeArgs: startFlags,
    cores: cores.servers(2),
    env: { LINE_API_URL: line.url, ...env },
  })
}

/** 32 connections are enough that every worker gets some. */
async function callsForOneToken(line: Line, server: ServerProcess): Promise<Calls> {
  const callers = Array.from({ length: 32 }, () => createCaller(server.url))
  await line.control(0)
  await Promise.all(callers.map((caller) => caller.ask(viewerName, tokenAt(1))))
  const calls = await line.control(0)
  await Promise.all(callers.map((caller) => caller.close()))
  return calls
}
