import type { IncomingMessage, ServerResponse } from 'node:http'
import { pathOf } from '../http/request-target.ts'
import { plainText, send } from '../http/send.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'

/** `GET /metrics` in the Prometheus text format, on METRICS_PORT only. */
export function createMetricsEndpoint(telemetry: Pick<Telemetry, 'metrics' | 'unexpected'>) {
  return function handle(request: IncomingMessage, response: ServerResponse): void {
    if (pathOf(request.url ?? '') !== '/metrics') {
      send(response, plainText(404, 'not found\n'))
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, { status: 405, headers: ['allow', 'GET, HEAD'], body: '' })
      return
    }
    telemetry.metrics().then(
      ({ contentType, text }) => send(response, { status: 200, headers: ['content-type', contentType], body: text }),
      (error) => {
        telemetry.unexpected(error, 'metrics')
        send(response, plainText(500, 'the metrics could not be read\n'))
      },
    )
  }
}
