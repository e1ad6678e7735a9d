import type { ServerResponse } from 'node:http'
import { randomHex } from '../random-text.ts'
import type { LineResponse } from './line-response.ts'

/** The headers that LINE sends with each answer, also with errors. */
const commonHeaders = {
  'cache-control': 'max-age=0, no-cache, no-store',
  pragma: 'no-cache',
  expires: '0',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '1; mode=block',
  'x-frame-options': 'DENY',
}

/** Ends the call before it sends the answer: a client that has the answer must see the call as ended. */
export function send(
  response: ServerResponse,
  answer: LineResponse,
  end: (status: number) => void = () => undefined,
): void {
  writeHead(response, answer, Buffer.byteLength(answer.body))
  end(answer.status)
  response.end(answer.body)
}

export function writeHead(response: ServerResponse, { status, headers }: LineResponse, contentLength: number): void {
  response.writeHead(status, {
    ...commonHeaders,
    'x-line-request-id': randomHex(8),
    ...(status === 204 ? {} : { 'content-length': contentLength }),
    ...headers,
  })
}
