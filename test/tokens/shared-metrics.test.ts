import { afterEach, describe, expect, it } from 'vitest'
import { createSharedLag } from '../../src/tokens/shared-lag.ts'
import { shareRecords } from '../../src/tokens/shared-records.ts'
import type { Question } from '../../src/tokens/token-resolver.ts'
import { metricValue } from '../harness/metric-value.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'
import { type Replica, type Replicas, startReplicas } from '../harness/replicas.ts'
import { callerAt, noSourceLimit, tokenOf, wordFor } from '../harness/token-layer.ts'

const patiently = { timeout: 30_000, interval: 100 }
const caller = callerAt('192.0.2.1')

describeWithRedis('the metrics of what replicas share', () => {
  const { start } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  async function begin() {
    const server = await start()
    const own = { REDIS_URL: server.url, ...noSourceLimit }
    fleet = await startReplicas([own, own])
    const { emulator, all, advance } = fleet
    const [a, b] = all as [Replica, Replica]
    return { server, a, b, advance, newToken: () => tokenOf(emulator.issueTokens().accessToken) }
  }

  type Token = ReturnType<typeof tokenOf>
  const ask = async (replica: Replica, token: Token, more: Partial<Question> = {}) =>
    wordFor(await replica.resolve({ ...caller, token, subject: 'verification', ...more }))
  const value = async (replica: Replica, selector: string) => metricValue(await replica.metrics(), selector)
  const expectValue = (replica: Replica, selector: string) => expect.poll(() => value(replica, selector), patiently)

  async function lookUps(replica: Replica): Promise<readonly number[]> {
    const text = await replica.metrics()
    const outcomes = ['found', 'absent', 'old', 'dead', 'away']
    return outcomes.map((outcome) => metricValue(text, `gateway_shared_lookups_total{outcome="${outcome}"}`))
  }

  it('each look-up counts once, with the cause of a miss', async () => {
    const { server, a, b, newToken } = await begin()
    const [token, other] = [newToken(), newToken()]
    await ask(a, token)
    expect(await lookUps(a)).toEqual([0, 1, 0, 0, 0])
    expect(await Promise.all([1, 2, 3].map(() => ask(b, token)))).toEqual(['valid', 'valid', 'valid'])
    await ask(b, token)
    expect(await lookUps(b)).toEqual([1, 0, 0, 0, 0])
    await ask(a, other)
    await ask(b, other, { mustAskLine: true })
    expect(await lookUps(b)).toEqual([1, 0, 1, 0, 0])
    await server.kill()
    await ask(b, newToken())
    expect(await lookUps(b)).toEqual([1, 0, 1, 0, 1])
  })

  it('Redis ends: events wait, and the lag grows with the age of the oldest; each loss of the stream counts once', async () => {
    const { server, a, b, advance, newToken } = await begin()
    const revoked = async () => {
      const token = newToken()
      await Promise.all([ask(a, token), ask(b, token)])
      await a.revocation.revokeAccessToken(token, caller)
      return token
    }
    const first = await revoked()
    await expect.poll(() => ask(b, first), patiently).toBe('REVOKED')
    await expectValue(a, 'gateway_shared_unwritten').toBe(0)
    expect(await value(a, 'gateway_shared_lag_seconds')).toBeLessThan(60)
    expect(await value(b, 'gateway_shared_gaps_total')).toBe(0)

    await server.kill()
    await revoked()
    advance(600_000)
    expect(await value(a, 'gateway_shared_unwritten')).toBe(1)
    expect(await value(a, 'gateway_shared_lag_seconds')).toBeGreaterThanOrEqual(600)
    expect(await value(a, 'gateway_shared_round_age_seconds')).toBeGreaterThanOrEqual(600)
    expect(await value(b, 'gateway_shared_lag_seconds')).toBeLessThan(60)

    await server.restart()
    await expectValue(a, 'gateway_shared_lag_seconds').toBeLessThan(60)
    await expectValue(b, 'gateway_shared_gaps_total').toBe(1)
    const last = await revoked()
    await expect.poll(() => ask(b, last), patiently).toBe('REVOKED')
    expect(await value(b, 'gateway_shared_gaps_total')).toBe(1)
    await server.command('FLUSHALL')
    await expectValue(b, 'gateway_shared_gaps_total').toBe(2)
  })
})

it('a look-up that finds a tombstone: dead', async () => {
  const outcomes: string[] = []
  const entries = { tombstone: Buffer.from('x'), record: undefined, rawTombstone: undefined, rawRecord: undefined }
  const resolve = shareRecords(() => [], {
    looks: { look: async (keys) => keys.map(() => entries) },
    ages: { freshForMs: 1, maxStaleMs: 1 },
    now: () => 0,
    lookedUp: (outcome) => outcomes.push(outcome),
  })
  const question = { ...caller, token: tokenOf('x'), subject: 'verification' } as const
  await Promise.all(resolve([question, question]))
  expect(outcomes).toEqual(['dead', 'dead'])
})

describe('the lag', () => {
  function begin() {
    const time = { now: 1_000, oldest: undefined as number | undefined }
    const clock = { wall: () => time.now + 1_000_000, steady: () => time.now }
    const lag = createSharedLag({ clock, oldestUnwritten: () => time.oldest })
    return { time, lag, wall: clock.wall }
  }

  it('of the last event; with one that is not back, its age if it is more; short again when it is back', () => {
    const { time, lag, wall } = begin()
    expect(lag.seconds()).toBe(0)
    lag.taken('1-0', 1_000)
    const sentAt = wall()
    time.now += 20
    lag.cameBack('1-0', sentAt)
    expect(lag.seconds()).toBe(0.02)
    time.now += 60_000
    expect(lag.seconds()).toBe(0.02)

    time.oldest = time.now
    time.now += 30_000
    expect(lag.seconds()).toBe(30)
    lag.taken('2-0', time.oldest)
    time.oldest = undefined
    expect(lag.seconds()).toBe(30)
    lag.cameBack('2-0', wall() - 5)
    expect(lag.seconds()).toBe(0.005)
  })

  it('an entry that is read before Redis has said that it took it: does not wait for ever', () => {
    const { time, lag, wall } = begin()
    lag.cameBack('1-1', wall())
    lag.taken('1-1', time.now)
    time.now += 60_000
    expect(lag.seconds()).toBe(0)
  })

  it('after a loss: what was lost is not waited for, and what is read again says nothing', () => {
    const { time, lag, wall } = begin()
    const sentAt = wall()
    lag.taken('1-0', time.now)
    lag.taken('2-0', time.now)
    time.now += 60_000
    lag.lost()
    lag.cameBack('1-0', sentAt)
    expect(lag.seconds()).toBe(0)
  })
})
