import { createHmac, createSecretKey, type KeyObject, timingSafeEqual, verify } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, type JWTPayload } from 'jose'
import type { Channel } from '../config.ts'
import { InvalidIdToken } from './errors.ts'
import type { KeySet } from './key-set.ts'

/** The claims of a LINE ID token. https://developers.line.biz/en/docs/line-login/verify-id-token/ */
export type IdTokenClaims = {
  readonly iss: string
  readonly sub: string
  readonly aud: string
  /** Seconds since the epoch, as in the token (RFC 7519 `NumericDate`); `iat` and `authTime` too. */
  readonly exp: number
  readonly iat: number
  readonly authTime: number | null
  readonly nonce: string | null
  readonly amr: readonly string[] | null
  readonly name: string | null
  readonly picture: string | null
  readonly email: string | null
}

/** An ID token that was taken apart and not checked. Do not trust it: anyone can write one. */
export type UncheckedIdToken = {
  readonly algorithm: Algorithm
  readonly kid: unknown
  readonly payload: JWTPayload
  /** The characters that the signature covers. */
  readonly content: string
  readonly signature: Buffer
}

type Algorithm = 'HS256' | 'ES256'

/** LINE's constant. It does not depend on the host that we call. */
export const idTokenIssuer = 'https://access.line.me'
/** Characters. LINE documents no maximum. Its ID tokens have about 500. */
export const longestIdToken = 8_192
/** Leeway for clocks that differ. An ID token is valid for an hour; LINE's SDKs allow one to five minutes. */
const usualLeewaySeconds = 60
const mostAheadSeconds = 5 * 60
/** Three parts in base64url. The last one is empty where there is no signature. */
const compactJws = /^[\w-]+\.[\w-]+\.[\w-]*$/

/*
 * An ID token is checked in these steps, in this order, and the first failure is its reason:
 *
 * 1. `readIdToken`: MALFORMED (its length first), then ALGORITHM.
 * 2. `assertNotForAnother`: AUDIENCE. No token is checked with the key of another channel than the one that it names.
 * 3. `verificationKey`: ALGORITHM (HS256, and the channel has no secret), SIGNATURE (LINE has no such key), or an outage.
 * 4. `checkIdToken`: SIGNATURE, ISSUER, AUDIENCE (none, or a list), MALFORMED (claims), EXPIRED, ISSUED_AT.
 */

/** Takes an ID token apart. Throws `InvalidIdToken`. */
export function readIdToken(idToken: string): UncheckedIdToken {
  if (idToken.length > longestIdToken || !compactJws.test(idToken)) throw malformed()
  const { header, payload } = decode(idToken)
  // RFC 7515 section 4.1.11: what we do not understand must be refused. RFC 7797: `b64` changes what is signed.
  if (header.crit !== undefined || 'b64' in header) throw malformed()
  if (header.alg !== 'HS256' && header.alg !== 'ES256') throw new InvalidIdToken('ALGORITHM')
  const end = idToken.lastIndexOf('.')
  return {
    algorithm: header.alg,
    kid: header.kid,
    payload,
    content: idToken.slice(0, end),
    signature: Buffer.from(idToken.slice(end + 1), 'base64url'),
  }
}

/** Throws `InvalidIdToken` if the token names another channel than this one. `undefined`: it is for none of ours. */
export function assertNotForAnother(
  { payload }: UncheckedIdToken,
  channel: Channel | undefined,
): asserts channel is Channel {
  const namesAnother = typeof payload.aud === 'string' && payload.aud !== channel?.id
  if (channel === undefined || namesAnother) throw new InvalidIdToken('AUDIENCE')
}

/**
 * LINE issues two kinds of ID tokens for one channel, and each kind has one source of keys. HS256 (web logins): the
 * secret of the channel. ES256 (apps, LIFF): the key that LINE publishes with this `kid`. A key in the header is never used.
 */
export function verificationKey(
  token: UncheckedIdToken,
  channel: Channel,
  keySet: KeySet,
): KeyObject | Promise<KeyObject> {
  if (token.algorithm === 'HS256') return secretKeyOf(channel)
  const key = typeof token.kid === 'string' ? keySet.keyOf(token.kid) : undefined
  return key instanceof Promise ? key.then(found) : found(key)
}

/** Whether LINE must be asked for the key of an ID token. Reads only its header, so the answer costs little. */
export function isKeyMissing(idToken: string, keySet: KeySet): boolean {
  if (idToken.length > longestIdToken) return false
  try {
    const { alg, kid } = decodeProtectedHeader(idToken)
    return alg === 'ES256' && typeof kid === 'string' && !keySet.has(kid)
  } catch {
    return false
  }
}

