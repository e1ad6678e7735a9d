import { Client } from 'undici'
import type { Effort } from '../effort.ts'
import { costText, type Figure, medianText, type Section } from '../figures.ts'
import { measure, type Slice } from '../load.ts'
import { bodyOf, type Operation, viewerName } from '../operations.ts'
import { allStarted, type ServerProcess, stopAll } from '../processes.ts'
import { hasRedis, type RedisServer, startRedis, withoutRedis } from '../redis.ts'
import { inRounds, ratioOf } from '../rounds.ts'
import { assertAnswers, type Line, startGateway, startLine } from '../subjects.ts'
import { tokenAt } from '../tokens.ts'

/** What `REDIS_URL` costs a request with a known token, and what it saves a token that another process knows. */
export async function measureShared(effort: Effort): Promise<readonly Section[]> {
  if (!hasRedis) return [withoutRedis('Shared tier: one memory for several processes')]
  const line = await startLine()
  const redis = await startRedis()
  try {
    return [await measureHot(line, redis, effort), await measureCold(line, redis, effort)]
  } finally {
    await stopAll({ line, redis })
  }
}

const cpu = (slice: Slice) => slice.cpuUs

async function measureHot(line: Line, redis: RedisServer, effort: Effort): Promise<Section> {
  const servers = await allStarted({ alone: startGateway(line), shared: startGateway(line, redis.settings) })
  const names = ['alone', 'shared'] as const
  const tokens = { first: 0, count: 1, order: 'same' } as const
  const slice = (name: (typeof names)[number], seconds = effort.sliceSeconds) =>
    measure(servers[name], { body: bodyOf(viewerName), connections: 64, tokens }, seconds)
  try {
    for (const name of names) {
      await assertAnswers(servers[name], viewerName)
      await slice(name, effort.warmUpSeconds)
    }
    const series = await inRounds(effort.fineRounds, names, (name) => slice(name))
    return {
      title: 'Shared tier, hot: `{ viewer { displayName } }` with a token in memory',
      how: 'Two gateways, with `REDIS_URL` and without. 64 connections. The ratio is the speed: the CPU time of one request without Redis divided by the CPU time with it.',
      figures: [
        {
          name: 'with `REDIS_URL` against without',
          value: ratioOf(series.alone, series.shared, cpu),
          unit: '×',
          goal: { atLeast: 0.97 },
        },
      ],
      details: {
        head: detailHead,
        rows: [row('without `REDIS_URL`', series.alone), row('with `REDIS_URL`', series.shared)],
      },
    }
  } finally {
    await stopAll(servers)
  }
}

/** The tokens that the readers find in Redis. */
const sharedTokens = 10_000
/** So few records fit into the memory of the gateways that a token is gone again before its next turn. */
const tokensInMemory = 100

const coldSettings = {
  CACHE_MAX_TOKENS: String(tokensInMemory),
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

async function measureCold(line: Line, redis: RedisServer, effort: Effort): Promise<Section> {
  const shared = { ...coldSettings, ...redis.settings }
  const servers = await allStarted({
    redis: startGateway(line, shared),
    line: startGateway(line, coldSettings),
    both: startGateway(line, shared),
  })
  const slice = (name: ColdName, work: ColdWork, seconds = effort.sliceSeconds) =>
    name === 'redis'
      ? redisSlice(servers.redis, line, redis, work, seconds)
      : lineSlice(servers[name], line, work, seconds)
  try {
    await fill(servers.both)
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
      how: `The CPU time of one gateway process for one request with a token that is not in its memory, as a ratio within each round. Redis has the records of ${sharedTokens.toLocaleString('en')} tokens; another gateway wrote them. LINE answers at once. The CPU time of Redis, of the fake LINE server and of the load does not count. If not said, the request is \`{ viewer { displayName } }\` (two calls to LINE) at 64 connections.`,
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
    await stopAll(servers)
  }
}

type ColdWork = { readonly operation: Operation; readonly connections: number }

/** On a busy machine Redis can miss the gateway’s deadline. A slice is measured again if LINE answered more requests than this. */
const mostByLine = 0.01
const mostTries = 5

/** Measures requests that Redis answers, and checks the counts. */
async function redisSlice(
  server: ServerProcess,
  line: Line,
  redis: RedisServer,
  { operation, connections }: ColdWork,
  seconds: number,
): Promise<Slice> {
  const tokens = { first: 0, count: sharedTokens, order: 'turn' } as const
  let problem = ''
  for (let attempt = 1; attempt <= mostTries; attempt++) {
    await line.control(0)
    const before = await redis.keysFound()
    const slice = await measure(server, { body: bodyOf(operation), connections, tokens }, seconds)
    const found = (await redis.keysFound()) - before
    const { verify } = await line.control(0)
    const most = slice.requests * mostByLine
    if (found >= slice.requests - most && verify <= most) return slice
    problem = `of ${slice.requests} requests, ${found} found their record in Redis and ${verify} asked LINE`
    process.stderr.write(`measured again: ${problem}\n`)
  }
  throw new Error(problem)
}

let nextToken = sharedTokens

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

/** Has the gateway verify all shared tokens, so that their records are in Redis. */
async function fill({ url }: ServerProcess): Promise<void> {
  const client = new Client(url)
  const query = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { viewer { displayName } } }'
  for (let first = 0; first < sharedTokens; first += 20) {
    const tokens = Array.from({ length: 20 }, (_, index) => tokenAt(first + index))
    const body = JSON.stringify({ query, variables: { tokens } })
    const headers = { 'content-type': 'application/json' }
    const response = await client.request({ method: 'POST', path: '/graphql', headers, body })
    const text = await response.body.text()
    if (text.includes('"errors"')) throw new Error(text.slice(0, 300))
  }
  await client.close()
}

const detailHead = ['gateway', 'CPU µs a request (least)', 'requests/s', 'p50 ms', 'p99 ms']

function row(label: string, slices: readonly Slice[]): string[] {
  return [
    label,
    costText(slices.map(cpu)),
    medianText(slices.map((slice) => Math.round(slice.requestsPerSecond))),
    medianText(slices.map((slice) => slice.p50Us / 1_000)),
    medianText(slices.map((slice) => slice.p99Us / 1_000)),
  ]
}
