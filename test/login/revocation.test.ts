import { describe, expect, it } from 'vitest'
import { InvalidGrant } from '../../src/line/errors.ts'
import { readingNames } from '../../src/tokens/readings.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'
import { codesOf, useRunningGateway } from '../harness/running-gateway.ts'
import {
  allChannels,
  elsewhere,
  foreign,
  here,
  junk,
  type Layer,
  liff,
  native,
  noSourceLimit,
  oneBurst,
  oneChannel,
  type Token,
  times,
  tokenOf,
  useLayer,
  web,
  wordFor,
} from '../harness/token-layer.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

const subjects = ['verification', ...readingNames] as const

describe('revoking an access token', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('the next question: REVOKED without a call; LINE refuses the token too', async () => {
    const { ask, issue, emulator, revocation, metric } = layer()
    const token = issue()
    await ask(token, 'profile')
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    emulator.calls.reset()
    for (const subject of subjects) {
      expect(await ask(token, subject)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    }
    expect(emulator.calls.total()).toBe(0)
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })

  it.each(subjects)('with its %s in flight: REVOKED from then on, and no record is kept', async (subject) => {
    const { ask, issue, revocation, answers, metric } = layer()
    const token = issue()
    if (subject !== 'verification') await ask(token)
    answers.hold()
    const asked = ask(token, subject)
    await answers.settled()
    const revoked = revocation.revokeAccessToken(token, elsewhere)
    await answers.release()
    await revoked
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
    if (subject !== 'verification') expect(wordFor(await asked)).toBe('REVOKED')
  })

  it('with three readings in flight: REVOKED, although they arrive after the revocation', async () => {
    const { ask, issue, revocation, answers, clock, metric } = layer()
    const token = issue()
    await ask(token)
    clock.advance(HOUR)
    answers.hold()
    const asked = [ask(token, 'profile'), ask(token, 'friendship'), ask(token, 'userinfo')]
    await answers.settled()
    const late = answers.waiting()
    // The record is stale, so the revocation makes two calls: it first verifies the token again.
    const revoked = revocation.revokeAccessToken(token, here)
    for (let settled = false; !settled; ) {
      await answers.settled()
      if (answers.waiting() > late) await answers.release(late)
      else settled = true
    }
    await revoked
    await answers.release()
    expect((await Promise.all(asked)).map(wordFor)).toEqual(['REVOKED', 'REVOKED', 'REVOKED'])
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
  })

  it('a token that was never seen: verified first, then revoked', async () => {
    const { issue, emulator, revocation } = layer()
    const token = issue()
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, revoke: 1 })
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })

  it('a revoked, a foreign and a junk token: the reason of each, and no revocation', async () => {
    const { issue, emulator, revocation } = layer()
    const revoked = issue()
    emulator.revokeAccessToken(revoked.raw)
    expect(await revocation.revokeAccessToken(revoked, here)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    const foreignToken = issue({ channelId: foreign.id })
    expect(await revocation.revokeAccessToken(foreignToken, here)).toMatchObject({ reason: 'WRONG_CHANNEL' })
    expect(await revocation.revokeAccessToken(junk(1), here)).toMatchObject({ reason: 'MALFORMED' })
    expect(emulator.calls.of('revoke')).toBe(0)
    expect(await isAcceptedByLine(layer(), foreignToken.raw)).toBe(true)
  })

  it('twice: one call to LINE', async () => {
    const { issue, emulator, revocation } = layer()
    const token = issue()
    await revocation.revokeAccessToken(token, here)
    expect(await revocation.revokeAccessToken(token, here)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    expect(emulator.calls.of('revoke')).toBe(1)
  })

  it('a token that LINE has revoked before: forgotten', async () => {
    const { ask, issue, emulator, revocation } = layer()
    emulator.switches.revokeUnknown = 'error'
    const token = issue()
    await ask(token)
    emulator.revokeAccessToken(token.raw)
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
  })

  it.each([
    ['down', { status: 503 }],
    ['resetting connections', { reset: true }],
    ['busy', { status: 429 }],
    ['denying access', { status: 403, body: { message: 'Access Denied' } }],
  ] as const)('with LINE %s: an outage, REVOKED here, and LINE is told after the outage', async (_, fault) => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set('revoke', fault)
    await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({
      code: expect.stringMatching(/^LINE_(UNAVAILABLE|RATE_LIMITED)$/),
    })
    expect(wordFor(await ask(token))).toBe('REVOKED')
    emulator.faults.clear()
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(true)
    clock.advance(60_000)
    await expect.poll(() => isAcceptedByLine(layer(), token.raw), { timeout: 30_000 }).toBe(false)
  })

  it('with LINE down, and the caller tries again after the outage: forgotten, one call', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set('revoke', { status: 503, times: 1 })
    await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    expect(emulator.calls.of('revoke')).toBe(2)
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })

  it('with LINE down, a token that was never seen: REVOKED here, also when LINE is up again', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const token = issue()
    emulator.faults.set('*', { status: 503 })
    await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    emulator.faults.clear()
    clock.advance(10 * DAY)
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })

  it('its tombstone: there until the token would have expired', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const token = issue({ expiresIn: 600 })
    await ask(token)
    await revocation.revokeAccessToken(token, here)
    clock.advance(599_999)
    emulator.calls.reset()
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(emulator.calls.total()).toBe(0)
    clock.advance(1)
    expect(wordFor(await ask(token))).toBe('EXPIRED')
  })

  it('its refresh token: a new refresh, not a replay of the revoked token', async () => {
    const { ask, issue, revocation, refresher, emulator } = layer()
    const { refreshToken } = issue()
    const { accessToken } = await refresher.refresh(refreshToken, web, here)
    await revocation.revokeAccessToken(tokenOf(accessToken), here)
    emulator.calls.reset()
    const again = await refresher.refresh(refreshToken, web, here)
    expect(again.accessToken).not.toBe(accessToken)
    expect(emulator.calls.of('token')).toBe(1)
    expect(wordFor(await ask(tokenOf(again.accessToken)))).toBe('valid')
  })
})

