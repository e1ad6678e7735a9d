import { join } from 'node:path'
import type { Effort } from '../effort.ts'
import { costText, type Figure, medianText, type Section } from '../figures.ts'
import { measure, type Slice } from '../load.ts'
import { bodyOf, type Operation, viewerName } from '../operations.ts'
import { allStarted, cores, type ServerProcess, startServer, stopAll } from '../processes.ts'
import { type RedisServer, withRedis } from '../redis.ts'
import { inRounds, ratioOf } from '../rounds.ts'
import { gatewaySettings, type Line, startGateway, withLine } from '../subjects.ts'

const coldSettings = {
  CACHE_MAX_TOKENS: '500000',
  // The records in Redis must not become due for a check at LINE while we measure.
  VERIFICATION_FRESH_SECONDS: '86400',
  VERIFICATION_MAX_STALE_SECONDS: '86400',
  // On a busy machine, the fake LINE server can be slow too.
  LINE_TIMEOUT_MS: '30000',
}

/** A look-up that needs one call to LINE instead of two. */
const verification: Operation = { name: 'expiresAt', query: '{ viewer { accessToken { expiresAt } } }' }

const coldLabels = {
  redis: 'answered by Redis',
  line: 'asks LINE, without `REDIS_URL`',
  both: 'asks LINE, with `REDIS_URL`',
}
type ColdName = keyof typeof coldLabels

/** A token that is not in memory: what it costs if Redis has its record, against two calls to LINE. */
export async function measureSharedCold(effort: Effort): Promise<readonly Section[]> {
  return withRedis('Shared tier, cold', (redis) => withLine((line) => measureCold(line, redis, effort)))
}

async function measureCold(line: Line, redis: RedisServer, effort: Effort): Promise<Section> {
  const shared = { ...coldSettings, ...redis.settings }
  const reader = await createReader(line, redis)
  const servers = await allStarted({
    redis: startGateway(line, shared),
    line: startGateway(line, coldSettings),
    both: startGateway(line, shared),
  })
  const slice = (name: ColdName, work: ColdWork, seconds = effort.sliceSeconds) =>
    name === 'redis' ? reader.slice(servers.redis, work, seconds) : lineSlice(servers[name], line, work, seconds)
  try {
    const compare = async (names: readonly ColdName[], work: ColdWork) => {
      for (const name of names) await slice(name, work, effort.warmUpSeconds)
      return inRounds(effort.rounds, names, (name) => slice(name, work))
    }
    const full = await compare(['redis', 'line', 'both'], { operation: viewerName, connections: 64 })
    const few = await compare(['redis', 'line'], { operation: viewerName, connections: 8 })
    const lean = await compare(['redis', 'line'], { operation: verification, connections: 64 })
    const figure = (name: string, above: readonly Slice[], below: readonly Slice[]): Figure => ({
      name,
      value: ratioOf(above, below, cpu),
      unit: '×',
    })
    return {
      title: 'Shared tier, cold: a token that another process has verified',
      how: 'The CPU time of one gateway process for one request with a token that is not in its memory, as a ratio within each round. “Answered by Redis”: another process has verified these tokens, and this one sees them for the first time. LINE answers at once. The CPU time of Redis, of the fake LINE server and of the load does not count. If not said, the request is `{ viewer { displayName } }` (two calls to LINE) at 64 connections.',
      figures: [
        { ...figure('Redis against LINE', full.redis, full.line), goal: { atMost: 0.5, stretch: 0.35 } },
        figure('Redis against LINE, at 8 connections', few.redis, few.line),
        figure('Redis against LINE, a verification alone (one call)', lean.redis, lean.line),
        figure('Redis against LINE, both with `REDIS_URL`', full.redis, full.both),
        figure('the price of sharing: asking LINE with `REDIS_URL` against without', full.both, full.line),
      ],
      details: {
        head: detailHead,
        rows: [
          ...Object.entries(full).map(([name, slices]) => row(coldLabels[name as ColdName], slices)),
          ...Object.entries(few).map(([name, slices]) => row(`${coldLabels[name as ColdName]}, 8 connections`, slices)),
          ...Object.entries(lean).map(([name, slices]) => row(`${coldLabels[name as ColdName]}, one call`, slices)),
        ],
      },
    }
  } finally {
    await stopAll({ reader, ...servers })
  }
}

type ColdWork = { readonly operation: Operation; readonly connections: number }

/** On a busy machine Redis can miss the gateway’s deadline. A slice is measured again if LINE answered more requests than this. */
const mostByLine = 0.02
const mostTries = 10

/** Makes slices of requests that Redis answers: each token is in Redis, and is new to the gateway. */
async function createReader(line: Line, redis: RedisServer) {
  const env = { ...gatewaySettings(line.url), ...coldSettings, ...redis.settings }
  const script = join(import.meta.dirname, '../servers/shared-records.ts')
  const writer = await startServer({ script, cores: cores.load, env })
  let next = 0
  let expectedPerSecond = 4_000
  return { slice, stop: writer.stop }

  async function slice(server: ServerProcess, { operation, connections }: ColdWork, seconds: number): Promise<Slice> {
    let problem = ''
    for (let attempt = 1; attempt <= mostTries; attempt++) {
      await fetch(`${writer.url}/?until=${next + Math.ceil(expectedPerSecond * seconds) + 1_000}`)
      await line.control(0)
      const before = await redis.keysFound()
      const tokens = { first: next, count: 1, order: 'new' } as const
      const slice = await measure(server, { body: bodyOf(operation), connections, tokens }, seconds)
      const found = (await redis.keysFound()) - before
      const { verify } = await line.control(0)
      next += slice.requests + connections
      const most = slice.requests * mostByLine
      expectedPerSecond = slice.requestsPerSecond * (verify > most ? 2 : 1.3)
      if (found >= slice.requests - most && verify <= most) return slice
      problem = `of ${slice.requests} requests, ${found} found their record in Redis and ${verify} asked LINE`
      process.stderr.write(`measured again: ${problem}\n`)
    }
    throw new Error(problem)
  }
}

/** These tokens are never in Redis before. */
let nextToken = 100_000_000

/** Also checks the count: each request made its calls to LINE. */
async function lineSlice(
  server: ServerProcess,
  line: Line,
  { operation, connections }: ColdWork,
  seconds: number,
): Promise<Slice> {
  await line.control(0)
  const tokens = { first: nextToken, count: 1, order: 'new' } as const
  const slice = await measure(server, { body: bodyOf(operation), connections, tokens }, seconds)
  nextToken += slice.requests + 10_000
  const { verify } = await line.control(0)
  if (verify < slice.requests) throw new Error(`${slice.requests} cold requests made only ${verify} verifications`)
  return slice
}

export const cpu = (slice: Slice) => slice.cpuUs

export const detailHead = ['gateway', 'CPU µs a request (least)', 'requests/s', 'p50 ms', 'p99 ms']

export function row(label: string, slices: readonly Slice[]): string[] {
  return [
    label,
    costText(slices.map(cpu)),
    medianText(slices.map((slice) => Math.round(slice.requestsPerSecond))),
    medianText(slices.map((slice) => slice.p50Us / 1_000)),
    medianText(slices.map((slice) => slice.p99Us / 1_000)),
  ]
}
