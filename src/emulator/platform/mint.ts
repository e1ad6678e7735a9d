import type { Channel, User } from './accounts.ts'
import { type Claims, idTokenFor, type LoginFacts, signJwt } from './id-token.ts'
import type { AccessToken } from './ledger.ts'
import type { Platform } from './platform.ts'
import { hasScope, shownScope } from './scope.ts'

/** Channel and user default to the first ones. */
type Parties = { channelId?: string; userId?: string }

export type TokenRequest = Parties & {
  /** Space separated. Default `profile openid`. */
  scope?: string
  /** Seconds. Default what LINE gives: 30 days, 12 hours for LIFF. */
  expiresIn?: number
  amr?: readonly string[]
  nonce?: string
  /** Epoch seconds. */
  authTime?: number
  /** As if `id_token_key_type=JWK` was sent: an ES256 ID token. Native and LIFF channels have that anyway. */
  es256?: boolean
}

export type IssuedTokens = {
  accessToken: string
  /** None for LIFF. */
  refreshToken: string | undefined
  /** Only with `openid`. Signed when it is read, so that minting a million tokens stays cheap. */
  readonly idToken: string | undefined
  /** Seconds. */
  expiresIn: number
  scope: string
}

export type CodeRequest = Omit<TokenRequest, 'expiresIn' | 'es256'> & {
  redirectUri: string
  /** base64url(SHA-256(verifier)). */
  codeChallenge?: string
}

/** What tests and the demo do without HTTP. Unknown channels, users and tokens throw. */
export type Mint = {
  issueTokens(request?: TokenRequest): IssuedTokens
  /** An authorization code, as after a login in the browser. */
  issueCode(request: CodeRequest): string
  /** Signs any claims with LINE's current ES256 key, or HS256 with the channel's secret. For tokens LINE would never make. */
  signIdToken(claims: Claims, algorithm: 'ES256' | 'HS256', channelId?: string): string
  expireAccessToken(accessToken: string): void
  /** Behind the gateway's back. The refresh token lives on. */
  revokeAccessToken(accessToken: string): void
  /** The user unlinks one app, or all: codes, access and refresh tokens are dead at once, consent is forgotten. */
  unlink(userId: string, channelId?: string): void
  /** Signs with a new key from now on. The old ones stay in the JWKS. */
  rotateSigningKey(): void
}

export function createMint(platform: Platform): Mint {
  const { ledger, codes, keys, now } = platform

  return {
    issueTokens,
    issueCode,
    signIdToken: (claims, algorithm, channelId) =>
      signJwt(claims, channelOf(channelId), algorithm === 'ES256' ? keys.current() : undefined),
    expireAccessToken: (accessToken) => {
      tokenOf(accessToken).expiresAt = now()
    },
    revokeAccessToken: (accessToken) => {
      tokenOf(accessToken).revoked = true
    },
    unlink,
    rotateSigningKey: keys.rotate,
  }

  function issueTokens(request: TokenRequest = {}): IssuedTokens {
    const { scope = 'profile openid' } = request
    const link = ledger.linkOf(userOf(request.userId), channelOf(request.channelId))
    const { accessToken, refreshToken, expiresIn, grant } = ledger.open(link, scope, request.expiresIn)
    const issuedAt = now()
    return {
      accessToken,
      refreshToken,
      get idToken() {
        return hasScope(scope, 'openid') ? idTokenFor(grant, factsOf(request), issuedAt, keys) : undefined
      },
      expiresIn,
      scope: shownScope(scope),
    }
  }

  function issueCode({ redirectUri, codeChallenge, scope = 'profile openid', ...request }: CodeRequest): string {
    const link = ledger.linkOf(userOf(request.userId), channelOf(request.channelId))
    return codes.issue({ link, scope, redirectUri, codeChallenge, ...factsOf(request) })
  }

  function unlink(userId: string, channelId?: string): void {
    const channels = channelId === undefined ? platform.channels.values() : [channelOf(channelId)]
    for (const channel of channels) ledger.unlink(userOf(userId), channel)
  }

  function channelOf(channelId: string | undefined): Channel {
    return found(channelId === undefined ? first(platform.channels) : platform.channels.get(channelId), 'channel')
  }

  function userOf(userId: string | undefined): User {
    return found(userId === undefined ? first(platform.users) : platform.users.get(userId), 'user')
  }

  function tokenOf(accessToken: string): AccessToken {
    return found(ledger.find(accessToken), 'access token')
  }
}

function factsOf({ nonce, amr = ['pwd'], authTime, es256 }: TokenRequest): LoginFacts {
  return { nonce, amr, authTime, es256 }
}

function first<T>(map: ReadonlyMap<string, T>): T | undefined {
  return map.values().next().value
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(`There is no such ${what}`)
  return value
}
