import { type CryptoKey, decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
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

/** LINE's constant. It does not depend on the host that we call. */
export const idTokenIssuer = 'https://access.line.me'
const longestIdToken = 8 * 1_024
/** Leeway for clocks that differ. An ID token is valid for an hour; LINE's SDKs allow one to five minutes. */
const leewaySeconds = 60

/**
 * Checks an ID token, except its nonce. The channel's type decides the algorithm, never the token: HS256 with
 * the channel secret for web, ES256 with LINE's published key for native and LIFF. `now` is epoch ms.
 * Throws `InvalidIdToken`, or an outage when LINE's keys cannot be fetched.
 */
export async function verifyIdToken(
  idToken: string,
  channel: Channel,
  keySet: KeySet,
  now: number,
): Promise<IdTokenClaims> {
  const key = await verificationKey(idToken, channel, keySet)
  const payload = await verifySignature(idToken, key, channel.type, now)
  if (payload.iss !== idTokenIssuer) throw new InvalidIdToken('ISSUER')
  if (payload.aud !== channel.id) throw new InvalidIdToken('AUDIENCE')
  const claims = parseClaims(payload)
  if (claims.exp + leewaySeconds <= now / 1_000) throw new InvalidIdToken('EXPIRED')
  return claims
}

/**
 * The `aud` claim, read without a check of the signature. Do not trust it: it only says which channel's key to try.
 * Throws `InvalidIdToken`.
 */
export function claimedAudience(idToken: string): unknown {
  try {
    return decodeJwt(idToken).aud
  } catch (cause) {
    throw new InvalidIdToken('MALFORMED', { cause })
  }
}

/**
 * The user in an ID token that LINE's token endpoint has just sent to us over TLS. Its signature need not be checked (OpenID
 * Connect Core 1.0 section 3.1.3.7). `undefined` for a missing token and for one of another channel or issuer.
 */
export function subjectOf(idToken: string | undefined, channelId: string): string | undefined {
  if (idToken === undefined || idToken.length > longestIdToken) return undefined
  try {
    const { iss, aud, sub } = decodeJwt(idToken)
    return iss === idTokenIssuer && aud === channelId && sub !== '' ? sub : undefined
  } catch {
    return undefined
  }
}

async function verificationKey(idToken: string, channel: Channel, keySet: KeySet) {
  const { alg, kid } = headerOf(idToken)
  if (alg !== algorithmOf(channel.type)) throw new InvalidIdToken('ALGORITHM')
  if (channel.type === 'web') return new TextEncoder().encode(channel.secret)
  const key = typeof kid === 'string' ? await keySet.keyOf(kid) : undefined
  if (key === undefined) throw new InvalidIdToken('SIGNATURE')
  return key
}

function headerOf(idToken: string) {
  try {
    decodeJwt(idToken)
    return decodeProtectedHeader(idToken)
  } catch (cause) {
    throw new InvalidIdToken('MALFORMED', { cause })
  }
}

function algorithmOf(type: Channel['type']): 'HS256' | 'ES256' {
  return type === 'web' ? 'HS256' : 'ES256'
}

/** jose checks only the signature. We check the claims ourselves, in a fixed order and with the injected clock. */
async function verifySignature(
  idToken: string,
  key: CryptoKey | Uint8Array,
  type: Channel['type'],
  now: number,
): Promise<JWTPayload> {
  try {
    const options = {
      algorithms: [algorithmOf(type)],
      currentDate: new Date(now),
      clockTolerance: Number.MAX_SAFE_INTEGER,
    }
    return (await jwtVerify(idToken, key, options)).payload
  } catch (cause) {
    if (cause instanceof errors.JWSSignatureVerificationFailed) throw new InvalidIdToken('SIGNATURE', { cause })
    throw new InvalidIdToken('MALFORMED', { cause })
  }
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

/** A number that a JavaScript `Date` can hold. A larger one would make later code throw. */
function isNumericDate(value: unknown): value is number {
  return typeof value === 'number' && Math.abs(value) <= 8_640_000_000_000
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
