import { afterEach, expect, it } from 'vitest'
import { createRedis, type Redis } from '../../src/redis.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { metricValue } from '../harness/metric-value.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'

const bytes = Buffer.from('x')
const set = { set: 'k', value: bytes, forMs: 60_000 }
const script = { name: 'one', lua: 'return 1' }
const outcomes = ['done', 'refused', 'late', 'away'] as const

describeWithRedis('the metrics of Redis', () => {
  const servers = useKeptRedis()
  let redis: Redis | undefined
  afterEach(() => redis?.close())

  async function begin(lookUpMs = 20_000) {
    const server = await servers.start()
    const telemetry = createSilentTelemetry()
    const one = createRedis(server.url, { telemetry, lookUpMs })
    redis = one
    return { server, redis: one, read }

    async function read() {
      const { text } = await telemetry.metrics()
      const [commands, seconds] = ['gateway_redis_commands_total', 'gateway_redis_command_duration_seconds']
      return {
        up: metricValue(text, 'gateway_redis_up'),
        counts: outcomes.map((outcome) => metricValue(text, `${commands}{outcome="${outcome}"}`)),
        timed: ['look-ups', 'patient'].map((name) => metricValue(text, `${seconds}_count{connection="${name}"}`)),
        seconds: metricValue(text, `${seconds}_sum`),
      }
    }
  }

  it('each command counts once, with its duration; the stream, and a read of nothing, do not count', async () => {
    const { redis, read } = await begin()
    // Whether the connection is ready by then depends on the machine.
    expect(await read()).toMatchObject({ counts: [0, 0, 0, 0], timed: [0, 0], seconds: 0 })
    const began = performance.now()
    const stream = redis.openStream('f')
    await Promise.all([redis.read(['k', 'l']), redis.read(['k']), redis.read([]), redis.write([])])
    await redis.write([set, { delete: 'k' }, { append: 'f', value: bytes }])
    await redis.run(script, [], [], { patient: true })
    await expect.poll(() => stream.readAfter('0'), { timeout: 30_000 }).toHaveLength(1)
    const { seconds, ...facts } = await read()
    expect(facts).toEqual({ up: 1, counts: [4, 0, 0, 0], timed: [3, 1] })
    expect(seconds).toBeGreaterThan(0)
    expect(seconds).toBeLessThan((4 * (performance.now() - began)) / 1_000)
  })

  it('refused by Redis: an answer, so it has a duration, and Redis is up', async () => {
    const { server, redis, read } = await begin()
    await redis.write([set])
    await server.command('CONFIG', 'SET', 'maxmemory', 1)
    expect(await redis.write([set, { delete: 'k' }])).toBe('refused')
    expect(await redis.write([set], { patient: true })).toBe('refused')
    expect(await read()).toMatchObject({ up: 1, counts: [1, 2, 0, 0], timed: [2, 1] })
  })

  it('Redis hangs: late, then away, and not up until it has answered, also when no command comes', async () => {
    const { server, redis, read } = await begin(300)
    await expect.poll(() => redis.read(['k']), { timeout: 30_000 }).toEqual([undefined])
    const { counts: before } = await read()
    server.stop()
    expect(await Promise.all([redis.read(['k']), redis.read(['k'])])).toEqual(['away', 'away'])
    expect(await redis.read(['k'])).toBe('away')
    const { up, counts } = await read()
    expect(up).toBe(0)
    expect(counts.map((count, n) => count - (before[n] ?? 0))).toEqual([0, 0, 2, 1])
    server.continue()
    await expect.poll(async () => (await read()).up, { timeout: 30_000 }).toBe(1)
    const { counts: after, timed } = await read()
    expect(after[0]).toBeGreaterThan(counts[0] ?? 0)
    expect(timed).toEqual([after[0], 0])
  })

  it('Redis ends: away', async () => {
    const { server, redis, read } = await begin()
    await redis.read(['k'])
    await server.kill()
    for (let n = 0; n < 3; n += 1) expect(await redis.read(['k'])).toBe('away')
    expect(await redis.read(['k'], { patient: true })).toBe('away')
    expect(await read()).toMatchObject({ up: 0, counts: [1, 0, 0, 4], timed: [1, 0] })
  })
})
