import type { Channel, User } from './accounts.ts'
import { type Claims, idTokenFor, type LoginFacts, signJwt } from './id-token.ts'
import type { Platform } from './platform.ts'
import { hasScope, returnedScope } from './scope.ts'
import type { AccessToken } from './user-tokens.ts'

/** The default is the first channel and the first user. */
type ChannelAndUser = { channelId?: string; userId?: string }

export type TokenRequest = ChannelAndUser & {
  /** Space separated. Default `profile openid`. */
  scope?: string
  /** Seconds. Default as at LINE: 30 days, 12 hours for LIFF. */
  expiresIn?: number
  amr?: readonly string[]
  nonce?: string
  /** Epoch seconds. */
  authTime?: number
  /** Whether the ID token is signed with ES256, as for apps and LIFF, or with HS256, as for web logins. Each channel can get both. */
  es256?: boolean
}

export type IssuedTokens = {
  accessToken: string
  /** Undefined for LIFF. */
  refreshToken: string | undefined
  /** Only with `openid`. Signed when it is read, so that a million tokens are cheap to make. */
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

/** Actions of tests and of the demo, without HTTP. They throw a `TypeError` for an unknown channel, user or token. */
export type DirectActions = {
  issueTokens(request?: TokenRequest): IssuedTokens
  /** Issues an authorization code, as a login in the browser does. */
  issueCode(request: CodeRequest): string
  /** Signs any claims with the current ES256 key or the channel secret (HS256). For tokens that LINE never makes. */
  signIdToken(claims: Claims, algorithm: 'ES256' | 'HS256', channelId?: string): string
  expireAccessToken(accessToken: string): void
  /** Revokes it without a request, so the gateway does not know. The refresh token still works. */
  revokeAccessToken(accessToken: string): void
  /** The user unlinks one app or all apps: codes, tokens and consent end at once. */
  unlink(userId: string, channelId?: string): void
  /** Makes a new key for new signatures. The old keys stay in the JWKS. */
  rotateSigningKey(): void
}

export function createDirectActions(platform: Platform): DirectActions {
  const { userTokens, codes, keys, now } = platform

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
    const link = userTokens.linkOf(userOf(request.userId), channelOf(request.channelId))
    const { accessToken, refreshToken, expiresIn, grant } = userTokens.open(link, scope, request.expiresIn)
    const issuedAt = now()
    return {
      accessToken,
      refreshToken,
      get idToken() {
        return hasScope(scope, 'openid') ? idTokenFor(grant, factsOf(request), issuedAt, keys) : undefined
      },
      expiresIn,
      scope: returnedScope(scope),
    }
  }

  function issueCode({ redirectUri, codeChallenge, scope = 'profile openid', ...request }: CodeRequest): string {
    const link = userTokens.linkOf(userOf(request.userId), channelOf(request.channelId))
    return codes.issue({ link, scope, redirectUri, codeChallenge, ...factsOf(request) })
  }

  function unlink(userId: string, channelId?: string): void {
    const channels = channelId === undefined ? platform.channels.values() : [channelOf(channelId)]
    for (const channel of channels) userTokens.unlink(userOf(userId), channel)
  }

  function channelOf(channelId: string | undefined): Channel {
    return found(channelId === undefined ? first(platform.channels) : platform.channels.get(channelId), 'channel')
  }

  function userOf(userId: string | undefined): User {
    return found(userId === undefined ? first(platform.users) : platform.users.get(userId), 'user')
  }

  function tokenOf(accessToken: string): AccessToken {
    return found(userTokens.find(accessToken), 'access token')
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
