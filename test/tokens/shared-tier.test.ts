import { readFileSync } from 'node:fs'
import { afterEach, expect, it, vi } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createChannels } from '../../src/line/channels.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import type { Subject } from '../../src/tokens/record.ts'
import { createSharedNames } from '../../src/tokens/shared-names.ts'
import { createSharedTier } from '../../src/tokens/shared-tier.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { describeWithRedis, type RedisProxy, type RedisServer, useKeptRedis } from '../harness/redis.ts'
import { isUp, type Replica, type Replicas, spread, startReplicas } from '../harness/replicas.ts'
import { callerAt, junk, native, noSourceLimit, tally, times, tokenOf, web, wordFor } from '../harness/token-layer.ts'

/** Of a wait that ends at once on a quiet machine. */
const patiently = { timeout: 30_000 }
const caller = () => callerAt('192.0.2.1')

it('a mistake of ours while the others are told: reported, and what is forgotten is forgotten here', () => {
  const bug = new TypeError('a bug')
  let isBroken = false
  const clock = createClock()
  const unexpected = vi.fn()
  const [tombstones, users] = [createTombstones(clock.steady), createUserTombstones(clock)]
  const away = async () => 'away' as const
  const tier = createSharedTier({
    redis: {
      ...{ read: away, run: away, write: away, close: async () => {} },
      openStream: () => ({ readAfter: away, has: away, last: away, connections: () => 0, close: () => {} }),
    },
    secrets: ['a secret of thirty-two characters'],
    lineUrl: 'https://api.line.me',
    channels: createChannels([]),
    families: createFamilies(),
    ages: { freshForMs: 1, maxStaleMs: 1 },
    ...{ tombstones, users, longestLifeMs: 1, patienceMs: 1 },
    ...{ refused: () => {}, dropped: () => {}, paused: () => {} },
    clock: {
      ...clock,
      steady: () => {
        if (isBroken) throw bug
        return clock.steady()
      },
    },
    telemetry: { ...createSilentTelemetry(), unexpected },
  })
  isBroken = true
  tombstones.raise('key', { kind: 'token', forMs: 60_000, channelId: '1', isOurs: true })
  users.raise('1', 'U1')
  expect([tombstones.has('key'), users.find('1', 'U1')?.isLeaving]).toEqual([true, true])
  expect(unexpected.mock.calls).toEqual(Array(2).fill([bug, 'shared entries']))
  isBroken = false
  void tier.close()
})

