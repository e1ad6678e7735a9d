import type { ServerResponse } from 'node:http'

export type Reply = {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body: string | Buffer
}

/** On every answer: it may hold somebody's data, and it is what it says it is. */
const always = { 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' }

/** One answer, in one write. */
export function send(response: ServerResponse, { status, headers, body }: Reply): void {
  if (response.destroyed || response.headersSent) return
  response.writeHead(status, { ...always, 'content-length': Buffer.byteLength(body), ...headers })
  response.end(response.req.method === 'HEAD' ? undefined : body)
}
