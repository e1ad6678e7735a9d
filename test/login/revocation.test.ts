import { describe, expect, it } from 'vitest'
import { createChannels } from '../../src/line/channels.ts'
import { InvalidGrant, LineUnavailable } from '../../src/line/errors.ts'
import { createForgetting } from '../../src/login/forgetting.ts'
import { createRevocation } from '../../src/login/revocation.ts'
import { refreshKeyOf } from '../../src/login/token-set.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
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
  oneChannel,
  times,
  tokenOf,
  useLayer,
  web,
  wordFor,
} from '../harness/token-layer.ts'

const HOUR = 3_600_000
const DAY = 24 * HOUR

describe('revoking an access token', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('refuses it by the very next question, and tells LINE', async () => {
    const { ask, issue, emulator, revocation, metric } = layer()
    const token = issue()
    await ask(token, 'profile')
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    emulator.calls.reset()
    for (const subject of ['verification', 'profile', 'userinfo', 'friendship'] as const) {
      expect(await ask(token, subject)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    }
    expect(emulator.calls.total()).toBe(0)
    expect(await metric('gateway_tokens_in_memory')).toBe(0)
    expect(await isAliveAtLine(layer(), token.raw)).toBe(false)
  })

  it.each(['verification', 'profile', 'userinfo', 'friendship'] as const)(
    'refuses it to those whose %s is on its way, and to those after them',
    async (subject) => {
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
      expect(await metric('gateway_tokens_in_memory')).toBe(0)
      if (subject !== 'verification') expect(wordFor(await asked)).toBe('REVOKED')
    },
  )

  it('no flight under way brings it back, however late it comes home', async () => {
    const { ask, issue, revocation, answers, clock, metric } = layer()
    const token = issue()
    await ask(token)
    clock.advance(HOUR)
    answers.hold()
    const asked = [ask(token, 'profile'), ask(token, 'friendship'), ask(token, 'userinfo')]
    await answers.settled()
    const late = answers.waiting()
    // The record is stale: whose it is, is a question to LINE of its own, and so is the revocation.
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
    expect(await metric('gateway_tokens_in_memory')).toBe(0)
  })

  it('one never seen is verified first, then revoked', async () => {
    const { issue, emulator, revocation } = layer()
    const token = issue()
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, revoke: 1 })
    expect(await isAliveAtLine(layer(), token.raw)).toBe(false)
  })

  it('one that is dead, foreign or junk is answered with what it is', async () => {
    const { issue, emulator, revocation } = layer()
    const dead = issue()
    emulator.revokeAccessToken(dead.raw)
    expect(await revocation.revokeAccessToken(dead, here)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    const stranger = issue({ channelId: foreign.id })
    expect(await revocation.revokeAccessToken(stranger, here)).toMatchObject({ reason: 'WRONG_CHANNEL' })
    expect(await revocation.revokeAccessToken(junk(1), here)).toMatchObject({ reason: 'MALFORMED' })
    expect(emulator.calls.of('revoke')).toBe(0)
    expect(await isAliveAtLine(layer(), stranger.raw)).toBe(true)
  })

  it('twice is once at LINE', async () => {
    const { issue, emulator, revocation } = layer()
    const token = issue()
    await revocation.revokeAccessToken(token, here)
    expect(await revocation.revokeAccessToken(token, here)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    expect(emulator.calls.of('revoke')).toBe(1)
  })

  it('a LINE that says it was dead already is content', async () => {
    const { ask, issue, emulator, revocation } = layer()
    emulator.switches.revokeUnknown = 'error'
    const token = issue()
    await ask(token)
    emulator.revokeAccessToken(token.raw)
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
  })

  it.each([
    ['down', { status: 503 }],
    ['gone', { reset: true }],
    ['busy', { status: 429 }],
    ['strange', { status: 403, body: { message: 'Access Denied' } }],
  ] as const)('with LINE %s it is dead here all the same, and trying again reaches LINE', async (_, fault) => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set('revoke', fault)
    await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({
      code: expect.stringMatching(/^LINE_(UNAVAILABLE|RATE_LIMITED)$/),
    })
    expect(wordFor(await ask(token))).toBe('REVOKED')
    emulator.faults.clear()
    clock.advance(60_000)
    expect(await isAliveAtLine(layer(), token.raw)).toBe(true)
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    expect(await isAliveAtLine(layer(), token.raw)).toBe(false)
  })

  it('with LINE down even one never seen is dead here, and stays so when LINE is back', async () => {
    const { ask, issue, emulator, revocation, clock } = layer()
    const token = issue()
    emulator.faults.set('*', { status: 503 })
    await expect(revocation.revokeAccessToken(token, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    emulator.faults.clear()
    clock.advance(10 * DAY)
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
    expect(await isAliveAtLine(layer(), token.raw)).toBe(false)
  })

  it('the tombstone stands until the token would have ended', async () => {
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

  it('what was asked of its refresh token is not handed out again', async () => {
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

  it('forgets every access token issued from it through us, and no other', async () => {
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

  it('forgets what came of it though LINE has rotated it since, whichever of them is revoked', async () => {
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

  it('forgets the access token a login came with', async () => {
    const { ask, emulator, logins, revocation } = layer()
    const redirectUri = 'https://app.example/'
    const { tokens } = await logins.exchangeCode({ code: emulator.issueCode({ redirectUri }), redirectUri }, web, here)
    expect(wordFor(await ask(tokenOf(tokens.accessToken)))).toBe('valid')
    await revocation.revokeRefreshToken(tokens.refreshToken ?? '', web, here)
    expect(wordFor(await ask(tokenOf(tokens.accessToken)))).toBe('REVOKED')
  })

  it('refuses to refresh with it, and to replay', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const { refreshToken } = issue()
    await refresher.refresh(refreshToken, web, here)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    emulator.calls.reset()
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.total()).toBe(0)
  })

  it('while a refresh is under way: that one is refused, and what LINE gave is not learned', async () => {
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
    expect(await metric('gateway_tokens_in_memory')).toBe(0)
    expect(wordFor(await ask(parent))).toBe('REVOKED')
  })

  it('with LINE down it is dead here all the same, and trying again reaches LINE', async () => {
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
    expect(await isAliveAtLine(layer(), accessToken)).toBe(false)
    await revocation.revokeRefreshToken(refreshToken, web, here)
    expect(emulator.calls.of('revoke')).toBe(2)
  })
})

describe('when the turn to tell LINE does not come', () => {
  const busy = new LineUnavailable('LINE is too busy', { retryAfter: 1, sent: false })
  const limited = new SourceLimited(1)

  it.each([
    ['in time, the refresh token is dead here all the same', busy, true],
    ['because of who asks, nothing is forgotten', limited, false],
  ])('%s', async (_, refusal, isDead) => {
    const tombstones = createTombstones(() => 0, 10)
    const never = () => Promise.reject(new Error('not asked'))
    const revocation = createRevocation({
      line: { revoke: never, deauthorize: never },
      channels: createChannels([web]),
      channelTokens: { tokenOf: never, drop: () => {} },
      resolve: never,
      forgetting: createForgetting({
        memory: { drop: () => {}, find: () => [] },
        refresher: { dropReplay: () => {}, dropReplaysOf: () => {}, familyOf: (key) => key },
        tombstones,
        now: () => 0,
      }),
      gate: { admit: () => Promise.reject(refusal) },
      tombstones,
    })
    await expect(revocation.revokeRefreshToken('r', web, here)).rejects.toBe(refusal)
    expect(tombstones.has(refreshKeyOf(web.id, 'r'))).toBe(isDead)
  })
})

describe('revoking junk', () => {
  const layer = useLayer({ ...oneChannel, FAILED_TOKENS_BURST: '5', FAILED_TOKENS_PER_SECOND: '0.01' })

  it('as access tokens costs no more than verifying it', async () => {
    const { revocation, emulator, ask, issue } = layer()
    const known = issue()
    await ask(known)
    emulator.calls.reset()
    const all = await Promise.allSettled(times(100, (n) => revocation.revokeAccessToken(junk(n), here)))
    expect(emulator.calls.total()).toBeLessThanOrEqual(10)
    expect(all.filter(({ status }) => status === 'rejected').length).toBeGreaterThanOrEqual(90)
    expect(await revocation.revokeAccessToken(known, here)).toEqual({ verdict: 'forgotten' })
  })

  it('as refresh tokens is held against its client address, where LINE says it is junk', async () => {
    const { revocation, emulator, issue, refresher } = layer()
    emulator.switches.revokeUnknown = 'error'
    const all = await Promise.allSettled(times(100, (n) => revocation.revokeRefreshToken(`junk-${n}`, web, here)))
    expect(emulator.calls.of('revoke')).toBe(5)
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
    const { refreshToken } = issue()
    await revocation.revokeRefreshToken(refreshToken, web, elsewhere)
    await expect(refresher.refresh(refreshToken, web, elsewhere)).rejects.toThrow(InvalidGrant)
  })

  it('from a client address that is limited kills nothing', async () => {
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

  it('ends both tokens of a session, here and at LINE', async () => {
    const { ask, issue, revocation, refresher } = layer()
    const { refreshToken } = issue()
    const token = tokenOf((await refresher.refresh(refreshToken, web, here)).accessToken)
    expect(await revocation.logout(token, refreshToken, here)).toEqual({ verdict: 'forgotten' })
    expect(wordFor(await ask(token))).toBe('REVOKED')
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(await isAliveAtLine(layer(), token.raw)).toBe(false)
  })

  it('without a refresh token ends the access token alone', async () => {
    const { ask, issue, revocation, refresher } = layer()
    const token = issue()
    expect(await revocation.logout(token, undefined, here)).toEqual({ verdict: 'forgotten' })
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect((await refresher.refresh(token.refreshToken, web, here)).accessToken).not.toBe(token.raw)
  })

  it('a refresh token outlives its access token: it is revoked though that one is dead', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const token = issue()
    emulator.expireAccessToken(token.raw)
    expect(await revocation.logout(token, token.refreshToken, here)).toEqual({ verdict: 'forgotten' })
    await expect(refresher.refresh(token.refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('revoke')).toBe(1)
  })

  it('a dead access token alone, or a foreign one, is answered with what it is', async () => {
    const { issue, revocation, refresher, emulator } = layer()
    const [dead, stranger] = [issue(), issue({ channelId: foreign.id })]
    emulator.expireAccessToken(dead.raw)
    expect(await revocation.logout(dead, undefined, here)).toMatchObject({ verdict: 'invalid', reason: 'EXPIRED' })
    expect(await revocation.logout(stranger, dead.refreshToken, here)).toMatchObject({ reason: 'WRONG_CHANNEL' })
    expect((await refresher.refresh(dead.refreshToken, web, here)).refreshToken).toBe(dead.refreshToken)
  })

  it('with LINE down both are dead here all the same', async () => {
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

describe('deauthorizing', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })

  it('forgets all tokens of that user and channel, their refresh tokens and what is replayed, and no one else', async () => {
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
    expect(emulator.calls.total()).toBe(0)
  })

  it.each(['profile openid', 'profile', 'openid'])(
    'finds the others of the user though nobody has asked who it is: %s',
    async (scope) => {
      const { ask, issue, revocation } = layer()
      const [one, two] = [issue({ scope }), issue()]
      await ask(two, 'profile')
      await revocation.deauthorize(one, here)
      expect(wordFor(await ask(two, 'profile'))).toBe('REVOKED')
    },
  )

  it('two calls to LINE: a channel token, which is kept, and the deauthorization', async () => {
    const { ask, issue, emulator, revocation } = layer()
    for (const calls of [1, 0]) {
      const token = issue()
      await ask(token, 'profile')
      emulator.calls.reset()
      await revocation.deauthorize(token, here)
      expect(emulator.calls.byEndpoint()).toMatchObject({ channelToken: calls, deauthorize: 1 })
      expect(emulator.calls.total()).toBe(calls + 1)
    }
  })

  it('a channel token LINE has forgotten is replaced once', async () => {
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
    'with LINE down at %s the tokens are dead here all the same, and trying again reaches LINE',
    async (endpoint) => {
      const { ask, issue, emulator, revocation, clock } = layer()
      const [token, other] = [issue(), issue()]
      await ask(token, 'profile')
      await ask(other, 'profile')
      emulator.faults.set(endpoint, { status: 503 })
      await expect(revocation.deauthorize(token, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
      for (const one of [token, other]) expect(wordFor(await ask(one))).toBe('REVOKED')
      emulator.faults.clear()
      clock.advance(2_000)
      expect(await isAliveAtLine(layer(), other.raw)).toBe(true)
      expect(await revocation.deauthorize(token, here)).toEqual({ verdict: 'forgotten' })
      expect(await isAliveAtLine(layer(), other.raw)).toBe(false)
    },
  )

  it('a user who has left before is content', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.unlink(emulator.users[0]?.userId ?? '')
    expect(await revocation.deauthorize(token, here)).toEqual({ verdict: 'forgotten' })
  })

  it('a dead token is answered with what it is, and a LIFF channel deauthorizes like any other', async () => {
    const { issue, emulator, revocation } = layer()
    expect(await revocation.deauthorize(junk(1), here)).toMatchObject({ verdict: 'invalid', reason: 'MALFORMED' })
    expect(emulator.calls.of('channelToken')).toBe(0)
    expect(await revocation.deauthorize(issue({ channelId: liff.id }), here)).toEqual({ verdict: 'forgotten' })
  })
})

describe('deauthorizing without a secret', () => {
  const layer = useLayer({ LINE_CHANNEL_ID: native.id, LINE_CHANNEL_TYPE: 'native' })

  it('says so before anything is forgotten', async () => {
    const { ask, issue, revocation, emulator } = layer()
    const token = issue({ channelId: native.id })
    await expect(revocation.deauthorize(token, here)).rejects.toMatchObject({ code: 'NO_CHANNEL_SECRET' })
    expect(wordFor(await ask(token))).toBe('valid')
    expect(emulator.calls.byEndpoint()).toMatchObject({ deauthorize: 0, channelToken: 0 })
  })
})

describe('several channels', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })

  it('each token is revoked at its own', async () => {
    const { issue, revocation } = layer()
    for (const { id } of [web, native, liff]) {
      const token = issue({ channelId: id })
      expect(await revocation.revokeAccessToken(token, here)).toEqual({ verdict: 'forgotten' })
      expect(await isAliveAtLine(layer(), token.raw)).toBe(false)
    }
  })

  it('with LINE down one never seen is dead here only where it is said whose it is', async () => {
    const { ask, issue, emulator, revocation } = layer()
    const [named, unnamed] = [issue({ channelId: native.id }), issue()]
    emulator.faults.set('verifyAccessToken', { status: 503, times: 2 })
    await expect(revocation.revokeAccessToken(named, here, native)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    await expect(revocation.revokeAccessToken(unnamed, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    expect([wordFor(await ask(named)), wordFor(await ask(unnamed))]).toEqual(['REVOKED', 'valid'])
  })

  it('a refresh token of one is nothing at another', async () => {
    const { issue, revocation, refresher } = layer()
    const { refreshToken } = issue()
    await revocation.revokeRefreshToken(refreshToken, native, here)
    expect((await refresher.refresh(refreshToken, web, here)).refreshToken).toBe(refreshToken)
  })
})

/** Whether LINE itself still takes the token, asked past the gateway. */
async function isAliveAtLine({ emulator }: Layer, raw: string): Promise<boolean> {
  const { status } = await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${raw}`)
  return status === 200
}
