import { afterEach, describe, expect, it, vi } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { InvalidGrant, LineUnavailable } from '../../src/line/errors.ts'
import type { LineAnswer } from '../../src/line/transport.ts'
import { createRefresher } from '../../src/login/refresher.ts'
import { refreshKeyOf } from '../../src/login/token-set.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import { createForgotten } from '../../src/tokens/forgotten.ts'
import type { Subject } from '../../src/tokens/record.ts'
import { digestOf } from '../../src/tokens/token-key.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { describeWithRedis, type RedisServer, useKeptRedis } from '../harness/redis.ts'
import { type Replica, type Replicas, spread, startReplicas } from '../harness/replicas.ts'
import { callerAt, noSourceLimit, times, tokenOf, web, wordFor } from '../harness/token-layer.ts'

/** Of a wait that ends at once on a quiet machine. */
const patiently = { timeout: 30_000 }
/** For ever, or as if it had been stored again. */
const kept: readonly [string, readonly [string, ...number[]]][] = [
  ['for ever', ['PERSIST']],
  ['stored again', ['PEXPIRE', 5_000]],
]
const planted: readonly [string, ...(string | number)[]][] = [['without an end'], ['with a late end', 'PX', 60_000]]
const redirectUri = 'https://app.example/callback'

describeWithRedis('a refresh token on three replicas', () => {
  const { start } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  async function begin(kind: 'same' | 'rotate' = 'same', ofOthers: NodeJS.ProcessEnv = {}) {
    const server = await start()
    fleet = await startReplicas(times(3, (n) => ({ REDIS_URL: server.url, ...noSourceLimit, ...(n > 0 && ofOthers) })))
    const { emulator, all, advance } = fleet
    emulator.switches.refreshToken = kind
    const userId = emulator.users[0]?.userId ?? ''
    const { refreshToken = '' } = emulator.issueTokens({ userId })
    const [a, b, c] = all as [Replica, Replica, Replica]
    return { server, emulator, all, a, b, c, advance, userId, refreshToken, calls: () => emulator.calls.of('token') }
  }

  it.each(['same', 'rotate'] as const)(
    '300 callers at once: one call, one answer (refresh token: %s)',
    async (kind) => {
      const { all, refreshToken, calls } = await begin(kind)
      const answers = await Promise.all(spread(all, 300, refresh(refreshToken)))
      expect(new Set(answers.map((one) => JSON.stringify(one))).size).toBe(1)
      expect(calls()).toBe(1)
    },
  )

  it('one replica after another: the first answer, without a call, and known as a token of this session', async () => {
    const { a, b, refreshToken, calls, emulator } = await begin('rotate')
    const first = await refresh(refreshToken)(a)
    expect(await refresh(refreshToken)(b)).toEqual(first)
    expect(calls()).toBe(1)
    const token = b.toAccessToken(first.accessToken)
    const answer = token && (await b.resolve({ token, subject: 'verification', ...caller() }))
    expect(answer).toMatchObject({ verdict: 'valid', record: { channelId: web.id } })
    expect(emulator.calls.of('verifyAccessToken')).toBe(0)
  })

  it('the holder stops past its lease, LINE keeps the token: two calls, one answer', async () => {
    const { server, a, b, c, refreshToken, calls } = await begin()
    const { slow } = await held(a, refreshToken)
    await endLease(server)
    const others = await Promise.all([b, c].map(refresh(refreshToken)))
    await a.answers.release()
    for (const one of [await slow, ...others]) expect(one).toEqual(others[0])
    expect(calls()).toBe(2)
  })

  it('the holder stops past its lease, LINE rotates: an outage, and then its answer', async () => {
    const { server, a, b, c, refreshToken, calls } = await begin('rotate')
    const { slow } = await held(a, refreshToken)
    await endLease(server)
    const others = await Promise.allSettled([b, c].map(refresh(refreshToken)))
    for (const one of others) expect(one).toMatchObject({ reason: { code: 'LINE_UNAVAILABLE', retryAfter: 2 } })
    await a.answers.release()
    const first = await slow
    expect(await Promise.all([b, c].map(refresh(refreshToken)))).toEqual([first, first])
    expect(calls()).toBe(2)
  })

  it('Redis is flushed in the middle, LINE rotates: the holder answers soon, and all get its answer', async () => {
    const { server, emulator, a, b, c, refreshToken, calls } = await begin('rotate')
    await Promise.all([b, c].map(refresh(emulator.issueTokens().refreshToken ?? '')))
    const { slow } = await held(a, refreshToken)
    await server.command('FLUSHALL')
    for (const one of [b, c]) one.answers.hold()
    const others = Promise.all([b, c].map(refresh(refreshToken)))
    const refused = () => [b, c].find(({ answers }) => answers.waiting() === 1)
    await vi.waitUntil(() => refused() !== undefined, { timeout: 30_000 })
    // Both answers arrive now. The one that is refused looks for another one for half a second only.
    await Promise.all([refused(), a].map((one) => one?.answers.release()))
    expect(await others).toEqual([await slow, await slow])
    expect(calls()).toBe(3)
  })

  it('Redis is lost in the middle, LINE keeps the token: each replica asks, after the time of a call', async () => {
    const { server, a, b, c, refreshToken, calls } = await begin('same', { LINE_TIMEOUT_MS: '1000' })
    const { slow } = await held(a, refreshToken)
    const reads = readsOf([b, c])
    const others = Promise.all([b, c].map(refresh(refreshToken)))
    await reads
    await server.kill()
    await a.answers.release()
    for (const one of [await slow, ...(await others)]) expect(one.refreshToken).toBe(refreshToken)
    expect(calls()).toBe(3)
  })

  it('Redis is lost in the middle, LINE rotates: an outage for the others, and the answer once Redis is back', async () => {
    const { server, a, b, c, refreshToken } = await begin('rotate', { LINE_TIMEOUT_MS: '1000' })
    const { slow } = await held(a, refreshToken)
    const reads = readsOf([b, c])
    const others = Promise.allSettled([b, c].map(refresh(refreshToken)))
    await reads
    await server.kill()
    await a.answers.release()
    const first = await slow
    for (const one of await others) expect(one).toMatchObject({ reason: { code: 'LINE_UNAVAILABLE' } })
    await server.restart()
    const retry = async () => Promise.all([b, c].map(refresh(refreshToken)))
    await vi.waitFor(async () => expect(await retry()).toEqual([first, first]), { timeout: 10_000, interval: 100 })
  })

  it('refused by LINE: one call, and INVALID_GRANT on each replica', async () => {
    const { all, calls } = await begin()
    const ends = await Promise.allSettled(spread(all, 30, refresh('junk')))
    for (const one of ends) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
    expect(calls()).toBe(1)
  })

  it('LINE answers 500: one call, and then the next one', async () => {
    const { emulator, all, a, refreshToken, calls, server } = await begin()
    emulator.faults.set('token', { status: 500 })
    const ends = await Promise.allSettled(spread(all, 30, refresh(refreshToken)))
    for (const one of ends) expect(one).toMatchObject({ reason: { code: 'LINE_UNAVAILABLE' } })
    expect(calls()).toBe(1)
    emulator.faults.clear()
    await remove(server, 'a')
    expect((await refresh(refreshToken)(a)).refreshToken).toBe(refreshToken)
  })

  it('a replica that cannot reach LINE: it harms no other replica', async () => {
    const { a, b, refreshToken, calls } = await begin()
    await a.cutFromLine()
    await expect(refresh(refreshToken)(a)).rejects.toThrow(LineUnavailable)
    expect((await refresh(refreshToken)(b)).refreshToken).toBe(refreshToken)
    expect(calls()).toBe(1)
  })

  it('Redis is full: LINE answers, no refusal is final, and the others get the answer when there is room', async () => {
    const { server, a, b, c, refreshToken, calls } = await begin()
    await server.command('CONFIG', 'SET', 'maxmemory', '1')
    const first = await refresh(refreshToken)(a)
    await expect(refresh('junk')(b)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 2 })
    await server.command('CONFIG', 'SET', 'maxmemory', '0')
    await vi.waitUntil(async () => (await keysOf(server, 'a')).length > 0, { timeout: 10_000 })
    expect(await Promise.all([b, c].map(refresh(refreshToken)))).toEqual([first, first])
    expect(calls()).toBe(2)
  })

  it('Redis is away: LINE answers, and no refusal is final, because another replica may have the tokens', async () => {
    const { server, a, b, refreshToken } = await begin('rotate')
    await server.kill()
    expect((await refresh(refreshToken)(a)).refreshToken).not.toBe(refreshToken)
    await expect(refresh(refreshToken)(b)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 2 })
  })

  it('an answer in Redis that was changed: not used', async () => {
    const { server, a, b, c, refreshToken, calls } = await begin()
    const first = await refresh(refreshToken)(a)
    const [key = ''] = await keysOf(server, 'a')
    await server.command('SETRANGE', key, 40, 'forged')
    expect((await refresh(refreshToken)(b)).accessToken).not.toBe(first.accessToken)
    await server.command('SET', key, 'garbage')
    await refresh(refreshToken)(c)
    expect(calls()).toBe(3)
  })

  it.each(kept)('an answer that Redis kept (%s): not used after its time, and replaced', async (_, ends) => {
    const { server, a, b, c, refreshToken, calls } = await begin()
    const first = await refresh(refreshToken)(a)
    await keep(server, 'a', ends, () => fleet?.advance(36_000))
    const second = await refresh(refreshToken)(b)
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(await refresh(refreshToken)(c)).toEqual(second)
    expect(calls()).toBe(2)
  })

  it.each(kept)('a refusal that Redis kept (%s): the token is asked about again', async (_, ends) => {
    const { server, a, b, calls } = await begin()
    await expect(refresh('junk')(a)).rejects.toThrow(InvalidGrant)
    await keep(server, 'a', ends, () => fleet?.advance(11_000))
    await expect(refresh('junk')(b)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 2 })
    expect(calls()).toBe(2)
  })

  it('an outage that Redis kept: LINE is asked', async () => {
    const { server, emulator, a, b, refreshToken, calls } = await begin()
    emulator.faults.set('token', { status: 500, times: 1 })
    await expect(refresh(refreshToken)(a)).rejects.toThrow(LineUnavailable)
    await keep(server, 'a', ['PERSIST'], () => fleet?.advance(8_000))
    expect((await refresh(refreshToken)(b)).refreshToken).toBe(refreshToken)
    expect(calls()).toBe(2)
  })

  it.each(planted)(
    'a lease and a mark that we did not write (%s): no wait, and a refusal is final',
    async (_, ...ends) => {
      const { server, a, b, c, refreshToken } = await begin()
      for (const token of [refreshToken, 'junk']) await refresh(token)(a).catch(() => {})
      for (const key of await keysOf(server, 'a')) {
        await server.command('DEL', key)
        for (const suffix of ['l', 'o']) await server.command('SET', key.slice(0, -1) + suffix, 'x'.repeat(16), ...ends)
      }
      expect((await refresh(refreshToken)(b)).refreshToken).toBe(refreshToken)
      await expect(refresh('junk')(c)).rejects.toThrow(InvalidGrant)
    },
  )

  it('a lease that loses its end while a replica waits for it: the replica asks after the time of a call', async () => {
    const { server, a, b, refreshToken } = await begin('same', { LINE_TIMEOUT_MS: '1000' })
    await refresh(refreshToken)(a)
    const [key = ''] = await keysOf(server, 'a')
    await server.command('DEL', key)
    const lease = `${key.slice(0, -1)}l`
    await server.command('SET', lease, 'x'.repeat(16), 'PX', 1_400)
    const reads = readsOf([b])
    const waiting = refresh(refreshToken)(b)
    await reads
    await server.command('PERSIST', lease)
    expect((await waiting).refreshToken).toBe(refreshToken)
  })

  it('keys of another type: as if they were absent, and replaced', async () => {
    const { server, a, b, c, refreshToken, calls } = await begin()
    for (const token of [refreshToken, 'junk']) await refresh(token)(a).catch(() => {})
    const names = (await keysOf(server, 'a')).map((key) => key.slice(0, -1))
    const keys = [
      ...names.flatMap((name) => ['l', 'a', 'o'].map((suffix) => name + suffix)),
      ...(await keysOf(server, 'o')),
    ]
    for (const key of keys) {
      await server.command('DEL', key)
      await server.command('LPUSH', key, 'x')
    }
    const second = await refresh(refreshToken)(b)
    expect(await refresh(refreshToken)(c)).toEqual(second)
    for (const one of [b, c]) await expect(refresh('junk')(one)).rejects.toThrow(InvalidGrant)
    expect(calls()).toBe(4)
  })

  it('nothing in Redis can be read: neither tokens nor their keys', async () => {
    const { server, a, refreshToken } = await begin('rotate')
    const { accessToken, refreshToken: next } = await refresh(refreshToken)(a)
    const [key = ''] = await keysOf(server, 'a')
    const value = String(await server.command('GET', key))
    for (const secret of [accessToken, refreshToken, next ?? '', web.id]) expect(value + key).not.toContain(secret)
  })

  it('logged out on another replica in the middle: nobody gets the new tokens', async () => {
    const { emulator, a, b, c } = await begin()
    const code = emulator.issueCode({ redirectUri, scope: 'openid profile' })
    const { tokens } = await c.logins.exchangeCode({ code, redirectUri }, web, caller())
    const refreshToken = tokens.refreshToken ?? ''
    const { slow } = await held(a, refreshToken)
    await b.revocation.revokeRefreshToken(refreshToken, web, caller())
    await a.answers.release()
    await expect(slow).rejects.toThrow(InvalidGrant)
    for (const one of [a, b, c]) await expect(refresh(refreshToken)(one)).rejects.toThrow(InvalidGrant)
  })

  it('an answer with an access token that was revoked on another replica: LINE is asked', async () => {
    const { a, b, c, refreshToken, calls } = await begin()
    const first = await refresh(refreshToken)(a)
    const token = b.toAccessToken(first.accessToken)
    if (token !== undefined) await b.revocation.revokeAccessToken(token, caller())
    expect((await refresh(refreshToken)(c)).accessToken).not.toBe(first.accessToken)
    expect(calls()).toBe(2)
  })

  it('an answer with an access token that was revoked on this replica: LINE is asked', async () => {
    const { a, b, c, refreshToken, calls } = await begin()
    const first = await refresh(refreshToken)(a)
    const token = b.toAccessToken(first.accessToken)
    if (token !== undefined) await b.revocation.revokeAccessToken(token, caller())
    const second = await refresh(refreshToken)(b)
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(await refresh(refreshToken)(c)).toEqual(second)
    expect(calls()).toBe(2)
  })

  it('the user unlinks, and LINE refuses the new access token: it is not handed out again, and stays refused', async () => {
    const { all, a, b, c, emulator, advance, userId, refreshToken, calls } = await begin()
    const { accessToken } = await refresh(refreshToken)(a)
    await Promise.all([a, b].map((one) => verdict(one, accessToken, 'profile')))
    emulator.unlink(userId)
    expect(await verdict(a, accessToken, 'friendship')).toBe('REVOKED')
    await expect.poll(() => verdict(b, accessToken), patiently).toBe('REVOKED')
    await expect(refresh(refreshToken)(b)).rejects.toThrow(InvalidGrant)
    expect(calls()).toBe(2)
    for (const one of [a, c]) await expect(refresh(refreshToken)(one)).rejects.toThrow(InvalidGrant)
    advance(31_000)
    expect(await Promise.all(all.map((one) => verdict(one, accessToken)))).toEqual(times(3, () => 'REVOKED'))
  })

  it('LINE refuses the new access token, but not the refresh token: a new one, the same for all', async () => {
    const { all, a, b, emulator, refreshToken, calls } = await begin()
    const first = await refresh(refreshToken)(a)
    await verdict(a, first.accessToken, 'profile')
    emulator.revokeAccessToken(first.accessToken)
    expect(await verdict(a, first.accessToken, 'friendship')).toBe('REVOKED')
    await expect.poll(() => verdict(b, first.accessToken), patiently).toBe('REVOKED')
    const second = await refresh(refreshToken)(a)
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(await Promise.all(all.map(refresh(refreshToken)))).toEqual(times(3, () => second))
    expect(calls()).toBe(2)
  })

  it("another replica's answer: what Redis knows of the access token stays", async () => {
    const { a, b, c, emulator, refreshToken } = await begin()
    const { accessToken } = await refresh(refreshToken)(a)
    await verdict(a, accessToken, 'profile')
    await refresh(refreshToken)(b)
    await verdict(c, accessToken, 'profile')
    expect(emulator.calls.of('profile')).toBe(1)
  })
})