describe('revoking a refresh token', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('all access tokens that we got for it: REVOKED; others: valid', async () => {
    const { ask, issue, revocation, refresher, clock, emulator } = layer()
    const { refreshToken } = issue()
    const children = []
    for (let n = 0; n < 3; n += 1) {
      const { accessToken } = await refresher.refresh(refreshToken, web, here)
      children.push(tokenOf(accessToken))
      clock.advance(31_000)
    }
    const other = issue()
    await ask(other)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    emulator.calls.reset()
    for (const child of children) expect(wordFor(await ask(child, 'profile'))).toBe('REVOKED')
    expect(wordFor(await ask(other))).toBe('valid')
    expect(emulator.calls.total()).toBe(0)
  })

  it('any one of a rotated family: the whole family is refused', async () => {
    const { ask, issue, revocation, refresher, emulator, clock } = layer()
    emulator.switches.refreshToken = 'rotate'
    for (const which of [0, 1, 2]) {
      const sets = [await refresher.refresh(issue().refreshToken, web, here)]
      for (let n = 0; n < 2; n += 1) {
        clock.advance(31_000)
        sets.push(await refresher.refresh(sets.at(-1)?.refreshToken ?? '', web, here))
      }
      await revocation.revokeRefreshToken(sets[which]?.refreshToken ?? '', web, here)
      for (const { accessToken } of sets) expect(wordFor(await ask(tokenOf(accessToken)))).toBe('REVOKED')
      for (const { refreshToken } of sets) {
        await expect(refresher.refresh(refreshToken ?? '', web, here)).rejects.toThrow(InvalidGrant)
      }
    }
  })

  it('the access token of the same login: REVOKED', async () => {
    const { ask, emulator, logins, revocation } = layer()
    const redirectUri = 'https://app.example/'
    const { tokens } = await logins.exchangeCode({ code: emulator.issueCode({ redirectUri }), redirectUri }, web, here)
    expect(wordFor(await ask(tokenOf(tokens.accessToken)))).toBe('valid')
    await revocation.revokeRefreshToken(tokens.refreshToken ?? '', web, here)
    expect(wordFor(await ask(tokenOf(tokens.accessToken)))).toBe('REVOKED')
  })

  it('a refresh with it: INVALID_GRANT, without a call or a replay', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const { refreshToken } = issue()
    await refresher.refresh(refreshToken, web, here)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    emulator.calls.reset()
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.total()).toBe(0)
  })

  it('with a refresh in flight: INVALID_GRANT, and the new tokens are not kept', async () => {
    const { ask, issue, revocation, refresher, answers, metric } = layer()
    const { refreshToken, ...parent } = issue()
    answers.hold()
    const refreshed = refresher.refresh(refreshToken, web, here)
    refreshed.catch(() => {})
    await answers.settled()
    const revoked = revocation.revokeRefreshToken(refreshToken, web, elsewhere)
    await answers.settled()
    await answers.release(1)
    await revoked
    await answers.release()
    await expect(refreshed).rejects.toThrow(InvalidGrant)
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
    expect(wordFor(await ask(parent))).toBe('REVOKED')
  })

  it('with LINE down: an outage, refused here, and a second try revokes it at LINE', async () => {
    const { ask, issue, revocation, refresher, emulator, clock } = layer()
    const { refreshToken } = issue()
    const { accessToken } = await refresher.refresh(refreshToken, web, here)
    emulator.faults.set('revoke', { status: 503 })
    await expect(revocation.revokeRefreshToken(refreshToken, web, here)).rejects.toMatchObject({
      code: 'LINE_UNAVAILABLE',
    })
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(wordFor(await ask(tokenOf(accessToken)))).toBe('REVOKED')
    emulator.faults.clear()
    clock.advance(2_000)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    expect(await isAcceptedByLine(layer(), accessToken)).toBe(false)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    expect(emulator.calls.of('revoke')).toBe(2)
  })
})

describe('revoking a refresh token at an address that is limited', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, FAILED_TOKENS_BURST: '1' })

  it('issued through us: revoked here and at LINE all the same; junk: RATE_LIMITED, and no tombstone', async () => {
    const { ask, issue, refresher, revocation, emulator } = layer()
    const { refreshToken } = issue()
    const { accessToken } = await refresher.refresh(refreshToken, web, here)
    await ask(junk(1))
    emulator.calls.reset()
    expect(await revocation.revokeRefreshToken(refreshToken, web, here)).toEqual({ verdict: 'forgotten' })
    expect(await isAcceptedByLine(layer(), accessToken)).toBe(false)
    const stranger = issue()
    await expect(revocation.revokeRefreshToken(stranger.refreshToken, web, here)).rejects.toThrow(SourceLimited)
    expect((await refresher.refresh(stranger.refreshToken, web, elsewhere)).refreshToken).toBe(stranger.refreshToken)
  })
})

