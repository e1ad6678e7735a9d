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
  response.writeHead(
    status,
    Object.assign(
      { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff', 'content-length': Buffer.byteLength(body) },
      headers,
      ...more,
    ),
  )
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
