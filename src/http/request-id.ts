import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'

/**
 * The ID of a request, for its answer and its log lines: the client's `X-Request-Id`, else one of ours. It is kept with
 * the request, so every call returns the same one.
 */
export function requestIdOf(request: Identified): string {
  request[kept] ??= givenId(request) ?? newRequestId()
  return request[kept]
}

/** Random for each process and then counted: that is unique, and costs less than random bytes for each request. */
export function newRequestId(): string {
  count += 1
  return prefix + count.toString(36)
}

const kept = Symbol('request ID')
type Identified = IncomingMessage & { [kept]?: string }

/** Two headers are joined by a comma, so they are no ID. A JWT is none either: it must not get into the log. */
function givenId({ headers }: IncomingMessage): string | undefined {
  const given = headers['x-request-id']
  return typeof given === 'string' && wellFormed.test(given) && !given.startsWith('eyJ') ? given : undefined
}

const wellFormed = /^[\w.-]{1,128}$/
const prefix = `${randomBytes(9).toString('base64url')}.`
let count = 0
