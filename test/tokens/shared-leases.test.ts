import { expect, it, vi } from 'vitest'
import { createRedis } from '../../src/redis.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { createLeases, leaseMs } from '../../src/tokens/shared-leases.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'
import { times } from '../harness/token-layer.ts'

const mine = Buffer.from('mine')
const patient = { patient: true }
const patiently = { timeout: 30_000 }

describeWithRedis('leases', () => {
  const { start } = useKeptRedis()

  async function begin() {
    const server = await start()
    const redis = createRedis(server.url, { telemetry: createTelemetry({ logLevel: 'silent' }), lookUpMs: 20_000 })
    // While its connection is not there, a wait ends with `away`.
    await expect.poll(() => redis.read(['none'], patient), patiently).toEqual([undefined])
    return { server, redis, leases: createLeases(redis), lifeOf: (key: string) => server.command('PTTL', key) }
  }

  it('held: renewed for all in one round trip; a lease of another owner is left alone', async () => {
    const { server, redis, leases, lifeOf } = await begin()
    const keys = times(100, (n) => `l${n}`)
    for (const key of keys) await server.command('SET', key, 'mine', 'PX', 60_000)
    await server.command('SET', 'theirs', 'theirs', 'PX', 60_000)
    const letGo = [...keys, 'theirs'].map((key) => leases.hold(key, mine))
    const runs = vi.spyOn(redis, 'run')
    await vi.waitUntil(async () => Number(await lifeOf('l99')) <= leaseMs, patiently)
    // On a slow machine the next one may have left already.
    for (const [, renewed] of runs.mock.calls) expect(renewed).toEqual([...keys, 'theirs'])
    expect(Number(await lifeOf('theirs'))).toBeGreaterThan(leaseMs)
    for (const end of letGo) end()
    await redis.close()
  })

  it('a key of another type: the leases behind it are renewed', async () => {
    const { server, redis, leases, lifeOf } = await begin()
    await server.command('LPUSH', 'l0', 'x')
    await server.command('SET', 'l1', 'mine', 'PX', 60_000)
    const letGo = ['l0', 'l1'].map((key) => leases.hold(key, mine))
    await vi.waitUntil(async () => Number(await lifeOf('l1')) <= leaseMs, patiently)
    for (const end of letGo) end()
    await redis.close()
  })

  it('not held any more: not renewed, and it is still there', async () => {
    const { server, redis, leases, lifeOf } = await begin()
    await server.command('SET', 'l', 'mine', 'PX', 60_000)
    const runs = vi.spyOn(redis, 'run')
    leases.hold('l', mine)()
    const letGo = leases.hold('m', mine)
    await vi.waitUntil(() => runs.mock.calls.length > 0, patiently)
    letGo()
    expect(runs.mock.calls[0]?.[1]).toEqual(['m'])
    expect(Number(await lifeOf('l'))).toBeGreaterThan(leaseMs)
    await redis.close()
  })

  it('1000 that wait: one command reads for all, and each one gets its own change', async () => {
    const { server, redis, leases } = await begin()
    const reads = vi.spyOn(redis, 'read')
    const deadline = performance.now() + 60_000
    const all = times(1_000, (n) =>
      leases.watch([`k${n % 10}`, 'never'], ([value]) => value?.toString(), deadline, patient),
    )
    await vi.waitUntil(() => reads.mock.calls.length > 0, patiently)
    for (const n of times(10, (one) => one)) await server.command('SET', `k${n}`, `v${n}`)
    expect(await Promise.all(all)).toEqual(times(1_000, (n) => `v${n % 10}`))
    for (const [keys] of reads.mock.calls) expect(new Set(keys).size).toBe(keys.length)
    const count = reads.mock.calls.length
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(reads.mock.calls.length).toBe(count)
    await redis.close()
  })

  it('the deadline: late; a decision that throws: its rejection; Redis is closed: away', async () => {
    const { redis, leases } = await begin()
    const never = (deadline: number) => leases.watch(['k'], () => undefined, deadline, patient)
    expect(await never(performance.now() + 20)).toBe('late')
    expect(await never(performance.now() - 20)).toBe('late')
    const fault = () => {
      throw new TypeError('a fault')
    }
    await expect(leases.watch(['k'], fault, performance.now() + 60_000, patient)).rejects.toThrow('a fault')
    const waiting = never(performance.now() + 60_000)
    await redis.close()
    expect(await waiting).toBe('away')
  })
})
