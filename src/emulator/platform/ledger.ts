import { randomText } from '../random-text.ts'
import type { Channel, User } from './accounts.ts'
import type { Switches } from './switches.ts'

const DAY_MS = 86_400_000

/** What LINE grants a user token for, in seconds: 30 days, in a LIFF app 12 hours. */
export const lifetimeOf = (channel: Channel): number => (channel.type === 'liff' ? 12 * 3600 : 30 * 86_400)

/** The user's consent to a channel. Withdrawing it kills every code and token that hangs on it, at once. */
export type Link = { user: User; channel: Channel; scopes: Set<string>; withdrawn: boolean }

/** One login: the family of a refresh token and all access tokens made from it. */
export type Grant = {
  link: Link
  /** Space separated, as granted, `email` included. */
  scope: string
  refreshToken: string | undefined
  /** Fixed when the grant is made; a refresh doesn't move it. Epoch ms. */
  refreshExpiresAt: number
  revoked: boolean
  /** The access token that the next refresh kills, when the switch says so. */
  latest: AccessToken | undefined
}

export type AccessToken = { grant: Grant; expiresAt: number; revoked: boolean }

export type Standing = 'good' | 'expired' | 'revoked'

export type Issued = { accessToken: string; refreshToken: string | undefined; expiresIn: number; grant: Grant }

export type Ledger = ReturnType<typeof createLedger>

/** Every token the emulator has issued. Dead ones stay, because LINE says *why* a token is refused. */
export function createLedger(now: () => number, switches: Switches) {
  const links = new Map<string, Link>()
  const accessTokens = new Map<string, AccessToken>()
  const grantsByRefreshToken = new Map<string, Grant>()

  return {
    linkOf,
    find: (accessToken: string) => accessTokens.get(accessToken),
    standingOf,
    open,
    findGrant,
    refresh,
    revokeGrant,
    unlink,
  }

  /** The consent in force between the two; an empty one when there is none. */
  function linkOf(user: User, channel: Channel): Link {
    const key = `${user.userId} ${channel.id}`
    const known = links.get(key)
    if (known !== undefined) return known
    const link: Link = { user, channel, scopes: new Set(), withdrawn: false }
    links.set(key, link)
    return link
  }

  function standingOf(token: AccessToken): Standing {
    if (token.expiresAt <= now()) return 'expired'
    return token.revoked || isDead(token.grant) ? 'revoked' : 'good'
  }

  /** A new login: an access token and, save for LIFF, a refresh token. `expiresIn` in seconds. */
  function open(link: Link, scope: string, expiresIn = lifetimeOf(link.channel)): Issued {
    const refreshToken = link.channel.type === 'liff' ? undefined : randomText(15)
    const refreshExpiresAt = refreshDeadline(expiresIn)
    const grant: Grant = { link, scope, refreshToken, refreshExpiresAt, revoked: false, latest: undefined }
    if (refreshToken !== undefined) grantsByRefreshToken.set(refreshToken, grant)
    return { accessToken: addAccessToken(grant, expiresIn), refreshToken, expiresIn, grant }
  }

  function refreshDeadline(expiresIn: number): number {
    return switches.refreshLifetime === '90-days' ? now() + 90 * DAY_MS : now() + expiresIn * 1000 + 10 * DAY_MS
  }

  function addAccessToken(grant: Grant, expiresIn: number): string {
    // Looks like the JWS of LINE's reference, about 160 characters, but says nothing: clients must treat it as opaque.
    const accessToken = ['eyJhbGciOiJIUzI1NiJ9', randomText(72), randomText(32)].join('.')
    const record: AccessToken = { grant, expiresAt: now() + expiresIn * 1000, revoked: false }
    accessTokens.set(accessToken, record)
    grant.latest = record
    return accessToken
  }

  /** The grant a refresh token stands for, while it can still be used. */
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

  /** The refresh token and every access token made from it. */
  function revokeGrant(grant: Grant): void {
    grant.revoked = true
  }

  /** The user unlinks the app, or the app deauthorizes itself: nothing issued so far works any more. */
  function unlink(user: User, channel: Channel): void {
    linkOf(user, channel).withdrawn = true
    links.delete(`${user.userId} ${channel.id}`)
  }
}

function isDead(grant: Grant): boolean {
  return grant.revoked || grant.link.withdrawn
}