describe('the same revocation many times', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst })

  it('100 at once of one token: one call to LINE each for revoke, logout and deauthorize', async () => {
    const { revocation, emulator, ask, issue, answers } = layer()
    for (const [name, revoke] of [
      ['revoke', (token: Token) => revocation.revokeAccessToken(token, here)],
      ['revoke', (token: Token) => revocation.logout(token, undefined, here)],
      ['deauthorize', (token: Token) => revocation.deauthorize(token, here)],
    ] as const) {
      const token = issue()
      await ask(token, 'profile')
      emulator.calls.reset()
      answers.hold()
      const all = times(100, () => revoke(token))
      await answers.settled()
      await answers.release()
      await Promise.allSettled(all)
      expect(emulator.calls.of(name)).toBe(1)
    }
  })

  it.each([403, 404])('in a loop, LINE answers %i: one call in two seconds (B9)', async (status) => {
    const { revocation, emulator, ask, issue, clock } = layer()
    const [token, leaving] = [issue(), issue({ userId: emulator.users[1]?.userId ?? '' })]
    for (const one of [token, leaving]) await ask(one, 'profile')
    emulator.faults.set('revoke', { status, body: {} })
    emulator.faults.set('deauthorize', { status, body: {} })
    for (let n = 0; n < 20; n += 1) {
      await expect(revocation.deauthorize(leaving, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
      await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    }
    expect(emulator.calls.byEndpoint()).toMatchObject({ revoke: 1, deauthorize: 1 })
    clock.advance(2_000)
    emulator.faults.clear()
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
  })

  it('3,000 junk refresh tokens that LINE answers with 200: 20 calls, the burst of the address (B3)', async () => {
    const { revocation, emulator } = layer()
    const all = times(3_000, (n) => revocation.revokeRefreshToken(`junk-${n}`, web, here))
    await Promise.allSettled(all)
    expect(emulator.calls.of('revoke')).toBe(20)
  })
})

describe('revoking a refresh token whose channel nobody knows', () => {
  const layer = useLayer({ ...allChannels, ...oneBurst, FAILED_TOKENS_BURST: '1' })

  it('30 at once, LINE refuses a dead token: all are done, with one call for each channel', async () => {
    const { revocation, emulator, issue, answers } = layer()
    emulator.switches.revokeUnknown = 'error'
    const { refreshToken } = issue({ channelId: native.id })
    answers.hold()
    const callers = times(30, (n) => (n % 2 === 0 ? here : elsewhere))
    const all = callers.map((caller) => revocation.revokeRefreshToken(refreshToken, undefined, caller))
    const settled = Promise.allSettled(all)
    await answers.settled()
    await answers.release()
    const done = { status: 'fulfilled', value: { verdict: 'forgotten' } }
    expect(await settled).toEqual(callers.map(() => done))
    expect(emulator.calls.of('revoke')).toBe(3)
  })

  it('one channel fails early: the place in the gate is taken until the others have answered', async () => {
    const { revocation, emulator, issue, answers } = layer()
    emulator.faults.set('revoke', { status: 500, body: { error: 'down' }, times: 1 })
    answers.hold()
    const tokens = [issue(), issue()]
    const all = tokens.map(({ refreshToken }) => revocation.revokeRefreshToken(refreshToken, undefined, here))
    const settled = Promise.allSettled(all)
    await answers.settled()
    await answers.release(answers.bodies().findIndex((body) => body.includes('down')))
    expect([emulator.calls.of('revoke'), answers.waiting()]).toEqual([3, 2])
    await answers.release()
    const [failed, done] = await settled
    expect(failed).toMatchObject({ status: 'rejected', reason: { code: 'LINE_UNAVAILABLE' } })
    expect(done).toMatchObject({ status: 'fulfilled', value: { verdict: 'forgotten' } })
  })

  it.each([web, native])(
    'a token of the $type channel, one channel fails: a retry says that it is dead',
    async ({ id }) => {
      const { revocation, emulator, issue } = layer()
      emulator.switches.revokeUnknown = 'error'
      emulator.faults.set('revoke', { status: 500, times: 1 })
      const { refreshToken } = issue({ channelId: id })
      const revoke = () => revocation.revokeRefreshToken(refreshToken, undefined, here)
      await expect(revoke()).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
      expect(await revoke()).toEqual({ verdict: 'forgotten' })
    },
  )
})

