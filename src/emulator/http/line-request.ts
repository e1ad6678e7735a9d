import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** A request with its complete body. The parts are not decoded. */
export type LineRequest = {
  method: string
  path: string
  /** Without the question mark. */
  query: string
  headers: IncomingHttpHeaders
  body: string
}

/** LINE answers 413 to a larger body. */
const MAX_BODY_BYTES = 2 * 1024 * 1024

/** The complete body, or undefined when it is larger than LINE accepts. Rejects when the client disconnects. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
  let bytes = Buffer.alloc(0)
  let size = 0
  for await (const chunk of message) {
    const end = size + chunk.length
    // One buffer that doubles: a list of chunks would cost an object for each byte that comes alone.
    if (end > bytes.length && end <= MAX_BODY_BYTES) bytes = Buffer.concat([bytes], 2 * end)
    chunk.copy(bytes, size)
    size = end
  }
  return size > MAX_BODY_BYTES ? undefined : bytes.toString('utf8', 0, size)
}

/** The parameters of a form. A body with another content type has no parameters. */
export function formOf({ headers, body }: LineRequest): URLSearchParams {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  return new URLSearchParams(type === 'application/x-www-form-urlencoded' ? body : '')
}

export function bearerOf({ headers }: LineRequest): string | undefined {
  const [scheme, token, ...rest] = (headers.authorization ?? '').split(' ').filter((word) => word !== '')
  return scheme?.toLowerCase() === 'bearer' && rest.length === 0 ? token : undefined
}
