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
  const raw = authorization.startsWith('Bearer ')
    ? authorization.slice(7).trim()
    : /^bearer +(\S+) *$/i.exec(authorization)?.[1]
  return (raw === undefined ? undefined : parse(raw)) ?? 'MALFORMED'
}
