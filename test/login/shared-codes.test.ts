import { afterEach, expect, it, vi } from 'vitest'
import { describeWithRedis, type RedisServer, useKeptRedis } from '../harness/redis.ts'
import { type Replica, type Replicas, spread, startReplicas } from '../harness/replicas.ts'
import { callerAt, liff, noSourceLimit, times, web } from '../harness/token-layer.ts'

const redirectUri = 'https://app.example/callback'

describeWithRedis('a code on three replicas', () => {
  const { start } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  async function begin() {
    const server = await start()
    fleet = await startReplicas(times(3, () => ({ REDIS_URL: server.url, ...noSourceLimit })))
    const { emulator, all } = fleet
    const [a, b, c] = all as [Replica, Replica, Replica]
    return {
      server,
      emulator,
      all,
      a,
      b,
      c,
      code: emulator.issueCode({ redirectUri }),
      calls: () => emulator.calls.of('token'),
    }
  }

  it('30 callers at once: one call, one success', async () => {
    const { all, code, calls } = await begin()
    const ends = await Promise.allSettled(spread(all, 30, exchange(code)))
    expect(ends.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of ends) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'INVALID_GRANT' })
    expect(calls()).toBe(1)
  })

  it('after its tokens: INVALID_GRANT on each replica without a call; at another channel: asked', async () => {
    const { all, a, b, code, calls } = await begin()
    await exchange(code)(a)
    const ends = await Promise.allSettled(spread(all, 6, exchange(code)))
    for (const one of ends) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
    expect(calls()).toBe(1)
    await expect(exchange(code, liff)(b)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    expect(calls()).toBe(2)
  })

  it('junk: one call, INVALID_GRANT on each replica', async () => {
    const { all, calls } = await begin()
    const ends = await Promise.allSettled(spread(all, 9, exchange('junk')))
    for (const one of ends) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
    expect(calls()).toBe(1)
  })

  it('an outage: one call for those who wait, and the next one exchanges it', async () => {
    const { emulator, a, b, c, code, calls } = await begin()
    emulator.faults.set('token', { status: 500 })
    a.answers.hold()
    const first = exchange(code)(a)
    first.catch(() => {})
    await vi.waitUntil(() => a.answers.waiting() === 1, { timeout: 10_000 })
    const reads = [b, c].map(({ redis }) => vi.spyOn(redis, 'read'))
    const others = Promise.allSettled([b, c].map(exchange(code)))
    await vi.waitUntil(() => reads.every(({ mock }) => mock.calls.length > 0), { timeout: 10_000 })
    await a.answers.release()
    for (const one of await others) expect(one).toMatchObject({ reason: { code: 'LINE_UNAVAILABLE' } })
    await expect(first).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(calls()).toBe(1)
    emulator.faults.clear()
    expect((await exchange(code)(b)).tokens.tokenType).toBe('Bearer')
  })

  it('an outage, and the same code at once again: LINE is asked, the old outage is not the answer', async () => {
    const { emulator, a, b, code, calls } = await begin()
    emulator.faults.set('token', { status: 500, times: 1 })
    await expect(exchange(code)(a)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect((await exchange(code)(b)).tokens.tokenType).toBe('Bearer')
    expect(calls()).toBe(2)
  })

  it('a replica that cannot reach LINE: it harms no other replica', async () => {
    const { a, b, code, calls } = await begin()
    await a.cutFromLine()
    await expect(exchange(code)(a)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect((await exchange(code)(b)).tokens.tokenType).toBe('Bearer')
    expect(calls()).toBe(1)
  })

  it('the holder is killed before it asked LINE: the next one exchanges it', async () => {
    const { server, emulator, a, b, code } = await begin()
    emulator.faults.set('token', { hang: true, times: 1 })
    exchange(code)(a).catch(() => {})
    await vi.waitUntil(() => emulator.calls.of('token') === 1, { timeout: 10_000 })
    const next = exchange(code)(b)
    await endLease(server)
    expect((await next).tokens.tokenType).toBe('Bearer')
  })

  it('without Redis: LINE is asked', async () => {
    const { server, a, b, code } = await begin()
    await server.kill()
    expect((await exchange(code)(a)).tokens.tokenType).toBe('Bearer')
    await expect(exchange(code)(b)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
  })

  it.each([
    ['a lease without an end', 'SET', 'x'.repeat(16)],
    ['a lease with a late end', 'SET', 'x'.repeat(16), 'PX', 60_000],
    ['an entry without an end', 'SET', 'x'.repeat(64)],
    ['an entry of another type', 'LPUSH', 'x'],
  ] as const)('%s that we did not write: the code is exchanged, once', async (_, command, ...value) => {
    const { server, emulator, a, b, c, code, calls } = await begin()
    emulator.faults.set('token', { status: 500, times: 1 })
    await expect(exchange(code)(a)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    const [key = ''] = (await server.command('KEYS', '*}o')) as string[]
    await server.command(command, `${key.slice(0, -1)}c`, ...value)
    const ends = await Promise.allSettled([b, c].map(exchange(code)))
    expect(ends.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected'])
    expect(calls()).toBe(2)
  })

  it.each([
    ['for ever', 0, ['PERSIST']],
    ['stored again', 606_000, ['PEXPIRE', 60_000]],
  ] as const)('a mark that Redis kept (%s): LINE is asked', async (_, later, [command, ...ms]) => {
    const { server, a, b, code, calls } = await begin()
    await exchange(code)(a)
    const [key = ''] = (await server.command('KEYS', '*}c')) as string[]
    fleet?.advance(later)
    await server.command(command, key, ...ms)
    await expect(exchange(code)(b)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    expect(calls()).toBe(2)
  })

  it('a mark in Redis that was changed: LINE is asked', async () => {
    const { server, emulator, a, b, calls } = await begin()
    const other = emulator.issueCode({ redirectUri })
    await exchange(other)(b)
    const [key = ''] = (await server.command('KEYS', '*}c')) as string[]
    await server.command('SET', key, 'x'.repeat(28))
    await expect(exchange(other)(a)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    expect(calls()).toBe(2)
  })
})

function exchange(code: string, channel = web) {
  return ({ logins }: Replica) => logins.exchangeCode({ code, redirectUri }, channel, callerAt('192.0.2.1'))
}

async function endLease(server: RedisServer): Promise<void> {
  for (const key of (await server.command('KEYS', '*}c')) as string[]) await server.command('DEL', key)
}
