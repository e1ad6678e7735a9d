import { createHash } from 'node:crypto'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { InvalidGrant } from '../../src/line/errors.ts'
import {
  allChannels,
  callerAt,
  elsewhere,
  here,
  liff,
  noSourceLimit,
  oneChannel,
  START_MS,
  tally,
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

  it.each<[string, { expires_in?: number; scope?: unknown }]>([
    ['an unusable lifetime', { expires_in: -1, scope: 'profile' }],
    ['no lifetime', { scope: 'profile' }],
    ['no scopes', { expires_in: 100 }],
    ['scopes that are no text', { expires_in: 100, scope: ['profile'] }],
    ['an empty text as scopes', { expires_in: 100, scope: '' }],
  ])('with %s in the answer: the tokens are returned and not kept in memory (D4)', async (_, body) => {
    const { ask, emulator, logins, issue } = layer()
    const { raw } = issue({ scope: 'profile' })
    emulator.faults.set('token', { body: { access_token: raw, ...body } })
    const { tokens } = await logins.exchangeCode({ code: 'c', redirectUri }, web, here)
    expect(tokens).toMatchObject({ accessToken: raw, refreshToken: null })
    expect(tokens.expiresIn).toBe(body.expires_in === 100 ? 100 : null)
    expect(tokens.scopes).toEqual(body.scope === 'profile' ? ['profile'] : null)
    expect(await ask(tokenOf(raw), 'profile')).toMatchObject({ verdict: 'valid', record: { scopes: ['profile'] } })
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
  })
})

describe('a code after an outage', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })
  afterEach(() => vi.useRealTimers())

  it.each([
    ['a reset', { reset: true }],
    ['a closed connection', { close: true }],
    ['500', { status: 500 }],
    ['502', { status: 502 }],
    ['no JSON', { garbage: true }],
    ['403', { status: 403, body: { message: 'Access Denied' } }],
    ['401 invalid_client', { status: 401, body: { error: 'invalid_client' } }],
    ['400 unauthorized_client', { status: 400, body: { error: 'unauthorized_client' } }],
    ['400 unsupported_grant_type', { status: 400, body: { error: 'unsupported_grant_type' } }],
    ['400 invalid_request', { status: 400, body: { error: 'invalid_request' } }],
    ['200 without an access token', { status: 200, body: { expires_in: 100 } }],
  ] as const)('%s: the error, then its tokens, then refused without a call (B7)', async (_, fault) => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', fault)
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    const failure = await exchange().catch((error: unknown) => error)
    expect(failure).not.toBeInstanceOf(InvalidGrant)
    expect(failure).toHaveProperty('code')
    emulator.faults.clear()
    expect((await exchange()).tokens.tokenType).toBe('Bearer')
    await expect(exchange()).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(2)
  })

  it.each([
    ['a reset', { commitThenReset: true }],
    ['half an answer', { truncated: true }],
  ] as const)('%s after LINE used it: an outage with retryAfter, then LINE refuses it (B7)', async (_, fault) => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', { ...fault, times: 1 })
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    await expect(exchange()).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) })
    for (let n = 0; n < 3; n += 1) await expect(exchange()).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(2)
  })

  it('no answer in time: an outage with retryAfter, then its tokens (B7)', async () => {
    // A fake timer ends the deadline (the layer's LINE_TIMEOUT_MS), so it never ends before LINE has the code.
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', { hang: true })
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    const first = expect(exchange()).rejects.toMatchObject({
      code: 'LINE_UNAVAILABLE',
      retryAfter: expect.any(Number),
    })
    await expect.poll(() => emulator.calls.of('token'), { timeout: 30_000 }).toBe(1)
    vi.advanceTimersByTime(60_000)
    await first
    vi.useRealTimers()
    emulator.faults.clear()
    expect((await exchange()).tokens.tokenType).toBe('Bearer')
  })
})

