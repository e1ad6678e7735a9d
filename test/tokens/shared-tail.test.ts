import { afterEach, expect, it } from 'vitest'
import { createRedis, type Redis, type RedisStream, type StreamEntry, streamLength } from '../../src/redis.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { followStream, type Tail } from '../../src/tokens/shared-tail.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import { times } from '../harness/token-layer.ts'

const patiently = { timeout: 30_000 }
let tail: Tail | undefined
let redis: Redis | undefined
afterEach(async () => {
  tail?.close()
  await redis?.close()
})

function follow(stream: RedisStream, steady = performance.now.bind(performance), failsAt?: string) {
  const taken: string[] = []
  let losses = 0
  const errors: unknown[] = []
  const take = (entries: readonly StreamEntry[]) => {
    for (const { id } of entries) {
      if (id === failsAt && errors.length < 3) throw new Error(`${id} ${tail?.isFollowing()}`)
      taken.push(id)
    }
  }
  const connected = async () => {}
  tail = followStream({
    stream,
    backMs: Number.POSITIVE_INFINITY,
    take,
    isEmpty: () => {},
    lost: () => {
      losses += 1
    },
    connected,
    failed: (error) => errors.push(error),
    steady,
  })
  return { tail, taken, errors, losses: () => losses }
}

/**
 * A stream in memory that gets `count` more entries in each round, a round being `roundMs` long. `keeps`: how many entries it
 * keeps.
 */
function steadyStream({ count = 1, roundMs = 100, keeps = 1_000_000, rounds = Number.POSITIVE_INFINITY }) {
  let now = 0
  let first = 1
  let written = 0
  const asked: { readonly at: number; readonly id: string }[] = []
  const numberOf = (id: string) => Number(id.split('-')[0])
  const stream: RedisStream = {
    readAfter: async (id) => {
      await new Promise(setImmediate)
      if (now / roundMs >= rounds) return new Promise(() => {})
      now += roundMs
      written += count
      first = Math.max(first, written - keeps + 1)
      const from = Math.max(first, numberOf(id) + 1)
      return times(Math.min(written - from + 1, 200), (n) => ({ id: `${from + n}-0`, value: Buffer.alloc(0) }))
    },
    has: async (id) => {
      asked.push({ at: now, id })
      return numberOf(id) >= first && numberOf(id) <= written
    },
    last: async () => `${written}-0`,
    connections: () => 1,
    close: () => {},
  }
  const lose = () => {
    first = written + 1
  }
  return { stream, asked, lose, steady: () => now, now: () => now }
}

it('entries keep coming, and the stream is lost: noticed', async () => {
  const { stream, lose, steady } = steadyStream({})
  const { taken, losses } = follow(stream, steady)
  await expect.poll(() => taken.length, patiently).toBeGreaterThan(20)
  lose()
  await expect.poll(() => losses(), patiently).toBe(1)
  const before = taken.length
  await expect.poll(() => taken.length, patiently).toBeGreaterThan(before + 30)
  expect(losses()).toBe(1)
})

it('an entry cannot be taken: it is tried again, and none is left out', async () => {
  const { stream, steady } = steadyStream({ rounds: 20 })
  const { tail, taken, errors, losses } = follow(stream, steady, '7-0')
  await expect.poll(() => taken.at(-1), patiently).toBe('20-0')
  expect(errors.map(String)).toEqual(['Error: 7-0 true', 'Error: 7-0 false', 'Error: 7-0 false'])
  expect(new Set(taken)).toEqual(new Set(times(20, (n) => `${n + 1}-0`)))
  expect([tail.isFollowing(), losses()]).toEqual([true, 0])
})

it('entries keep coming for a minute: one look a second at most', async () => {
  const { stream, asked, steady, now } = steadyStream({ rounds: 600 })
  follow(stream, steady)
  await expect.poll(now, patiently).toBe(60_000)
  const gaps = asked.slice(1).map(({ at }, n) => at - (asked[n]?.at ?? 0))
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(1_000)
  expect(asked.length).toBeGreaterThan(50)
})

it('Redis drops an old entry because so many came after it: no loss', async () => {
  const rounds = 750
  const { stream, asked, steady, now } = steadyStream({ count: 150, roundMs: 1.4, keeps: streamLength, rounds })
  const { taken, losses } = follow(stream, steady)
  await expect.poll(now, patiently).toBeGreaterThan((rounds - 1) * 1.4)
  expect(taken.length).toBeGreaterThan(streamLength)
  expect(asked.map(({ id }) => id)).toEqual(['150-0'])
  expect(losses()).toBe(0)
})

describeWithRedis('the stream of a real Redis', () => {
  const { start } = useRedis()

  it('FLUSHALL while entries keep coming: noticed', async () => {
    const server = await start()
    redis = createRedis(server.url, { telemetry: createTelemetry({ logLevel: 'silent' }) })
    const { taken, losses } = follow(redis.openStream('events'))
    const writing = setInterval(() => server.command('XADD', 'events', '*', 'v', 'x').catch(() => {}), 20)
    try {
      await expect.poll(() => taken.length, patiently).toBeGreaterThan(20)
      await server.command('FLUSHALL')
      await expect.poll(() => losses(), patiently).toBe(1)
    } finally {
      clearInterval(writing)
    }
  })
})
