import { Client } from 'undici'
import { type Caller, createCaller } from '../callers.ts'
import type { Effort } from '../effort.ts'
import { costText, type Figure, medianText, type Section } from '../figures.ts'
import { measure, type Slice } from '../load.ts'
import { bodyOf, viewerName } from '../operations.ts'
import { allStarted, type ServerProcess, stopAll } from '../processes.ts'
import { inRounds, ratioOf, spreadOf } from '../rounds.ts'
import { installPeers, type Line, startBaseline, startGateway, startLine, startPeer } from '../subjects.ts'
import { tokenAt } from '../tokens.ts'

/** New tokens: the CPU time of the two calls to LINE, and how long the caller waits for them. */
export async function measureCold(effort: Effort): Promise<readonly Section[]> {
  await installPeers()
  const line = await startLine()
  try {
    return [await measureCpu(line, effort), await measureLatency(line, effort)]
  } finally {
    await line.stop()
  }
}

const labels = {
  turn: 'baseline, `request`, one call after the other',
  parallel: 'baseline, `request`, both calls at once',
  dispatch: 'baseline, `dispatch`, both calls at once',
  gateway: 'this gateway',
  mercurius: 'mercurius + jit, one call after the other',
}

const cpu = (slice: Slice) => slice.cpuUs

