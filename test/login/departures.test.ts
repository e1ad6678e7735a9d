import { afterEach, expect, it } from 'vitest'
import { describeWithRedis, type RedisProxy, useKeptRedis } from '../harness/redis.ts'
import { type Replica, type Replicas, startReplicas } from '../harness/replicas.ts'
import { callerAt, noSourceLimit, times, tokenOf, web, wordFor } from '../harness/token-layer.ts'

const redirectUri = 'https://app.example/callback'
const HOUR = 60 * 60_000
/** Of a wait that ends at once on a quiet machine. */
const patiently = { timeout: 30_000 }
const caller = () => callerAt('192.0.2.1')
const down = { code: 'LINE_UNAVAILABLE' }

describeWithRedis('revocations on three replicas', () => {
  const { start, startProxy } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  /** The first replica has a proxy in front of Redis if `proxied`. */
  async function begin({ proxied = false } = {}) {
    const server = await start()
    const proxy: RedisProxy | undefined = proxied ? await startProxy(server.port) : undefined
    const urls = times(3, (n) => (n === 0 && proxy?.url) || server.url)
    fleet = await startReplicas(urls.map((url) => ({ REDIS_URL: url, ...noSourceLimit })))
    const { emulator, all, advance } = fleet
    const [a, b, c] = all as [Replica, Replica, Replica]
    const userId = emulator.users[0]?.userId ?? ''
    const isAtLine = async (raw: string) =>
      (await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${encodeURIComponent(raw)}`)).ok
    return { server, proxy, emulator, a, b, c, advance, userId, isAtLine, calls: emulator.calls }
  }

  /** The user leaves by a token of A, and LINE does not take it. B knows that, and whose tokens it has. */
  async function beginDeparture() {
    const all = await begin()
    const { a, b, c, emulator, userId } = all
    const { accessToken, refreshToken } = await sessionOf(a, emulator, 'login', userId)
    const [token, other] = [tokenOf(accessToken), tokenOf(emulator.issueTokens({ userId }).accessToken)]
    for (const replica of [a, b, c]) await ask(replica, token, 'profile')
    for (const replica of [b, c]) await ask(replica, other, 'profile')
    emulator.faults.set('deauthorize', { status: 503 })
    await expect(a.revocation.deauthorize(token, caller())).rejects.toMatchObject(down)
    await isDead(b, other)
    await isDead(c, other)
    return { ...all, token, other, refreshToken: refreshToken ?? '' }
  }

  /** Time passes until no replica has anything left to tell LINE. */
  async function settle(...replicas: readonly Replica[]) {
    await expect
      .poll(() => {
        fleet?.advance(5_000)
        for (const { unconfirmed } of replicas) unconfirmed.run()
        return replicas.reduce((sum, { unconfirmed }) => sum + unconfirmed.size(), 0)
      }, patiently)
      .toBe(0)
  }

  it('the user logs in again before LINE hears of the departure: that session can be ended at once', async () => {
    const { b, emulator, userId, advance } = await beginDeparture()
    advance(10_000)
    const { accessToken, refreshToken } = await sessionOf(b, emulator, 'login', userId)
    await ask(b, tokenOf(accessToken), 'profile')
    await b.revocation.logout(tokenOf(accessToken), refreshToken ?? undefined, caller())
  })

  it.each(['login', 'refresh'] as const)(
    'a session that began while Redis was away (%s): another replica ends it for all',
    async (how) => {
      const { server, proxy, emulator, a, b } = await begin({ proxied: true })
      proxy?.set('cut')
      const tokens = await sessionOf(a, emulator, how)
      const token = tokenOf(tokens.accessToken)
      proxy?.set('pass')
      await expect.poll(() => server.command('KEYS', '{????????*f'), patiently).not.toEqual([])
      expect(wordFor(await ask(b, token))).toBe('valid')
      await b.revocation.revokeRefreshToken(tokens.refreshToken ?? '', web, caller())
      await isDead(a, token)
    },
  )

  it.each(['logout', 'revoke', 'logout of the session', 'revoke of the session'] as const)(
    '%s on B while LINE does not take the departure from A: LINE hears of the departure first',
    async (act) => {
      const { a, b, emulator, token, other, refreshToken, calls, isAtLine } = await beginDeparture()
      const { revocation } = b
      const acts = {
        logout: () => revocation.logout(token, undefined, caller()),
        revoke: () => revocation.revokeAccessToken(token, caller()),
        'logout of the session': () => revocation.logout(token, refreshToken, caller()),
        'revoke of the session': () => revocation.revokeRefreshToken(refreshToken, web, caller()),
      }
      await expect(acts[act]()).rejects.toMatchObject({ ...down, retryAfter: 10 })
      expect(calls.of('revoke')).toBe(0)
      b.unconfirmed.run()
      emulator.faults.clear()
      await settle(a, b)
      expect(await isAtLine(other.raw)).toBe(false)
    },
  )

  it('another token of the user, revoked on B: dead on all at once; at LINE after an hour at most', async () => {
    const { b, c, advance, other, calls, isAtLine } = await beginDeparture()
    await expect(b.revocation.revokeAccessToken(other, caller())).rejects.toMatchObject(down)
    await isDead(b, other)
    await isDead(c, other)
    advance(HOUR / 2)
    b.unconfirmed.run()
    expect([await isAtLine(other.raw), calls.of('revoke')]).toEqual([true, 0])
    advance(HOUR / 2)
    await settle(b)
    expect([await isAtLine(other.raw), calls.of('revoke')]).toEqual([false, 1])
  })

  it('a departure that LINE did not take on A, again on B: a login in between stays good', async () => {
    const { b, c, emulator, token, userId, advance } = await beginDeparture()
    advance(10_000)
    const next = tokenOf(emulator.issueTokens({ userId }).accessToken)
    for (const replica of [b, c]) expect(wordFor(await ask(replica, next, 'profile'))).toBe('valid')
    advance(10_000)
    await expect(b.revocation.deauthorize(token, caller())).rejects.toMatchObject(down)
    expect(wordFor(await ask(b, next))).toBe('valid')
  })

  it('a user leaves on A and on B while LINE is down: LINE is told, and no replica holds the user as leaving', async () => {
    const { a, b, c, emulator, token, other, userId, calls, isAtLine } = await beginDeparture()
    await expect(b.revocation.deauthorize(token, caller())).rejects.toMatchObject(down)
    emulator.faults.clear()
    const before = calls.of('deauthorize')
    await settle(a, b)
    expect(calls.of('deauthorize') - before).toBeLessThanOrEqual(2)
    expect(await isAtLine(other.raw)).toBe(false)
    fleet?.advance(10_000)
    for (const replica of [a, b, c]) {
      const next = tokenOf(emulator.issueTokens({ userId }).accessToken)
      await ask(replica, next, 'profile')
      await expect
        .poll(async () => {
          const one = tokenOf(emulator.issueTokens({ userId }).accessToken)
          await ask(replica, one, 'profile')
          return replica.revocation.revokeAccessToken(one, caller()).catch((error) => error.code)
        }, patiently)
        .toEqual({ verdict: 'forgotten' })
    }
  })
})

async function sessionOf(replica: Replica, emulator: Replicas['emulator'], how: 'login' | 'refresh', userId?: string) {
  if (how === 'refresh') {
    const { refreshToken = '' } = emulator.issueTokens({ scope: 'profile' })
    return replica.refresher.refresh(refreshToken, web, caller())
  }
  const code = emulator.issueCode({ redirectUri, scope: 'profile', ...(userId && { userId }) })
  return (await replica.logins.exchangeCode({ code, redirectUri }, web, caller())).tokens
}

async function ask(
  replica: Replica,
  token: ReturnType<typeof tokenOf>,
  subject: 'verification' | 'profile' = 'verification',
) {
  return replica.resolve({ ...caller(), token, subject })
}

async function isDead(replica: Replica, token: ReturnType<typeof tokenOf>): Promise<void> {
  await expect.poll(async () => wordFor(await ask(replica, token)), patiently).toBe('REVOKED')
}
