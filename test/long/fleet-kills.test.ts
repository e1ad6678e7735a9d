import { expect, test } from 'vitest'
import { askSpread, othersThan, type Replica, replicaAt, useFleet } from '../harness/fleet.ts'
import { refresh, sessionIn, uses } from '../harness/forgetting-session.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { callsTo, codesOf } from '../harness/running-gateway.ts'
import { timeUntil, waitsText } from '../harness/time-until.ts'

const view = uses['viewer { displayName }']
/** LINE's first answer does not come while the test runs. */
const late = { latencyMs: 60_000, times: 1 }
/**
 * Without a second process that takes the lease over, all would wait for LINE_TIMEOUT_MS, which is 20 s here. The lease ends
 * after 1.5 s; the rest is the speed of the machine.
 */
const answeredWithinMs = 15_000

describeWithRedis('a replica that holds a lease', () => {
  const fleet = useFleet({ isPatient: true })

  test('kill -9 in the middle of a verification: 200 others do not wait for the time limit of LINE, at most 2 calls', async () => {
    const { emulator } = fleet()
    const { accessToken } = emulator.issueTokens()
    const waits = await killWhileOthersWait('verifyAccessToken', 200, (replica) => view(replica, accessToken))
    print(`kill -9 during a verification: 200 others after ${waitsText(waits)}, ${JSON.stringify(callsTo(emulator))}`)
    expect(Math.max(...waits)).toBeLessThan(answeredWithinMs)
    expect(emulator.calls.of('verifyAccessToken')).toBeLessThanOrEqual(2)
  })

  test('kill -9 in the middle of a refresh, LINE keeps the token: no session lost, 10 of 10 (G8)', async () => {
    const { emulator } = fleet()
    const waits: number[] = []
    for (let n = 0; n < 10; n += 1) {
      const { refreshToken = '' } = emulator.issueTokens()
      const answers = new Set<string>()
      emulator.calls.reset()
      const some = await killWhileOthersWait('token', 20, async (replica) => {
        const reply = await refresh(replica, refreshToken)
        answers.add(sessionIn(reply.data?.refreshToken).accessToken)
        return codesOf(reply).join() || 'served'
      })
      waits.push(...some)
      expect(answers.size).toBe(1)
      expect(emulator.calls.of('token')).toBeLessThanOrEqual(2)
      for (const token of answers)
        expect(await askSpread(fleet(), 3, (replica) => view(replica, token))).toEqual(Array(3).fill('served'))
    }
    print(`kill -9 during a refresh, 10 times: 200 others after ${waitsText(waits)}, no session lost`)
    expect(Math.max(...waits)).toBeLessThan(answeredWithinMs)
  })

  test('stopped past its lease: the others do not wait for the time limit of LINE, and all of its own callers once it goes on', async () => {
    const { emulator } = fleet()
    const { accessToken } = emulator.issueTokens()
    const holder = replicaAt(fleet(), 0)
    emulator.faults.set('verifyAccessToken', { latencyMs: 1_000, times: 1 })
    const own = Promise.all(Array.from({ length: 20 }, () => view(holder, accessToken)))
    await timeUntil(() => emulator.calls.of('verifyAccessToken') === 1, 10_000)
    holder.pause()
    const waits = await waitsOf(othersThan(fleet(), holder), 100, (replica) => view(replica, accessToken))
    holder.resume()
    print(`stopped during a verification: 100 others after ${waitsText(waits)}, ${JSON.stringify(callsTo(emulator))}`)
    expect(await own).toEqual(Array(20).fill('served'))
    expect(Math.max(...waits)).toBeLessThan(answeredWithinMs)
    expect(emulator.calls.of('verifyAccessToken')).toBeLessThanOrEqual(2)
  })

  /** One replica asks LINE, others wait for it, and it is killed. Returns how long each other one waited then, in ms. */
  async function killWhileOthersWait(
    endpoint: 'verifyAccessToken' | 'token',
    others: number,
    ask: (replica: Replica) => Promise<string>,
  ): Promise<number[]> {
    const { emulator } = fleet()
    const holder = replicaAt(fleet(), 0)
    emulator.faults.set(endpoint, late)
    ask(holder).catch(() => 'killed')
    await timeUntil(() => emulator.calls.of(endpoint) === 1, 10_000)
    const waiting = waitsOf(othersThan(fleet(), holder), others, ask)
    await holder.kill()
    const waits = await waiting
    await fleet().add()
    return waits
  }

  async function waitsOf(replicas: readonly Replica[], times: number, ask: (replica: Replica) => Promise<string>) {
    const start = performance.now()
    const asking = Array.from({ length: times }, async (_, n) => {
      const reaction = await ask(replicas[n % replicas.length] as Replica)
      return { reaction, waitMs: performance.now() - start }
    })
    const answers = await Promise.all(asking)
    expect(new Set(answers.map(({ reaction }) => reaction))).toEqual(new Set(['served']))
    return answers.map(({ waitMs }) => waitMs)
  }
})
