import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../schema/context.ts'
import type { Telemetry } from '../telemetry.ts'
import { readBearer } from './bearer.ts'
import type { Cors } from './cors.ts'
import { assertHead, parseBody, parseQuery, Refusal, readBody } from './edge.ts'
import { type Asked, createExchange, type Engine, type Exchange } from './exchange.ts'
import { contentSecurityPolicy, type GraphiqlPage } from './graphiql.ts'
import { acceptedMediaType } from './media-type.ts'
import { send } from './send.ts'
import type { Sources } from './source.ts'

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
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>
  /** Requests that were accepted and are not answered yet. */
  underWay(): number
}

/** `/graphql`: one road from a request to its answer, each way out a plain return or a refusal. */
export function createGraphqlEndpoint(options: GraphqlEndpointOptions): GraphqlEndpoint {
  const { services, telemetry, engine, sources, cors, graphiql, isDraining } = options
  const unexpected = (error: unknown) => telemetry.unexpected(error, 'operation')
  let underWay = 0

  return { handle, underWay: () => underWay }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (cors.isPreflight(request)) {
      return send(response, { status: 204, headers: cors.preflightHeadersFor(request), body: '' })
    }
    underWay += 1
    try {
      if (isDraining()) throw shuttingDown()
      assertHead(request)
      if (graphiql !== undefined && isBrowsing(request)) return await showPage(response, graphiql)
      const body = request.method === 'GET' ? undefined : await readBody(request)
      const startedAt = performance.now()
      const exchange = createExchange(parseAsked(request, body), services, unexpected)
      // What is answered from memory is answered at once: waiting for a value that is there costs a turn of the loop.
      const answering = engine.answer(exchange)
      const answer = answering instanceof Promise ? await answering : answering
      send(response, answer, cors.headersFor(request), isDraining() ? lastWord : undefined)
      report(exchange, answer.status, startedAt)
    } catch (error) {
      refuse(request, response, error)
    } finally {
      underWay -= 1
    }
  }

  function parseAsked(request: IncomingMessage, body: string | undefined): Asked {
    const mediaType = acceptedMediaType(request.headers.accept)
    if (mediaType === undefined) throw unacceptable()
    const params = body === undefined ? parseQuery(request.url?.split('?')[1] ?? '') : parseBody(body)
    const method = body === undefined ? 'GET' : 'POST'
    return { method, params, mediaType, bearer: readBearer(request), source: sources.sourceOf(request) }
  }

  function refuse(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.destroyed) return
    if (!(error instanceof Refusal)) unexpected(error)
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'Something went wrong on our side')
    const mediaType = acceptedMediaType(request.headers.accept) ?? 'application/json'
    const headers = { 'content-type': `${mediaType}; charset=utf-8`, ...cors.headersFor(request), ...refusal.headers }
    send(response, { status: refusal.status, headers, body: JSON.stringify({ errors: refusal.errors }) })
    if (refusal.headers.connection === 'close') discard(request)
    const code = String(refusal.errors[0]?.extensions.code)
    telemetry.operation({ kind: 'none', fields: '', code, status: refusal.status, ms: 0 })
  }

  function report({ operation, errors }: Exchange, status: number, startedAt: number): void {
    const { code, lineRequestId } = errors[0]?.extensions ?? {}
    telemetry.operation({
      kind: operation?.kind ?? 'none',
      fields: operation?.fields.join(' ') ?? '',
      code: errors.length === 0 ? 'OK' : String(code),
      status,
      ms: performance.now() - startedAt,
      ...(typeof lineRequestId === 'string' && { lineRequestId }),
    })
  }
}

/** A connection that stays open would only bring requests we no longer take. */
const lastWord = { connection: 'close' }

function shuttingDown(): Refusal {
  return new Refusal(503, 'The gateway is shutting down', { ...lastWord, 'retry-after': '1' })
}

function unacceptable(): Refusal {
  return new Refusal(406, 'The answer is application/json or application/graphql-response+json')
}

/** Tools that want data do not ask for a page. */
function isBrowsing({ method, headers }: IncomingMessage): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true
}

async function showPage(response: ServerResponse, page: GraphiqlPage): Promise<void> {
  const headers = {
    'content-type': 'text/html; charset=utf-8',
    'content-encoding': 'gzip',
    'content-security-policy': contentSecurityPolicy,
    'referrer-policy': 'no-referrer',
  }
  send(response, { status: 200, headers, body: await page.html() })
}

/** What is still coming is read to nowhere for a moment, so that the client gets to see why it was refused. */
function discard(request: IncomingMessage): void {
  request.resume()
  setTimeout(() => request.socket.destroy(), 1_000).unref()
}
