import { randomText } from '../random-text.ts'
import type { Channel, User } from './accounts.ts'
import type { Switches } from './switches.ts'

const DAY_MS = 86_400_000

/** LINE's lifetime of a user's access token in seconds: 30 days, for LIFF 12 hours. */
export const lifetimeOf = (channel: Channel): number => (channel.type === 'liff' ? 12 * 3600 : 30 * 86_400)

/** The user's consent to a channel. When it is withdrawn, all its codes and tokens stop working at once. */
export type Link = { user: User; channel: Channel; scopes: Set<string>; withdrawn: boolean }

/** One login: the refresh token and all access tokens that come from it. */
export type Grant = {
  link: Link
  /** Space separated, as granted. Includes `email`. */
  scope: string
  refreshToken: string | undefined
  /** Epoch ms. Fixed when the grant is made: a refresh does not change it. */
  refreshExpiresAt: number
  revoked: boolean
  /** The newest access token. The next refresh revokes it if `refreshRevokesOldAccessTokens` is on. */
  latest: AccessToken | undefined
}

/** `expiresAt` is epoch ms. */
export type AccessToken = { grant: Grant; expiresAt: number; revoked: boolean }

export type TokenStatus = 'good' | 'expired' | 'revoked'

/** `expiresIn` is in seconds. */
export type Issued = { accessToken: string; refreshToken: string | undefined; expiresIn: number; grant: Grant }

export type UserTokens = ReturnType<typeof createUserTokens>

/** All user tokens that the emulator issued, also expired and revoked ones: LINE says *why* it refuses a token. */
export function createUserTokens(now: () => number, switches: Switches) {
  const links = new Map<string, Link>()
  const accessTokens = new Map<string, AccessToken>()
  const grantsByRefreshToken = new Map<string, Grant>()

  return {
    linkOf,
    find: (accessToken: string) => accessTokens.get(accessToken),
    /** All access tokens of a user, also expired and revoked ones. */
    ofUser: (user: User) => [...accessTokens.values()].filter(({ grant }) => grant.link.user === user),
    statusOf,
    open,
    findGrant,
    refresh,
    revokeGrant,
    unlink,
  }

  /** The current consent of the user to the channel. A new one has no scopes. */
  function linkOf(user: User, channel: Channel): Link {
    const key = `${user.userId} ${channel.id}`
    const known = links.get(key)
    if (known !== undefined) return known
    const link: Link = { user, channel, scopes: new Set(), withdrawn: false }
    links.set(key, link)
    return link
  }

  function statusOf(token: AccessToken): TokenStatus {
    if (token.expiresAt <= now()) return 'expired'
    return token.revoked || isDead(token.grant) ? 'revoked' : 'good'
  }

  /** A new login: an access token and, except for LIFF, a refresh token. `expiresIn` is in seconds. */
  function open(link: Link, scope: string, expiresIn = lifetimeOf(link.channel)): Issued {
    const refreshToken = link.channel.type === 'liff' ? undefined : randomText(15)
    const refreshExpiresAt = refreshDeadline(expiresIn)
    const grant: Grant = { link, scope, refreshToken, refreshExpiresAt, revoked: false, latest: undefined }
    if (refreshToken !== undefined) grantsByRefreshToken.set(refreshToken, grant)
    return { accessToken: addAccessToken(grant, expiresIn), refreshToken, expiresIn, grant }
  }

  /** Epoch ms. */
  function refreshDeadline(expiresIn: number): number {
    return switches.refreshLifetime === '90-days' ? now() + 90 * DAY_MS : now() + expiresIn * 1000 + 10 * DAY_MS
  }

  function addAccessToken(grant: Grant, expiresIn: number): string {
    // It looks like the JWS in LINE's reference, about 160 characters, but has no content: clients must not read it.
    const accessToken = ['eyJhbGciOiJIUzI1NiJ9', randomText(72), randomText(32)].join('.')
    const record: AccessToken = { grant, expiresAt: now() + expiresIn * 1000, revoked: false }
    accessTokens.set(accessToken, record)
    grant.latest = record
    return accessToken
  }

  /** The grant of a refresh token. Undefined when the token is unknown, revoked or expired. */
  function findGrant(refreshToken: string): Grant | undefined {
    const grant = grantsByRefreshToken.get(refreshToken)
    return grant === undefined || isDead(grant) || grant.refreshExpiresAt <= now() ? undefined : grant
  }

  function refresh(grant: Grant): Issued {
    if (switches.refreshRevokesOldAccessTokens && grant.latest !== undefined) grant.latest.revoked = true
    if (switches.refreshToken === 'rotate') rotate(grant)
    const expiresIn = lifetimeOf(grant.link.channel)
    const refreshToken = switches.refreshToken === 'omit' ? undefined : grant.refreshToken
    return { accessToken: addAccessToken(grant, expiresIn), refreshToken, expiresIn, grant }
  }

  function rotate(grant: Grant): void {
    if (grant.refreshToken !== undefined) grantsByRefreshToken.delete(grant.refreshToken)
    grant.refreshToken = randomText(15)
    grantsByRefreshToken.set(grant.refreshToken, grant)
  }

  /** Revokes the refresh token and all access tokens that come from it. */
  function revokeGrant(grant: Grant): void {
    grant.revoked = true
  }

  /** The user unlinks the app, or the app deauthorizes itself. All codes and tokens issued so far stop working. */
  function unlink(user: User, channel: Channel): void {
    linkOf(user, channel).withdrawn = true
    links.delete(`${user.userId} ${channel.id}`)
  }
}

function isDead(grant: Grant): boolean {
  return grant.revoked || grant.link.withdrawn
}
