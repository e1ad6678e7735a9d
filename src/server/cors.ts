import type { IncomingMessage } from 'node:http'

export type Cors = {
  /** The headers of any answer to this request. */
  headersFor(request: IncomingMessage): Record<string, string> | undefined
  isPreflight(request: IncomingMessage): boolean
  /** The headers of the answer to a preflight request. */
  preflightHeadersFor(request: IncomingMessage): Record<string, string>
}

/** https://fetch.spec.whatwg.org/#http-cors-protocol: named origins only, and never credentials, as there are no cookies here. */
export function createCors(origins: readonly string[]): Cors {
  const allowed = new Set(origins)
  return { headersFor, isPreflight, preflightHeadersFor }

  function headersFor({ headers: { origin } }: IncomingMessage): Record<string, string> | undefined {
    if (allowed.size === 0) return undefined
    if (origin === undefined || !allowed.has(origin)) return { vary: 'origin' }
    return { vary: 'origin', 'access-control-allow-origin': origin, 'access-control-expose-headers': 'retry-after' }
  }

  function isPreflight({ method, headers }: IncomingMessage): boolean {
    return allowed.size > 0 && method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
  }

  function preflightHeadersFor(request: IncomingMessage): Record<string, string> {
    const headers = headersFor(request) ?? {}
    if (headers['access-control-allow-origin'] === undefined) return headers
    return {
      ...headers,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': 'authorization, content-type',
      'access-control-max-age': '600',
    }
  }
}
