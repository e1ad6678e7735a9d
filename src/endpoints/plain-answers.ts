import type { ServerResponse } from 'node:http'
import { performance } from 'node:perf_hooks'
import type { Cors } from '../http/cors.ts'
import { type HeaderList, type Reply, send } from '../http/send.ts'
import type { HttpRoute } from '../telemetry/metric-labels.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'

/** The answers that are no operations: probes, pages, preflights. Each one is counted with its route. */
export type PlainAnswers = {
  send(response: ServerResponse, reply: Reply, route: HttpRoute, more?: HeaderList): void
  sendPreflight(response: ServerResponse, cors: Cors, route: HttpRoute): void
  /** Counts an answer that is sent already. `startedAt`: `performance.now()`. */
  sent(response: ServerResponse, status: number, route: HttpRoute, startedAt: number): void
}

export function createPlainAnswers(telemetry: Pick<Telemetry, 'request'>): PlainAnswers {
  return { send: sendPlain, sendPreflight, sent }

  function sendPlain(response: ServerResponse, reply: Reply, route: HttpRoute, more?: HeaderList): void {
    const startedAt = performance.now()
    send(response, reply, more)
    sent(response, reply.status, route, startedAt)
  }

  function sendPreflight(response: ServerResponse, cors: Cors, route: HttpRoute): void {
    sendPlain(response, { status: 204, headers: cors.preflightHeadersFor(response.req), body: '' }, route)
  }

  function sent({ req }: ServerResponse, status: number, route: HttpRoute, startedAt: number): void {
    telemetry.request({ method: req.method ?? '', route, status, ms: performance.now() - startedAt })
  }
}