describe('revoking junk', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, FAILED_TOKENS_BURST: '5' })

  it('100 junk access tokens: no more calls than verifying them', async () => {
    const { revocation, emulator, ask, issue } = layer()
    const known = issue()
    await ask(known)
    emulator.calls.reset()
    const all = await Promise.allSettled(times(100, (n) => revocation.revokeAccessToken(junk(n), here)))
    expect(emulator.calls.total()).toBeLessThanOrEqual(10)
    expect(all.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(90)
    expect(await revocation.revokeAccessToken(known, here)).toEqual({ verdict: 'forgotten' })
  })

  it('100 junk refresh tokens that LINE refuses: 5 calls, the burst of the address', async () => {
    const { revocation, emulator, issue, refresher } = layer()
    emulator.switches.revokeUnknown = 'error'
    const all = await Promise.allSettled(times(100, (n) => revocation.revokeRefreshToken(`junk-${n}`, web, here)))
    expect(emulator.calls.of('revoke')).toBe(5)
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    const { refreshToken } = issue()
    await revocation.revokeRefreshToken(refreshToken, web, elsewhere)
    await expect(refresher.refresh(refreshToken, web, elsewhere)).rejects.toThrow(InvalidGrant)
  })

  it('from a limited address, good tokens: RATE_LIMITED, and not revoked', async () => {
    const { revocation, ask, issue } = layer()
    for (let n = 0; n < 5; n += 1) await ask(junk(n))
    const token = issue()
    await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    await expect(revocation.revokeRefreshToken(token.refreshToken, web, here)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
    })
    expect(wordFor(await ask(token, 'verification', elsewhere))).toBe('valid')
    expect((await layer().refresher.refresh(token.refreshToken, web, elsewhere)).refreshToken).toBe(token.refreshToken)
  })
})

describe('logging out', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('both tokens of a session: refused here and at LINE', async () => {
    const { ask, issue, revocation, refresher } = layer()
    const { refreshToken } = issue()
    const token = tokenOf((await refresher.refresh(refreshToken, web, here)).accessToken)
    expect(await revocation.logout(token, refreshToken, here)).toEqual({ verdict: 'forgotten' })
    expect(wordFor(await ask(token))).toBe('REVOKED')
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })

  it('without a refresh token: only the access token is revoked', async () => {
    const { ask, issue, revocation, refresher } = layer()
    const token = issue()
    expect(await revocation.logout(token, undefined, here)).toEqual({ verdict: 'forgotten' })
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect((await refresher.refresh(token.refreshToken, web, here)).accessToken).not.toBe(token.raw)
  })

  it('an expired access token: its refresh token is revoked', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const token = issue()
    emulator.expireAccessToken(token.raw)
    expect(await revocation.logout(token, token.refreshToken, here)).toEqual({ verdict: 'forgotten' })
    await expect(refresher.refresh(token.refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('revoke')).toBe(1)
  })

  it('an expired access token alone, or a foreign one: the reason, and nothing is revoked', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const [expired, foreignToken] = [issue(), issue({ channelId: foreign.id })]
    emulator.expireAccessToken(expired.raw)
    expect(await revocation.logout(expired, undefined, here)).toMatchObject({ verdict: 'invalid', reason: 'EXPIRED' })
    expect(await revocation.logout(foreignToken, expired.refreshToken, here)).toMatchObject({ reason: 'WRONG_CHANNEL' })
    expect((await refresher.refresh(expired.refreshToken, web, here)).refreshToken).toBe(expired.refreshToken)
  })

  it('with LINE down: an outage, and both tokens are refused here', async () => {
    const { ask, issue, revocation, refresher, emulator } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set('*', { status: 503 })
    await expect(revocation.logout(token, token.refreshToken, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    emulator.faults.clear()
    expect(wordFor(await ask(token))).toBe('REVOKED')
    await expect(refresher.refresh(token.refreshToken, web, here)).rejects.toThrow(InvalidGrant)
  })
})

describe('logging out at an address that is limited', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, FAILED_TOKENS_BURST: '1' })

  it('a good session: both tokens are dead here and at LINE (C3)', async () => {
    const { ask, issue, revocation, refresher } = layer()
    const token = issue()
    await ask(token)
    await ask(junk(1))
    expect(wordFor(await ask(junk(2)))).toBe('RATE_LIMITED')
    expect(await revocation.logout(token, token.refreshToken, here)).toEqual({ verdict: 'forgotten' })
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
    await expect(refresher.refresh(token.refreshToken, web, elsewhere)).rejects.toThrow(InvalidGrant)
  })

  it('again and again with other refresh tokens: they pass the gate', async () => {
    const { ask, issue, revocation, emulator } = layer()
    const token = issue()
    await ask(token)
    await ask(junk(1))
    emulator.faults.set('revoke', { status: 503 })
    await expect(revocation.logout(token, token.refreshToken, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    emulator.calls.reset()
    for (let n = 0; n < 20; n += 1) await revocation.logout(token, `junk-${n}`, here).catch(() => {})
    expect(emulator.calls.of('revoke')).toBeLessThanOrEqual(20)
  })
})

describe('one good token and many refresh tokens', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, FAILED_TOKENS_BURST: '5' })

  it('300 logouts at once of a token that was never seen: one session passes the gate', async () => {
    const { issue, revocation, emulator } = layer()
    const token = issue()
    await Promise.allSettled(times(300, (n) => revocation.logout(token, `junk-${n}`, here)))
    // The access token, one session, and what the address may send: its burst, and a little more for its good token.
    expect(emulator.calls.of('revoke')).toBeLessThanOrEqual(10)
  })
})

