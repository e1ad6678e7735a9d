import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import { type Asked, createExchange, type Engine, type Exchange, type HttpAnswer } from '../graphql/engine.ts'
import { readBearer } from '../http/bearer.ts'
import type { Sources } from '../http/client-address.ts'
import { acceptedMediaType, contentTypes } from '../http/content-negotiation.ts'
import type { Cors } from '../http/cors.ts'
import { assertHead, parseBody, parseQuery, Refusal, readBody } from '../http/read-request.ts'
import { type HeaderList, send } from '../http/send.ts'
import type { Services } from '../schema/context.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { contentSecurityPolicy, type GraphiqlPage } from './graphiql.ts'

export type GraphqlEndpointOptions = {
  readonly services: Services
  readonly telemetry: Telemetry
  readonly engine: Engine
  readonly sources: Sources
  readonly cors: Cors
  /** Absent where browsers are shown no GraphiQL. */
  readonly graphiql: GraphiqlPage | undefined
  readonly isDraining: () => boolean
}

export type GraphqlEndpoint = {
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Requests that were accepted and are not answered yet. */
  underWay(): number
}

/**
 * `/graphql`: one road from a request to its answer. It is walked by calls and not by promises, because a hit has nothing
 * to wait for; each request leaves it through `deliver` or `refuse`.
 */
export function createGraphqlEndpoint(options: GraphqlEndpointOptions): GraphqlEndpoint {
  const { services, telemetry, engine, sources, cors, graphiql, isDraining } = options
  const unexpected = (error: unknown) => telemetry.unexpected(error, 'operation')
  let underWay = 0

  return { handle, underWay: () => underWay }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    if (cors.isPreflight(request)) {
      send(response, { status: 204, headers: cors.preflightHeadersFor(request), body: '' })
      return
    }
    underWay += 1
    try {
      if (isDraining()) throw shuttingDown()
      assertHead(request)
      if (graphiql !== undefined && isBrowsing(request)) showPage(request, response, graphiql)
      else if (request.method === 'GET') answer(request, response, undefined)
      else readAndAnswer(request, response)
    } catch (error) {
      refuse(request, response, error)
    }
  }

  function readAndAnswer(request: IncomingMessage, response: ServerResponse): void {
    readBody(request, (error, body) => {
      if (error === undefined) answer(request, response, body)
      else refuse(request, response, error)
    })
  }

  function answer(request: IncomingMessage, response: ServerResponse, body: string | undefined): void {
    const startedAt = performance.now()
    try {
      const exchange = createExchange(parseAsked(request, body), services, unexpected)
      const answering = engine.answer(exchange)
      if (answering instanceof Promise) {
        answering
          .then((answered) => deliver(request, response, exchange, answered, startedAt))
          .catch((error) => refuse(request, response, error))
      } else deliver(request, response, exchange, answering, startedAt)
    } catch (error) {
      refuse(request, response, error)
    }
  }

  function deliver(
    request: IncomingMessage,
    response: ServerResponse,
    exchange: Exchange,
    answered: HttpAnswer,
    startedAt: number,
  ): void {
    const headers = cors.headersFor(request)
    send(response, answered, isDraining() ? [...headers, ...lastWord] : headers)
    report(exchange, answered.status, startedAt)
    underWay -= 1
  }

  function parseAsked(request: IncomingMessage, body: string | undefined): Asked {
    const mediaType = acceptedMediaType(request.headers.accept)
    if (mediaType === undefined) throw unacceptable()
    const params = body === undefined ? parseQuery(request.url?.split('?')[1] ?? '') : parseBody(body)
    const method = body === undefined ? 'GET' : 'POST'
    return { method, params, mediaType, bearer: readBearer(request), source: sources.sourceOf(request) }
  }

  function showPage(request: IncomingMessage, response: ServerResponse, page: GraphiqlPage): void {
    page
      .html()
      .then((html) => {
        send(response, { status: 200, headers: pageHeaders, body: html })
        underWay -= 1
      })
      .catch((error) => refuse(request, response, error))
  }

  function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    underWay -= 1
    if (response.destroyed) return
    if (!(error instanceof Refusal)) unexpected(error)
    const { status, errors, headers } =
      error instanceof Refusal ? error : new Refusal(500, 'Something went wrong on our side')
    const mediaType = acceptedMediaType(request.headers.accept) ?? 'application/json'
    const all = [...contentTypes[mediaType], ...cors.headersFor(request), ...Object.entries(headers).flat()]
    send(response, { status, headers: all, body: JSON.stringify({ errors }) })
    if (headers.connection === 'close') discard(request)
    const code = String(errors[0]?.extensions.code)
    telemetry.operation({ kind: 'none', fields: '', code, status, ms: 0 })
  }

  function report({ operation, errors }: Exchange, status: number, startedAt: number): void {
    const { code, lineRequestId } = errors[0]?.extensions ?? {}
    telemetry.operation({
      kind: operation?.kind ?? 'none',
      fields: operation?.summary ?? '',
      code: errors.length === 0 ? 'OK' : String(code),
      status,
      ms: performance.now() - startedAt,
      ...(typeof lineRequestId === 'string' && { lineRequestId }),
    })
  }
}

/** A connection that stays open would only bring requests we no longer take. */
const lastWord: HeaderList = ['connection', 'close']

function shuttingDown(): Refusal {
  return new Refusal(503, 'The gateway is shutting down', { connection: 'close', 'retry-after': '1' })
}

function unacceptable(): Refusal {
  return new Refusal(406, 'The answer is application/json or application/graphql-response+json')
}

/** Tools that want data do not ask for a page. */
function isBrowsing({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true
}

const pageHeaders: HeaderList = [
  ['content-type', 'text/html; charset=utf-8'],
  ['content-encoding', 'gzip'],
  ['content-security-policy', contentSecurityPolicy],
  ['referrer-policy', 'no-referrer'],
].flat()

/** What is still coming is read to nowhere for a moment, so that the client gets to see why it was refused. */
function discard(request: IncomingMessage): void {
  request.resume()
  setTimeout(() => request.socket.destroy(), 1_000).unref()
}
