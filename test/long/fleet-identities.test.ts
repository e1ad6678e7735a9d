import { setTimeout as sleep } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Replica, replicaAt, useFleet } from '../harness/fleet.ts'
import { manyUsers } from '../harness/many-users.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { callsTo } from '../harness/running-gateway.ts'

const users = manyUsers(200)
const requests = 20_000
const atOnce = 100

/** `user`: the number of the user whose data the answer must have. */
type Held = { readonly user: number; readonly token: string }

describeWithRedis('whose data an answer has', () => {
  const fleet = useFleet({ users, expectedErrors: /CACHE_SECRET: an entry in Redis cannot be opened/ })
  const agent = new Agent({ connections: atOnce })
  let bytes: Redis
  beforeAll(() => {
    bytes = new Redis(fleet().redis.url)
  })
  afterAll(async () => {
    bytes.disconnect()
    await agent.destroy()
  })

  test('20,000 requests for 200 users at 3 replicas, 1 in 5 aborted: 0 answers with the data of another user (G1)', async () => {
    const tokens = Array.from({ length: 2_000 }, (_, n) => issue(n % users.length))
    const outcomes = new Map<string, number>()
    let sent = 0
    const ask = async () => {
      for (let n = sent++; n < requests; n = sent++) {
        const held = tokens[Math.floor(Math.random() * tokens.length)] ?? issue(0)
        const outcome =
          n % 5 === 0 ? await abort(replicaAt(fleet(), n), held) : await viewed(replicaAt(fleet(), n), held)
        outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1)
      }
    }
    await Promise.all(Array.from({ length: atOnce }, ask))
    print(
      `${requests} requests: ${JSON.stringify(Object.fromEntries(outcomes))}, ${JSON.stringify(callsTo(fleet().emulator))}`,
    )
    expect([...outcomes.keys()].filter((outcome) => outcome !== 'right' && outcome !== 'aborted')).toEqual([])
  })

  test('every value in Redis stands in the place of another one: 0 identities changed (G4)', async () => {
    const tokens = Array.from({ length: 200 }, (_, n) => issue(n))
    await Promise.all(tokens.map((held) => viewed(replicaAt(fleet(), 0), held)))
    const swapped = await shuffleValues()
    const reader = await fleet().add()
    const outcomes = await Promise.all(tokens.map((held) => viewed(reader, held)))
    await reader.kill()
    print(
      `${swapped} values of Redis swapped: ${JSON.stringify([...new Set(outcomes)])}, ${JSON.stringify(callsTo(fleet().emulator))}`,
    )
    expect(new Set(outcomes)).toEqual(new Set(['right']))
  })

  test('keys renamed to one another: 0 identities changed (G4)', async () => {
    const tokens = Array.from({ length: 200 }, (_, n) => issue(n))
    await Promise.all(tokens.map((held) => viewed(replicaAt(fleet(), 0), held)))
    const keys = await stringKeys()
    const renames = bytes.multi()
    for (const [n, key] of keys.entries()) renames.rename(key, `moved.${n}`)
    for (const [n] of keys.entries()) renames.rename(`moved.${n}`, keys[(n + 1) % keys.length] ?? '')
    await renames.exec()
    const reader = await fleet().add()
    const outcomes = await Promise.all(tokens.map((held) => viewed(reader, held)))
    await reader.kill()
    print(`${keys.length} keys of Redis renamed: ${JSON.stringify([...new Set(outcomes)])}`)
    expect(new Set(outcomes)).toEqual(new Set(['right']))
  })

  test('values cut, lengthened or changed in one bit: 0 identities changed, 0 refused, 0 unanswered', async () => {
    const tokens = Array.from({ length: 200 }, (_, n) => issue(n))
    await Promise.all(tokens.map((held) => viewed(replicaAt(fleet(), 0), held)))
    const keys = await stringKeys()
    for (const key of keys) {
      const value = await bytes.getBuffer(key)
      if (value !== null) await bytes.set(key, damaged(value), 'KEEPTTL')
    }
    const reader = await fleet().add()
    const outcomes = await Promise.all(tokens.map((held) => viewed(reader, held)))
    await reader.kill()
    print(`${keys.length} values of Redis damaged: ${JSON.stringify([...new Set(outcomes)])}`)
    expect(new Set(outcomes)).toEqual(new Set(['right']))
  })

  function issue(user: number): Held {
    return { user, token: fleet().emulator.issueTokens({ userId: users[user]?.userId ?? '' }).accessToken }
  }

  async function viewed(replica: Replica, { user, token }: Held): Promise<string> {
    const { data, text } = await replica.ask('{ viewer { id displayName pictureUrl } }', { token })
    const viewer = data?.viewer as { id: string; displayName: string; pictureUrl: string } | null | undefined
    if (viewer == null) return text
    const { userId, displayName, pictureUrl } = users[user] ?? {}
    const isRight = viewer.id === userId && viewer.displayName === displayName && viewer.pictureUrl === pictureUrl
    return isRight ? 'right' : 'another user'
  }

  /** Sends the same request, and leaves before its answer or in the middle of it. */
  async function abort(replica: Replica, { token }: Held): Promise<string> {
    const leave = new AbortController()
    const asking = request(`${replica.url}/graphql`, {
      dispatcher: agent,
      signal: leave.signal,
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
      body: '{"query":"{ viewer { id displayName pictureUrl } }"}',
    }).then(
      ({ body }) => body.dump().catch(() => undefined),
      () => undefined,
    )
    await sleep(Math.random() * 5)
    leave.abort()
    await asking
    return 'aborted'
  }

  async function stringKeys(): Promise<string[]> {
    const keys = await bytes.keys('*')
    const types = await Promise.all(keys.map((key) => bytes.type(key)))
    const some = keys.filter((_, n) => types[n] === 'string')
    // Each token has a record at least. Without them these tests would prove nothing.
    expect(some.length).toBeGreaterThanOrEqual(users.length)
    return some
  }

  /** Gives every key the value of the key after it. Returns how many there are. */
  async function shuffleValues(): Promise<number> {
    const keys = await stringKeys()
    const values = await bytes.mgetBuffer(keys)
    const writes = bytes.multi()
    for (const [n, key] of keys.entries()) {
      const value = values[(n + 1) % values.length]
      if (value != null) writes.set(key, value, 'KEEPTTL')
    }
    await writes.exec()
    return keys.length
  }
})

function damaged(value: Buffer): Buffer {
  const kind = Math.floor(Math.random() * 3)
  if (kind === 0) return value.subarray(0, Math.floor(Math.random() * value.length))
  if (kind === 1) return Buffer.concat([value, Buffer.from([0])])
  const changed = Buffer.from(value)
  const at = Math.floor(Math.random() * changed.length)
  changed[at] = (changed[at] ?? 0) ^ (1 << Math.floor(Math.random() * 8))
  return changed
}
