import type { IncomingMessage } from 'node:http'

/**
 * The Bearer token of a request (RFC 6750 section 2.1), read by `parse`. `MISSING` if the `Authorization` header is absent
 * or empty. `MALFORMED` for another scheme or a token that `parse` does not accept.
 */
export function readBearer<Token>(
  { headers: { authorization } }: IncomingMessage,
  parse: (raw: string) => Token | undefined,
): Token | 'MISSING' | 'MALFORMED' {
  if (authorization === undefined || authorization === '') return 'MISSING'
  const raw = isBearer(authorization) ? authorization.slice(scheme.length).trim() : undefined
  return (raw === undefined ? undefined : parse(raw)) ?? 'MALFORMED'
}

/**
 * Whether an `Authorization` header has a Bearer token, good or bad. The name of a scheme has no case (RFC 9110 section 11.1).
 * Almost all clients write it in this way.
 */
export function isBearer(authorization: string): boolean {
  return authorization.startsWith(scheme) || authorization.slice(0, scheme.length).toLowerCase() === 'bearer '
}

const scheme = 'Bearer '
