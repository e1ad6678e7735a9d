import type { ServerResponse } from 'node:http'

type Headers = Readonly<Record<string, string>>

export type Reply = { readonly status: number; readonly headers?: Headers; readonly body: string | Buffer }

/** One answer, in one write. No cache may keep it, as it may hold somebody's data, and it is what it says it is. */
export function send(
  response: ServerResponse,
  { status, headers, body }: Reply,
  ...more: (Headers | undefined)[]
): void {
  if (response.destroyed || response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, Object.assign({ ...always, 'content-length': length }, headers, ...more))
  // Where every character is one byte, Node need not look for those that are more.
  response.end(response.req.method === 'HEAD' ? undefined : body, length === body.length ? 'latin1' : 'utf8')
}

const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }
