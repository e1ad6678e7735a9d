import { afterEach, expect, it } from 'vitest'
import type { IdToken } from '../../src/tokens/credentials.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'
import { type Replica, type Replicas, startReplicas } from '../harness/replicas.ts'
import { callerAt, liff, noSourceLimit, tokenOf } from '../harness/token-layer.ts'

/** Of a wait that ends at once on a quiet machine. */
const patiently = { timeout: 30_000 }
const revoked = { verdict: 'invalid', reason: 'REVOKED' }

describeWithRedis('an ID token as Bearer, on two replicas', () => {
  const { start, startProxy } = useKeptRedis()
  let fleet: Replicas | undefined
  afterEach(async () => fleet?.close())

  async function begin() {
    const { url, port } = await start()
    const proxy = await startProxy(port)
    fleet = await startReplicas([url, proxy.url].map((one) => ({ REDIS_URL: one, ...noSourceLimit })))
    const { emulator, all, advance } = fleet
    const [a, b] = all as [Replica, Replica]
    const { idToken = '', accessToken } = emulator.issueTokens({ channelId: liff.id })
    advance(2_000)
    const leave = () => a.revocation.deauthorize(tokenOf(accessToken), callerAt('192.0.2.1'))
    return { a, b, proxy, idToken, leave }
  }

  const identify = async ({ credentials }: Replica, idToken: string) =>
    credentials.identify(credentials.read(idToken) as IdToken, callerAt('192.0.2.1'))

  it('its user leaves at the first one: the second one, which knew it, refuses it', async () => {
    const { b, idToken, leave } = await begin()
    expect(await identify(b, idToken)).toMatchObject({ verdict: 'valid' })
    await leave()
    await expect.poll(() => identify(b, idToken), patiently).toEqual(revoked)
  })

  it('first checked while Redis was away: checked in full until Redis tells of its user', async () => {
    const { b, proxy, idToken, leave } = await begin()
    proxy.set('refuse')
    proxy.cut()
    await expect.poll(() => b.redis.read(['{nothing}']), patiently).toBe('away')
    await leave()
    expect(await identify(b, idToken)).toMatchObject({ verdict: 'valid' })
    expect(b.credentials.identify(b.credentials.read(idToken) as IdToken, callerAt('192.0.2.1'))).toBeInstanceOf(
      Promise,
    )
    proxy.set('pass')
    await expect.poll(() => identify(b, idToken), patiently).toEqual(revoked)
  })
})
