import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { InvalidGrant, LineUnavailable } from '../../src/line/errors.ts'
import {
  allChannels,
  here,
  liff,
  noSourceLimit,
  oneChannel,
  START_MS,
  times,
  tokenOf,
  useLayer,
  web,
} from '../harness/token-layer.ts'

const redirectUri = 'https://app.example/callback'
const codeVerifier = 'v'.repeat(43)
const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')

describe('a code', () => {
  const layer = useLayer({ ...allChannels, ...noSourceLimit })

  it('its access token: known at once, without a verification', async () => {
    const { ask, emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, codeChallenge, scope: 'openid profile', nonce: 'n' })
    const { tokens, idToken } = await logins.exchangeCode({ code, redirectUri, codeVerifier }, web, here)
    expect(tokens).toMatchObject({ expiresIn: 2_592_000, expiresAt: START_MS + 2_592_000_000, tokenType: 'Bearer' })
    expect(tokens.scopes).toEqual(['openid', 'profile'])
    expect(tokens.refreshToken).toEqual(expect.any(String))
    expect(idToken).toMatch(/^eyJ/)
    expect(await ask(tokenOf(tokens.accessToken))).toMatchObject({
      record: { channelId: web.id, verifiedAt: START_MS, expiresAt: tokens.expiresAt },
    })
    expect(emulator.calls.byEndpoint()).toMatchObject({ token: 1, verifyAccessToken: 0, profile: 0 })
  })

  it('of a LIFF app: no refresh token; without the scope openid: no ID token', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, channelId: liff.id, scope: 'profile' })
    const { tokens, idToken } = await logins.exchangeCode({ code, redirectUri }, liff, here)
    expect([tokens.refreshToken, tokens.expiresIn, idToken]).toEqual([null, 43_200, undefined])
  })

  it('presented 20 times at once and once later: one call to LINE, one success', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    const all = await Promise.allSettled(times(20, () => logins.exchangeCode({ code, redirectUri }, web, here)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of all) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(InvalidGrant)
    await expect(logins.exchangeCode({ code, redirectUri }, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('presented at once with another verifier or redirect URI: INVALID_GRANT for those', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, codeChallenge })
    const [right, wrong, none, other] = await Promise.allSettled([
      logins.exchangeCode({ code, redirectUri, codeVerifier }, web, here),
      logins.exchangeCode({ code, redirectUri, codeVerifier: 'w'.repeat(43) }, web, here),
      logins.exchangeCode({ code, redirectUri }, web, here),
      logins.exchangeCode({ code, redirectUri: 'https://evil.example/', codeVerifier }, web, here),
    ])
    expect(right.status).toBe('fulfilled')
    for (const one of [wrong, none, other]) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
  })

  it('with the wrong verifier: INVALID_GRANT from LINE, and from then on without a call', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, codeChallenge })
    const wrong = { code, redirectUri, codeVerifier: 'w'.repeat(43) }
    await expect(logins.exchangeCode(wrong, web, here)).rejects.toThrow(InvalidGrant)
    await expect(logins.exchangeCode({ ...wrong, codeVerifier }, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('used at one channel: can still be exchanged at another', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    await expect(logins.exchangeCode({ code, redirectUri }, liff, here)).rejects.toThrow(InvalidGrant)
    expect((await logins.exchangeCode({ code, redirectUri }, web, here)).tokens.tokenType).toBe('Bearer')
  })

  it('once used: refused without a call for 10 minutes', async () => {
    const { emulator, logins, clock } = layer()
    const exchange = () => logins.exchangeCode({ code: 'never-issued', redirectUri }, web, here)
    await expect(exchange()).rejects.toThrow(InvalidGrant)
    clock.advance(599_999)
    await expect(exchange()).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
    clock.advance(1)
    await expect(exchange()).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(2)
  })

  it('with an unusable lifetime in the answer: the tokens are returned and not kept in memory', async () => {
    const { ask, emulator, logins } = layer()
    emulator.faults.set('token', { body: { access_token: 'a.b.c', expires_in: -1, scope: 'profile' } })
    const { tokens } = await logins.exchangeCode({ code: 'c', redirectUri }, web, here)
    expect(tokens).toMatchObject({ accessToken: 'a.b.c', expiresIn: 0, refreshToken: null })
    await ask(tokenOf('a.b.c'))
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
  })
})

describe('a code that may be used up', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })
  afterEach(() => vi.useRealTimers())

  it.each([
    ['a reset', { reset: true }],
    ['a reset after LINE has used it', { commitThenReset: true }],
    ['a closed connection', { close: true }],
    ['half an answer', { truncated: true }],
    ['500', { status: 500 }],
    ['no JSON', { garbage: true }],
    ['403', { status: 403, body: { message: 'Access Denied' } }],
  ] as const)('after %s: LINE_UNAVAILABLE without retryAfter, then refused without a call', async (_, fault) => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', fault)
    await expectUsedUp(code, logins.exchangeCode({ code, redirectUri }, web, here))
  })

  it('after no answer in time: LINE_UNAVAILABLE without retryAfter, then refused without a call', async () => {
    // A fake timer ends the deadline (the layer's LINE_TIMEOUT_MS), so it never ends before LINE has the code.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', { hang: true })
    const exchanged = expectUsedUp(code, logins.exchangeCode({ code, redirectUri }, web, here))
    await expect.poll(() => emulator.calls.of('token'), { timeout: 30_000 }).toBe(1)
    vi.advanceTimersByTime(60_000)
    await exchanged
  })

  async function expectUsedUp(code: string, exchange: Promise<unknown>): Promise<void> {
    const { emulator, logins } = layer()
    const failure = await exchange.catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LineUnavailable)
    expect(failure).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: undefined })
    emulator.faults.clear()
    await expect(logins.exchangeCode({ code, redirectUri }, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
  }
})

describe('a code that is not used up', () => {
  const layer = useLayer({ ...oneChannel, FAILED_TOKENS_BURST: '1', FAILED_TOKENS_PER_SECOND: '0.01' })

  it('after a 429: can be presented again', async () => {
    const { emulator, logins, clock } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', { status: 429, headers: { 'retry-after': '2' }, times: 1 })
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    await expect(exchange()).rejects.toMatchObject({ code: 'LINE_RATE_LIMITED', retryAfter: 2 })
    await expect(exchange()).rejects.toMatchObject({ code: 'LINE_RATE_LIMITED' })
    clock.advance(2_000)
    expect((await exchange()).tokens.tokenType).toBe('Bearer')
  })

  it('after RATE_LIMITED: can be presented again', async () => {
    const { emulator, logins, clock } = layer()
    await expect(logins.exchangeCode({ code: 'junk', redirectUri }, web, here)).rejects.toThrow(InvalidGrant)
    const code = emulator.issueCode({ redirectUri })
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    await expect(exchange()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 100 })
    clock.advance(100_000)
    expect((await exchange()).tokens.tokenType).toBe('Bearer')
    expect(emulator.calls.of('token')).toBe(2)
  })
})

describe('a code when LINE refuses the connection', () => {
  // No server listens on port 1, and no other test can: it is a privileged port.
  const layer = useLayer({ ...oneChannel, LINE_API_URL: 'http://127.0.0.1:1' })

  it('was not sent: can be presented again', async () => {
    const { logins, clock } = layer()
    const exchange = () => logins.exchangeCode({ code: 'c', redirectUri }, web, here)
    for (let n = 0; n < 3; n += 1) {
      await expect(exchange()).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
      clock.advance(2_000)
    }
  })
})
