import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { CallBook, EndCall } from './control/calls.ts'
import type { FaultBook } from './control/faults.ts'
import { isCarriedOut, misbehave } from './control/misbehaviour.ts'
import { type LineRequest, readBody } from './http/line-request.ts'
import { type LineResponse, refusal } from './http/line-response.ts'
import { send } from './http/send.ts'
import type { Platform } from './platform/platform.ts'
import { type Route, routes } from './routes.ts'

export type Surroundings = {
  platform: Platform
  calls: CallBook
  faults: FaultBook
  /** What isn't LINE's: the login form, the control endpoint, the page for people. Undefined when it is no one's. */
  backstage: (request: LineRequest) => LineResponse | undefined
}

/** The emulator on a socket: finds the endpoint, counts the call, lets a fault have its way. */
export function createEmulatorServer({ platform, calls, faults, backstage }: Surroundings): Server {
  return createServer({ keepAliveTimeout: 60_000, maxHeaderSize: 64 * 1024 }, serve)

  function serve(message: IncomingMessage, response: ServerResponse): void {
    const request = readHead(message)
    const route = routes.get(`${request.method} ${request.path}`)
    if (route === undefined) serveBackstage(message, request, response)
    else serveLine(route, message, request, response)
  }

  function serveLine(route: Route, message: IncomingMessage, head: LineRequest, response: ServerResponse): void {
    const end = calls.begin(route.endpoint, head.method)
    response.once('close', () => end(null))
    // The road of verify and profile has no promise in it.
    if (head.method === 'GET') deliver(route, head, response, end)
    else {
      readBody(message).then(
        (body) => deliver(route, body === undefined ? undefined : { ...head, body }, response, end),
        () => end(null),
      )
    }
  }

  /** `request` is undefined when its body was too large. */
  function deliver(route: Route, request: LineRequest | undefined, response: ServerResponse, end: EndCall): void {
    const fault = faults.take(route.endpoint)
    const ask = () => (request === undefined ? tooLarge : guarded(() => route.answer(request, platform)))
    if (fault === undefined) send(response, ask(), end)
    else misbehave(fault, isCarriedOut(fault) ? ask() : undefined, response, end).catch(() => response.destroy())
  }

  function serveBackstage(message: IncomingMessage, head: LineRequest, response: ServerResponse): void {
    const answer = (body: string | undefined) =>
      body === undefined ? tooLarge : guarded(() => backstage({ ...head, body }) ?? notFound(head))
    readBody(message).then(
      (body) => send(response, answer(body)),
      () => response.destroy(),
    )
  }
}

const tooLarge = refusal(413, 'The request body is larger than 2 MB')

function readHead({ method = 'GET', url = '/', headers }: IncomingMessage): LineRequest {
  const mark = url.indexOf('?')
  const [path, query] = mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)]
  return { method, path, query, headers, body: '' }
}

/** A mistake in the emulator is an answer, not the end of the process. */
function guarded(ask: () => LineResponse): LineResponse {
  try {
    return ask()
  } catch (error) {
    return refusal(500, `The emulator failed: ${error instanceof Error ? error.message : 'unknown'}`)
  }
}

/** LINE doesn't document what a wrong method gets. */
function notFound({ path }: LineRequest): LineResponse {
  const isKnown = ['GET', 'POST'].some((method) => routes.has(`${method} ${path}`))
  return isKnown ? refusal(405, 'Method Not Allowed') : refusal(404, 'Not Found')
}
