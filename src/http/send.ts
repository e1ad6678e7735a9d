import type { ServerResponse } from 'node:http'

/** Names and values in alternation: the form of headers that costs Node the least. */
export type HeaderList = readonly string[]

export type Reply = { readonly status: number; readonly headers: HeaderList; readonly body: string | Buffer }

/**
 * Sends an answer in one write. Headers forbid caching, because an answer can have personal data, and forbid browsers to
 * guess the media type.
 */
export function send(response: ServerResponse, { status, headers, body }: Reply, more: HeaderList = noHeaders): void {
  if (response.destroyed || response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, [...always, String(length), ...headers, ...more])
  // If every character is one byte, Latin-1 is faster: Node need not look for longer characters.
  response.end(response.req.method === 'HEAD' ? undefined : body, length === body.length ? 'latin1' : 'utf8')
}

export function plainText(status: number, body: string): Reply {
  return { status, headers: ['content-type', 'text/plain; charset=utf-8'], body }
}

export const noHeaders: HeaderList = []

const always = ['cache-control', 'no-store', 'x-content-type-options', 'nosniff', 'content-length']
