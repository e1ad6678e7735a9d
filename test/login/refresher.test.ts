import { describe, expect, it, vi } from 'vitest'
import { InvalidGrant } from '../../src/line/errors.ts'
import type { TokenSet } from '../../src/login/token-set.ts'
import {
  allChannels,
  elsewhere,
  here,
  junk,
  native,
  noSourceLimit,
  oneBurst,
  oneChannel,
  START_MS,
  times,
  tokenOf,
  useLayer,
  web,
  wordFor,
} from '../harness/token-layer.ts'

const MONTH_S = 30 * 24 * 3_600

describe('a refresh', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('a new access token: known at once, without a verification', async () => {
    const { ask, issue, refresher, emulator } = layer()
    const { raw, refreshToken } = issue()
    const tokens = await refresher.refresh(refreshToken, web, here)
    expect(tokens).toEqual({
      accessToken: expect.stringMatching(/^eyJ/),
      tokenType: 'Bearer',
      expiresIn: MONTH_S,
      expiresAt: START_MS + MONTH_S * 1_000,
      refreshToken,
      scopes: ['profile', 'openid'],
    })
    expect(tokens.accessToken).not.toBe(raw)
    expect(await ask(tokenOf(tokens.accessToken))).toMatchObject({
      verdict: 'valid',
      record: { channelId: web.id, scopes: ['profile', 'openid'], verifiedAt: START_MS, expiresAt: tokens.expiresAt },
    })
    expect(emulator.calls.byEndpoint()).toMatchObject({ token: 1, verifyAccessToken: 0 })
  })

  it('100 at once: one call, the same answer for all', async () => {
    const { issue, refresher, emulator } = layer()
    const { refreshToken } = issue()
    emulator.switches.refreshToken = 'rotate'
    const all = await Promise.all(times(100, (n) => refresher.refresh(refreshToken, web, n % 2 ? here : elsewhere)))
    expect(emulator.calls.of('token')).toBe(1)
    for (const tokens of all) expect(tokens).toEqual(all[0])
  })

  it('of different refresh tokens: never shared', async () => {
    const { issue, refresher, emulator } = layer()
    const all = await Promise.all(times(10, () => refresher.refresh(issue().refreshToken, web, here)))
    expect(new Set(all.map(({ accessToken }) => accessToken)).size).toBe(10)
    expect(emulator.calls.of('token')).toBe(10)
  })

  it('whose caller hangs up: the retry gets the answer', async () => {
    const { issue, refresher, emulator, answers } = layer()
    emulator.switches.refreshToken = 'rotate'
    const { refreshToken } = issue()
    answers.hold()
    await expect(
      Promise.race([refresher.refresh(refreshToken, web, here), Promise.reject(new Error('hung up'))]),
    ).rejects.toThrow('hung up')
    await answers.release()
    expect((await refresher.refresh(refreshToken, web, here)).expiresIn).toBe(MONTH_S)
    expect(emulator.calls.of('token')).toBe(1)
  })
})

