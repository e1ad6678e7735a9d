import type { IncomingMessage } from 'node:http'
import { type HeaderList, noHeaders } from './send.ts'

export type Cors = {
  /** The CORS headers of an answer to this request. */
  headersFor(request: IncomingMessage): HeaderList
  isPreflight(request: IncomingMessage): boolean
  /** The headers of the answer to a preflight request. */
  preflightHeadersFor(request: IncomingMessage): HeaderList
}

/** https://fetch.spec.whatwg.org/#http-cors-protocol. Only listed origins. No credentials, because we use no cookies. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins)
  return { headersFor, isPreflight, preflightHeadersFor }

  function headersFor(request: IncomingMessage): HeaderList {
    if (allowed.size === 0) return noHeaders
    const origin = allowedOrigin(request)
    if (origin === undefined) return vary
    return [...vary, 'access-control-allow-origin', origin, 'access-control-expose-headers', 'retry-after']
  }

  function isPreflight({ method, headers }: IncomingMessage): boolean {
    return allowed.size > 0 && method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
  }

  function preflightHeadersFor(request: IncomingMessage): HeaderList {
    const headers = headersFor(request)
    return allowedOrigin(request) === undefined ? headers : [...headers, ...permissions]
  }

  function allowedOrigin({ headers: { origin } }: IncomingMessage): string | undefined {
    return origin !== undefined && allowed.has(origin) ? origin : undefined
  }
}

const vary: HeaderList = ['vary', 'origin']
const permissions: HeaderList = [
  ['access-control-allow-methods', 'GET, POST'],
  ['access-control-allow-headers', 'authorization, content-type'],
  ['access-control-max-age', '600'],
].flat()
