import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerOptions,
  type ServerResponse,
  STATUS_CODES,
} from 'node:http'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { newRequestId, requestIdOf } from './request-id.ts'
import { plainText, send, sendFailure } from './send.ts'

/** The requests that may wait on one connection for the answer to an earlier one. Clients hardly ever send any. */
const mostPipelined = 16

const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 8_000,
  requestTimeout: 10_000,
  // Node's default is 30 seconds: slow clients would stay much longer than the two limits above.
  connectionsCheckingInterval: 1_000,
}

export type HttpServerOptions = ServerOptions & {
  /** A client that reads nothing of an answer for this time to twice this time (ms) is cut off: its answers fill our memory. */
  readonly stalledMs?: number
  /** Called for each answer of the server itself: to bytes that are not HTTP, CONNECT, slow and odd requests. */
  readonly refused?: (status: number) => void
  /** Called for an error that the handler throws. The client gets 500. */
  readonly failed?: (error: unknown, requestId: string) => void
}

/** A server of Node with our limits. Its own refusals have an `X-Request-Id` too. */
export function createHttpServer(
  { stalledMs = 15_000, refused = () => {}, failed = () => {}, ...options }: HttpServerOptions,
  handle: RequestListener,
): Server {
  const pipelined = new WeakMap<Socket, number>()
  const server = createServer({ ...limits, ...options, requireHostHeader: false }, (request, response) => {
    // Node gives a response its socket when the earlier answers of the connection are sent.
    if (response.socket === null && isOverLimit(request.socket, response)) return
    if (request.headers.host === undefined && request.httpVersion === '1.1') refuseHost(response)
    else handleSafely(request, response)
  })
  // Node counts only the first 1,000 lines of a head and, depending on its version, drops the others without an error: a second
  // Authorization, or the last X-Forwarded-For. The length of a head is limited all the same, to 16 KB.
  server.maxHeadersCount = 0
  cutStalled(server, stalledMs)
  server.on('clientError', (error, socket) => refuseBytes(error, socket, refused))
  server.on('checkExpectation', refuseExpectation)
  server.on('connect', (request, socket) => refuseConnect(request, socket, refused))
  return server

  /** What a listener throws would end the process. */
  function handleSafely(request: IncomingMessage, response: ServerResponse): void {
    try {
      handle(request, response)
    } catch (error) {
      failed(error, requestIdOf(request))
      sendFailure(response)
    }
  }

  /** RFC 9112 section 3.2. */
  function refuseHost(response: ServerResponse): void {
    send(response, plainText(400, 'the Host header is missing\n'), ['connection', 'close'])
    refused(400)
  }

  function refuseExpectation(_: IncomingMessage, response: ServerResponse): void {
    send(response, plainText(417, 'only Expect: 100-continue is known\n'))
    refused(417)
  }

  /** Counts a request that waits for earlier answers. Cuts the connection at the limit. */
  function isOverLimit(socket: Socket, response: ServerResponse): boolean {
    if (socket.destroyed) return true
    const count = (pipelined.get(socket) ?? 0) + 1
    pipelined.set(socket, count)
    response.once('close', () => pipelined.set(socket, (pipelined.get(socket) ?? 0) - 1))
    if (count > mostPipelined) socket.destroy()
    return socket.destroyed
  }
}

/** Node's own time limit for a connection would cost each request two timers. */
function cutStalled(server: Server, stalledMs: number): void {
  const unread = new Map<Socket, number>()
  server.on('connection', (socket: Socket) => {
    unread.set(socket, 0)
    socket.once('close', () => unread.delete(socket))
  })
  const check = () => {
    for (const [socket, before] of unread) {
      const { _handle } = socket as { _handle?: { readonly writeQueueSize?: number } | null }
      const bytes = _handle?.writeQueueSize ?? 0
      if (bytes > 0 && bytes === before) socket.destroy()
      else if (bytes !== before) unread.set(socket, bytes)
    }
  }
  const checks = setInterval(check, stalledMs).unref()
  server.once('close', () => clearInterval(checks))
}

/**
 * The same statuses as Node's own. An answer that has begun is cut, because a second one would become part of it. Where the
 * fault is in a body that was answered already, a second answer would be taken for that to the next request.
 */
function refuseBytes(error: NodeJS.ErrnoException, stream: Duplex, refused: (status: number) => void): void {
  const socket = stream as HttpSocket
  const { writable, _httpMessage: answer, parser } = socket
  const isAnswered = answer ? answer.headersSent : parser?.incoming?.complete === false
  if (writable && !isAnswered) {
    const status = statuses[error.code ?? ''] ?? 400
    // After an answer the member is null.
    const id = answer ? requestIdOf(answer.req) : newRequestId()
    socket.write(lastAnswer(status, id))
    // An endpoint that does not read the body goes on, and counts its own answer.
    const isOwnAnswer = !answer || answer.req.listenerCount('data') > 0
    if (isOwnAnswer && error.code !== hasHungUp) refused(status)
  }
  socket.destroySoon()
}

/**
 * CONNECT asks a proxy for a tunnel, and we are none. Node gives the connection away with this event: nobody else answers, and
 * nobody else listens for its errors. An earlier request that waits for its answer is cut, as Node does it.
 */
function refuseConnect(request: IncomingMessage, stream: Duplex, refused: (status: number) => void): void {
  const socket = stream as HttpSocket
  socket.on('error', () => {})
  if (socket._httpMessage) socket.destroy()
  else {
    socket.write(lastAnswer(405, requestIdOf(request), 'allow: GET, POST\r\n'))
    refused(405)
    socket.destroySoon()
  }
}

/** An answer without a body, after which the connection closes. */
function lastAnswer(status: number, requestId: string, more = ''): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\nx-request-id: ${requestId}\r\n${more}\r\n`
}

/** The events of an `http.Server` have a socket, with members that Node reads for the same reasons. */
type HttpSocket = Socket & {
  /** The answer under way. */
  readonly _httpMessage?: ServerResponse | null
  /** `incoming`: the request that is read, or was read last. */
  readonly parser?: { readonly incoming?: IncomingMessage | null } | null
}

/** The client has ended the connection in the middle of a request: nearly always it has gone. */
const hasHungUp = 'HPE_INVALID_EOF_STATE'

const statuses: Readonly<Record<string, number>> = {
  HPE_HEADER_OVERFLOW: 431,
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 413,
  ERR_HTTP_REQUEST_TIMEOUT: 408,
}
