import { createHash } from 'node:crypto'
import { createServer } from 'node:net'
import { describe, expect, it } from 'vitest'
import { InvalidGrant, LineUnavailable } from '../../src/line/errors.ts'
import {
  allChannels,
  here,
  liff,
  noSourceLimit,
  oneChannel,
  START_MS,
  startLayer,
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

  it('gives tokens that are known at once: nothing is verified', async () => {
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

  it('of a LIFF app gives no refresh token, and of one without openid no ID token', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, channelId: liff.id, scope: 'profile' })
    const { tokens, idToken } = await logins.exchangeCode({ code, redirectUri }, liff, here)
    expect([tokens.refreshToken, tokens.expiresIn, idToken]).toEqual([null, 43_200, undefined])
  })

  it('presented 20 times at once and once later reaches LINE once, and is good once', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    const all = await Promise.allSettled(times(20, () => logins.exchangeCode({ code, redirectUri }, web, here)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
    for (const one of all) if (one.status === 'rejected') expect(one.reason).toBeInstanceOf(InvalidGrant)
    await expect(logins.exchangeCode({ code, redirectUri }, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('is never shared with another verifier or redirect URI', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, codeChallenge })
    const [right, wrong, none, stray] = await Promise.allSettled([
      logins.exchangeCode({ code, redirectUri, codeVerifier }, web, here),
      logins.exchangeCode({ code, redirectUri, codeVerifier: 'w'.repeat(43) }, web, here),
      logins.exchangeCode({ code, redirectUri }, web, here),
      logins.exchangeCode({ code, redirectUri: 'https://evil.example/', codeVerifier }, web, here),
    ])
    expect(right.status).toBe('fulfilled')
    for (const one of [wrong, none, stray]) expect(one).toMatchObject({ reason: { code: 'INVALID_GRANT' } })
  })

  it('with the wrong verifier is refused by LINE, and not tried again', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri, codeChallenge })
    const wrong = { code, redirectUri, codeVerifier: 'w'.repeat(43) }
    await expect(logins.exchangeCode(wrong, web, here)).rejects.toThrow(InvalidGrant)
    await expect(logins.exchangeCode({ ...wrong, codeVerifier }, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
  })

  it('used at one channel is another code at another', async () => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    await expect(logins.exchangeCode({ code, redirectUri }, liff, here)).rejects.toThrow(InvalidGrant)
    expect((await logins.exchangeCode({ code, redirectUri }, web, here)).tokens.tokenType).toBe('Bearer')
  })

  it('is marked for as long as it lives at LINE, and no longer', async () => {
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

  it('with a lifetime that makes no sense: the tokens are handed on, and nothing is believed of them', async () => {
    const { ask, emulator, logins } = layer()
    emulator.faults.set('token', { body: { access_token: 'a.b.c', expires_in: -1, scope: 'profile' } })
    const { tokens } = await logins.exchangeCode({ code: 'c', redirectUri }, web, here)
    expect(tokens).toMatchObject({ accessToken: 'a.b.c', expiresIn: 0, refreshToken: null })
    await ask(tokenOf('a.b.c'))
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
  })
})

describe('a code that may be spent', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit, LINE_TIMEOUT_MS: '300' })

  it.each([
    ['a reset', { reset: true }],
    ['a reset after LINE took it', { commitThenReset: true }],
    ['a closed connection', { close: true }],
    ['half an answer', { truncated: true }],
    ['no answer', { hang: true }],
    ['500', { status: 500 }],
    ['nonsense', { garbage: true }],
    ['403', { status: 403, body: { message: 'Access Denied' } }],
  ] as const)('stays marked after %s, and nothing says when to try again', async (_, fault) => {
    const { emulator, logins } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', fault)
    const failure = await logins.exchangeCode({ code, redirectUri }, web, here).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(LineUnavailable)
    expect(failure).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: undefined })
    emulator.faults.clear()
    await expect(logins.exchangeCode({ code, redirectUri }, web, here)).rejects.toThrow(InvalidGrant)
    expect(emulator.calls.of('token')).toBe(1)
  })
})

describe('a code that is not spent', () => {
  const layer = useLayer({ ...oneChannel, FAILED_TOKENS_BURST: '1', FAILED_TOKENS_PER_SECOND: '50' })

  it('may be presented again after a 429', async () => {
    const { emulator, logins, clock } = layer()
    const code = emulator.issueCode({ redirectUri })
    emulator.faults.set('token', { status: 429, headers: { 'retry-after': '2' }, times: 1 })
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    await expect(exchange()).rejects.toMatchObject({ code: 'LINE_RATE_LIMITED', retryAfter: 2 })
    await expect(exchange()).rejects.toMatchObject({ code: 'LINE_RATE_LIMITED' })
    clock.advance(2_000)
    expect((await exchange()).tokens.tokenType).toBe('Bearer')
  })

  it('may be presented again after this gateway refused to', async () => {
    const { emulator, logins } = layer()
    await expect(logins.exchangeCode({ code: 'junk', redirectUri }, web, here)).rejects.toThrow(InvalidGrant)
    const code = emulator.issueCode({ redirectUri })
    const exchange = () => logins.exchangeCode({ code, redirectUri }, web, here)
    await expect(exchange()).rejects.toMatchObject({ code: 'RATE_LIMITED', retryAfter: 1 })
    await expect.poll(() => exchange().catch(() => undefined)).toBeDefined()
    expect(emulator.calls.of('token')).toBe(2)
  })

  it('may be presented again where the connection was refused', async () => {
    const port = await freePort()
    const { logins, close, clock } = await startLayer({ ...oneChannel, LINE_API_URL: `http://127.0.0.1:${port}` })
    const exchange = () => logins.exchangeCode({ code: 'c', redirectUri }, web, here)
    for (let n = 0; n < 3; n += 1) {
      await expect(exchange()).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false, retryAfter: 1 })
      clock.advance(2_000)
    }
    await close()
  })
})

/** A port nobody listens on. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  return typeof address === 'object' && address !== null ? address.port : 0
}
