import { hash } from 'node:crypto'

/** An access token on its way through the tiers. LINE gets `raw`; everything else uses `key`. */
export type AccessToken = {
  readonly raw: string
  /** SHA-256 of the token, one character a byte: the shortest string for it. Our memory keeps this and never `raw`. */
  readonly key: string
}

/** LINE's tokens have about 160 characters. LINE documents no maximum, so the limit is far above that. */
const longestToken = 4_096
/** `b64token` of RFC 6750 section 2.1. LINE issues only tokens that match it. */
const b64token = /^[A-Za-z0-9\-._~+/]+=*$/

/** The token with its key. `undefined` for a text that cannot be a token: it costs no call to LINE. */
export function toAccessToken(raw: string): AccessToken | undefined {
  return isWellFormed(raw) ? { raw, key: digestOf(raw) } : undefined
}

export function isWellFormed(raw: string): boolean {
  return raw.length <= longestToken && isB64Token(raw)
}

/** Its length is not checked. */
export function isB64Token(raw: string): boolean {
  return b64token.test(raw)
}

/**
 * SHA-256, one character a byte. Tokens are random enough that a digest without a secret reveals nothing about them.
 * Several parts are hashed as JSON, so that `ab`, `c` differs from `a`, `bc`.
 */
export function digestOf(...parts: readonly string[]): string {
  return hash('sha256', parts.length === 1 ? String(parts[0]) : JSON.stringify(parts), 'binary')
}
