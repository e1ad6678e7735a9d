import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { type Fleet, type Replica, replicaAt, startFleet, useFleet } from '../harness/fleet.ts'
import { logout, refresh, refreshUse, sessionIn, uses } from '../harness/forgetting-session.ts'
import { manyUsers } from '../harness/many-users.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { setAll } from '../harness/redis-faults.ts'
import { callsTo } from '../harness/running-gateway.ts'
import { timeUntil, waitsText } from '../harness/time-until.ts'

const view = uses['viewer { displayName }']
const cutMs = 10_000
/** It only ends a wait for what never comes. */
const longestMs = 30_000

describeWithRedis('logouts while Redis is away', () => {
  const fleet = useFleet({ proxies: true, isPatient: true, users: manyUsers(50) })

  test('one replica cut off for 10 s, 20 logouts a second at all three: none lost, all refused after its return', async () => {
    const tokens = await warmTokens(200)
    const cutOff = replicaAt(fleet(), 2)
    fleet().emulator.calls.reset()
    cutOff.proxy.set('cut')
    await logOutSteadily(tokens, cutMs)
    cutOff.proxy.set('pass')
    const waits = await refusedEverywhere(tokens)
    print(`cut off for 10 s, ${tokens.length} logouts, then all refused at each replica: ${waitsText(waits)}`)
    expect(callsTo(fleet().emulator).verifyAccessToken).toBeUndefined()
  })

  test('all replicas cut off for 10 s: none lost, all refused after the return', async () => {
    const tokens = await warmTokens(100)
    fleet().emulator.calls.reset()
    await setAll('cut')(fleet())
    await logOutSteadily(tokens, cutMs)
    await setAll('pass')(fleet())
    const waits = await refusedEverywhere(tokens)
    print(`all cut off for 10 s, ${tokens.length} logouts, then all refused at each replica: ${waitsText(waits)}`)
    expect(callsTo(fleet().emulator).verifyAccessToken).toBeUndefined()
  })

  test('Redis killed and back empty: all forgettings are back in it, those before and those in between', async () => {
    const before = await warmTokens(100)
    const between = await warmTokens(100)
    fleet().emulator.calls.reset()
    fleet().emulator.faults.set('revoke', { status: 503 })
    await logOutSteadily(before, 1_000)
    await refusedEverywhere(before)
    await fleet().redis.kill()
    await logOutSteadily(between, 1_500)
    await fleet().redis.restart()
    const waits = await refusedEverywhere(between)
    const writtenAfter = await timeUntil(async () => (await tombstones()) >= before.length + between.length, longestMs)
    const late = await fleet().add()
    const reactions = await Promise.all([...before, ...between].map((token) => view(late, token)))
    await late.kill()
    print(
      `Redis back empty: ${between.length} logouts of the outage refused everywhere ${waitsText(waits)}; ` +
        `all ${before.length + between.length} in Redis after ${writtenAfter.toFixed(0)} ms more`,
    )
    // Records are checked with LINE again after a loss. LINE still accepts all of these tokens.
    expect(new Set(reactions)).toEqual(new Set(['refused']))
  })

  test('Redis killed in the middle of 300 refreshes, LINE keeps the token: all answered, at once or on the second try', async () => {
    const { emulator } = fleet()
    const { refreshToken = '' } = emulator.issueTokens()
    emulator.faults.set('token', { latencyMs: 500 })
    const asking = Promise.all(
      Array.from({ length: 300 }, (_, n) => refreshUse.refreshToken(replicaAt(fleet(), n), refreshToken)),
    )
    await timeUntil(() => emulator.calls.of('token') > 0, longestMs)
    await fleet().redis.kill()
    const reactions = await asking
    await fleet().redis.restart()
    const calls = callsTo(emulator)
    const count = (wanted: string) => reactions.filter((reaction) => reaction === wanted).length
    print(
      `Redis killed during 300 refreshes: ${count('served')} ok, ${count('unavailable')} unavailable, ${JSON.stringify(calls)}`,
    )
    expect(count('refused')).toBe(0)
    expect(calls.token).toBeLessThanOrEqual(3)
    emulator.faults.clear()
    await timeUntil(
      async () => (await refreshUse.refreshToken(replicaAt(fleet(), 1), refreshToken)) === 'served',
      longestMs,
    )
  })

  /** Tokens that all replicas have in memory. */
  async function warmTokens(count: number): Promise<string[]> {
    const { users } = fleet().emulator
    const userOf = (n: number) => users[n % users.length]?.userId ?? ''
    const tokens = Array.from(
      { length: count },
      (_, n) => fleet().emulator.issueTokens({ userId: userOf(n) }).accessToken,
    )
    for (const replica of fleet().replicas)
      expect(new Set(await Promise.all(tokens.map((token) => view(replica, token))))).toEqual(new Set(['served']))
    return tokens
  }

  /** Logs the tokens out, one after the other, at all replicas in turn. It takes at least `forMs`. */
  async function logOutSteadily(tokens: readonly string[], forMs: number): Promise<void> {
    const start = performance.now()
    const answers: Promise<unknown>[] = []
    for (const [n, token] of tokens.entries()) {
      await sleep(start + (n * forMs) / tokens.length - performance.now())
      answers.push(logout(replicaAt(fleet(), n), token))
    }
    await Promise.all(answers)
    await sleep(start + forMs - performance.now())
  }

  /** How long it takes from now until a replica refuses all tokens, for each replica, in ms. */
  function refusedEverywhere(tokens: readonly string[]): Promise<number[]> {
    return Promise.all(
      fleet().replicas.map((replica) => timeUntil(async () => (await activeOf(replica, tokens)) === 0, longestMs)),
    )
  }

  /** How many of the tokens the replica accepts. */
  async function activeOf(replica: Replica, tokens: readonly string[]): Promise<number> {
    const query = 'query ($accessTokens: [String!]!) { verifyAccessTokens(accessTokens: $accessTokens) { active } }'
    let count = 0
    for (let from = 0; from < tokens.length; from += 100) {
      const accessTokens = tokens.slice(from, from + 100)
      const { data } = await replica.ask(query, { variables: { accessTokens } })
      const answers = data?.verifyAccessTokens as ({ active: boolean } | null)[]
      count += answers.filter((answer) => answer?.active !== false).length
    }
    return count
  }

  /** The tombstones of tokens in Redis now. */
  async function tombstones(): Promise<number> {
    let count = 0
    let cursor = '0'
    do {
      const [next, keys] = (await fleet().redis.command('SCAN', cursor, 'COUNT', 1000)) as [string, string[]]
      count += keys.filter((key) => key.endsWith('t')).length
      cursor = next
    } while (cursor !== '0')
    return count
  }
})

