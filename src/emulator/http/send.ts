import type { ServerResponse } from 'node:http'
import { randomHex } from '../random-text.ts'
import type { LineResponse } from './line-response.ts'

/** What LINE sends with every answer, errors included. */
const commonHeaders = {
  'cache-control': 'max-age=0, no-cache, no-store',
  pragma: 'no-cache',
  expires: '0',
  'x-content-type-options': 'nosniff',
  'x-xss-protection': '1; mode=block',
  'x-frame-options': 'DENY',
}

/** The call ends before its answer leaves, so that who has the answer also sees the call counted as ended. */
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
