import type { IncomingHttpHeaders, IncomingMessage } from 'node:http'

/** A request as the endpoints see it: read whole, nothing decoded yet. */
export type LineRequest = {
  method: string
  path: string
  /** Without the question mark. */
  query: string
  headers: IncomingHttpHeaders
  body: string
}

/** More than this is 413 at LINE. */
const MAX_BODY_BYTES = 2 * 1024 * 1024

/** The whole body, or undefined when it is larger than LINE takes. Rejects when the client goes away. */
export async function readBody(message: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString()
}

/** The parameters of a form. A body of any other content type has none. */
export function formOf({ headers, body }: LineRequest): URLSearchParams {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  return new URLSearchParams(type === 'application/x-www-form-urlencoded' ? body : '')
}

export function bearerOf({ headers }: LineRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}
