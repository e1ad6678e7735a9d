import { RequestRefused } from '../http/read-request.ts'
import type { HeaderList, Reply } from '../http/send.ts'
import { isOutage, type Outage } from '../tokens/token-resolver.ts'
import type { FaceReply, Failure } from './face.ts'
import { refusalHeaders } from './faces.ts'
import { outageFacts } from './outage.ts'

/** What the OAuth endpoints have in common: their answers and errors (RFC 6749 sections 5.1 and 5.2). */

const jsonHeaders: HeaderList = ['content-type', 'application/json', 'pragma', 'no-cache']

export function oauthReply(body: object): FaceReply {
  return { status: 200, headers: jsonHeaders, body: JSON.stringify(body), code: 'OK' }
}

/** `error`: the word of the standard. `description`: our own words, in ASCII without quotes. It never quotes a value. */
export function oauthError(error: string, description: string, lineRequestId?: string): RequestRefused {
  return new RequestRefused(400, description, { code: error, lineRequestId })
}

/** LINE cannot be asked, or not for this address. Where the operator must act first, it is our fault: asking again is no use. */
export function unavailable(outage: Outage): RequestRefused {
  const { status, code, retryAfter, lineRequestId } = outageFacts(outage)
  if (retryAfter === undefined) return new RequestRefused(500, outage.message, { code, lineRequestId })
  return new RequestRefused(status, outage.message, { code, retryAfter, lineRequestId })
}

/** For an error of a promise. */
export function rethrowUnavailable(error: unknown): never {
  throw isOutage(error) ? unavailable(error) : error
}

export function oauthRefusal({ status, code, message, headers, retryAfter }: Failure): Reply {
  const body = JSON.stringify({ error: words[code] ?? code, error_description: message })
  return { status, headers: [...jsonHeaders, ...refusalHeaders(headers, retryAfter)], body }
}

/** The words of OAuth for our own codes. They tell less, so metrics and log lines have the codes. */
const words: Readonly<Record<string, string>> = {
  BAD_REQUEST: 'invalid_request',
  SHUTTING_DOWN: 'temporarily_unavailable',
  RATE_LIMITED: 'temporarily_unavailable',
  LINE_RATE_LIMITED: 'temporarily_unavailable',
  LINE_UNAVAILABLE: 'temporarily_unavailable',
  MISCONFIGURED: 'server_error',
  INTERNAL_SERVER_ERROR: 'server_error',
}
