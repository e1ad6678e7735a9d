import type { IncomingMessage } from 'node:http'
import { isLoopbackName } from './loopback.ts'
import { type HeaderList, noHeaders } from './send.ts'

export type Cors = {
  /** The CORS headers of an answer, and its `Vary`. `negotiated`: more request headers that the answer depends on. */
  headersFor(request: IncomingMessage, negotiated?: string): HeaderList
  isPreflight(request: IncomingMessage): boolean
  /** The headers of the answer to a preflight request. */
  preflightHeadersFor(request: IncomingMessage): HeaderList
}

/** Origins as browsers send them, or every origin of this machine. */
export type CorsOrigins = readonly string[] | 'loopback'

/** https://fetch.spec.whatwg.org/#http-cors-protocol. Only these origins. No credentials, because we use no cookies. */
export function createCors(origins: CorsOrigins): Cors {
  const isOn = origins.length > 0
  const listed = new Set(origins === 'loopback' ? [] : origins)
  return { headersFor, isPreflight, preflightHeadersFor }

  function headersFor(request: IncomingMessage, negotiated?: string): HeaderList {
    if (!isOn) return negotiated === undefined ? noHeaders : ['vary', negotiated]
    const vary = ['vary', negotiated === undefined ? 'origin' : `${negotiated}, origin`]
    const origin = allowedOrigin(request)
    return origin === undefined ? vary : [...vary, 'access-control-allow-origin', origin, ...exposed]
  }

  function isPreflight({ method, headers }: IncomingMessage): boolean {
    return isOn && method === 'OPTIONS' && headers['access-control-request-method'] !== undefined
  }

  function preflightHeadersFor(request: IncomingMessage): HeaderList {
    const headers = headersFor(request, 'access-control-request-method, access-control-request-headers')
    if (allowedOrigin(request) === undefined) return headers
    const asked = request.headers['access-control-request-headers']
    return isHeaderNames(asked) ? [...headers, ...permissions, allowHeaders, asked] : [...headers, ...permissions]
  }

  function allowedOrigin({ headers: { origin } }: IncomingMessage): string | undefined {
    if (origin === undefined) return undefined
    return listed.has(origin) || (origins === 'loopback' && isLoopbackOrigin(origin)) ? origin : undefined
  }
}

const exposed: HeaderList = ['access-control-expose-headers', 'retry-after, x-request-id, www-authenticate']
const permissions: HeaderList = ['access-control-allow-methods', 'GET, POST', 'access-control-max-age', '600']
const allowHeaders = 'access-control-allow-headers'

/** True for an `Origin` header as browsers write it. Their form is that of `URL.origin`. */
function isLoopbackOrigin(origin: string): boolean {
  const url = origin.length <= longestOrigin ? URL.parse(origin) : null
  if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) return false
  return url.origin === origin && isLoopbackName(url.hostname)
}

/** A listed origin can send any header, so it gets the names back that it asks for. */
function isHeaderNames(list: string | string[] | undefined): list is string {
  return typeof list === 'string' && list.length <= longestList && list.split(',').every(isHeaderName)
}

function isHeaderName(name: string): boolean {
  return token.test(name.trim())
}

/** RFC 9110 section 5.6.2. */
const token = /^[\w!#$%&'*+.^`|~-]+$/
/** The longest host name has 253 characters. */
const longestOrigin = 300
const longestList = 4_096
