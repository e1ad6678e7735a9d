import { createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config.ts'
import { createGraphiqlPage, sampleTabs, type Tab } from './endpoints/graphiql.ts'
import { createGraphqlEndpoint } from './endpoints/graphql.ts'
import type { Engine } from './graphql/engine.ts'
import { createPlannedEngine } from './graphql/planned/planned-engine.ts'
import { type Admission, createAdmission } from './graphql/prepare-operation.ts'
import { createYogaEngine } from './graphql/yoga-engine.ts'
import { createSources } from './http/client-address.ts'
import { createCors } from './http/cors.ts'
import { type HeaderList, type Reply, send } from './http/send.ts'
import type { Services } from './schema/context.ts'
import { schema } from './schema/schema.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

export type GatewayServer = {
  readonly url: string
  readonly metricsUrl: string | undefined
  /** Answers what was accepted, for as long as the grace lasts. */
  close(): Promise<void>
}

/** What `npm run dev` shows beside the API. */
export type DevPages = {
  readonly tabs: readonly Tab[]
  /** HTML by its path below `/dev/`. */
  readonly pages: ReadonlyMap<string, string>
}

export type ServerSurroundings = {
  readonly services: Services
  readonly telemetry: Telemetry
  readonly dev?: ((origin: string) => DevPages) | undefined
  /** Who answers operations; the planned engine with yoga behind it. */
  readonly createEngine?: typeof createShippedEngine
}

const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 8_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 20_000,
  // Node looks for slow clients only every half minute by itself.
  connectionsCheckingInterval: 1_000,
}

/** How questions arrive: the HTTP server with its few exact paths. */
export async function startServer(
  config: Config,
  { services, telemetry, dev, createEngine = createShippedEngine }: ServerSurroundings,
): Promise<GatewayServer> {
  let draining = false
  let devPages: DevPages | undefined
  const admission = createAdmission(schema, config)
  const unexpected = (error: unknown) => telemetry.unexpected(error, 'operation')
  const graphql = createGraphqlEndpoint({
    services,
    telemetry,
    engine: createEngine(admission, unexpected),
    sources: createSources(config.trustedProxies, () => {
      telemetry.log.warn('X-Forwarded-For from an address that is not in TRUSTED_PROXIES is ignored')
    }),
    cors: createCors(config.corsOrigins),
    graphiql: config.graphiql ? createGraphiqlPage(() => devPages?.tabs ?? sampleTabs()) : undefined,
    isDraining: () => draining,
  })

  const server = createServer(limits, (request, response) => {
    const { url = '' } = request
    const path = url === '/graphql' ? url : (url.split('?')[0] ?? '')
    if (path === '/graphql') graphql.handle(request, response)
    else send(response, plainReply(path, request.method))
  })
  const url = await listen(server, config.host, config.port)
  devPages = dev?.(url)
  const metrics = config.metricsPort === undefined ? undefined : createMetricsServer(telemetry)
  const metricsUrl = metrics && (await listen(metrics, config.host, config.metricsPort ?? 0))

  return { url, metricsUrl, close }

  function plainReply(path: string, method: string | undefined): Reply {
    const page = devPages?.pages.get(path)
    const known = path === '/health' || path === '/ready' || page !== undefined
    if (known && method !== 'GET' && method !== 'HEAD') return { status: 405, headers: ['allow', 'GET'], body: '' }
    if (path === '/health') return { status: 200, headers: text, body: 'ok\n' }
    if (path === '/ready')
      return draining
        ? { status: 503, headers: text, body: 'draining\n' }
        : { status: 200, headers: text, body: 'ready\n' }
    if (page !== undefined) return { status: 200, headers: html, body: page }
    return { status: 404, headers: text, body: 'not found\n' }
  }

  /** Listens on while anything accepted is under way, so that whoever asks is told `503` and not left guessing. */
  async function close(): Promise<void> {
    draining = true
    const deadline = performance.now() + config.shutdownGraceMs
    while (graphql.underWay() > 0 && performance.now() < deadline) await sleep(20)
    const lastMoment = Math.min(deadline, performance.now() + lastMomentMs)
    await Promise.all([closeServer(server, lastMoment), metrics && closeServer(metrics, 0)])
  }
}

function createShippedEngine(admission: Admission, unexpected: (error: unknown) => void): Engine {
  return createPlannedEngine(admission, createYogaEngine(admission, unexpected), unexpected)
}

/** What is left when everything accepted is answered: connections on which nobody has asked anything yet, and may never. */
const lastMomentMs = 500

const text: HeaderList = ['content-type', 'text/plain; charset=utf-8']
const html: HeaderList = [
  ['content-type', 'text/html; charset=utf-8'],
  [
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  ],
  ['referrer-policy', 'no-referrer'],
].flat()

function createMetricsServer(telemetry: Telemetry): Server {
  return createServer(limits, (request, response) => {
    if (request.url !== '/metrics') return send(response, { status: 404, headers: text, body: 'not found\n' })
    telemetry.metrics().then(
      (metrics) => send(response, { status: 200, headers: ['content-type', metrics.contentType], body: metrics.text }),
      (error) => failMetrics(response, telemetry, error),
    )
  })
}

function failMetrics(response: ServerResponse, telemetry: Telemetry, error: unknown): void {
  telemetry.unexpected(error, 'metrics')
  send(response, { status: 500, headers: text, body: 'no metrics\n' })
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address() as AddressInfo
      resolve(`http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`)
    })
  })
}

/** Connections that have fallen idle are closed as they do; what lasts beyond the deadline is cut. */
async function closeServer(server: Server, deadline: number): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()))
  const sweep = setInterval(() => {
    if (performance.now() < deadline) server.closeIdleConnections()
    else server.closeAllConnections()
  }, 20)
  server.closeIdleConnections()
  await closed
  clearInterval(sweep)
}
