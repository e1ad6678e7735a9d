import type { IncomingMessage, ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import {
  type Engine,
  type GraphqlRequest,
  type RunningOperation,
  startOperation,
  type Unexpected,
} from '../graphql/engine.ts'
import { retryAfterHeader } from '../graphql/errors.ts'
import { acceptedMediaType, prefersHtml } from '../graphql/media-type.ts'
import { createParseBody, parseQuery } from '../graphql/params.ts'
import { readBearer } from '../http/bearer.ts'
import type { ByteBuffer } from '../http/byte-buffer.ts'
import type { ClientAddresses } from '../http/client-address.ts'
import type { Cors } from '../http/cors.ts'
import { assertHead, discardRest, RequestRefused, readBody, shuttingDown } from '../http/read-request.ts'
import { requestIdOf } from '../http/request-id.ts'
import { queryOf } from '../http/request-target.ts'
import { type HeaderList, type Reply, send, sendFailure } from '../http/send.ts'
import type { Turns } from '../http/turns.ts'
import type { UnderWay } from '../http/under-way.ts'
import type { Services } from '../schema/context.ts'
import { createRequestSpans } from '../telemetry/request-spans.ts'
import type { Operation, Telemetry } from '../telemetry/telemetry.ts'
import type { GraphiqlPage } from './graphiql.ts'
import { graphqlRoute, operationOf, refusedOperation } from './graphql-operation.ts'
import { graphqlRefusal } from './graphql-refusal.ts'
import { createPlainAnswers } from './plain-answers.ts'

export type GraphqlEndpointOptions = {
  readonly services: Services
  readonly telemetry: Telemetry
  readonly engine: Engine
  readonly clientAddresses: ClientAddresses
  readonly cors: Cors
  /** `undefined` if GraphiQL is off. */
  readonly graphiql: GraphiqlPage | undefined
  /** The requests of all endpoints that have no answer yet. */
  readonly underWay: UnderWay
  /** Shared by all endpoints. */
  readonly turns: Turns
}

export type GraphqlEndpoint = {
  handle(request: IncomingMessage, response: ServerResponse): void
  /** Answers each request under way with 503, because the process ends. */
  refuseAll(): void
}

/**
 * `/graphql`, from request to answer. The steps are plain calls, because a cache hit has nothing to wait for and promises
 * cost time. Every operation ends in `deliver` or in `refuse`, and is counted there once.
 */
export function createGraphqlEndpoint(options: GraphqlEndpointOptions): GraphqlEndpoint {
  const { services, telemetry, engine, clientAddresses, cors, graphiql, underWay, turns } = options
  const unexpected: Unexpected = (error, requestId) => telemetry.unexpected(error, 'operation', requestId)
  const parseBody = createParseBody()
  const plain = createPlainAnswers(telemetry)
  const spans = telemetry.tracing && createRequestSpans(telemetry.tracing)

  return { handle, refuseAll }

  function handle(request: IncomingMessage, response: ServerResponse): void {
    if (cors.isPreflight(request)) {
      plain.sendPreflight(response, cors, graphqlRoute)
      return
    }
    const isPage = graphiql !== undefined && wantsHtml(request)
    underWay.add(response)
    try {
      if (spans !== undefined && !isPage) spans.begin(request, response, graphqlRoute)
      assertHead(request)
      if (isPage) sendGraphiql(request, response, graphiql)
      else if (request.method === 'GET') answer(request, response, undefined)
      else readAndAnswer(request, response)
    } catch (error) {
      refuse(request, response, error)
    }
  }

  function readAndAnswer(request: IncomingMessage, response: ServerResponse): void {
    readBody(request, (error, body) => {
      if (error === undefined) answer(request, response, body)
      // A broken connection is no error of ours.
      else if (response.destroyed) underWay.delete(response)
      else refuse(request, response, error)
    })
  }

  function answer(request: IncomingMessage, response: ServerResponse, body: ByteBuffer | undefined): void {
    const startedAt = performance.now()
    if (turns.hasTime(startedAt)) {
      enter(request, response, body, startedAt)
      turns.ended(startedAt)
    } else turns.runLater(() => executeLate(request, response, body, startedAt), body?.bytes() ?? 0)
  }

  /** While it waited, it may have been refused at the end of the drain, or its client has gone. */
  function executeLate(
    request: IncomingMessage,
    response: ServerResponse,
    body: ByteBuffer | undefined,
    startedAt: number,
  ): void {
    if (response.destroyed) underWay.delete(response)
    else if (underWay.has(response)) enter(request, response, body, startedAt)
  }

  /** It never throws: a request that is refused takes time of its turn too. */
  function enter(
    request: IncomingMessage,
    response: ServerResponse,
    body: ByteBuffer | undefined,
    startedAt: number,
  ): void {
    try {
      if (spans === undefined) execute(request, response, body, startedAt)
      else spans.within(request, () => execute(request, response, body, startedAt))
    } catch (error) {
      refuse(request, response, error, startedAt)
    }
  }

  function execute(
    request: IncomingMessage,
    response: ServerResponse,
    body: ByteBuffer | undefined,
    startedAt: number,
  ): void {
    const running = startOperation(parseRequest(request, body), services, { startedAt, unexpected })
    const reply = engine.execute(running)
    if (reply instanceof Promise) {
      reply
        .then((settled) => deliver(request, response, running, settled, startedAt))
        .catch((error) => refuse(request, response, error, startedAt))
    } else deliver(request, response, running, reply, startedAt)
  }

  function deliver(
    request: IncomingMessage,
    response: ServerResponse,
    running: RunningOperation,
    reply: Reply,
    startedAt: number,
  ): void {
    // It may be refused already, at the end of the drain.
    if (!underWay.has(response)) return
    send(response, reply, headersOf(request, running))
    record(request, operationOf(running, reply.status, startedAt))
    underWay.delete(response)
  }

  function headersOf(request: IncomingMessage, { errors }: RunningOperation): HeaderList {
    const headers = cors.headersFor(request, varyOf(request))
    return errors.length === 0 ? headers : [...headers, ...retryAfterHeader(errors)]
  }

  function parseRequest(request: IncomingMessage, body: ByteBuffer | undefined): GraphqlRequest {
    const mediaType = acceptedMediaType(request.headers.accept)
    if (mediaType === undefined) throw notAcceptable()
    const params = body === undefined ? parseQuery(queryOf(request.url ?? '')) : parseBody(body.takeText())
    const method = body === undefined ? 'GET' : 'POST'
    const bearer = readBearer(request, services.credentials.read)
    const clientAddress = clientAddresses.addressOf(request)
    return { method, params, mediaType, bearer, clientAddress, requestId: requestIdOf(request) }
  }

  function sendGraphiql(request: IncomingMessage, response: ServerResponse, page: GraphiqlPage): void {
    const startedAt = performance.now()
    page
      .send(request, response, cors.headersFor(request, 'accept, accept-encoding'))
      .then(() => {
        if (underWay.delete(response)) plain.sent(response, 200, graphqlRoute, startedAt)
      })
      .catch((error) => {
        const refused = sendRefusal(request, response, error)
        if (refused !== undefined) plain.sent(response, refused.status, graphqlRoute, startedAt)
      })
      .catch((error) => fail(response, error))
  }

  function refuse(
    request: IncomingMessage,
    response: ServerResponse,
    error: unknown,
    startedAt = performance.now(),
  ): void {
    try {
      const refused = sendRefusal(request, response, error)
      if (refused === undefined) return
      const network = clientAddresses.addressOf(request)
      record(request, refusedOperation(request, refused, { network, startedAt }))
    } catch (second) {
      fail(response, second)
    }
  }

  /** The refusal itself failed, often by the same mistake. Nothing else would catch that error. */
  function fail(response: ServerResponse, error: unknown): void {
    unexpected(error, requestIdOf(response.req))
    sendFailure(response)
  }

  /** `undefined`: it has its answer. */
  function sendRefusal(request: IncomingMessage, response: ServerResponse, error: unknown): RequestRefused | undefined {
    if (!underWay.delete(response)) return undefined
    if (!(error instanceof RequestRefused)) unexpected(error, requestIdOf(request))
    const refused =
      error instanceof RequestRefused ? error : new RequestRefused(500, 'Something went wrong on our side')
    send(response, graphqlRefusal(request, refused), cors.headersFor(request, varyOf(request)))
    if (refused.headers.connection === 'close') discardRest(request)
    return refused
  }

  function refuseAll(): void {
    // A page may be on its way already.
    for (const response of underWay) if (!response.headersSent) refuse(response.req, response, shuttingDown())
  }

  function record(request: IncomingMessage, done: Operation): void {
    if (spans === undefined) telemetry.operation(done)
    else {
      telemetry.operation({ ...done, traceId: spans.traceIdOf(request) })
      spans.end(request, done)
    }
  }
}

function notAcceptable(): RequestRefused {
  return new RequestRefused(406, 'The Accept header must allow application/json or application/graphql-response+json')
}

function wantsHtml({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && prefersHtml(headers.accept)
}

/** The request headers that an answer depends on. Caches do not keep the answers to POST, so those need no `Vary`. */
function varyOf({ method }: IncomingMessage): string | undefined {
  return method === 'GET' ? 'accept' : undefined
}