describe('the replay', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it.each(['same', 'omit', 'rotate'] as const)(
    'within 30 s: the same answer; after that: a new call (refresh token: %s)',
    async (kind) => {
      const { issue, refresher, emulator, clock } = layer()
      emulator.switches.refreshToken = kind
      const { refreshToken } = issue()
      const first = await refresher.refresh(refreshToken, web, here)
      clock.advance(29_999)
      expect(await refresher.refresh(refreshToken, web, elsewhere)).toEqual(first)
      expect(emulator.calls.of('token')).toBe(1)
      clock.advance(1)
      const later = refresher.refresh(refreshToken, web, here)
      if (kind === 'rotate') await expect(later).rejects.toThrow(InvalidGrant)
      else expect((await later).accessToken).not.toBe(first.accessToken)
      expect(emulator.calls.of('token')).toBe(2)
    },
  )

  it('its 30 s count from the first answer', async () => {
    const { issue, refresher, emulator, clock } = layer()
    const { refreshToken } = issue()
    for (let n = 0; n < 4; n += 1) {
      await refresher.refresh(refreshToken, web, here)
      clock.advance(10_000)
    }
    expect(emulator.calls.of('token')).toBe(2)
  })

  it('LINE refuses the new access token: it is not handed out again', async () => {
    const { ask, issue, refresher, emulator } = layer()
    const { refreshToken } = issue()
    const first = await refresher.refresh(refreshToken, web, here)
    emulator.revokeAccessToken(first.accessToken)
    expect(wordFor(await ask(tokenOf(first.accessToken), 'friendship'))).toBe('REVOKED')
    const second = await refresher.refresh(refreshToken, web, here)
    expect(second.accessToken).not.toBe(first.accessToken)
    expect(await refresher.refresh(refreshToken, web, here)).toEqual(second)
    expect(emulator.calls.of('token')).toBe(2)
  })

  it('kept in an outage for longer than 30 s, and the user unlinked meanwhile: it is not handed out', async () => {
    const { ask, issue, refresher, emulator, answers, logins, revocation, clock } = layer()
    const [userId = '', other = ''] = emulator.users.map((user) => user.userId)
    const phone = issue({ userId: other })
    await ask(phone, 'profile')
    const redirectUri = 'https://app.example/callback'
    const code = emulator.issueCode({ redirectUri, scope: 'profile', userId })
    const { tokens } = await logins.exchangeCode({ code, redirectUri }, web, here)
    const refresh = () => refresher.refresh(tokens.refreshToken ?? '', web, here)
    answers.hold()
    const slow = refresh()
    slow.catch(() => {})
    await vi.waitUntil(() => answers.waiting() === 1, { timeout: 30_000 })
    answers.pass()
    await revocation.deauthorize(phone, here)
    emulator.faults.set('profile', { status: 503 })
    await answers.release()
    await expect(slow).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    emulator.faults.clear()
    expect(wordFor(await ask(tokenOf(tokens.accessToken), 'profile'))).toBe('valid')
    emulator.unlink(userId)
    clock.advance(31_000)
    await expect(refresh()).rejects.toThrow(InvalidGrant)
  })

  it('a clock that is set back by 30 s: no new call', async () => {
    const { issue, refresher, emulator, clock } = layer()
    const { refreshToken } = issue()
    await refresher.refresh(refreshToken, web, here)
    clock.set(-30_000)
    await refresher.refresh(refreshToken, web, here)
    expect(emulator.calls.of('token')).toBe(1)
  })
})

describe("LINE's answer to a refresh", () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it.each(['same', 'omit'] as const)('with the refresh token "%s": the one that was sent is returned', async (kind) => {
    const { issue, refresher, emulator } = layer()
    emulator.switches.refreshToken = kind
    const { refreshToken } = issue()
    expect((await refresher.refresh(refreshToken, web, here)).refreshToken).toBe(refreshToken)
  })

  it('with a rotated refresh token: the new one is returned and can be used', async () => {
    const { issue, refresher, emulator } = layer()
    emulator.switches.refreshToken = 'rotate'
    const { refreshToken } = issue()
    const first = await refresher.refresh(refreshToken, web, here)
    expect(first.refreshToken).not.toBe(refreshToken)
    const second = await refresher.refresh(first.refreshToken ?? '', web, here)
    expect(second.accessToken).not.toBe(first.accessToken)
  })

  it.each([
    ['no lifetime', { access_token: 'a.b.c', token_type: 'Bearer', scope: 'profile' }],
    ['a lifetime of 0', { access_token: 'a.b.c', token_type: 'Bearer', scope: 'profile', expires_in: 0 }],
    [
      'a lifetime that is a string',
      { access_token: 'a.b.c', token_type: 'Bearer', scope: 'profile', expires_in: '60' },
    ],
  ])('with %s: returned with an unknown lifetime, and not kept in memory (D4)', async (_, body) => {
    const { ask, issue, refresher, emulator } = layer()
    const { refreshToken } = issue()
    emulator.faults.set('token', { body })
    const tokens = await refresher.refresh(refreshToken, web, here)
    expect(tokens).toMatchObject({ accessToken: 'a.b.c', expiresIn: null, expiresAt: null, refreshToken })
    await ask(tokenOf('a.b.c'))
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
  })

  it('with a lifetime of 2^40: 30 days', async () => {
    const { issue, refresher, emulator } = layer()
    const { refreshToken } = issue()
    emulator.faults.set('token', { body: { access_token: 'a.b.c', expires_in: 2 ** 40, scope: 'profile' } })
    expect(await refresher.refresh(refreshToken, web, here)).toMatchObject({ expiresIn: MONTH_S, tokenType: 'Bearer' })
  })
})

