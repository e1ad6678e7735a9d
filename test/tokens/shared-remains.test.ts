import { afterEach, expect, it } from 'vitest'
import { writeSent } from '../../src/tokens/shared-events.ts'
import { createSharedNames } from '../../src/tokens/shared-names.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'
import { type Replica, type Replicas, startReplicas } from '../harness/replicas.ts'
import { callerAt, noSourceLimit, times, tokenOf, web, wordFor } from '../harness/token-layer.ts'

const patiently = { timeout: 30_000 }
const caller = () => callerAt('192.0.2.1')
const [former, next] = ['o'.repeat(32), 'n'.repeat(32)]
const [formerFirst, nextFirst] = [`${former},${next}`, `${next},${former}`]
/** A refusal is remembered for this long. */
const refusedForMs = 31_000

describeWithRedis('what is left of a dead token', () => {
  const { start } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  async function begin(...secrets: readonly string[]) {
    const server = await start()
    const url = { REDIS_URL: server.url, ...noSourceLimit }
    fleet = await startReplicas(secrets.map((secret) => ({ ...url, CACHE_SECRET: secret })))
    return { ...fleet, server, all: fleet.all as [Replica, Replica, ...Replica[]] }
  }

  it.each([
    ['CACHE_SECRET has the new one first', formerFirst, nextFirst],
    ['CACHE_SECRET has the old one first', nextFirst, formerFirst],
  ])('%s: a token that LINE refused stays refused, although the others had stored it', async (_, theirs, ours) => {
    const { all, emulator, server, advance } = await begin(theirs, ours)
    const [other, one] = all
    const token = tokenOf(emulator.issueTokens({ userId: userOf(emulator) }).accessToken)
    await ask(other, token)
    await ask(one, token)
    emulator.unlink(userOf(emulator))
    advance(400_000)
    await expect.poll(async () => wordFor(await ask(one, token)), patiently).toBe('REVOKED')
    await expect.poll(() => recordsIn(server), patiently).toEqual([])
    advance(refusedForMs)
    expect(wordFor(await ask(one, token))).toBe('REVOKED')
    await expect.poll(async () => wordFor(await ask(other, token)), patiently).toBe('REVOKED')
  })

  it('CACHE_SECRET has two: a new record replaces the one under the other secret', async () => {
    const { all, emulator, server, advance } = await begin(formerFirst, nextFirst)
    const [other, one] = all
    const token = tokenOf(emulator.issueTokens({ userId: userOf(emulator) }).accessToken)
    await ask(other, token)
    const [first] = await recordsIn(server)
    advance(4_000_000)
    await ask(one, token)
    await expect.poll(() => recordsIn(server), patiently).toHaveLength(1)
    expect(await recordsIn(server)).not.toEqual([first])
  })

  it('another replica forgot a token: its record is gone here, also when the tombstone is gone', async () => {
    const trusting = { VERIFICATION_FRESH_SECONDS: '86400', VERIFICATION_MAX_STALE_SECONDS: '86400' }
    const server = await start()
    fleet = await startReplicas([{ REDIS_URL: server.url, ...noSourceLimit, ...trusting, CACHE_SECRET: next }])
    const [one] = fleet.all as [Replica]
    const { emulator } = fleet
    const [token, later] = times(2, () => tokenOf(emulator.issueTokens({ userId: userOf(emulator) }).accessToken))
    if (token === undefined || later === undefined) throw new TypeError('two tokens')
    await ask(one, token)
    for (const { key } of [token, later]) await forgetElsewhere(server, emulator.url, key)
    await expect.poll(async () => wordFor(await ask(one, later)), patiently).toBe('REVOKED')
    const before = emulator.calls.of('verifyAccessToken')
    emulator.unlink(userOf(emulator))
    await server.command('DEL', ...(await recordsIn(server)))
    fleet.advance(7_200_000)
    expect(wordFor(await ask(one, token))).toBe('REVOKED')
    expect(emulator.calls.of('verifyAccessToken')).toBe(before + 1)
  })
})

type Server = Awaited<ReturnType<ReturnType<typeof useKeptRedis>['start']>>

/** Writes only to the stream. The tombstone lasts an hour. */
async function forgetElsewhere(server: Server, lineUrl: string, key: string): Promise<void> {
  const names = createSharedNames({ secrets: [next], lineUrl, unopened: () => {} })
  const until = Date.now() + 3_600_000
  const event = { kind: 'token', key, channelId: web.id, isConfirmed: true, until } as const
  const sealed = names.tombstonesOf('stream', 'events').write.seal('e', writeSent({ from: 'x', sentAt: 0, event }))
  await server.command('XADD', '{lg1}f', '*', 'v', sealed)
}

async function recordsIn(server: Server): Promise<string[]> {
  return (await server.command('KEYS', '*}r')) as string[]
}

function userOf({ users }: Replicas['emulator']): string {
  return users[0]?.userId ?? ''
}

async function ask(replica: Replica, token: ReturnType<typeof tokenOf>) {
  return replica.resolve({ ...caller(), token, subject: 'verification' })
}