async function measureCpu(line: Line, effort: Effort): Promise<Section> {
  const servers = await allStarted({
    turn: startBaseline(line, { ASK: 'turn' }),
    parallel: startBaseline(line, { ASK: 'parallel' }),
    dispatch: startBaseline(line, { ASK: 'dispatch' }),
    gateway: startGateway(line),
    mercurius: startPeer('mercurius', line),
  })
  const names = Object.keys(servers) as (keyof typeof servers)[]
  try {
    for (const name of names) await coldSlice(servers[name], line, effort.warmUpSeconds)
    const series = await inRounds(effort.rounds, names, (name) => coldSlice(servers[name], line, effort.sliceSeconds))
    const against = (name: keyof typeof servers) => ratioOf(series[name], series.gateway, cpu)
    return {
      title: 'Cold: CPU time for a new token',
      how: '64 connections. Every request has a new token, and LINE answers at once. The first row compares with a baseline that makes the two calls one after the other, with undici’s `request`. The next rows compare with both calls at once, with `request` and with `dispatch`, which does less.',
      figures: [
        {
          name: 'CPU against `request`, one call after the other',
          value: against('turn'),
          unit: '×',
          goal: { atLeast: 0.85, stretch: 1 },
        },
        { name: 'against `request`, both calls at once', value: against('parallel'), unit: '×' },
        { name: 'against `dispatch`, both calls at once', value: against('dispatch'), unit: '×' },
        { name: 'against mercurius + jit', value: against('mercurius'), unit: '×' },
      ],
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
  } finally {
    await stopAll(servers)
  }
}

let nextToken = 1

/** Also checks LINE's count: a request without its two calls was not cold. */
async function coldSlice(server: ServerProcess, line: Line, seconds: number): Promise<Slice> {
  await line.control(0)
  const first = nextToken
  const workload = { body: bodyOf(viewerName), connections: 64, tokens: { first, count: 1, order: 'new' } } as const
  const slice = await measure(server, workload, seconds)
  nextToken += slice.requests + 10_000
  const calls = await line.control(0)
  if (calls.verify < slice.requests || calls.profile < slice.requests) {
    throw new Error(`${slice.requests} cold requests caused only ${calls.verify} + ${calls.profile} calls`)
  }
  return slice
}

const upstreamMs = 20
/** Requests of each caller in one round. */
const turns = 5

async function measureLatency(line: Line, effort: Effort): Promise<Section> {
  const servers = await allStarted({ gateway: startGateway(line), turn: startBaseline(line, { ASK: 'turn' }) })
  try {
    await line.control(0)
    // Warms up the code, and gives the address 640 good tokens.
    for (const server of Object.values(servers)) await askCold(server, sameAddress(32, '127.0.0.1'), 20)
    await line.control(upstreamMs)
    const rounds = Array.from({ length: effort.rounds })
    const figures: Figure[] = []
    for (const callers of [1, 8, 32]) {
      const goal = { atMost: 1.25, stretch: 1.15 }
      const ratios = []
      for (const _ of rounds) ratios.push(await roundTrips(line, servers.gateway, sameAddress(callers, '127.0.0.1')))
      figures.push({
        name: `${coldCallers(callers)} from an address with good tokens`,
        value: spreadOf(ratios),
        unit: '×',
        goal,
      })
    }
    for (const callers of [1, 8, 32]) {
      const ratios = []
      for (const _ of rounds)
        ratios.push(await roundTrips(line, servers.gateway, sameAddress(callers, newAddress()), 1))
      figures.push({
        name: `${coldCallers(callers)} from a new address`,
        value: spreadOf(ratios),
        unit: '×',
      })
    }
    const apart = []
    for (const _ of rounds) apart.push(await roundTrips(line, servers.gateway, addressEach(32), 1))
    figures.push({
      name: '32 cold callers, each from a new address',
      value: spreadOf(apart),
      unit: '×',
    })
    const inTurn = []
    for (const _ of rounds) inTurn.push(await roundTrips(line, servers.turn, sameAddress(32, '127.0.0.1')))
    figures.push({
      name: 'for comparison: 32 cold callers of the baseline, one call after the other',
      value: spreadOf(inTurn),
      unit: '×',
    })
    return {
      title: `Cold: how long the caller waits if LINE takes ${upstreamMs} ms`,
      how: 'The p50 of requests with new tokens, in round trips to LINE. It is divided by the p50 of as many callers that call the fake LINE server directly, measured just before. An address with many good tokens can have more calls in flight: the first rows are measured after 640 good tokens, the next rows without any.',
      figures,
    }
  } finally {
    await stopAll(servers)
  }
}

/** The p50 through the server, divided by the p50 of direct calls to LINE. */
async function roundTrips(line: Line, server: ServerProcess, from: readonly string[], times = turns): Promise<number> {
  const direct = await askLineDirectly(line, from.length, times)
  return median(await askCold(server, from, times)) / median(direct)
}

async function askCold(server: ServerProcess, from: readonly string[], times: number): Promise<number[]> {
  const callers = from.map((address) => createCaller(server.url, address))
  // Opens the connections before the measurement. `__typename` needs no call to LINE.
  await Promise.all(callers.map((caller) => caller.ask(connect, tokenAt(0))))
  const latencies = await Promise.all(callers.map((caller) => askInTurn(caller, times)))
  await Promise.all(callers.map((caller) => caller.close()))
  return latencies.flat()
}

const connect = { name: 'connect', query: '{ __typename }' }

async function askInTurn(caller: Caller, times: number): Promise<number[]> {
  const latencies: number[] = []
  for (let turn = 0; turn < times; turn++) latencies.push(await caller.ask(viewerName, tokenAt(nextToken++)))
  return latencies
}

async function askLineDirectly(line: Line, callers: number, times: number): Promise<number[]> {
  const latencies = await Promise.all(
    Array.from({ length: callers }, async () => {
      const client = new Client(line.url)
      const own: number[] = []
      // The first request opens the connection and is not counted.
      for (let turn = 0; turn <= times; turn++) {
        const startedAt = performance.now()
        const headers = { authorization: `Bearer ${tokenAt(0)}` }
        const { body } = await client.request({ method: 'GET', path: '/v2/profile', headers })
        await body.text()
        own.push(performance.now() - startedAt)
      }
      await client.close()
      return own.slice(1)
    }),
  )
  return latencies.flat()
}

function coldCallers(count: number): string {
  return count === 1 ? '1 cold caller' : `${count} cold callers`
}

function sameAddress(callers: number, address: string): string[] {
  return Array.from({ length: callers }, () => address)
}

function addressEach(callers: number): string[] {
  return Array.from({ length: callers }, newAddress)
}

let addresses = 0
function newAddress(): string {
  addresses += 1
  return `127.0.${1 + Math.floor(addresses / 250)}.${1 + (addresses % 250)}`
}

function median(values: readonly number[]): number {
  return spreadOf(values).median
}
