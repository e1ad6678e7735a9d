import type { HttpResponse } from './http-call.ts'

/**
 * The parsed JSON: `undefined` for an empty body, `null` for a body that is not JSON. We never request a content coding, so an
 * answer that has one is not read. A byte order mark counts as white space.
 */
export function bodyOf({ headers, text }: HttpResponse): unknown {
  if (text.trim() === '') return undefined
  if (headers['content-encoding'] !== undefined) return null
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ''))
  } catch {
    return null
  }
}

/** LINE's sample id has 16 hex characters. A value that does not look like an id is dropped. */
export function lineRequestIdOf({ headers }: HttpResponse): string | undefined {
  const id = headers['x-line-request-id']
  return typeof id === 'string' && /^[\w-]{1,64}$/.test(id) ? id : undefined
}

/**
 * Milliseconds to wait, from seconds or an HTTP date (RFC 9110 section 10.2.3). `wallTime`: epoch ms. LINE documents no such
 * header.
 */
export function retryAfterMsOf({ headers }: HttpResponse, wallTime: number): number | undefined {
  const header = headers['retry-after']
  if (typeof header !== 'string') return undefined
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000
  const date = Date.parse(header)
  return Number.isNaN(date) ? undefined : Math.max(date - wallTime, 0)
}
