import { availableParallelism } from 'node:os'
import { describe, expect, it, test } from 'vitest'
import { ConfigError, readConfig } from '../src/config.ts'
import { version } from '../src/version.ts'
import { describeWithRedis } from './harness/redis.ts'
import { ask, useWorkers } from './harness/workers.ts'

describeWithRedis('WORKERS', () => {
  const workers = useWorkers()

  test('two workers: both answer, one line says listening, the metrics are sums, a stop ends all with 0', async () => {
    const { program, url, metric } = await workers.start()
    const token = workers.issueToken()
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(url, token)))
    expect(new Set(answers)).toEqual(new Set(['Sakura Tanaka']))
    // A worker that is late with its numbers is in the sums with those of before.
    await expect.poll(() => metric('gateway_operations_total')).toBe(100)
    await expect.poll(() => metric('gateway_operation_duration_seconds_count')).toBe(100)
    await expect.poll(() => metric('gateway_workers')).toBe(2)
    await expect.poll(() => metric('gateway_build_info')).toBe(1)
    await expect.poll(() => metric('gateway_records{kind="record"}')).toBe(2)
    expect(program.out().match(/"listening"/g)).toHaveLength(1)
    expect(program.out()).toContain('"workers":2')
    expect(program.out()).toContain(`"version":"${version}"`)

    for (let n = 0; n < 2; n += 1) program.killGroup('SIGTERM')
    expect(await program.ended).toBe(0)
    expect(program.out()).toMatch(/"draining"[\s\S]*"closed"/)
    expect(program.err()).toBe('')
  }, 180_000)
})

describe('the setting', () => {
  const channel = { LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET: 'x' }
  const redis = { REDIS_URL: 'redis://127.0.0.1', CACHE_SECRET: 'a secret of thirty-two characters' }

  it.each([
    ['2', 2],
    ['256', 256],
    ['auto', availableParallelism()],
    ['', 1],
  ])('WORKERS=%s with REDIS_URL: %d processes', (WORKERS, workers) => {
    expect(readConfig({ ...channel, ...redis, WORKERS }).workers).toBe(workers)
  })

  it('more than one without REDIS_URL: refused, and both settings are named', () => {
    const read = () => readConfig({ ...channel, WORKERS: '2' })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(/WORKERS: .*REDIS_URL/)
    expect(readConfig({ ...channel, WORKERS: '1' }).workers).toBe(1)
  })

  it.each(['0', '257', '-1', '1.5', 'AUTO', 'all', '1e1'])('WORKERS=%s: refused', (WORKERS) => {
    expect(() => readConfig({ ...channel, ...redis, WORKERS })).toThrow(/WORKERS: must be a whole number/)
  })
})