async function verdict(replica: Replica, accessToken: string, subject: Subject = 'verification') {
  return wordFor(await replica.resolve({ ...caller(), token: tokenOf(accessToken), subject }))
}

function refresh(refreshToken: string) {
  return ({ refresher }: Replica) => refresher.refresh(refreshToken, web, caller())
}

/** This replica has asked LINE, and LINE's answer is held back. */
async function held(replica: Replica, refreshToken: string) {
  replica.answers.hold()
  const slow = refresh(refreshToken)(replica)
  slow.catch(() => {})
  await vi.waitUntil(() => replica.answers.waiting() === 1, { timeout: 10_000 })
  replica.answers.pass()
  return { slow }
}

/** Resolves when each of these replicas looks for the end of another one's call. */
async function readsOf(replicas: readonly Replica[]): Promise<void> {
  const reads = replicas.map(({ redis }) => vi.spyOn(redis, 'read'))
  await vi.waitUntil(() => reads.every(({ mock }) => mock.calls.length > 0), { timeout: 10_000 })
}

/** As if the process with the lease had stopped for longer than it lasts. */
function endLease(server: RedisServer): Promise<void> {
  return remove(server, 'l')
}

async function keep(
  server: RedisServer,
  suffix: string,
  [command, ...ms]: readonly [string, ...number[]],
  meanwhile: () => void,
): Promise<void> {
  const [key = ''] = await keysOf(server, suffix)
  await server.command('PERSIST', key)
  meanwhile()
  await server.command(command, key, ...ms)
}

