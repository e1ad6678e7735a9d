import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { askSpread, othersThan, repeatedIfRedisWasLate, replicaAt, useFleet } from './harness/fleet.ts'
import { exchange, redirectUri, refresh, uses, verify } from './harness/forgetting-session.ts'
import { print } from './harness/print.ts'
import { describeWithRedis } from './harness/redis.ts'
import { callsTo, codesOf, type Reply } from './harness/running-gateway.ts'
import { timeUntil, waitsText } from './harness/time-until.ts'

const outage = { status: 500 }
/** LINE takes this long, so that all callers ask while the first call is under way. */
const latencyMs = 150
/** Replicas share a refusal for 2 s. If it took longer until all were asked, each of them may ask LINE. */
const mostCalls = (start: number) => (performance.now() - start < 1_800 ? 1 : 3)

describeWithRedis('three replicas and one LINE', () => {
  const fleet = useFleet({ isPatient: true })
  const busy = repeatedIfRedisWasLate(fleet)

  test('500 callers of one new token, spread over all replicas: 1 verification and 1 profile', busy, async () => {
    const { emulator } = fleet()
    const { accessToken } = emulator.issueTokens()
    emulator.faults.set('*', { latencyMs })
    const start = performance.now()
    const waits: number[] = []
    const names = await askSpread(fleet(), 500, async (replica) => {
      const { data } = await replica.ask('{ viewer { displayName } }', { token: accessToken })
      waits.push(performance.now() - start)
      return (data?.viewer as { displayName: string } | undefined)?.displayName
    })
    print(`500 callers of one new token, 3 replicas: ${JSON.stringify(callsTo(emulator))}, ${waitsText(waits)}`)
    expect(new Set(names)).toEqual(new Set([emulator.users[0]?.displayName]))
    expect(callsTo(emulator)).toEqual({ verifyAccessToken: 1, profile: 1 })
  })

  test('a token with openid alone, `viewer { id }` on all replicas: 1 verification and 1 userinfo', busy, async () => {
    const { emulator } = fleet()
    const { accessToken } = emulator.issueTokens({ scope: 'openid' })
    emulator.faults.set('*', { latencyMs })
    await askSpread(fleet(), 60, (replica) => uses['viewer { id }'](replica, accessToken))
    expect(callsTo(emulator)).toEqual({ verifyAccessToken: 1, userinfo: 1 })
  })

  test('`isFriend` of one token on all replicas: 1 friendship', busy, async () => {
    const { emulator } = fleet()
    const { accessToken } = emulator.issueTokens()
    emulator.faults.set('*', { latencyMs })
    await askSpread(fleet(), 60, (replica) => replica.ask('{ viewer { isFriend } }', { token: accessToken }))
    expect(callsTo(emulator).friendship).toBe(1)
  })

  test.each(['same', 'rotate'] as const)(
    '300 refreshes of one refresh token, LINE says "%s": 1 call and 1 answer',
    busy,
    async (kind) => {
      const { emulator } = fleet()
      emulator.switches.refreshToken = kind
      const { refreshToken = '' } = emulator.issueTokens()
      emulator.faults.set('*', { latencyMs })
      const replies = await askSpread(fleet(), 300, (replica) => refresh(replica, refreshToken))
      emulator.switches.refreshToken = 'same'
      const later = await askSpread(fleet(), 3, (replica) => refresh(replica, refreshToken))
      const answers = new Set([...replies, ...later].map(({ text }) => text))
      print(`300 refreshes (${kind}), 3 later: ${JSON.stringify(callsTo(emulator))}, ${answers.size} different answers`)
      expect([...replies, ...later].flatMap(codesOf)).toEqual([])
      expect(answers.size).toBe(1)
      expect(callsTo(emulator)).toEqual({ token: 1 })
    },
  )

  test(
    'one code at all replicas at once: 1 call and 1 login; all others and later ones: INVALID_GRANT',
    busy,
    async () => {
      const { emulator } = fleet()
      const code = emulator.issueCode({ redirectUri })
      emulator.faults.set('*', { latencyMs })
      const replies = await askSpread(fleet(), 30, (replica) => exchange(replica, code))
      const later = await askSpread(fleet(), 3, (replica) => exchange(replica, code))
      const codes = [...replies, ...later].flatMap(codesOf)
      print(`1 code 30 times at once, 3 times later: ${JSON.stringify(callsTo(emulator))}, ${33 - codes.length} login`)
      expect(codes).toEqual(Array(32).fill('INVALID_GRANT'))
      expect(callsTo(emulator)).toEqual({ token: 1 })
    },
  )

  test('a code that met an outage of LINE: tried again at another replica', busy, async () => {
    const { emulator } = fleet()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', { ...outage, times: 1 })
    expect(codesOf(await exchange(replicaAt(fleet(), 0), code))).toEqual(['LINE_UNAVAILABLE'])
    expect(codesOf(await exchange(replicaAt(fleet(), 1), code))).toEqual([])
    expect(codesOf(await exchange(replicaAt(fleet(), 2), code))).toEqual(['INVALID_GRANT'])
    expect(callsTo(emulator)).toEqual({ token: 2 })
  })

  test('a junk token at all replicas at once: 1 call', busy, async () => {
    const { emulator } = fleet()
    emulator.faults.set('*', { latencyMs })
    const junk = `junk.of.a.stranger.${randomUUID()}`
    const start = performance.now()
    const replies = await askSpread(fleet(), 300, (replica) => verify(replica, junk))
    print(`a junk token 300 times: ${JSON.stringify(callsTo(emulator))}`)
    expect(new Set(replies.map(({ text }) => text)).size).toBe(1)
    expect(replies[0]?.data).toEqual({ verifyAccessToken: { active: false } })
    expect(emulator.calls.total()).toBeLessThanOrEqual(mostCalls(start))
  })

  test('a refused refresh token at all replicas at once: 1 call', busy, async () => {
    const { emulator } = fleet()
    emulator.faults.set('*', { latencyMs })
    const junk = randomUUID()
    const start = performance.now()
    const replies = await askSpread(fleet(), 60, (replica) => refresh(replica, junk))
    expect(replies.flatMap(codesOf)).toEqual(Array(60).fill('INVALID_GRANT'))
    expect(emulator.calls.total()).toBeLessThanOrEqual(mostCalls(start))
  })

  test('LINE answers 500: 500 callers of one token cost at most 3 calls', busy, async () => {
    const { emulator } = fleet()
    const { accessToken } = emulator.issueTokens()
    emulator.faults.set('*', { ...outage, latencyMs })
    const start = performance.now()
    const replies = await askSpread(fleet(), 500, (replica) => verify(replica, accessToken))
    print(`LINE answers 500, 500 callers: ${JSON.stringify(callsTo(emulator))}`)
    expect(replies.flatMap(codesOf)).toEqual(Array(500).fill('LINE_UNAVAILABLE'))
    // Replicas share an outage for 2 s, and it is not remembered. On a slow machine, some callers come later.
    expect(emulator.calls.total()).toBeLessThanOrEqual(3 * Math.ceil((performance.now() - start) / 1_800))
  })

  test('a record in Redis: a new replica answers without LINE, also while LINE is down', busy, async () => {
    const { emulator } = fleet()
    const known = await Promise.all(Array.from({ length: 20 }, () => knownToken()))
    emulator.calls.reset()
    emulator.faults.set('*', outage)
    const fresh = await fleet().add()
    const replies = await Promise.all(known.map((token) => fresh.ask('{ viewer { id displayName } }', { token })))
    await fresh.kill()
    print(`a new replica, 20 tokens of others, LINE down: ${JSON.stringify(callsTo(emulator))}`)
    expect(replies.flatMap(codesOf)).toEqual([])
    expect(callsTo(emulator)).toEqual({})
  })

  test('10,000 hits in the memory of a replica: Redis gets nothing but the reads of the stream', busy, async () => {
    const replica = replicaAt(fleet(), 1)
    const accessTokens = Array.from({ length: 100 }, () => fleet().emulator.issueTokens().accessToken)
    const askList = () =>
      replica.ask('query ($accessTokens: [String!]!) { verifyAccessTokens(accessTokens: $accessTokens) { active } }', {
        variables: { accessTokens },
      })
    await askList()
    await Promise.all(accessTokens.map((token) => uses['viewer { displayName }'](replica, token)))
    const before = await commandCounts()
    for (let round = 0; round < 90; round += 1) await askList()
    for (let round = 0; round < 10; round += 1)
      await Promise.all(accessTokens.map((token) => uses['viewer { displayName }'](replica, token)))
    const after = await commandCounts()
    const grown = Object.keys(after).filter((name) => after[name] !== before[name])
    print(`10,000 hits in memory: Redis saw only ${grown.join(', ')}`)
    expect(grown.filter((name) => !readsOfTheStream.includes(name))).toEqual([])
  })

  // The last test: the pause goes on after it.
  test('LINE answers 429 to one replica: the others pause as well', busy, async () => {
    const { emulator } = fleet()
    const first = replicaAt(fleet(), 0)
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '60' }, times: 1 })
    expect(codesOf(await askNew(first))).toEqual(['LINE_RATE_LIMITED'])
    const heard = othersThan(fleet(), first).map((replica) =>
      timeUntil(async () => codesOf(await askNew(replica))[0] === 'LINE_RATE_LIMITED', 30_000),
    )
    print(`a 429 of one replica, heard of by the others: ${waitsText(await Promise.all(heard))}`)
    emulator.calls.reset()
    await askSpread(fleet(), 30, askNew)
    expect(callsTo(emulator)).toEqual({})
  })

  async function knownToken(): Promise<string> {
    const { accessToken } = fleet().emulator.issueTokens()
    expect(await uses['viewer { displayName }'](replicaAt(fleet(), 0), accessToken)).toBe('served')
    return accessToken
  }

  function askNew(replica: Parameters<typeof verify>[0]): Promise<Reply> {
    return verify(replica, fleet().emulator.issueTokens().accessToken)
  }

  /** How often Redis has carried out each command. */
  async function commandCounts(): Promise<Record<string, string>> {
    const lines = String(await fleet().redis.command('INFO', 'commandstats')).matchAll(/cmdstat_(\S+):calls=(\d+)/g)
    return Object.fromEntries([...lines].map(([, name = '', calls = '']) => [name, calls]))
  }
})

/** And what a new connection sends on a slow machine, and the INFO of the test itself. */
const readsOfTheStream = ['xread', 'xrange', 'xrevrange', 'hello', 'client', 'ping', 'info']
