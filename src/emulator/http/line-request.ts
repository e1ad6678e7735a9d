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
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of message) {
    bytes += chunk.length
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  return bytes > MAX_BODY_BYTES ? undefined : Buffer.concat(chunks).toString()
}

/** The parameters of a form. A body with another content type has no parameters. */
export function formOf({ headers, body }: LineRequest): URLSearchParams {
  const type = headers['content-type']?.split(';')[0]?.trim().toLowerCase()
  return new URLSearchParams(type === 'application/x-www-form-urlencoded' ? body : '')
}

export function bearerOf({ headers }: LineRequest): string | undefined {
  return /^Bearer +(\S+)$/i.exec(headers.authorization ?? '')?.[1]
}
