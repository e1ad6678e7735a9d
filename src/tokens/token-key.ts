import { hash } from 'node:crypto'

/** An access token as it travels through the tiers: what LINE is shown, and what everything else calls it. */
export type AccessToken = {
  readonly raw: string
  /** SHA-256 of the whole token, a character a byte: the shortest string it fits. The only name a token has in our memory. */
  readonly key: string
}

/** LINE's tokens are some 160 characters; lengths are documented nowhere, so there is ample room. */
const longestToken = 4_096
/** `b64token` of RFC 6750 section 2.1: whatever is no such thing was never issued by LINE. */
const b64token = /^[A-Za-z0-9\-._~+/]+=*$/

/** The token with its key, or `undefined` when it cannot be one: LINE is not spent on those. */
export function toAccessToken(raw: string): AccessToken | undefined {
  return isWellFormed(raw) ? { raw, key: digestOf(raw) } : undefined
}

export function isWellFormed(raw: string): boolean {
  return raw.length <= longestToken && b64token.test(raw)
}

/** Tokens carry enough randomness of their own that a plain digest tells nothing of them. */
export function digestOf(...parts: readonly string[]): string {
  return hash('sha256', parts.length === 1 ? String(parts[0]) : JSON.stringify(parts), 'binary')
}