/** Checks the signature and the claims, and returns them. `wall` returns epoch ms. Throws `InvalidIdToken`. */
export function checkIdToken(
  token: UncheckedIdToken,
  key: KeyObject,
  channel: Channel,
  wall: () => number,
  leewaySeconds = usualLeewaySeconds,
): IdTokenClaims {
  if (!isSigned(token, key)) throw new InvalidIdToken('SIGNATURE')
  if (token.payload.iss !== idTokenIssuer) throw new InvalidIdToken('ISSUER')
  if (token.payload.aud !== channel.id) throw new InvalidIdToken('AUDIENCE')
  const claims = parseClaims(token.payload)
  assertInTime(claims, wall, leewaySeconds)
  return claims
}

/** Throws `InvalidIdToken` if the token has expired, or says that it was issued in the future. */
export function assertInTime({ exp, iat }: IdTokenClaims, wall: () => number, leewaySeconds: number): void {
  const seconds = wall() / 1_000
  if (exp + leewaySeconds <= seconds) throw new InvalidIdToken('EXPIRED')
  if (iat - mostAheadSeconds > seconds) throw new InvalidIdToken('ISSUED_AT')
}

/**
 * The user in an ID token that LINE's token endpoint has just sent to us over TLS. Its signature need not be checked (OpenID
 * Connect Core 1.0 section 3.1.3.7). `undefined` for a missing token and for one of another channel or issuer.
 */
export function subjectOf(idToken: string | undefined, channelId: string): string | undefined {
  if (idToken === undefined || idToken.length > longestIdToken) return undefined
  try {
    const { iss, aud, sub } = decodeJwt<Record<string, unknown>>(idToken)
    const isOurs = iss === idTokenIssuer && aud === channelId
    return isOurs && typeof sub === 'string' && sub !== '' ? sub : undefined
  } catch {
    return undefined
  }
}

/** The nonce in an ID token that was not checked. `null`: it has none. `undefined`: the token is unreadable. */
export function uncheckedNonceOf(idToken: string): string | null | undefined {
  try {
    return text(decodeJwt(idToken).nonce)
  } catch {
    return undefined
  }
}

function decode(idToken: string) {
  try {
    return { header: decodeProtectedHeader(idToken), payload: decodeJwt(idToken) }
  } catch (cause) {
    throw new InvalidIdToken('MALFORMED', { cause })
  }
}

function secretKeyOf({ secret }: Channel): KeyObject {
  if (secret === undefined || secret === '') throw new InvalidIdToken('ALGORITHM')
  return createSecretKey(secret, 'utf8')
}

function found(key: KeyObject | undefined): KeyObject {
  if (key === undefined) throw new InvalidIdToken('SIGNATURE')
  return key
}

/** RFC 7518 sections 3.2 and 3.4. Node refuses a public key for HMAC, and a secret for ECDSA. */
function isSigned({ algorithm, content, signature }: UncheckedIdToken, key: KeyObject): boolean {
  if (algorithm === 'ES256')
    return (
      signature.length === 64 && verify('sha256', Buffer.from(content), { key, dsaEncoding: 'ieee-p1363' }, signature)
    )
  const expected = createHmac('sha256', key).update(content).digest()
  return signature.length === expected.length && timingSafeEqual(signature, expected)
}

function parseClaims(payload: JWTPayload): IdTokenClaims {
  const { iss, sub, aud, exp, iat } = payload
  if (typeof iss !== 'string' || typeof sub !== 'string' || sub === '' || typeof aud !== 'string') throw malformed()
  if (!isNumericDate(exp) || !isNumericDate(iat)) throw malformed()
  return {
    iss,
    sub,
    aud,
    exp,
    iat,
    authTime: isNumericDate(payload.auth_time) ? payload.auth_time : null,
    nonce: text(payload.nonce),
    amr: isTextList(payload.amr) ? payload.amr.map((method) => method.toWellFormed()) : null,
    name: text(payload.name),
    picture: text(payload.picture),
    email: text(payload.email),
  }
}

function malformed(): InvalidIdToken {
  return new InvalidIdToken('MALFORMED')
}

/** A time that RFC 3339 can write: the years 0 to 9999. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && value >= -62_167_219_200 && value < 253_402_300_800
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

/**
 * LINE leaves out claims that are not set. An empty claim means the same. Half of a surrogate pair becomes U+FFFD, because
 * many JSON parsers refuse an answer that contains one.
 */
function text(value: unknown): string | null {
  return typeof value === 'string' && value !== '' ? value.toWellFormed() : null
}
