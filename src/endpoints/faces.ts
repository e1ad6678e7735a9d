import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { ByteBuffer } from '../http/byte-buffer.ts'
import type { ClientAddresses } from '../http/client-address.ts'
import type { Cors } from '../http/cors.ts'
import { readForm, takeForm } from '../http/form.ts'
import { discardRest, RequestRefused, shuttingDown } from '../http/read-request.ts'
import { requestIdOf } from '../http/request-id.ts'
import { type HeaderList, noHeaders, type Reply, send, sendFailure } from '../http/send.ts'
import type { Turns } from '../http/turns.ts'
import type { UnderWay } from '../http/under-way.ts'
import { createRequestSpans, type RequestSpans } from '../telemetry/request-spans.ts'
import type { Operation, Telemetry } from '../telemetry/telemetry.ts'
import { detached } from '../telemetry/tracing.ts'
import type { Face, FaceReply } from './face.ts'
import { createPlainAnswers } from './plain-answers.ts'

export type Faces = {
  /** The face of a path. */
  find(path: string): Face | undefined
  handle(face: Face, path: string, request: IncomingMessage, response: ServerResponse): void
  /** Answers each request that has no answer yet with 503, because the process ends. */
  refuseAll(): void
}

export type FacesOptions = {
  readonly faces: readonly Face[]
  readonly telemetry: Telemetry
  readonly clientAddresses: ClientAddresses
  readonly cors: Cors
  /** How long an answer takes at most (ms). */
  readonly operationMs: number
  /** The requests of all endpoints that have no answer yet. */
  readonly underWay: UnderWay
  /** Shared by all endpoints. */
  readonly turns: Turns
}

/** What all faces have in common: the caller, the answer, the log line, and the end of the process. */
export function createFaces(options: FacesOptions): Faces {
  const { faces, telemetry, clientAddresses, cors, operationMs, underWay, turns } = options
  const own = new Map<ServerResponse, Face>()
  const plain = createPlainAnswers(telemetry)
  const spans = telemetry.tracing && createRequestSpans(telemetry.tracing)

  return { find, handle, refuseAll }

  function find(path: string): Face | undefined {
    return faces.find((face) => face.serves(path))
  }

  function handle(face: Face, path: string, request: IncomingMessage, response: ServerResponse): void {
    if (face.isForBrowsers && cors.isPreflight(request)) {
      plain.sendPreflight(response, cors, face.route)
      return
    }
    underWay.add(response)
    own.set(response, face)
    try {
      if (spans !== undefined) beginSpan(face, path, request, response, spans)
      if (face.readsForm) readAndAnswer(face, path, request, response)
      else answer(face, path, response, undefined)
    } catch (error) {
      refuse(response, error, performance.now())
    }
  }

  function readAndAnswer(face: Face, path: string, request: IncomingMessage, response: ServerResponse): void {
    readForm(request, (error, body) => {
      if (error === undefined) answer(face, path, response, body)
      // A broken connection is no error of ours.
      else if (response.destroyed) forget(response)
      else refuse(response, error, performance.now())
    })
  }

  function answer(face: Face, path: string, response: ServerResponse, body: ByteBuffer | undefined): void {
    const startedAt = performance.now()
    const read = { face, path, response, body, startedAt }
    if (turns.hasTime(startedAt)) {
      enter(read)
      turns.ended(startedAt)
    } else turns.runLater(() => executeLate(read), body?.bytes() ?? 0)
  }

  /** While it waited, it may have been refused at the end of the drain, or its client has gone. */
  function executeLate(read: ReadRequest): void {
    if (read.response.destroyed) forget(read.response)
    else if (own.has(read.response)) enter(read)
  }

  /** It never throws: a request that is refused takes time of its turn too. */
  function enter(read: ReadRequest): void {
    try {
      if (spans === undefined) execute(read)
      else spans.within(read.response.req, () => execute(read))
    } catch (error) {
      refuse(read.response, error, read.startedAt)
    }
  }

  function execute({ face, path, response, body, startedAt }: ReadRequest): void {
    const request = response.req
    const form = takeForm(body)
    const clientAddress = clientAddresses.addressOf(request)
    const requestId = requestIdOf(request)
    const reply = face.answer(request, { path, clientAddress, requestId, form, deadline: startedAt + operationMs })
    if (reply instanceof Promise) {
      reply
        .then((settled) => deliver(response, settled, startedAt))
        .catch((error) => refuse(response, error, startedAt))
    } else deliver(response, reply, startedAt)
  }

  function deliver(response: ServerResponse, reply: FaceReply, startedAt: number): void {
    finish(response, reply, reply, startedAt)
  }

  function refuse(response: ServerResponse, error: unknown, startedAt: number): void {
    const face = own.get(response)
    if (face === undefined) return
    if (!(error instanceof RequestRefused)) telemetry.unexpected(error, face.name, requestIdOf(response.req))
    const failure =
      error instanceof RequestRefused ? error : new RequestRefused(500, 'Something went wrong on our side')
    try {
      finish(response, face.refusal(failure), failure, startedAt)
      if (failure.headers.connection === 'close') discardRest(response.req)
    } catch (second) {
      fail(response, face, second)
    }
  }

  /** The refusal itself failed, often by the same mistake. Nothing else would catch that error. */
  function fail(response: ServerResponse, face: Face, error: unknown): void {
    forget(response)
    telemetry.unexpected(error, face.name, requestIdOf(response.req))
    sendFailure(response)
  }

  /** It may be refused already, at the end of the drain. */
  function finish(response: ServerResponse, reply: Reply, end: FaceEnd, startedAt: number): void {
    const face = own.get(response)
    if (face === undefined) return
    const request = response.req
    send(response, reply, face.isForBrowsers ? cors.headersFor(request) : noHeaders)
    record(request, {
      kind: face.name,
      fields: [],
      method: request.method ?? '',
      route: face.route,
      code: end.code,
      status: reply.status,
      ms: performance.now() - startedAt,
      requestId: requestIdOf(request),
      network: clientAddresses.addressOf(request),
      lineRequestId: end.lineRequestId,
      lineError: end.lineError,
    })
    forget(response)
  }

  function record(request: IncomingMessage, done: Operation): void {
    if (spans === undefined) telemetry.operation(done)
    else {
      telemetry.operation({ ...done, traceId: spans.traceIdOf(request) })
      spans.end(request, done)
    }
  }

  function forget(response: ServerResponse): void {
    own.delete(response)
    underWay.delete(response)
  }

  function refuseAll(): void {
    for (const response of own.keys()) refuse(response, shuttingDown(), performance.now())
  }
}

/** The path of a document is one of a few. What clients add behind another route is theirs. */
function beginSpan(
  { route }: Face,
  path: string,
  request: IncomingMessage,
  response: ServerResponse,
  spans: RequestSpans,
): void {
  spans.begin(request, response, route, route.includes('{') ? detached(path) : route)
}

/** A request that can be answered. `body`: of a face that reads forms. */
type ReadRequest = {
  readonly face: Face
  readonly path: string
  readonly response: ServerResponse
  readonly body: ByteBuffer | undefined
  readonly startedAt: number
}

/** What the log line says of the end of a request. */
type FaceEnd = Pick<FaceReply, 'code' | 'lineRequestId' | 'lineError'>

/** The headers of a refusal: its own, and `Retry-After`. */
export function refusalHeaders(headers: Readonly<Record<string, string>>, retryAfter: number | undefined): HeaderList {
  const own = Object.entries(headers).flat()
  return retryAfter === undefined ? own : [...own, 'retry-after', String(Math.ceil(retryAfter))]
}