describe('a code presented again while its first attempt is under way', () => {
  const layer = useLayer({ ...oneChannel, FAILED_TOKENS_BURST: '20', FAILED_TOKENS_PER_SECOND: '0.001' })
  type Settled = PromiseSettledResult<unknown>

  /** The first attempt and ten others, of which nine come from other addresses, while LINE's answer is held back. */
  async function eleven(code: string): Promise<readonly Settled[]> {
    const { answers, logins } = layer()
    answers.hold()
    const exchange = (n: number) => logins.exchangeCode({ code, redirectUri }, web, callerAt(`192.0.2.${n}`))
    const attempts = [exchange(1), ...times(10, (n) => exchange(n + 1))]
    await answers.settled()
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(1)
    const all = Promise.allSettled(attempts)
    await answers.release()
    return all
  }

  it('the first gets tokens: INVALID_GRANT for the others, one call (B7)', async () => {
    const [first, ...others] = await eleven(layer().emulator.issueCode({ redirectUri }))
    expect(first).toMatchObject({ status: 'fulfilled' })
    for (const one of others) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
    expect(layer().emulator.calls.of('token')).toBe(1)
  })

  it('the first is refused: INVALID_GRANT for all, one call (B7)', async () => {
    for (const one of await eleven('junk')) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
    expect(layer().emulator.calls.of('token')).toBe(1)
  })

  it.each([
    [{ status: 500 }, 'LINE_UNAVAILABLE'],
    [{ garbage: true }, 'LINE_UNAVAILABLE'],
    [{ status: 429 }, 'LINE_RATE_LIMITED'],
  ] as const)(
    'the first meets %j: that outage for all, one call, and the code is not spent (B7)',
    async (fault, word) => {
      const { emulator, logins, clock } = layer()
      const code = emulator.issueCode({ redirectUri })
      emulator.faults.set('token', { ...fault, times: 1 })
      const all = await eleven(code)
      for (const one of all) expect(one).toMatchObject({ reason: { code: word, retryAfter: expect.any(Number) } })
      expect(emulator.calls.of('token')).toBe(1)
      clock.advance(2_000)
      expect((await logins.exchangeCode({ code, redirectUri }, web, here)).tokens.tokenType).toBe('Bearer')
    },
  )

  it('waits no longer than its own deadline, and the first still gets its tokens (B7)', async () => {
    const { answers, emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    answers.hold()
    const first = logins.exchangeCode({ code, redirectUri }, web, here)
    const hurried = { ...elsewhere, deadline: performance.now() + 50 }
    await expect(logins.exchangeCode({ code, redirectUri }, web, hurried)).rejects.toMatchObject({
      code: 'LINE_UNAVAILABLE',
      retryAfter: expect.any(Number),
    })
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(1)
    await answers.release()
    expect((await first).tokens.tokenType).toBe('Bearer')
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('the first’s address is rate limited: another address sends the code itself (B7)', async () => {
    const { emulator, logins } = layer()
    const junk = times(20, (n) => logins.exchangeCode({ code: `junk ${n}`, redirectUri }, web, here))
    await Promise.allSettled(junk)
    const code = emulator.issueCode({ redirectUri })
    const [limited, same, other, third] = await Promise.allSettled(
      [here, here, elsewhere, callerAt('192.0.2.3')].map((one) => logins.exchangeCode({ code, redirectUri }, web, one)),
    )
    for (const one of [limited, same]) expect(one).toMatchObject({ reason: { code: 'RATE_LIMITED' } })
    expect(other).toMatchObject({ status: 'fulfilled' })
    expect(third).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
    expect(emulator.calls.of('token')).toBe(21)
  })

  it('2,000 of one address wait, more are refused at once, and others still wait (B7)', async () => {
    const { answers, emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    answers.hold()
    const exchange = (caller = here) => logins.exchangeCode({ code, redirectUri }, web, caller)
    const waiting = times(2_001, () => exchange())
    await expect(exchange()).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 1, sent: false })
    const other = exchange(elsewhere)
    const all = Promise.allSettled([...waiting, other])
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(1)
    await answers.release()
    const failures = (await all).flatMap((one) => (one.status === 'rejected' ? [one.reason.code] : []))
    expect(tally(failures)).toEqual({ INVALID_GRANT: 2_001 })
    expect(emulator.calls.of('token')).toBe(1)
  })
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
