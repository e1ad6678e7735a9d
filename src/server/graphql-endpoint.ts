import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Services } from '../schema/context.ts'
import type { Telemetry } from '../telemetry.ts'
import { readBearer } from './bearer.ts'
import type { Cors } from './cors.ts'
import { assertHead, parseBody, parseQuery, Refusal, readBody } from './edge.ts'
import { createExchange, type Engine, type Exchange } from './exchange.ts'
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

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>

/** `/graphql`: one road from a request to its answer, each way out a plain return or a refusal. */
export function createGraphqlEndpoint(options: GraphqlEndpointOptions): Handler {
  const { services, telemetry, engine, sources, cors, graphiql, isDraining } = options
  const unexpected = (error: unknown) => telemetry.unexpected(error, 'operation')

  return async function handle(request, response) {
    if (cors.isPreflight(request))
      return send(response, { status: 204, headers: cors.preflightHeadersFor(request), body: '' })
    try {
      if (isDraining())
        throw new Refusal(503, 'The gateway is shutting down', { connection: 'close', 'retry-after': '1' })
      assertHead(request)
      if (graphiql !== undefined && isBrowsing(request)) return await showPage(response, graphiql)
      await answer(request, response)
    } catch (error) {
      refuse(request, response, error)
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const exchange = await readExchange(request)
    const startedAt = performance.now()
    const { status, headers, body } = await engine.answer(exchange)
    send(response, { status, headers: { ...headers, ...cors.headersFor(request), ...lastWord() }, body })
    report(exchange, status, startedAt)
  }

  async function readExchange(request: IncomingMessage): Promise<Exchange> {
    const mediaType = acceptedMediaType(request.headers.accept)
    if (mediaType === undefined)
      throw new Refusal(406, 'The answer is application/json or application/graphql-response+json')
    const method = request.method === 'GET' ? 'GET' : 'POST'
    const params = method === 'GET' ? parseQuery(request.url?.split('?')[1] ?? '') : parseBody(await readBody(request))
    const caller = { bearer: readBearer(request), source: sources.sourceOf(request) }
    return createExchange({ method, params, mediaType }, caller, services, unexpected)
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

  /** A connection that stays open would only bring requests we no longer take. */
  function lastWord(): Record<string, string> {
    return isDraining() ? { connection: 'close' } : {}
  }
}

function isBrowsing({ method, headers, url }: IncomingMessage): boolean {
  return method === 'GET' && headers.accept?.includes('text/html') === true && !url?.includes('query=')
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
