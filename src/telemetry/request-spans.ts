import type { IncomingMessage, ServerResponse } from 'node:http'
import { type Context, context, propagation, ROOT_CONTEXT, type SpanContext, trace } from '@opentelemetry/api'
import { type HttpRoute, methodLabel } from './metric-labels.ts'
import type { Operation } from './request-metrics.ts'
import { type OpenSpan, orElse, type Tracing } from './tracing.ts'

/** The spans of the HTTP requests. Each one is kept with its request. */
export type RequestSpans = {
  /** A request to a route has come. `path`: the one that is recorded. It must not hold a text of the client. */
  begin(request: IncomingMessage, response: ServerResponse, route: HttpRoute, path?: string): void
  /** Runs with the span of the request as the active one. Node's events of a request do not know it. */
  within(request: IncomingMessage, run: () => void): void
  /** For the log. `undefined`: the trace is not recorded. */
  traceIdOf(request: IncomingMessage): string | undefined
  end(request: IncomingMessage, done: Pick<Operation, 'status' | 'code'>): void
}

type Traced = IncomingMessage & { [kept]?: OpenSpan<'request'> }
const kept = Symbol('span')

export function createRequestSpans({ open }: Tracing): RequestSpans {
  return { begin, within, traceIdOf, end }

  function begin(request: Traced, response: ServerResponse, route: HttpRoute, path: string = route): void {
    const method = methodLabel(request.method ?? '')
    const own = open('request', {
      name: `${method === '_OTHER' ? 'HTTP' : method} ${route}`,
      attributes: {
        'http.request.method': method,
        'http.route': route,
        'url.path': path,
        'url.scheme': 'http',
      },
      parent: parentOf(request),
    })
    request[kept] = own
    // The client has gone, or the answer was sent: then the span has ended.
    response.once('close', () => own.end())
  }

  function within(request: Traced, run: () => void): void {
    const own = request[kept]
    if (own === undefined) run()
    else own.within(run)
  }

  function traceIdOf(request: Traced): string | undefined {
    const span = request[kept]?.span
    return span?.isRecording() ? span.spanContext().traceId : undefined
  }

  function end(request: Traced, { status, code }: Pick<Operation, 'status' | 'code'>): void {
    const failed = status >= 500 && { 'error.type': String(status) }
    request[kept]?.end({ 'http.response.status_code': status, 'gateway.code': code, ...failed })
  }
}

/**
 * The IDs and flags of the caller, and nothing else of it: `tracestate` and baggage are texts of strangers. They would be
 * exported, and stay in memory as long as what was begun in this context, such as a connection to LINE.
 */
function parentOf({ headers }: IncomingMessage): Context {
  const active = context.active()
  const own = propagation.deleteBaggage(active)
  // An operator's instrumentation of Node's server may have read the headers already.
  const caller = trace.getSpanContext(active) ?? callerIn(headers)
  if (caller === undefined) return own
  const { traceId, spanId, traceFlags, isRemote = false } = caller
  return trace.setSpanContext(own, { traceId, spanId, traceFlags, isRemote })
}

function callerIn(headers: IncomingMessage['headers']): SpanContext | undefined {
  return orElse(
    () => trace.getSpanContext(propagation.extract(ROOT_CONTEXT, headers)),
    () => undefined,
  )
}
