import type { LineCall } from '../telemetry/line-call.ts'
import type { AttributesOf } from '../telemetry/span-table.ts'
import { detached, type OpenSpan, type Tracing } from '../telemetry/tracing.ts'

/** The span of one HTTP request to LINE. */
export type CallSpan = {
  /** Sends the request. No instrumentation sees it: the query of verify holds the token, and LINE gets no `traceparent`. */
  within<Result>(send: () => Result): Result
  /** When the answer was read, or there is none. */
  end(ending: Ending): void
}

export type CallSpans = {
  begin(request: Sent, isResend: boolean): CallSpan
  /** The wait for a free place. */
  queued(request: Pick<Sent, 'endpoint'>, lane: string, wait: () => Promise<void>): Promise<void>
}

type Sent = { readonly endpoint: string; readonly method: 'GET' | 'POST'; readonly path: string }
type Ending = Pick<LineCall, 'outcome'> & Partial<Pick<LineCall, 'status' | 'lineRequestId'>>

export function createCallSpans({ open, openBelow, unseen }: Tracing, origin: string): CallSpans {
  const { protocol, hostname, port } = new URL(origin)
  const server = { 'server.address': hostname, 'server.port': Number(port) || (protocol === 'http:' ? 80 : 443) }

  return { begin, queued }

  function begin({ endpoint, method, path }: Sent, isResend: boolean): CallSpan {
    const template = detached(path.split('?')[0] ?? '')
    const own = open('lineCall', {
      name: `${method} ${template}`,
      attributes: {
        'http.request.method': method,
        'url.template': template,
        'url.full': `${origin}${template}`,
        ...server,
        ...(isResend && { 'http.request.resend_count': 1 }),
        'gateway.line.endpoint': endpoint,
      },
    })
    return { within: (send) => own.within(() => unseen(send)), end: (ending) => endWith(own, ending) }
  }

  async function queued({ endpoint }: Pick<Sent, 'endpoint'>, lane: string, wait: () => Promise<void>): Promise<void> {
    const attributes = { 'gateway.line.endpoint': endpoint, 'gateway.line.lane': lane }
    const own = openBelow('lineQueue', { name: 'wait for LINE', attributes })
    try {
      await wait()
      own?.end()
    } catch (error) {
      own?.end({ 'error.type': 'not_sent' })
      throw error
    }
  }
}

function endWith(own: OpenSpan<'lineCall'>, { outcome, status, lineRequestId }: Ending): void {
  const attributes: AttributesOf<'lineCall'> = {
    ...(status !== undefined && { 'http.response.status_code': status }),
    ...(lineRequestId !== undefined && { 'gateway.line.request_id': lineRequestId }),
    'gateway.line.outcome': outcome,
  }
  own.end(outcome === 'answered' ? attributes : { ...attributes, 'error.type': errorTypeOf(outcome, status) })
}

function errorTypeOf(outcome: string, status: number | undefined): string {
  return status !== undefined && status >= 400 ? String(status) : outcome
}
