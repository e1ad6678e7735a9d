import type { IncomingMessage } from 'node:http'
import type { Bearer } from '../schema/context.ts'
import { toAccessToken } from '../tokens/token-key.ts'

/** The caller's access token (RFC 6750 section 2.1). Here it gets its key, once per request. */
export function readBearer(request: IncomingMessage): Bearer {
  const header = request.headers.authorization
  if (header === undefined || header === '') return 'MISSING'
  const raw = header.startsWith('Bearer ') ? header.slice(7).trim() : /^bearer +(\S+) *$/i.exec(header)?.[1]
  return (raw === undefined ? undefined : toAccessToken(raw)) ?? 'MALFORMED'
}