describeWithRedis('replicas that start while Redis is away', () => {
  let fleet: Fleet | undefined
  afterEach(async () => {
    expect(fleet?.troubles()).toEqual([])
    await fleet?.close()
  })

  test.each<[string, (fleet: Fleet) => Promise<void>, (fleet: Fleet) => Promise<void>]>([
    ['killed', ({ redis }) => redis.kill(), ({ redis }) => redis.restart()],
    ['stopped', async ({ redis }) => redis.stop(), async ({ redis }) => redis.continue()],
  ])('Redis %s: they serve and are ready; when Redis comes, they share (G28)', async (name, goAway, comeBack) => {
    fleet = await startFleet({ replicas: 0, isRedisAway: true })
    await goAway(fleet)
    const replicas = await Promise.all([fleet.add(), fleet.add()])
    const [one, other] = replicas as [Replica, Replica]
    const { accessToken, refreshToken = '' } = fleet.emulator.issueTokens()
    for (const replica of replicas) {
      expect((await fetch(`${replica.url}/ready`)).status).toBe(200)
      expect(await view(replica, accessToken)).toBe('served')
    }
    sessionIn((await refresh(one, refreshToken)).data?.refreshToken)
    await logout(one, accessToken)
    await comeBack(fleet)
    const forgottenAfter = await timeUntil(async () => (await view(other, accessToken)) === 'refused', longestMs)
    const sharedAfter = await timeUntil(() => shares(one, other), longestMs)
    print(
      `started with Redis ${name}: a logout heard ${forgottenAfter.toFixed(0)} ms, records shared ${sharedAfter.toFixed(0)} ms after its return`,
    )
  })

  async function shares(one: Replica, other: Replica): Promise<boolean> {
    const { accessToken } = one.emulator.issueTokens()
    one.emulator.calls.reset()
    await view(one, accessToken)
    await view(other, accessToken)
    return one.emulator.calls.of('verifyAccessToken') === 1
  }
})
