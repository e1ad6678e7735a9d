import { lineStatuses } from '../telemetry/metric-labels.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { HttpCallFailed, type HttpResponse } from './http-call.ts'

/** Observes how long the HTTP requests to LINE take. */
export type RequestSeconds = {
  /** Observes a request that was sent just now, and returns its answer. */
  of(method: 'GET' | 'POST', answer: Promise<HttpResponse>): Promise<HttpResponse>
}

const goodStatuses: ReadonlySet<string> = new Set(lineStatuses.good)
const errorStatuses: ReadonlySet<string> = new Set(lineStatuses.error)

/** `origin`: LINE_API_URL. */
export function createRequestSeconds(telemetry: Pick<Telemetry, 'lineRequests'>, origin: string): RequestSeconds {
  const { hostname, port, protocol } = new URL(origin)
  // OpenTelemetry's `server.address` is an address without the brackets of a URL.
  const address = hostname.replace(/^\[(.*)\]$/, '$1')
  const durations = telemetry.lineRequests(address, port || (protocol === 'https:' ? '443' : '80'))

  return { of }

  async function of(method: 'GET' | 'POST', answer: Promise<HttpResponse>): Promise<HttpResponse> {
    const startedAt = performance.now()
    try {
      const received = await answer
      note(method, received.status, startedAt)
      return received
    } catch (error) {
      // Other errors come before the request: it is no request to LINE.
      if (error instanceof HttpCallFailed)
        durations.observe(secondsSince(startedAt), method, '', error.late ? 'timeout' : 'connection')
      throw error
    }
  }

  function note(method: string, code: number, startedAt: number): void {
    const isError = code >= 400
    const known = isError ? errorStatuses : goodStatuses
    const status = known.has(String(code)) ? String(code) : 'other'
    durations.observe(secondsSince(startedAt), method, status, isError ? status : '')
  }
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1_000
}
