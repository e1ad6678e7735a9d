import { join } from 'node:path'
import { createCaller } from '../callers.ts'
import type { Effort } from '../effort.ts'
import { costText, medianText, type Section } from '../figures.ts'
import { measure } from '../load.ts'
import { bodyOf, viewerName } from '../operations.ts'
import { allStarted, cores, type ServerProcess, startServer, stopAll } from '../processes.ts'
import { inRounds, ratioOf } from '../rounds.ts'
import { gatewaySettings, type Line, startGateway, startLine } from '../subjects.ts'
import { tokenAt } from '../tokens.ts'

/** Compares two processes on two cores with one process. */
export async function measureWorkers(effort: Effort): Promise<readonly Section[]> {
  const line = await startLine()
  const servers = await allStarted({ one: startGateway(line), two: startWorkers(line, 2) })
  const names = ['one', 'two'] as const
  const workload = {
    body: bodyOf(viewerName),
    connections: 64,
    tokens: { first: 0, count: 1, order: 'same' },
  } as const
  try {
    for (const name of names) await measure(servers[name], workload, effort.warmUpSeconds)
    const series = await inRounds(effort.rounds, names, (name) => measure(servers[name], workload, effort.sliceSeconds))
    const calls = await callsForOneToken(line, servers.two)
    return [
      {
        title: 'More cores: two processes against one',
        how: `node:cluster, one process for each core. The processes share nothing, each has its own cache: 32 connections with one cold token caused ${calls.verify} verifications and ${calls.profile} profiles. ${
          cores.servers(2).includes(cores.load)
            ? 'With only two cores, the second process shares a core with the load, so the real throughput is higher.'
            : ''
        }`.trim(),
        figures: [
          {
            name: 'CPU for one request, two processes against one',
            value: ratioOf(series.two, series.one, (slice) => slice.cpuUs),
            unit: '×',
            goal: { atMost: 1.25 },
          },
          {
            name: 'throughput',
            value: ratioOf(series.two, series.one, (slice) => slice.requestsPerSecond),
            unit: '×',
          },
        ],
        details: {
          head: ['processes', 'CPU µs a request (least)', 'requests/s', 'p50 ms'],
          rows: names.map((name) => [
            name === 'one' ? '1' : '2',
            costText(series[name].map((slice) => slice.cpuUs)),
            medianText(series[name].map((slice) => Math.round(slice.requestsPerSecond))),
            medianText(series[name].map((slice) => slice.p50Us / 1_000)),
          ]),
        },
      },
    ]
  } finally {
    await stopAll({ line, ...servers })
  }
}

function startWorkers(line: ServerProcess, count: number): Promise<ServerProcess> {
  return startServer({
    script: join(import.meta.dirname, '../servers/workers.ts'),
    cores: cores.servers(count),
    env: { ...gatewaySettings(line.url), WORKERS: String(count) },
  })
}

/** 32 connections are enough that every process gets some. */
async function callsForOneToken(line: Line, server: ServerProcess) {
  const callers = Array.from({ length: 32 }, () => createCaller(server.url))
  await line.control(0)
  await Promise.all(callers.map((caller) => caller.ask(viewerName, tokenAt(1))))
  const calls = await line.control(0)
  await Promise.all(callers.map((caller) => caller.close()))
  return calls
}
