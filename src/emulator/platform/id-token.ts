import { createHmac, sign, timingSafeEqual, verify } from 'node:crypto'
import type { Channel } from './accounts.ts'
import { hasScope } from './scope.ts'
import type { SigningKey, SigningKeys } from './signing-keys.ts'
import type { Grant } from './user-tokens.ts'

export const ISSUER = 'https://access.line.me'
const LIFETIME_S = 3600

/** The facts of a login in the ID token, besides the user. */
export type LoginFacts = {
  nonce?: string | undefined
  amr?: readonly string[] | undefined
  /** Epoch seconds. Only when the request had `max_age`. */
  authTime?: number | undefined
  /** ES256 for apps and LIFF, HS256 for web logins. Default: as the type of the channel suggests. */
  es256?: boolean | undefined
}

export type Claims = Record<string, unknown>

/** The ID token of a login. `issuedAt` is epoch ms. */
export function idTokenFor(grant: Grant, facts: LoginFacts, issuedAt: number, keys: SigningKeys): string {
  const { channel } = grant.link
  const { es256 = channel.type !== 'web' } = facts
  return signJwt(claimsOf(grant, facts, issuedAt), channel, es256 ? keys.current() : undefined)
}

/** Signs with ES256 if there is a key, else with HS256, the channel secret and no `kid`, as LINE does for web login. */
export function signJwt(claims: Claims, channel: Channel, key: SigningKey | undefined): string {
  const header = key === undefined ? { typ: 'JWT', alg: 'HS256' } : { kid: key.kid, typ: 'JWT', alg: 'ES256' }
  const content = `${encode(header)}.${encode(claims)}`
  const signature = key === undefined ? hs256(content, channel) : es256(content, key)
  return `${content}.${signature.toString('base64url')}`
}

export type ReadIdToken = { claims: Claims } | { problem: 'format' | 'signature' }

/** Reads an ID token from a caller. Accepts the claims only if one of the emulator's own keys signed them. */
export function readIdToken(token: string, channels: ReadonlyMap<string, Channel>, keys: SigningKeys): ReadIdToken {
  const parts = token.split('.')
  const [header, claims] = [decode(parts[0]), decode(parts[1])]
  if (parts.length !== 3 || header === undefined || claims === undefined) return { problem: 'format' }
  const content = `${parts[0]}.${parts[1]}`
  const signature = Buffer.from(parts[2] ?? '', 'base64url')
  return isSigned(header, claims) ? { claims } : { problem: 'signature' }

  function isSigned(header: Claims, claims: Claims): boolean {
    const key = keys.find(String(header.kid))
    if (header.alg === 'ES256') return key !== undefined && verifyEs256(content, key, signature)
    const channel = channels.get(String(claims.aud))
    if (header.alg !== 'HS256' || channel === undefined) return false
    const expected = hs256(content, channel)
    return expected.length === signature.length && timingSafeEqual(expected, signature)
  }
}

/** The claims of LINE's ID token. `issuedAt` is epoch ms. */
function claimsOf(grant: Grant, facts: LoginFacts, issuedAt: number): Claims {
  const { user, channel } = grant.link
  const iat = Math.floor(issuedAt / 1000)
  return withoutUndefined({
    iss: ISSUER,
    sub: user.userId,
    aud: channel.id,
    exp: iat + LIFETIME_S,
    iat,
    auth_time: facts.authTime,
    nonce: facts.nonce,
    amr: facts.amr,
    name: hasScope(grant.scope, 'profile') ? user.displayName : undefined,
    picture: hasScope(grant.scope, 'profile') ? user.pictureUrl : undefined,
    email: hasScope(grant.scope, 'email') ? user.email : undefined,
  })
}

function hs256(content: string, channel: Channel): Buffer {
  return createHmac('sha256', channel.secret).update(content).digest()
}

function es256(content: string, { privateKey }: SigningKey): Buffer {
  return sign('sha256', Buffer.from(content), { key: privateKey, dsaEncoding: 'ieee-p1363' })
}

function verifyEs256(content: string, { publicKey }: SigningKey, signature: Buffer): boolean {
  return verify('sha256', Buffer.from(content), { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature)
}

function encode(value: Claims): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function decode(part: string | undefined): Claims | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(part ?? '', 'base64url').toString())
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch {
    return undefined
  }
}

function withoutUndefined(claims: Claims): Claims {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}
