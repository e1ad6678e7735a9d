import { Buffer } from 'node:buffer'
import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { requestIdOf } from './request-id.ts'

/** Names and values in alternation: the form of headers that costs Node the least. */
export type HeaderList = readonly string[]

export type Reply = {
  readonly status: number
  readonly headers: HeaderList
  readonly body: string | Buffer
  /** Default: `no-store`. */
  readonly cacheControl?: string
}

/** A long body, which is made while it is sent. */
export type StreamedReply = Omit<Reply, 'body'> & { readonly body: Readable; readonly bytes: number }

/** Sends an answer in one write. */
export function send(
  response: ServerResponse,
  { status, headers, body, cacheControl }: Reply,
  more: HeaderList = noHeaders,
): void {
  if (response.destroyed || response.headersSent) return
  const length = Buffer.byteLength(body)
  response.writeHead(status, allHeaders(response, length, headers, more, cacheControl))
  // If every character is one byte, Latin-1 is faster: Node need not look for longer characters.
  response.end(response.req.method === 'HEAD' ? undefined : body, length === body.length ? 'latin1' : 'utf8')
}

/** Sends an answer as fast as the client reads it. Resolves when it is sent, or when the client has gone. */
export async function sendStream(
  response: ServerResponse,
  { status, headers, body, bytes }: StreamedReply,
  more: HeaderList = noHeaders,
): Promise<void> {
  if (response.destroyed || response.headersSent) {
    body.destroy()
    return
  }
  response.writeHead(status, allHeaders(response, bytes, headers, more))
  await pipeline(body, response).catch(() => {})
}

/** The last resort: the answer to this request, or what follows it, has failed. The client must not wait for ever. */
export function sendFailure(response: ServerResponse): void {
  send(response, plainText(500, 'Something went wrong on our side\n'), ['connection', 'close'])
  // The head alone was sent.
  if (!response.writableEnded) response.destroy()
}

export function plainText(status: number, body: string): Reply {
  return { status, headers: ['content-type', 'text/plain; charset=utf-8'], body }
}

export const noHeaders: HeaderList = []

function allHeaders(
  response: ServerResponse,
  bytes: number,
  headers: HeaderList,
  more: HeaderList,
  cacheControl?: string,
): string[] {
  const always = cacheControl === undefined ? uncached : ['cache-control', cacheControl, ...ofAll]
  return [...always, requestIdOf(response.req), 'content-length', String(bytes), ...headers, ...more]
}

/** Browsers must not guess the media type. */
const ofAll = ['x-content-type-options', 'nosniff', 'x-request-id']
/** Forbids caching, because an answer can have personal data. */
const uncached = ['cache-control', 'no-store', ...ofAll]