describe('evicted from a small cache and verified again', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit, CACHE_MAX_TOKENS: '10' })

  it('its refresh token is revoked: REVOKED (C4)', async () => {
    const { ask, issue, revocation, refresher, emulator } = layer()
    const { refreshToken } = issue()
    const token = tokenOf((await refresher.refresh(refreshToken, web, here)).accessToken)
    for (const other of times(20, () => issue())) await ask(other)
    expect(wordFor(await ask(token))).toBe('valid')
    await revocation.revokeRefreshToken(refreshToken, web, here)
    emulator.calls.reset()
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(emulator.calls.total()).toBe(0)
  })

  it('its refresh token is revoked while it is not in the cache: REVOKED without a call (C4)', async () => {
    const { ask, issue, revocation, refresher, emulator } = layer()
    const { refreshToken } = issue()
    const token = tokenOf((await refresher.refresh(refreshToken, web, here)).accessToken)
    for (const other of times(20, () => issue())) await ask(other)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    emulator.calls.reset()
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(emulator.calls.total()).toBe(0)
  })
})

describe('revocations that LINE has not confirmed', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('a logout while LINE is down: LINE is told after the outage, without being asked again (C2)', async () => {
    const { ask, issue, revocation, emulator, clock, metric } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set('*', { status: 503 })
    await expect(revocation.logout(token, token.refreshToken, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    for (let n = 0; n < 60; n += 1) clock.advance(1_000)
    expect(await metric('gateway_unconfirmed_revocations')).toBe(2)
    emulator.faults.clear()
    // An attempt of before may still be under way, so one step of the clock is not enough.
    const oneSecondOn = () => {
      clock.advance(1_000)
      return metric('gateway_unconfirmed_revocations')
    }
    await expect.poll(oneSecondOn, { timeout: 30_000 }).toBe(0)
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })

  it('a token that was never verified: not told to LINE by us', async () => {
    const { issue, revocation, emulator, metric } = layer()
    emulator.faults.set('*', { status: 503 })
    await expect(revocation.revokeAccessToken(issue(), here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(await metric('gateway_unconfirmed_revocations')).toBe(0)
  })

  it('logout of a token never seen while LINE is down: its refresh token, issued through us, is dead too (C2)', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const token = issue()
    await refresher.refresh(token.refreshToken, web, here)
    emulator.faults.set('*', { status: 503 })
    await expect(revocation.logout(token, token.refreshToken, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    emulator.faults.clear()
    await expect(refresher.refresh(token.refreshToken, web, here)).rejects.toThrow(InvalidGrant)
  })
})

describe('deauthorizing', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })

  it('all tokens of that user and channel, refreshed ones too: REVOKED; other users and channels: valid', async () => {
    const { ask, issue, emulator, revocation, refresher } = layer()
    const [sakura, kenta] = emulator.users.map(({ userId }) => userId)
    const [one, two] = [issue({ userId: sakura ?? '' }), issue({ userId: sakura ?? '' })]
    const refreshed = tokenOf((await refresher.refresh(two.refreshToken, web, here)).accessToken)
    const others = [issue({ userId: kenta ?? '' }), issue({ userId: sakura ?? '', channelId: native.id })]
    for (const token of [one, two, refreshed, ...others]) await ask(token, 'profile')
    expect(await revocation.deauthorize(one, here)).toEqual({ verdict: 'forgotten' })
    emulator.calls.reset()
    for (const token of [one, two, refreshed]) expect(wordFor(await ask(token, 'profile'))).toBe('REVOKED')
    for (const token of others) expect(wordFor(await ask(token, 'profile'))).toBe('valid')
    await expect(refresher.refresh(two.refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 2, profile: 0, token: 0 })
  })

  it('tokens of which only the verification is known: REVOKED for that user, valid for others, one call each (C1)', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const [sakura = '', kenta = ''] = emulator.users.map(({ userId }) => userId)
    const [phone, laptop, other] = [issue({ userId: sakura }), issue({ userId: sakura }), issue({ userId: kenta })]
    for (const token of [phone, laptop, other]) await ask(token)
    await revocation.deauthorize(phone, here)
    emulator.calls.reset()
    for (let n = 0; n < 3; n += 1) {
      expect([wordFor(await ask(laptop)), wordFor(await ask(other))]).toEqual(['REVOKED', 'valid'])
    }
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 0, profile: 2 })
    expect(emulator.calls.total()).toBe(2)
  })

  it('ten users leave: a token whose user was unknown is asked about once, then never again (C1)', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const token = issue({ userId: emulator.users[1]?.userId ?? '' })
    await ask(token)
    const calls = []
    for (let n = 0; n < 10; n += 1) {
      await revocation.deauthorize(issue({ userId: emulator.users[0]?.userId ?? '' }), here)
      emulator.calls.reset()
      expect(wordFor(await ask(token))).toBe('valid')
      calls.push(emulator.calls.total())
      clock.advance(1_000)
    }
    expect(calls).toEqual([1, 0, 0, 0, 0, 0, 0, 0, 0, 0])
  })

  it('with LINE down after that: the tokens of that user are not served, tokens of unknown users are (C1)', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const [sakura = '', kenta = ''] = emulator.users.map(({ userId }) => userId)
    const [phone, laptop, unknown] = [issue({ userId: sakura }), issue({ userId: sakura }), issue({ userId: kenta })]
    await ask(laptop, 'profile')
    await ask(unknown)
    await revocation.deauthorize(phone, here)
    emulator.faults.set('*', { status: 503 })
    expect([wordFor(await ask(laptop)), wordFor(await ask(unknown))]).toEqual(['LINE_UNAVAILABLE', 'valid'])
  })

  it('a login after that: valid', async () => {
    const { ask, issue, revocation, clock, emulator } = layer()
    const phone = issue()
    await ask(phone, 'profile')
    await revocation.deauthorize(phone, here)
    clock.advance(1_000)
    const again = issue()
    expect([wordFor(await ask(again, 'profile')), wordFor(await ask(phone))]).toEqual(['valid', 'REVOKED'])
    emulator.calls.reset()
    for (let n = 0; n < 10; n += 1) expect(wordFor(await ask(again, 'profile'))).toBe('valid')
    // Once within the five seconds after the departure, however many ask.
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 0 })
    clock.advance(10_000)
    expect(wordFor(await ask(again, 'profile'))).toBe('valid')
  })

  it.each(['verification', 'profile'] as const)(
    'with a %s of another token of the user in flight: REVOKED when it lands (C1)',
    async (subject) => {
      const { ask, issue, revocation, answers, metric } = layer()
      const [phone, laptop] = [issue(), issue()]
      await ask(phone, 'profile')
      answers.hold()
      const asked = ask(laptop, subject)
      await answers.settled()
      const held = answers.waiting()
      const left = revocation.deauthorize(phone, here)
      for (let n = 0; n < 2; n += 1) {
        await answers.settled()
        await answers.release(held)
      }
      await left
      await answers.release()
      expect([wordFor(await asked), wordFor(await ask(laptop))]).toEqual(['REVOKED', 'REVOKED'])
      expect(await metric('gateway_records{kind="record"}')).toBe(0)
    },
  )

  it.each([
    ['profile', 'profile'],
    ['userinfo', 'openid'],
  ] as const)(
    'LINE does not tell the user at %s: an outage, and only that token is refused (C1)',
    async (endpoint, scope) => {
      const { ask, issue, emulator, revocation, clock } = layer()
      const [phone, laptop] = [issue({ scope }), issue()]
      await ask(laptop, 'profile')
      emulator.faults.set(endpoint, { status: 503 })
      await expect(revocation.deauthorize(phone, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
      expect([wordFor(await ask(phone)), wordFor(await ask(laptop))]).toEqual(['REVOKED', 'valid'])
      expect(await isAcceptedByLine(layer(), phone.raw)).toBe(true)
      emulator.faults.clear()
      // After the outage the gateway finishes it without being asked.
      clock.advance(2_000)
      await expect.poll(() => isAcceptedByLine(layer(), phone.raw), { timeout: 30_000 }).toBe(false)
      await expect.poll(async () => wordFor(await ask(laptop)), { timeout: 30_000 }).toBe('REVOKED')
    },
  )

  it('LINE does not tell the user at profile, but at userinfo: done (C1)', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const [phone, laptop] = [issue(), issue()]
    for (const token of [phone, laptop]) await ask(token)
    emulator.faults.set('profile', { status: 503 })
    expect(await revocation.deauthorize(phone, here)).toEqual({ verdict: 'forgotten' })
    expect(wordFor(await ask(laptop))).toBe('REVOKED')
  })

  it('and a logout beside it, in either order, while LINE is down: LINE is told of the departure (C1)', async () => {
    for (const isLogoutFirst of [true, false]) {
      const { ask, issue, emulator, revocation, refresher, clock } = layer()
      const userId = emulator.users[isLogoutFirst ? 0 : 1]?.userId ?? ''
      const [phone, laptop] = [issue({ userId }), issue({ userId })]
      for (const token of [phone, laptop]) await ask(token, 'profile')
      await refresher.refresh(laptop.refreshToken, web, here)
      emulator.faults.set('*', { status: 503 })
      const acts = [() => revocation.logout(phone, phone.refreshToken, here), () => revocation.deauthorize(phone, here)]
      for (const act of isLogoutFirst ? acts : acts.reverse()) await act().catch(() => {})
      emulator.faults.clear()
      for (let second = 0; second < 20; second += 1) {
        clock.advance(1_000)
        await answersOf(layer())
      }
      expect(await isAcceptedByLine(layer(), laptop.raw)).toBe(false)
      expect(wordFor(await ask(laptop))).toBe('REVOKED')
    }
  })

  it.each(['logout first', 'deauthorize first'])(
    'and a logout at the same moment, %s, with a user who is not known yet: LINE is told (C1)',
    async (order) => {
      const { ask, issue, revocation } = layer()
      const [phone, laptop] = [issue({ scope: 'profile' }), issue()]
      for (const token of [phone, laptop]) await ask(token)
      const acts = [() => revocation.logout(phone, phone.refreshToken, here), () => revocation.deauthorize(phone, here)]
      const done = (order === 'logout first' ? acts : acts.reverse()).map((act) => act())
      expect(await Promise.all(done)).toEqual([{ verdict: 'forgotten' }, { verdict: 'forgotten' }])
      expect(await isAcceptedByLine(layer(), laptop.raw)).toBe(false)
      expect(wordFor(await ask(laptop))).toBe('REVOKED')
    },
  )

  it('and its refresh token revoked, while LINE does not take the departure: LINE is told of the departure first', async () => {
    const { ask, emulator, issue, refresher, revocation, clock } = layer()
    const { accessToken, refreshToken } = await refresher.refresh(issue().refreshToken, web, here)
    const [phone, laptop] = [tokenOf(accessToken), issue()]
    for (const token of [phone, laptop]) await ask(token, 'profile')
    emulator.faults.set('deauthorize', { status: 503 })
    const outage = { code: 'LINE_UNAVAILABLE' }
    await expect(revocation.deauthorize(phone, here)).rejects.toMatchObject(outage)
    await expect(revocation.revokeRefreshToken(refreshToken ?? '', web, here)).rejects.toMatchObject(outage)
    emulator.faults.clear()
    for (let second = 0; second < 20; second += 1) {
      clock.advance(1_000)
      await answersOf(layer())
    }
    expect(await isAcceptedByLine(layer(), laptop.raw)).toBe(false)
  })

  it('by an old token that LINE has revoked, two days after its last use: its reason, and the user stays', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const old = issue()
    await ask(old, 'profile')
    emulator.revokeAccessToken(old.raw)
    clock.advance(2 * DAY)
    const current = issue()
    await ask(current, 'profile')
    expect(await revocation.deauthorize(old, here)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    expect([wordFor(await ask(current)), emulator.calls.of('deauthorize')]).toEqual(['valid', 0])
  })

  it('twice by a token whose first try met an outage: a login in between stays good here (C1)', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const phone = issue()
    await ask(phone, 'profile')
    emulator.faults.set('deauthorize', { status: 503 })
    await expect(revocation.deauthorize(phone, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    clock.advance(10_000)
    const again = issue()
    expect(wordFor(await ask(again, 'profile'))).toBe('valid')
    clock.advance(10_000)
    await expect(revocation.deauthorize(phone, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(wordFor(await ask(again))).toBe('valid')
  })

  it('a token of unknown user, and LINE does not tell the user: two calls, however many ask (C1)', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const [phone, unknown] = [issue(), issue({ userId: emulator.users[1]?.userId ?? '' })]
    for (const token of [phone, unknown]) await ask(token)
    await revocation.deauthorize(phone, here)
    emulator.faults.set('profile', { status: 403, body: { message: 'Access Denied' } })
    emulator.calls.reset()
    for (let second = 0; second < 60; second += 1) {
      expect(wordFor(await ask(unknown))).toBe('valid')
      clock.advance(1_000)
    }
    expect(emulator.calls.byEndpoint()).toMatchObject({ profile: 1, verifyAccessToken: 1 })
  })

  it('a suspend while the user of a token is being fetched: REVOKED all the same (C1, C5)', async () => {
    const { ask, issue, emulator, revocation, answers, clock } = layer()
    const [phone, laptop] = [issue(), issue()]
    await ask(laptop, 'profile')
    await ask(phone)
    clock.advance(1)
    emulator.faults.set('deauthorize', { status: 503 })
    await expect(revocation.deauthorize(laptop, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    answers.hold()
    const asked = ask(phone)
    await answers.settled()
    clock.suspend(20_000)
    await answers.release()
    expect([wordFor(await asked), wordFor(await ask(phone))]).toEqual(['REVOKED', 'REVOKED'])
  })

  it.each(['profile openid', 'profile', 'openid'])(
    'a token whose user is not known yet, with the scope %s: the other tokens of the user are REVOKED',
    async (scope) => {
      const { ask, issue, revocation } = layer()
      const [one, two] = [issue({ scope }), issue()]
      await ask(two, 'profile')
      await revocation.deauthorize(one, here)
      expect(wordFor(await ask(two, 'profile'))).toBe('REVOKED')
    },
  )

  it('the first time: two calls to LINE; the channel token is kept, so after that: one', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    for (const calls of [1, 0]) {
      clock.advance(10_000)
      const token = issue()
      await ask(token, 'profile')
      emulator.calls.reset()
      await revocation.deauthorize(token, here)
      expect(emulator.calls.byEndpoint()).toMatchObject({ channelToken: calls, deauthorize: 1 })
      expect(emulator.calls.total()).toBe(calls + 1)
    }
  })

  it('a channel token that LINE refuses: replaced once', async () => {
    const { issue, emulator, revocation } = layer()
    await revocation.deauthorize(issue(), here)
    const token = issue()
    emulator.faults.set('deauthorize', { status: 401, body: { message: 'invalid token' }, times: 1 })
    expect(await revocation.deauthorize(token, here)).toEqual({ verdict: 'forgotten' })
    expect(emulator.calls.byEndpoint()).toMatchObject({ channelToken: 2, deauthorize: 3 })
    emulator.faults.set('deauthorize', { status: 401, body: { message: 'invalid token' } })
    await expect(revocation.deauthorize(issue(), here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(emulator.calls.of('deauthorize')).toBe(5)
  })

  it.each(['channelToken', 'deauthorize'] as const)(
    'with LINE down at %s: an outage, all tokens of the user are REVOKED, and LINE is told after the outage (C1)',
    async (endpoint) => {
      const { ask, issue, emulator, revocation, clock } = layer()
      const [token, other] = [issue(), issue()]
      await ask(token, 'profile')
      await ask(other, 'profile')
      emulator.faults.set(endpoint, { status: 503 })
      await expect(revocation.deauthorize(token, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
      expect([wordFor(await ask(token)), wordFor(await ask(other))]).toEqual(['REVOKED', 'REVOKED'])
      emulator.faults.clear()
      expect(await isAcceptedByLine(layer(), other.raw)).toBe(true)
      clock.advance(2_000)
      await expect.poll(() => isAcceptedByLine(layer(), other.raw), { timeout: 30_000 }).toBe(false)
      await expect.poll(async () => wordFor(await ask(other)), { timeout: 30_000 }).toBe('REVOKED')
    },
  )

  it('a user who has unlinked the app before: forgotten', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.unlink(emulator.users[0]?.userId ?? '')
    expect(await revocation.deauthorize(token, here)).toEqual({ verdict: 'forgotten' })
  })

  it('a junk token: its reason; a token of a LIFF channel: deauthorized', async () => {
    const { issue, emulator, revocation } = layer()
    expect(await revocation.deauthorize(junk(1), here)).toMatchObject({ verdict: 'invalid', reason: 'MALFORMED' })
    expect(emulator.calls.of('channelToken')).toBe(0)
    expect(await revocation.deauthorize(issue({ channelId: liff.id }), here)).toEqual({ verdict: 'forgotten' })
  })
})

describe('deauthorizing without a secret', () => {
  const layer = useLayer({ LINE_CHANNEL_ID: native.id, LINE_CHANNEL_TYPE: 'native' })

  it('MISCONFIGURED, and the token stays valid', async () => {
    const { ask, issue, revocation, emulator } = layer()
    const token = issue({ channelId: native.id })
    await expect(revocation.deauthorize(token, here)).rejects.toMatchObject({ code: 'MISCONFIGURED' })
    expect(wordFor(await ask(token))).toBe('valid')
    expect(emulator.calls.byEndpoint()).toMatchObject({ deauthorize: 0, channelToken: 0 })
  })
})

describe('several channels', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })

  it('a token of each channel: revoked at that channel', async () => {
    const { issue, revocation } = layer()
    for (const { id } of [web, native, liff]) {
      const token = issue({ channelId: id })
      expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
      expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
    }
  })

  it('with LINE down, a token that was never seen: REVOKED here only if the caller names its channel', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const [named, unnamed] = [issue({ channelId: native.id }), issue()]
    emulator.faults.set('verifyAccessToken', { status: 503, times: 2 })
    await expect(revocation.revokeAccessToken(named, here, native)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    await expect(revocation.revokeAccessToken(unnamed, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect([wordFor(await ask(named)), wordFor(await ask(unnamed))]).toEqual(['REVOKED', 'valid'])
  })

  it('a refresh token issued through us, with the id of another channel: revoked at its own channel (C6)', async () => {
    const { issue, revocation, refresher } = layer()
    const { refreshToken } = issue()
    const { accessToken } = await refresher.refresh(refreshToken, web, here)
    expect(await revocation.revokeRefreshToken(refreshToken, native, here)).toEqual({ verdict: 'forgotten' })
    expect(await isAcceptedByLine(layer(), accessToken)).toBe(false)
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
  })

  it('one that we do not know, with the id of another channel: WRONG_CHANNEL, and still good (C6)', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    emulator.switches.revokeUnknown = 'error'
    const { refreshToken } = issue()
    expect(await revocation.revokeRefreshToken(refreshToken, native, here)).toMatchObject({ reason: 'WRONG_CHANNEL' })
    expect((await refresher.refresh(refreshToken, web, here)).refreshToken).toBe(refreshToken)
  })

  it('logout met an outage, and again: both calls are made for the channel of the token (C3)', async () => {
    const { ask, issue, revocation, emulator } = layer()
    const token = issue({ channelId: native.id })
    await ask(token)
    emulator.faults.set('revoke', { status: 503, times: 2 })
    await expect(revocation.logout(token, token.refreshToken, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect(await revocation.logout(token, token.refreshToken, here)).toEqual({ verdict: 'forgotten' })
    expect(emulator.calls.of('revoke')).toBe(4)
    expect(await isAcceptedByLine(layer(), token.raw)).toBe(false)
  })
})

/** Calls to LINE in the background have their answers. */
async function answersOf({ answers }: Layer): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await answers.settled()
}

/** Whether LINE itself still accepts the token. The call does not go through the gateway. */
async function isAcceptedByLine({ emulator }: Layer, raw: string): Promise<boolean> {
  const { status } = await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${raw}`)
  return status === 200
}

describe('an unexpected error while LINE is told', () => {
  let isBroken = true
  const gateway = useRunningGateway(
    {},
    {
      watch: (telemetry) => ({
        ...telemetry,
        lineCall: (call) => {
          if (isBroken && call.endpoint === 'revoke') throw new TypeError('a bug')
          telemetry.lineCall(call)
        },
      }),
    },
  )

  it('the caller gets an error, the token is refused here, and LINE is told again', async () => {
    const { emulator, ask, issue } = gateway()
    const { accessToken: token } = issue()
    await ask('{ viewer { id } }', { token })
    emulator.faults.set('revoke', { status: 200, body: '' })
    const reply = await ask(`mutation { revokeToken(input: { accessToken: "${token}" }) { revoked } }`)
    expect(codesOf(reply)).toEqual(['INTERNAL_SERVER_ERROR'])
    expect(codesOf(await ask('{ viewer { id } }', { token }))).toEqual(['UNAUTHENTICATED'])
    emulator.faults.clear()
    isBroken = false
    const isAccepted = async () => {
      gateway().advance(10_000)
      return (await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`)).ok
    }
    await expect.poll(isAccepted, { timeout: 30_000, interval: 500 }).toBe(false)
  })
})