describeWithRedis('access tokens on three replicas', () => {
  const { start, startProxy } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  /** Three replicas. Each has a proxy of its own in front of Redis if `proxied`. */
  async function begin({ proxied = false } = {}) {
    const server = await start()
    const proxies: RedisProxy[] = []
    for (let n = 0; proxied && n < 3; n += 1) proxies.push(await startProxy(server.port))
    const own = times(3, (n) => ({ REDIS_URL: proxies[n]?.url ?? server.url, ...noSourceLimit }))
    fleet = await startReplicas(own)
    const { emulator, all, advance, add } = fleet
    const [a, b, c] = all as [Replica, Replica, Replica]
    return { server, proxies, emulator, all, a, b, c, advance, add, calls: emulator.calls }
  }

  it.each(['verification', 'profile', 'friendship'] as const)(
    '500 cold callers at once: one call each (%s)',
    async (subject) => {
      const { all, emulator, calls } = await begin()
      const token = tokenOf(emulator.issueTokens().accessToken)
      const words = await Promise.all(spread(all, 500, async (replica) => wordFor(await ask(replica, token, subject))))
      expect(tally(words)).toEqual({ valid: 500 })
      expect(calls.of('verifyAccessToken')).toBe(1)
      expect(calls.total()).toBe(subject === 'verification' ? 1 : 2)
      const ends = tally(all.flatMap(({ lookUps }) => lookUps))
      expect(ends).toEqual({ 'line/valid': 1, 'redis/valid': 2, 'flight/valid': 497 })
    },
  )

  it('one replica after another: the others answer from Redis, with the same facts', async () => {
    const { a, b, emulator, calls } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    const first = await ask(a, token, 'profile')
    expect(calls.total()).toBe(2)
    const second = await ask(b, token, 'profile')
    expect(calls.total()).toBe(2)
    expect([first, second].map(plainRecord)).toEqual([plainRecord(first), plainRecord(first)])
  })

  it('profile and friendship at once on two replicas: a third one knows both', async () => {
    const { a, b, c, emulator, calls } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    await ask(a, token)
    await ask(b, token)
    await Promise.all([ask(a, token, 'profile'), ask(b, token, 'friendship')])
    const before = calls.total()
    await Promise.all([ask(c, token, 'profile'), ask(c, token, 'friendship')])
    expect(calls.total()).toBe(before)
  })

  it('junk seen by all at once, and a moment later: one call', async () => {
    const { all, calls } = await begin()
    const words = await Promise.all(spread(all, 30, async (replica) => wordFor(await ask(replica, junk(1)))))
    expect([...new Set(words)]).toEqual(['MALFORMED'])
    expect(calls.total()).toBe(1)
    const ends = tally(all.flatMap(({ lookUps }) => lookUps))
    expect(ends).toEqual({ 'line/refused': 1, 'redis/refused': 2, 'flight/refused': 27 })
  })

  it.each([
    [500, 'LINE_UNAVAILABLE'],
    [403, 'LINE_UNAVAILABLE'],
    [429, 'LINE_RATE_LIMITED'],
  ])('LINE answers %i: one call for all replicas', async (status, word) => {
    const { all, emulator, calls } = await begin()
    emulator.faults.set('verifyAccessToken', { status })
    const token = tokenOf(emulator.issueTokens().accessToken)
    const words = await Promise.all(spread(all, 30, async (replica) => wordFor(await ask(replica, token))))
    expect([...new Set(words)]).toEqual([word])
    expect(calls.total()).toBe(1)
  })

  it.each([
    ['for ever', 'PERSIST'],
    ['stored again', 'PEXPIRE', 2_000],
  ] as const)('an outage that Redis kept (%s): LINE is asked', async (_, command, ...ms) => {
    const { a, b, c, server, emulator, calls, advance } = await begin()
    emulator.faults.set('verifyAccessToken', { status: 500, times: 1 })
    const token = tokenOf(emulator.issueTokens().accessToken)
    expect(wordFor(await ask(a, token))).toBe('LINE_UNAVAILABLE')
    const [key = ''] = await keysOf(server, 'l')
    await server.command('PERSIST', key)
    advance(8_000)
    await server.command(command, key, ...ms)
    for (const replica of [b, c]) expect(wordFor(await ask(replica, token))).toBe('valid')
    expect(calls.total()).toBeLessThanOrEqual(3)
  })

  it.each([
    ['without an end', 'SET', 'oxxxxxxxxxxxx'],
    ['with a late end', 'SET', 'oxxxxxxxxxxxx', 'PX', 60_000],
    ['of another type', 'LPUSH', 'x'],
  ] as const)('a lease that we did not write (%s): one replica asks LINE', async (_, command, ...value) => {
    const { all, server, emulator, calls } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    const name = nameOf(emulator.url, token)
    for (const suffix of ['l', 'p']) await server.command(command, name + suffix, ...value)
    const words = await Promise.all(spread(all, 30, async (replica) => wordFor(await ask(replica, token, 'profile'))))
    expect(tally(words)).toEqual({ valid: 30 })
    expect(calls.total()).toBe(2)
  })

  it('a record and a tombstone of another type: as if they were absent, and the record is replaced', async () => {
    const { a, b, server, emulator, calls } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    const name = nameOf(emulator.url, token)
    for (const suffix of ['r', 't']) await server.command('LPUSH', name + suffix, 'x')
    for (const replica of [a, b]) expect(wordFor(await ask(replica, token))).toBe('valid')
    expect(calls.total()).toBe(1)
  })

  it('one replica cannot reach LINE: the others can', async () => {
    const { a, b, emulator } = await begin()
    await a.cutFromLine()
    const token = tokenOf(emulator.issueTokens().accessToken)
    expect(wordFor(await ask(a, token))).toBe('LINE_UNAVAILABLE')
    expect(wordFor(await ask(b, token))).toBe('valid')
  })

  it('an aging record: one re-check for all replicas', async () => {
    const { all, emulator, calls, advance } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    await Promise.all(all.map((replica) => ask(replica, token)))
    advance(400_000)
    await Promise.all(spread(all, 30, (replica) => ask(replica, token)))
    await expect
      .poll(async () => {
        await Promise.all(all.map((replica) => ask(replica, token)))
        return calls.of('verifyAccessToken')
      }, patiently)
      .toBe(2)
    advance(10_000)
    await Promise.all(spread(all, 30, (replica) => ask(replica, token)))
    expect(calls.of('verifyAccessToken')).toBe(2)
  })

  it('an aging record that only Redis has: answered, and re-checked once', async () => {
    const { a, b, emulator, calls, advance } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    await ask(a, token)
    advance(400_000)
    await Promise.all(times(10, () => ask(b, token)))
    await expect.poll(() => calls.of('verifyAccessToken'), patiently).toBe(2)
  })

  it('a stale record that only Redis has: checked first, and served while LINE is down', async () => {
    const { a, b, c, emulator, calls, advance } = await begin()
    const token = tokenOf(emulator.issueTokens().accessToken)
    await ask(a, token)
    advance(4_000_000)
    expect(wordFor(await ask(b, token))).toBe('valid')
    expect(calls.of('verifyAccessToken')).toBe(2)
    advance(4_000_000)
    emulator.faults.set('verifyAccessToken', { status: 503 })
    expect(wordFor(await ask(c, token))).toBe('valid')
    expect(calls.of('verifyAccessToken')).toBe(3)
  })

  it('a replica without the channel refuses the token, and the others go on', async () => {
    const { a, b, server, emulator, add } = await begin()
    const other = add({ REDIS_URL: server.url, LINE_CHANNELS: JSON.stringify([native]), ...noSourceLimit })
    await isUp(other)
    const known = tokenOf(emulator.issueTokens().accessToken)
    await ask(a, known)
    const cold = tokenOf(emulator.issueTokens().accessToken)
    const words = await Promise.all([known, cold].map(async (token) => wordFor(await ask(other, token))))
    expect(words).toEqual(['WRONG_CHANNEL', 'WRONG_CHANNEL'])
    const those = [ask(a, known), ask(b, known), ask(a, cold), ask(b, cold)]
    expect((await Promise.all(those)).map(wordFor)).toEqual(['valid', 'valid', 'valid', 'valid'])
  })

  it('a replica without the channel hears of a logout: the token is refused there, and no error is unexpected', async () => {
    const { a, server, emulator, add } = await begin()
    const other = add({ REDIS_URL: server.url, LINE_CHANNELS: JSON.stringify([native]), ...noSourceLimit })
    await isUp(other)
    const token = tokenOf(emulator.issueTokens().accessToken)
    await ask(a, token)
    await a.revocation.revokeAccessToken(token, caller())
    await expect.poll(async () => wordFor(await ask(other, token)), patiently).toMatch(/REVOKED|WRONG_CHANNEL/)
    expect(await other.revocation.revokeAccessToken(token, caller())).toMatchObject({ verdict: 'invalid' })
  })

  it('LINE refuses a token on one replica: the others drop it', async () => {
    const { a, b, emulator, calls, advance } = await begin()
    const userId = emulator.users[0]?.userId ?? ''
    const token = tokenOf(emulator.issueTokens({ userId }).accessToken)
    await Promise.all([a, b].map((replica) => ask(replica, token)))
    emulator.unlink(userId)
    advance(4_000_000)
    expect(wordFor(await ask(a, token))).toBe('REVOKED')
    await expect.poll(async () => wordFor(await ask(b, token)), patiently).toBe('REVOKED')
    expect(calls.of('verifyAccessToken')).toBe(2)
  })

  it('LINE refuses a token on a replica without Redis: the others drop it once Redis is back', async () => {
    const { a, b, proxies, emulator, advance } = await begin({ proxied: true })
    const token = tokenOf(emulator.issueTokens().accessToken)
    await Promise.all([a, b].map((replica) => ask(replica, token)))
    emulator.revokeAccessToken(token.raw)
    proxies[0]?.set('cut')
    expect(wordFor(await ask(a, token, 'profile'))).toBe('REVOKED')
    proxies[0]?.set('pass')
    await expect.poll(async () => wordFor(await ask(b, token)), patiently).toBe('REVOKED')
    advance(31_000)
    expect(wordFor(await ask(a, token))).toBe('REVOKED')
  })

  it('logged out on one: refused on the others, and on one that starts later', async () => {
    const { a, b, server, emulator, calls, add } = await begin()
    const { accessToken, refreshToken } = emulator.issueTokens()
    const token = tokenOf(accessToken)
    await Promise.all([a, b].map((replica) => ask(replica, token)))
    await a.revocation.logout(token, refreshToken, caller())
    await expect.poll(async () => wordFor(await ask(b, token)), patiently).toBe('REVOKED')
    const before = calls.total()
    const late = add({ REDIS_URL: server.url, ...noSourceLimit })
    await isUp(late)
    expect(wordFor(await ask(late, token))).toBe('REVOKED')
    expect(calls.total()).toBe(before)
  })

  it.each([
    ['another type', ['SET', '{lg1}f', 'x']],
    ['the last possible ID', ['XADD', '{lg1}f', '18446744073709551615-18446744073709551615', 'v', 'x']],
  ] as const)(
    'the stream was replaced (%s): it is made anew, and nothing that was forgotten is lost',
    async (_, [name, ...args]) => {
      const { a, b, server, emulator } = await begin()
      const tokens = times(120, () => tokenOf(emulator.issueTokens().accessToken))
      await Promise.all(tokens.flatMap((token) => [a, b].map((replica) => ask(replica, token))))
      await server.command('DEL', '{lg1}f')
      await server.command(name, ...args)
      await Promise.all(tokens.map((token) => a.revocation.revokeAccessToken(token, caller())))
      await expect
        .poll(
          async () => tally(await Promise.all(tokens.map(async (token) => wordFor(await ask(b, token))))),
          patiently,
        )
        .toEqual({ REVOKED: 120 })
    },
  )

  it('a user of Redis with the rights in the README: enough for everything', async () => {
    const server = await start()
    const [, rights = ''] = /^ACL SETUSER gateway on >PASSWORD (.*)$/m.exec(readFileSync('README.md', 'utf8')) ?? []
    await server.command('ACL', 'SETUSER', 'gateway', 'on', '>PASSWORD', ...rights.split(' '))
    const url = server.url.replace('redis://', 'redis://gateway:PASSWORD@')
    fleet = await startReplicas(times(2, () => ({ REDIS_URL: `${url}/1`, ...noSourceLimit })))
    const { emulator, all } = fleet
    const [a, b] = all as [Replica, Replica]
    const { accessToken, refreshToken = '' } = emulator.issueTokens()
    const channel = a.channels.find(web.id) ?? expect.fail()
    await a.refresher.refresh(refreshToken, channel, caller())
    await b.refresher.refresh(refreshToken, channel, caller())
    const token = tokenOf(accessToken)
    await Promise.all(spread(all, 10, (replica) => ask(replica, token, 'profile')))
    await ask(a, junk('refused'))
    await expect(
      a.logins.exchangeCode({ code: 'x', redirectUri: 'https://a.example' }, channel, caller()),
    ).rejects.toThrow()
    await a.revocation.logout(token, refreshToken, caller())
    await expect.poll(async () => wordFor(await ask(b, token)), patiently).toBe('REVOKED')
    expect(await server.command('ACL', 'LOG')).toEqual([])
  })

  it('the clock of Redis is hours behind: a replica that starts hears of logouts all the same', async () => {
    const { a, server, emulator, add, advance } = await begin()
    advance(5 * 3_600_000)
    const late = add({ REDIS_URL: server.url, ...noSourceLimit })
    await isUp(late)
    const token = tokenOf(emulator.issueTokens().accessToken)
    await Promise.all([a, late].map((replica) => ask(replica, token)))
    await a.revocation.revokeAccessToken(token, caller())
    await expect.poll(async () => wordFor(await ask(late, token)), patiently).toBe('REVOKED')
  })

  it('a user leaves on one replica: dead on the others, and on one that starts later', async () => {
    const { a, b, server, emulator, add, calls, advance } = await begin()
    const [first, second] = times(2, () =>
      tokenOf(emulator.issueTokens({ userId: emulator.users[0]?.userId ?? '' }).accessToken),
    )
    if (first === undefined || second === undefined) throw new TypeError('two tokens')
    await Promise.all([ask(b, second, 'profile'), ask(a, first, 'profile')])
    advance(10_000)
    emulator.faults.set('deauthorize', { status: 503 })
    await expect(a.revocation.deauthorize(first, caller())).rejects.toThrow()
    await expect.poll(async () => wordFor(await ask(b, second)), patiently).toBe('REVOKED')
    const before = calls.total()
    const late = add({ REDIS_URL: server.url, ...noSourceLimit })
    await isUp(late)
    expect(wordFor(await ask(late, second))).toBe('REVOKED')
    expect(calls.total()).toBe(before)
  })

  it('a user left before a replica started: a token whose user nobody knew is dead there', async () => {
    const { a, b, server, emulator, add, advance } = await begin()
    const [known, unnamed] = times(2, () =>
      tokenOf(emulator.issueTokens({ userId: emulator.users[0]?.userId ?? '' }).accessToken),
    )
    if (known === undefined || unnamed === undefined) throw new TypeError('two tokens')
    await Promise.all([ask(a, known, 'profile'), ask(b, unnamed)])
    await a.revocation.deauthorize(known, caller())
    advance(120_000)
    const late = add({ REDIS_URL: server.url, ...noSourceLimit })
    await isUp(late)
    await expect.poll(async () => wordFor(await ask(late, unnamed)), patiently).toBe('REVOKED')
  })

  it('the user logs in again on another replica: the new token is good', async () => {
    const { a, b, c, emulator, advance } = await begin()
    const userId = emulator.users[0]?.userId ?? ''
    const first = tokenOf(emulator.issueTokens({ userId }).accessToken)
    await Promise.all([a, b, c].map((replica) => ask(replica, first, 'profile')))
    await a.revocation.deauthorize(first, caller())
    await expect.poll(async () => wordFor(await ask(b, first)), patiently).toBe('REVOKED')
    advance(1_000)
    const next = tokenOf(emulator.issueTokens({ userId }).accessToken)
    expect(wordFor(await ask(b, next, 'profile'))).toBe('valid')
    expect(wordFor(await ask(c, next, 'profile'))).toBe('valid')
    expect(wordFor(await ask(a, next, 'profile'))).toBe('valid')
  })

  it('the connection of one replica is cut meanwhile: it hears of the logout when it is back', async () => {
    const { a, b, proxies, emulator, calls } = await begin({ proxied: true })
    const token = tokenOf(emulator.issueTokens().accessToken)
    await Promise.all([a, b].map((replica) => ask(replica, token)))
    proxies[1]?.set('cut')
    await a.revocation.revokeAccessToken(token, caller())
    expect(wordFor(await ask(b, token))).toBe('valid')
    const before = calls.of('verifyAccessToken')
    proxies[1]?.set('pass')
    await expect.poll(async () => wordFor(await ask(b, token)), patiently).toBe('REVOKED')
    expect(calls.of('verifyAccessToken')).toBe(before)
  })

  it('a replica that starts without Redis: it hears of old logouts when Redis is back', async () => {
    const { a, server, emulator, advance, add } = await begin()
    const proxy = await startProxy(server.port)
    const tokens = times(3, () => tokenOf(emulator.issueTokens().accessToken))
    await Promise.all(tokens.map((token) => ask(a, token)))
    emulator.faults.set('revoke', { status: 503 })
    await Promise.allSettled(tokens.map((token) => a.revocation.revokeAccessToken(token, caller())))
    advance(2 * 3_600_000)
    proxy.set('cut')
    const late = add({ REDIS_URL: proxy.url, ...noSourceLimit })
    const wordsOfLate = async () => [
      ...new Set(await Promise.all(tokens.map(async (one) => wordFor(await ask(late, one))))),
    ]
    expect(await wordsOfLate()).toEqual(['valid'])
    proxy.set('pass')
    await expect.poll(wordsOfLate, patiently).toEqual(['REVOKED'])
  })

  it('Redis comes back empty: what one replica has forgotten is refused on all', async () => {
    const { a, b, server, emulator } = await begin()
    const tokens = times(20, () => tokenOf(emulator.issueTokens().accessToken))
    await Promise.all(tokens.flatMap((token) => [a, b].map((replica) => ask(replica, token))))
    await server.kill()
    await Promise.all(tokens.map((token) => a.revocation.revokeAccessToken(token, caller())))
    await server.restart()
    await expect
      .poll(
        async () => [...new Set(await Promise.all(tokens.map(async (one) => wordFor(await ask(b, one)))))],
        patiently,
      )
      .toEqual(['REVOKED'])
  })

  it('LINE limits one replica: the others do not call that endpoint either', async () => {
    const { a, b, emulator } = await begin()
    emulator.faults.set('verifyAccessToken', { status: 429, headers: { 'retry-after': '30' } })
    expect(wordFor(await ask(a, tokenOf(emulator.issueTokens().accessToken)))).toBe('LINE_RATE_LIMITED')
    emulator.faults.clear()
    await expect
      .poll(async () => wordFor(await ask(b, tokenOf(emulator.issueTokens().accessToken))), patiently)
      .toBe('LINE_RATE_LIMITED')
  })
})

/** Of its entries in Redis, without the letter at the end. */
function nameOf(lineUrl: string, { key }: ReturnType<typeof tokenOf>): string {
  const names = createSharedNames({ secrets: ['x'.repeat(32)], lineUrl, unopened: () => {} })
  return names.entriesOf('access', key).write.keyOf('l').slice(0, -1)
}

async function keysOf(server: RedisServer, suffix: string): Promise<string[]> {
  return (await server.command('KEYS', `*}${suffix}`)) as string[]
}

async function ask(replica: Replica, token: ReturnType<typeof tokenOf>, subject: Subject = 'verification') {
  return replica.resolve({ ...caller(), token, subject })
}

function plainRecord(answer: Awaited<ReturnType<typeof ask>>) {
  if (answer.verdict !== 'valid') return answer
  const { channelId, scopes, verifiedAt, expiresAt, userId, family, profile } = answer.record
  const { displayName, pictureUrl, statusMessage, readAt } = profile ?? {}
  return { channelId, scopes, verifiedAt, expiresAt, userId, family, displayName, pictureUrl, statusMessage, readAt }
}
