import { describe, expect, it } from 'vitest'
import { within } from '../../src/line/deadline.ts'
import type { Caller } from '../../src/tokens/token-resolver.ts'
import { allChannels, callerAt, type Layer, native, useLayer, web } from '../harness/token-layer.ts'

/**
 * LINE does not answer, and LINE_TIMEOUT_MS is a minute: only the deadline of the operation can end these calls within
 * the time that a test has.
 */
describe('the deadline of an operation (D21)', () => {
  const layer = useLayer({ ...allChannels })
  const impatient = useLayer({ ...allChannels, LINE_TIMEOUT_MS: '5000' })
  const redirectUri = 'https://app.example/callback'

  type Operation = (layer: Layer, caller: Caller) => Promise<unknown>
  const verifyIdToken: Operation = ({ idTokens, emulator }, caller) =>
    idTokens.verify(emulator.issueTokens({ channelId: native.id }).idToken ?? '', {}, caller)
  const revoke: Operation = ({ revocation, issue }, caller) => revocation.revokeAccessToken(issue(), caller)
  const revokeRefreshToken: Operation = ({ revocation, issue }, caller) =>
    revocation.revokeRefreshToken(issue().refreshToken, web, caller)
  const logout: Operation = ({ revocation, issue }, caller) => revocation.logout(issue(), 'refresh-token', caller)
  const deauthorize: Operation = ({ revocation, issue }, caller) => revocation.deauthorize(issue(), caller)

  it.each<[string, string, Operation]>([
    ['verifyIdToken', 'certs', verifyIdToken],
    ['revoke', 'verifyAccessToken', revoke],
    ['revoke', 'revoke', revoke],
    ['revokeRefreshToken', 'revoke', revokeRefreshToken],
    ['logout', 'verifyAccessToken', logout],
    ['logout', 'revoke', logout],
    ['deauthorize', 'verifyAccessToken', deauthorize],
    ['deauthorize', 'profile', deauthorize],
    ['deauthorize', 'channelToken', deauthorize],
    ['deauthorize', 'deauthorize', deauthorize],
  ])('ends %s while LINE does not answer %s: LINE_UNAVAILABLE (B8)', async (_, endpoint, operation) => {
    layer().emulator.faults.set(endpoint as 'token', { hang: true })
    const caller = { ...callerAt('192.0.2.1'), deadline: performance.now() + 300 }
    await expect(operation(layer(), caller)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
  })

  it('is near: a code and a refresh token are not sent, and are good for the next operation', async () => {
    const { logins, refresher, emulator, issue } = layer()
    const [code, { refreshToken }] = [emulator.issueCode({ redirectUri }), issue()]
    const inHurry = { ...callerAt('192.0.2.1'), deadline: performance.now() + 15_000 }
    const notSent = { code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 }
    await expect(logins.exchangeCode({ code, redirectUri }, web, inHurry)).rejects.toMatchObject(notSent)
    await expect(refresher.refresh(refreshToken, web, inHurry)).rejects.toMatchObject(notSent)
    expect(emulator.calls.of('token')).toBe(0)
    const caller = callerAt('192.0.2.1')
    expect(await logins.exchangeCode({ code, redirectUri }, web, caller)).toHaveProperty('tokens')
    expect(await refresher.refresh(refreshToken, web, caller)).toHaveProperty('accessToken')
  })

  it('includes the wait for the address’s turn (B8)', async () => {
    const { refresher, issue, emulator } = impatient()
    emulator.faults.set('token', { hang: true })
    const many = Array.from({ length: 60 }, async (_, n) => {
      const caller = { ...callerAt('192.0.2.1'), deadline: performance.now() + (n === 59 ? 300 : 2_000) }
      return refresher.refresh(issue().refreshToken, web, caller)
    })
    await expect(many[59]).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false })
    for (const one of await Promise.allSettled(many))
      expect(one).toMatchObject({ reason: { code: 'LINE_UNAVAILABLE' } })
  })

  it('a result that comes first is returned, a failure too; a result that is too late is LINE_UNAVAILABLE', async () => {
    const soon = performance.now() + 60_000
    expect(await within(soon, Promise.resolve('result'))).toBe('result')
    await expect(within(soon, Promise.reject(new Error('failed')))).rejects.toThrow('failed')
    const never = new Promise(() => {})
    await expect(within(performance.now() - 1, never)).rejects.toMatchObject({
      code: 'LINE_UNAVAILABLE',
      retryAfter: 1,
    })
  })
})
