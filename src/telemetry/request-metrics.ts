import { type FaceName, type HttpRoute, methodLabel } from './metric-labels.ts'
import type { Metrics } from './metrics.ts'

/** An answer to an HTTP request. */
export type RequestDone = {
  /** As the client sent it. */
  readonly method: string
  /** Empty: a path without a route. */
  readonly route: HttpRoute
  readonly status: number
  /** From the last byte of the request to the answer. Where the beginning is not known: from the decision to refuse. */
  readonly ms: number
}

/** One GraphQL operation, a request that was refused before an operation was read from it, or one to another endpoint. */
export type Operation = RequestDone & {
  readonly kind: 'query' | 'mutation' | 'none' | FaceName
  /** The names of the selected root fields, as in the schema. Aliases are the caller's words and are left out. */
  readonly fields: readonly string[]
  /** The code of each root field that failed. */
  readonly failures?: ReadonlyMap<string, string> | undefined
  /** `OK`, or the code of the first error. */
  readonly code: string
  readonly requestId: string
  /** The client's network, as its token bucket counts it. Logged only for operations that failed. */
  readonly network: string
  /** LINE's `x-line-request-id` and its error word (of a fixed list), where LINE's answer is the first error. */
  readonly lineRequestId?: string | undefined
  readonly lineError?: string | undefined
  /** 32 hexadecimal digits. `undefined`: its trace is not recorded. */
  readonly traceId?: string | undefined
}

export type RequestMetrics = {
  /** An operation has ended: counts its root fields, or its endpoint, and its request. */
  operated(done: Operation): void
  /** A request was answered. */
  answered(done: RequestDone): void
}

/** On the hot path: each event is an addition in a table. */
export function createRequestMetrics({ counter, histogram }: Pick<Metrics, 'counter' | 'histogram'>): RequestMetrics {
  const operations = counter('gateway_operations_total')
  const operationSeconds = histogram('gateway_operation_duration_seconds')
  const requestSeconds = histogram('http_server_request_duration_seconds')

  return { operated, answered }

  function operated(done: Operation): void {
    const { kind, fields, failures, code, ms } = done
    if (fields.length === 0) countOther(kind, code)
    else for (const field of fields) operations.add(field, failures?.get(field) ?? 'OK')
    operationSeconds.observe(ms / 1_000, kind)
    answered(done)
  }

  /** All root fields of a query or a mutation can be skipped: then no operation was executed. */
  function countOther(kind: Operation['kind'], code: string): void {
    if (kind !== 'query' && kind !== 'mutation') operations.add(kind, code)
  }

  function answered({ method, route, status, ms }: RequestDone): void {
    requestSeconds.observe(ms / 1_000, methodLabel(method), route, String(status))
  }
}
