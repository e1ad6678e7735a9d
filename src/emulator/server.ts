import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { CallLog, EndCall } from './control/calls.ts'
import { deliverFaulty, hasEffect } from './control/fault-delivery.ts'
import type { FaultStore } from './control/faults.ts'
import { type LineRequest, readBody } from './http/line-request.ts'
import { type LineResponse, refusal } from './http/line-response.ts'
import { hasLoopbackHost } from './http/loopback-host.ts'
import { send } from './http/send.ts'
import type { Platform } from './platform/platform.ts'
import { type Route, routes } from './routes.ts'

export type ServerParts = {
  platform: Platform
  calls: CallLog
  faults: FaultStore
  /** Answers requests for paths that LINE does not have. Undefined: the emulator does not have the path either. */
  ownEndpoints: (request: LineRequest) => LineResponse | undefined
}

/** The emulator as an HTTP server: finds the endpoint, counts the call and applies the fault. */
export function createEmulatorServer({ platform, calls, faults, ownEndpoints }: ServerParts): Server {
  return createServer({ keepAliveTimeout: 60_000, maxHeaderSize: 64 * 1024 }, serve)

  function serve(message: IncomingMessage, response: ServerResponse): void {
    const request = readHead(message)
    const route = routes.get(`${request.method} ${request.path}`)
    if (!hasLoopbackHost(message)) send(response, wrongHost)
    else if (route === undefined) serveOwn(message, request, response)
    else serveLine(route, message, request, response)
  }

  function serveLine(route: Route, message: IncomingMessage, head: LineRequest, response: ServerResponse): void {
    const end = calls.begin(route.endpoint, head.method)
    response.once('close', () => end(null))
    // Verify and profile are answered without a promise, which is faster.
    if (head.method === 'GET') deliver(route, head, response, end)
    else {
      readBody(message).then(
        (body) => deliver(route, body === undefined ? undefined : { ...head, body }, response, end),
        () => end(null),
      )
    }
  }

  /** `request` is undefined when the body was too large. */
  function deliver(route: Route, request: LineRequest | undefined, response: ServerResponse, end: EndCall): void {
    const fault = faults.take(route.endpoint)
    const makeAnswer = () => (request === undefined ? tooLarge : guarded(() => route.answer(request, platform)))
    if (fault === undefined) send(response, makeAnswer(), end)
    else
      deliverFaulty(fault, hasEffect(fault) ? makeAnswer() : undefined, response, end).catch(() => response.destroy())
  }

  function serveOwn(message: IncomingMessage, head: LineRequest, response: ServerResponse): void {
    const answer = (body: string | undefined) =>
      body === undefined ? tooLarge : guarded(() => ownEndpoints({ ...head, body }) ?? notFound(head))
    readBody(message).then(
      (body) => send(response, answer(body)),
      () => response.destroy(),
    )
  }
}

const wrongHost = refusal(421, 'The emulator answers only loopback names: call it as localhost or 127.0.0.1')
const tooLarge = refusal(413, 'The request body is larger than 2 MB')

function readHead({ method = 'GET', url = '/', headers }: IncomingMessage): LineRequest {
  const mark = url.indexOf('?')
  const [path, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
  return { method, path, query, headers, body: '' }
}

/** A bug in the emulator gives an answer with status 500. The process goes on. */
function guarded(makeAnswer: () => LineResponse): LineResponse {
  try {
    return makeAnswer()
  } catch (error) {
    return refusal(500, `The emulator failed: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}

/** LINE does not document its answer to a wrong method. */
function notFound({ path }: LineRequest): LineResponse {
  const isKnown = ['GET', 'POST'].some((method) => routes.has(`${method} ${path}`))
  return isKnown ? refusal(405, 'Method Not Allowed') : refusal(404, 'Not Found')
}
