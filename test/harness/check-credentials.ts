import { createHash } from 'node:crypto'
import { type Channel, type Emulator, type Switches, startEmulator, type User } from '../../src/emulator/emulator.ts'
import type { Credentials, Need } from './check-driver.ts'

/** Epoch ms. The emulator's clock starts here. */
const startMs = Date.UTC(2026, 0, 1)
const redirectUri = 'https://app.example/callback'
const codeVerifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
const nonce = 'n-0S6_WzA2Mj'

const [web, native, liff, foreign, unlinked]: [Channel, Channel, Channel, Channel, Channel] = [
  { id: '1000000001', secret: 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa', type: 'web', callbackUrls: [redirectUri] },
  { id: '1000000002', secret: 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb', type: 'native' },
  { id: '1000000003', secret: 'cccccccccccccccccccccccccccccccc', type: 'liff' },
  { id: '1000000009', secret: 'dddddddddddddddddddddddddddddddd', type: 'web' },
  { id: '1000000008', secret: 'eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee', type: 'web', linkedBot: false },
]
export const [user, bare]: [User, User] = [
  {
    userId: 'U0123456789abcdef0123456789abcdef',
    displayName: '佐藤 🦊 健太',
    pictureUrl: 'https://profile.line-scdn.net/0hQmR7kT2xN1sLHCYm',
    statusMessage: 'がんばろう！',
    email: 'kenta@example.com',
  },
  { userId: 'Ufedcba9876543210fedcba9876543210', displayName: 'Tom' },
]

/** An emulator whose clock moves only with `advanceClock`. */
export function startLine(switches: Partial<Switches> = {}): Promise<Emulator> {
  const channels = [web, native, liff, foreign, unlinked]
  return startEmulator({ now: () => startMs, channels, users: [user, bare], switches })
}

/** The credentials for the needs of a check. Access token and refresh token are from one login, as in a run by hand. */
export function credentialsFor(needs: readonly Need[], line: Emulator): Credentials {
  const login = line.issueTokens({ nonce })
  const asNative = line.issueTokens({ channelId: native.id })
  const code = (channelId: string, scope?: string, challenge: string | undefined = codeChallenge) =>
    line.issueCode({ channelId, redirectUri, ...(scope && { scope }), ...(challenge && { codeChallenge: challenge }) })
  const makers: Readonly<Record<Need, () => string | undefined>> = {
    channel: () => web.id,
    secret: () => web.secret,
    redirectUri: () => redirectUri,
    codeVerifier: () => codeVerifier,
    accessToken: () => login.accessToken,
    refreshToken: () => login.refreshToken,
    openidToken: () => line.issueTokens({ scope: 'openid' }).accessToken,
    profileToken: () => line.issueTokens({ scope: 'profile' }).accessToken,
    emailToken: () => line.issueTokens({ scope: 'openid email' }).accessToken,
    expiredToken: () => ended(line.expireAccessToken),
    revokedToken: () => ended(line.revokeAccessToken),
    foreignToken: () => line.issueTokens({ channelId: foreign.id }).accessToken,
    unlinkedToken: () => line.issueTokens({ channelId: unlinked.id }).accessToken,
    bareToken: () => line.issueTokens({ userId: bare.userId }).accessToken,
    liffToken: () => line.issueTokens({ channelId: liff.id }).accessToken,
    code: () => code(web.id),
    plainCode: () => code(web.id, undefined, ''),
    profileCode: () => code(web.id, 'profile', ''),
    emailCode: () => code(web.id, 'openid email', ''),
    nativeChannel: () => native.id,
    nativeCode: () => code(native.id),
    nativeAccessToken: () => asNative.accessToken,
    nativeRefreshToken: () => asNative.refreshToken,
    nativeIdToken: () => asNative.idToken,
    liffChannel: () => liff.id,
    liffCode: () => code(liff.id),
    idToken: () => login.idToken,
    nonce: () => nonce,
    expiredIdToken: () => signed({ exp: startMs / 1_000 - 1 }),
    alienIdToken: () => signed({ iss: 'https://access.line.me/' }),
    browser: () => undefined,
    clock: () => undefined,
    user: () => undefined,
  }
  return new Map(needs.map((need) => [need, [makers[need]() ?? []].flat()]))

  function ended(end: (accessToken: string) => void): string {
    const { accessToken } = line.issueTokens()
    end(accessToken)
    return accessToken
  }

  function signed(claims: Record<string, unknown>): string {
    const iat = startMs / 1_000
    const allClaims = { iss: 'https://access.line.me', sub: user.userId, aud: web.id, iat, exp: iat + 3_600, ...claims }
    return line.signIdToken(allClaims, 'HS256', web.id)
  }
}