describe('a refusal', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('by LINE: INVALID_GRANT, remembered for 30 s', async () => {
    const { refresher, emulator, clock } = layer()
    for (let n = 0; n < 100; n += 1) {
      await expect(refresher.refresh('junk', web, here)).rejects.toThrow(InvalidGrant)
    }
    expect(emulator.calls.of('token')).toBe(1)
    clock.advance(30_000)
    await expect(refresher.refresh('junk', web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(2)
  })

  it.each([
    ['500', { status: 500 }],
    ['429', { status: 429 }],
    ['401', { status: 401, body: { error: 'invalid_grant' } }],
    ['another error', { status: 400, body: { error: 'invalid_scope' } }],
    ['our secret is wrong', { status: 400, body: { error: 'invalid_client' } }],
    ['a malformed request', { status: 400, body: { error: 'invalid_request' } }],
    ['HTML', { status: 400, body: '<html>Bad Request</html>' }],
    ['no access token', { body: { expires_in: 60, scope: 'profile' } }],
    ['an empty access token', { body: { access_token: '', expires_in: 60, scope: 'profile' } }],
    ['no JSON', { garbage: true }],
    ['a reset', { reset: true }],
  ] as const)('an outage (%s): no refusal, the refresh token can be used again', async (_, fault) => {
    const { issue, refresher, emulator, clock } = layer()
    const { refreshToken } = issue()
    emulator.faults.set('token', fault)
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toMatchObject({
      code: expect.stringMatching(/^(LINE_UNAVAILABLE|LINE_RATE_LIMITED|MISCONFIGURED)$/),
    })
    emulator.faults.clear()
    clock.advance(2_000)
    expect((await refresher.refresh(refreshToken, web, here)).refreshToken).toBe(refreshToken)
  })

  it('an outage: only the callers that waited get it', async () => {
    const { issue, refresher, emulator } = layer()
    const { refreshToken } = issue()
    emulator.faults.set('token', { status: 500, times: 1 })
    const all = await Promise.allSettled(times(10, () => refresher.refresh(refreshToken, web, here)))
    expect(all.every(({ status }) => status === 'rejected')).toBe(true)
    expect(emulator.calls.of('token')).toBe(1)
    expect((await refresher.refresh(refreshToken, web, here)).refreshToken).toBe(refreshToken)
  })
})

describe('a client address', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, FAILED_TOKENS_BURST: '3' })

  it('that sends 50 bad refresh tokens: 3 calls, its burst; the others are RATE_LIMITED', async () => {
    const { refresher, emulator } = layer()
    const all = await Promise.allSettled(times(50, (n) => refresher.refresh(`junk-${n}`, web, here)))
    expect(emulator.calls.of('token')).toBe(3)
    const codes = all.map((one) => (one.status === 'rejected' ? one.reason.code : 'answered'))
    expect(codes.filter((code) => code === 'INVALID_GRANT')).toHaveLength(3)
    expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(47)
  })

  it('that is limited: callers from another address get their tokens', async () => {
    const { ask, issue, refresher, emulator } = layer()
    for (let n = 0; n < 3; n += 1) await ask(junk(n))
    const { refreshToken } = issue()
    const [limited, again, joined] = await Promise.allSettled([
      refresher.refresh(refreshToken, web, here),
      refresher.refresh(refreshToken, web, here),
      refresher.refresh(refreshToken, web, elsewhere),
    ])
    expect([limited, again]).toMatchObject([{ reason: { code: 'RATE_LIMITED' } }, { reason: { code: 'RATE_LIMITED' } }])
    expect(joined).toMatchObject({ status: 'fulfilled', value: { refreshToken } })
    expect(emulator.calls.of('token')).toBe(1)
  })
})

describe('several channels', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })

  it('a refresh token: refused at another channel, and still good at its own', async () => {
    const { ask, issue, refresher } = layer()
    const { refreshToken } = issue({ channelId: native.id })
    await expect(refresher.refresh(refreshToken, web, here)).rejects.toThrow(InvalidGrant)
    const tokens: TokenSet = await refresher.refresh(refreshToken, native, here)
    const answer = await ask(tokenOf(tokens.accessToken))
    expect([wordFor(answer), answer]).toMatchObject(['valid', { record: { channelId: native.id } }])
  })
})
