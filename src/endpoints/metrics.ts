import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Config } from '../config.ts'
import { createHttpServer } from '../http/http-server.ts'
import { closeWithin, listen } from '../http/listener.ts'
import { pathOf } from '../http/request-target.ts'
import { plainText, send } from '../http/send.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'

/** At the end, the time for a reader that has not got all of them. */
const lastReadMs = 250

/** The server of METRICS_PORT. `undefined` without that setting. */
export async function startMetricsServer(
  { host, metricsPort, keepAliveMs }: Pick<Config, 'host' | 'metricsPort' | 'keepAliveMs'>,
  telemetry: Pick<Telemetry, 'metrics' | 'unexpected'>,
): Promise<{ readonly url: string; close(): Promise<void> } | undefined> {
  if (metricsPort === undefined) return undefined
  const failed = (error: unknown, requestId: string) => telemetry.unexpected(error, 'request', requestId)
  const server = createHttpServer({ keepAliveTimeout: keepAliveMs, failed }, answerMetrics(telemetry))
  const url = await listen(server, host, metricsPort)
  return { url, close: () => closeWithin(server, lastReadMs) }
}

/** `GET /metrics` in the Prometheus text format. */
function answerMetrics(telemetry: Pick<Telemetry, 'metrics' | 'unexpected'>) {
  return function handle(request: IncomingMessage, response: ServerResponse): void {
    if (pathOf(request.url ?? '') !== '/metrics') {
      send(response, plainText(404, 'not found\n'))
      return
    }
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      send(response, { status: 405, headers: ['allow', 'GET, HEAD'], body: '' })
      return
    }
    sendMetrics(response).catch((error) => {
      telemetry.unexpected(error, 'metrics')
      send(response, plainText(500, 'the metrics could not be read\n'))
    })
  }

  async function sendMetrics(response: ServerResponse): Promise<void> {
    const { contentType, text } = await telemetry.metrics()
    send(response, { status: 200, headers: ['content-type', contentType], body: text })
  }
}
