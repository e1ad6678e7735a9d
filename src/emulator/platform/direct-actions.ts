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
  channelId: string
  userId: string
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
  expireAccessTokensOf(userId: string): void
  /** Revokes it without a request, so the gateway does not know. The refresh token still works. */
  revokeAccessToken(accessToken: string): void
  revokeAccessTokensOf(userId: string): void
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
    expireAccessToken: (accessToken) => expire(tokenOf(accessToken)),
    expireAccessTokensOf: (userId) => userTokens.ofUser(userOf(userId)).forEach(expire),
    revokeAccessToken: (accessToken) => revoke(tokenOf(accessToken)),
    revokeAccessTokensOf: (userId) => userTokens.ofUser(userOf(userId)).forEach(revoke),
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
      channelId: link.channel.id,
      userId: link.user.userId,
    }
  }

  function expire(token: AccessToken): void {
    token.expiresAt = Math.min(token.expiresAt, now())
  }

  function revoke(token: AccessToken): void {
    token.revoked = true
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
    const channel = channelId === undefined ? first(platform.channels) : platform.channels.get(channelId)
    return found(channel, `channel: expected a channelId from ${namesIn(platform.channels)}`)
  }

  function userOf(userId: string | undefined): User {
    const user = userId === undefined ? first(platform.users) : platform.users.get(userId)
    return found(user, `user: expected a userId from ${namesIn(platform.users)}`)
  }

  function tokenOf(accessToken: string): AccessToken {
    return found(userTokens.find(accessToken), 'access token: expected an accessToken that this emulator issued')
  }
}

function factsOf({ nonce, amr = ['pwd'], authTime, es256 }: TokenRequest): LoginFacts {
  return { nonce, amr, authTime, es256 }
}

function first<T>(map: ReadonlyMap<string, T>): T | undefined {
  return map.values().next().value
}

/** The first keys: there can be very many users. */
function namesIn(map: ReadonlyMap<string, unknown>): string {
  const names = [...map.keys()].slice(0, 10)
  return names.join(', ') + (map.size > names.length ? ' and others' : '')
}

function found<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new TypeError(`There is no such ${what}`)
  return value
}
