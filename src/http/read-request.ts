import type { IncomingMessage } from 'node:http'
import { ExpectedError } from '../telemetry/expected-error.ts'
import { type ByteBuffer, createByteBuffer } from './byte-buffer.ts'

/** A request that is refused before its operation is executed. The answer has the status, the code and the message. */
export class RequestRefused extends ExpectedError {
  readonly status: number
  /** `extensions.code` of the answer. */
  readonly code: string
  readonly headers: Readonly<Record<string, string>>
  /** Seconds. */
  readonly retryAfter: number | undefined
  /** LINE's `x-line-request-id`, for the log line. */
  readonly lineRequestId: string | undefined

  constructor(status: number, message: string, facts: RefusalFacts = {}) {
    super(message)
    this.name = 'RequestRefused'
    this.status = status
    this.code = facts.code ?? (status >= 500 ? 'INTERNAL_SERVER_ERROR' : 'BAD_REQUEST')
    this.headers = facts.headers ?? {}
    this.retryAfter = facts.retryAfter
    this.lineRequestId = facts.lineRequestId
  }
}

type RefusalFacts = {
  /** Default: `INTERNAL_SERVER_ERROR` for 5xx, `BAD_REQUEST` for the others. */
  readonly code?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Seconds. Sent as `extensions.retryAfter` and as `Retry-After`. */
  readonly retryAfter?: number
  readonly lineRequestId?: string | undefined
}

/** For a request without an answer when the process ends. */
export function shuttingDown(): RequestRefused {
  const facts = { code: 'SHUTTING_DOWN', headers: { connection: 'close' }, retryAfter: 1 }
  return new RequestRefused(503, 'The gateway is shutting down', facts)
}

const largestBodyBytes = 100 * 1024
const allow = { headers: { allow: 'GET, POST' } }
/** The rest of the body was not read, so the connection cannot be used again. */
const close = { headers: { connection: 'close' } }

/** Checks the head of a request: method, media type, encoding, credentials. Throws `RequestRefused`. */
export function assertHead(request: IncomingMessage): void {
  const { method, headers } = request
  if (method !== 'GET' && method !== 'POST') throw new RequestRefused(405, 'Only GET and POST are answered here', allow)
  // Browsers send forms to other sites without a preflight, so a form must never count as JSON.
  if (headers['content-type'] === undefined ? method === 'POST' : !isJson(headers['content-type']))
    throw new RequestRefused(415, 'The body must be application/json in UTF-8', close)
  if (headers['content-encoding'] !== undefined)
    throw new RequestRefused(415, 'The body must not have a content encoding', close)
  if (countHeaders(request, 'authorization') > 1)
    throw new RequestRefused(400, 'More than one Authorization header', close)
}

/** Reads a body and stops where it is too large. Calls `done` once. On an error, the body is not complete. */
export function readBody(
  request: IncomingMessage,
  done: (error: unknown, body: ByteBuffer) => void,
  mostBytes = largestBodyBytes,
): void {
  const body = createByteBuffer(mostBytes)
  let finished = false
  if (Number(request.headers['content-length'] ?? 0) > mostBytes) finish(tooLarge(mostBytes))
  else listen()

  function listen(): void {
    request.on('data', (piece: Buffer) => {
      if (!body.add(piece)) finish(tooLarge(mostBytes))
    })
    request.on('end', () => finish(undefined))
    request.on('error', finish)
    // Else Node asks for the body only after it has come, keeps it until then, and clears up after the answer as if nobody
    // had read it.
    request.read(0)
  }

  function finish(error: unknown): void {
    if (finished) return
    finished = true
    done(error, body)
  }
}

/** Discards the rest of the request for one second, so that a client that is still sending can receive the answer. */
export function discardRest(request: IncomingMessage): void {
  request.resume()
  setTimeout(() => request.socket.destroy(), 1_000).unref()
}

/**
 * JSON is always UTF-8 (RFC 8259 section 8.1), so no other charset is accepted. The header is split and compared: a
 * pattern with two repetitions side by side takes a time that grows with the square of the header.
 */
function isJson(contentType: string): boolean {
  if (contentType === 'application/json') return true
  const [type, ...parameters] = partsOf(contentType.toLowerCase(), ';', 4)
  if (parameters.at(-1) === '') parameters.pop()
  return type === 'application/json' && parameters.length <= 1 && parameters.every(isUtf8)
}

/** Whether a parameter of a media type, in lower case, is the charset UTF-8. */
export function isUtf8(parameter: string): boolean {
  const [name, value = '', ...rest] = partsOf(parameter, '=', 3)
  return name === 'charset' && rest.length === 0 && utf8Names.has(value)
}

const utf8Names = new Set(['utf-8', 'utf8', '"utf-8"', '"utf8"'])

export function partsOf(text: string, separator: string, atMost: number): string[] {
  return text.split(separator, atMost).map((part) => part.trim())
}

/** How often a header stands in the request. Node joins or drops repeated ones. `name`: in lower case. */
export function countHeaders({ rawHeaders }: IncomingMessage, name: string): number {
  let count = 0
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const header = rawHeaders[index]
    if (header?.length === name.length && header.toLowerCase() === name) count += 1
  }
  return count
}

function tooLarge(mostBytes: number): RequestRefused {
  return new RequestRefused(413, `The body is larger than ${mostBytes / 1024} KB`, close)
}
