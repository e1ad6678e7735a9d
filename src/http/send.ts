import type { ServerResponse } from 'node:http'

/** Names and values by turns: of the forms in which Node takes headers, the one that costs least. */
export type HeaderList = readonly string[]

export type Reply = { readonly status: number; readonly headers: HeaderList; readonly body: string | Buffer }

/** One answer, in one write. No cache may keep it, as it may hold somebody's data, and it is what it says it is. */
export function send(response: ServerResponse, { status, headers, body }: Reply, more: HeaderList = noHeaders): void {
  if (response.destroyed || response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, [...always, String(length), ...headers, ...more])
  // Where every character is one byte, Node need not look for those that are more.
  response.end(response.req.method === 'HEAD' ? undefined : body, length === body.length ? 'latin1' : 'utf8')
}

export const noHeaders: HeaderList = []

const always = ['cache-control', 'no-store', 'x-content-type-options', 'nosniff', 'content-length']