async function remove(server: RedisServer, suffix: string): Promise<void> {
  for (const key of await keysOf(server, suffix)) await server.command('DEL', key)
}

async function keysOf(server: RedisServer, suffix: string): Promise<string[]> {
  return (await server.command('KEYS', `*}${suffix}`)) as string[]
}

function caller() {
  return callerAt('192.0.2.1')
}

describe('a session that another replica forgets while it is refreshed here', () => {
  it('its tokens are handed to nobody, and refused here from then on', async () => {
    const tombstones = createTombstones(() => 0)
    const families = createFamilies()
    const forgotten = createForgotten({ tombstones, users: createUserTombstones(createClock()), families })
    const { promise: answer, resolve } = Promise.withResolvers<LineAnswer>()
    const key = refreshKeyOf(web.id, 'r')
    let isForgotten = false
    const refresher = createRefresher({
      line: { refresh: () => answer },
      memory: { learn: vi.fn(), learnShared: vi.fn(), remember: vi.fn(), isRefused: () => false, resolve: vi.fn() },
      gate: { admit: async () => ({ calls: 1, settle: () => {} }) },
      now: () => 0,
      learnSession: async () => {
        if (isForgotten) tombstones.raise(key, { kind: 'session', forMs: 1_000, channelId: web.id, isOurs: true })
      },
      forgotten,
      tombstones,
      families,
    })
    const refreshed = refresher.refresh('r', web, caller())
    refreshed.catch(() => {})
    await Promise.resolve()
    isForgotten = true
    const body = { access_token: 'a.b.c', token_type: 'Bearer', expires_in: 60, scope: 'profile' }
    resolve({ status: 200, body, lineRequestId: undefined })
    await expect(refreshed).rejects.toThrow(InvalidGrant)
    expect(tombstones.has(digestOf('a.b.c'))).toBe(true)
    await expect(refresher.refresh('r', web, caller())).rejects.toThrow(InvalidGrant)
  })
})
