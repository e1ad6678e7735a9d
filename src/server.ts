import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from './config.ts'
import { createGraphiqlPage } from './endpoints/graphiql.ts'
import { sampleTabs, type Tab } from './endpoints/graphiql-tabs.ts'
import { createGraphqlEndpoint } from './endpoints/graphql.ts'
import { health, ready } from './endpoints/health.ts'
import { createMetricsEndpoint } from './endpoints/metrics.ts'
import type { Engine } from './graphql/engine.ts'
import { createPlannedEngine } from './graphql/planned/planned-engine.ts'
import { createPrepareOperation, type PrepareOperation } from './graphql/prepare-operation.ts'
import { createYogaEngine } from './graphql/yoga-engine.ts'
import { createClientAddresses } from './http/client-address.ts'
import { createCors } from './http/cors.ts'
import { type HeaderList, plainText, type Reply, send } from './http/send.ts'
import type { Services } from './schema/context.ts'
import { schema } from './schema/schema.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

export type GatewayServer = {
  readonly url: string
  readonly metricsUrl: string | undefined
  /** Answers the accepted requests, then closes all connections. Cuts them when SHUTDOWN_GRACE_SECONDS are over. */
  close(): Promise<void>
}

/** The extra pages of `npm run dev`. */
export type DevPages = {
  /** The tabs that GraphiQL opens with. */
  readonly tabs: readonly Tab[]
  /** HTML by path. Each path starts with `/dev/`. */
  readonly pages: ReadonlyMap<string, string>
}

export type ServerSurroundings = {
  readonly services: Services
  readonly telemetry: Telemetry
  readonly dev?: ((origin: string) => DevPages) | undefined
  /** Makes the engine that executes operations. Default: the planned engine, with yoga for the operations it cannot plan. */
  readonly createEngine?: typeof createDefaultEngine
}

const limits = {
  maxHeaderSize: 16 * 1024,
  headersTimeout: 8_000,
  requestTimeout: 10_000,
  keepAliveTimeout: 20_000,
  // Node's default is 30 seconds: slow clients would stay much longer than the two limits above.
  connectionsCheckingInterval: 1_000,
}

/** Starts the HTTP server. It routes each path to its endpoint. `close` drains it. */
export async function startServer(
  config: Config,
  { services, telemetry, dev, createEngine = createDefaultEngine }: ServerSurroundings,
): Promise<GatewayServer> {
  let draining = false
  let devPages: DevPages | undefined
  const unexpected = (error: unknown) => telemetry.unexpected(error, 'operation')
  const graphql = createGraphqlEndpoint({
    services,
    telemetry,
    engine: createEngine(createPrepareOperation(schema, config), unexpected),
    clientAddresses: createClientAddresses(config.trustedProxies, (address) => {
      telemetry.log.warn(`X-Forwarded-For is ignored: TRUSTED_PROXIES does not contain ${address}, which sent it`)
    }),
    cors: createCors(config.corsOrigins),
    graphiql: config.graphiql ? createGraphiqlPage(() => devPages?.tabs ?? sampleTabs()) : undefined,
    isDraining: () => draining,
  })

  const server = createServer(limits, (request, response) => {
    const { url = '' } = request
    const path = url === '/graphql' ? url : (url.split('?')[0] ?? '')
    if (path === '/graphql') graphql.handle(request, response)
    else send(response, replyTo(path, request.method))
  })
  const url = await listen(server, config.host, config.port)
  devPages = dev?.(url)
  const metrics = config.metricsPort === undefined ? undefined : createServer(limits, createMetricsEndpoint(telemetry))
  const metricsUrl = metrics && (await listen(metrics, config.host, config.metricsPort ?? 0))

  return { url, metricsUrl, close }

  /** The answer of every path except `/graphql`. */
  function replyTo(path: string, method: string | undefined): Reply {
    const page = devPages?.pages.get(path)
    if (path !== '/health' && path !== '/ready' && page === undefined) return plainText(404, 'not found\n')
    if (method !== 'GET' && method !== 'HEAD') return { status: 405, headers: ['allow', 'GET'], body: '' }
    if (path === '/health') return health()
    return page === undefined ? ready(draining) : { status: 200, headers: devPageHeaders, body: page }
  }

  /** Listens until the last request has its answer, so that new clients get a clear 503 and not a refused connection. */
  async function close(): Promise<void> {
    draining = true
    const deadline = performance.now() + config.shutdownGraceMs
    while (graphql.underWay() > 0 && performance.now() < deadline) await sleep(20)
    const cutAt = Math.min(deadline, performance.now() + idleForMs)
    await Promise.all([closeServer(server, cutAt), metrics && closeServer(metrics, 0)])
  }
}

function createDefaultEngine(prepareOperation: PrepareOperation, unexpected: (error: unknown) => void): Engine {
  return createPlannedEngine(prepareOperation, createYogaEngine(prepareOperation, unexpected), unexpected)
}

/** After the last answer, connections without a request stay open this long. */
const idleForMs = 500

const devPageHeaders: HeaderList = [
  ['content-type', 'text/html; charset=utf-8'],
  [
    'content-security-policy',
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'",
  ],
  ['referrer-policy', 'no-referrer'],
].flat()

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      const address = server.address() as AddressInfo
      resolve(`http://${address.family === 'IPv6' ? `[${address.address}]` : address.address}:${address.port}`)
    })
  })
}

/** Closes each connection when it becomes idle. Cuts the other ones at the deadline, a value of `performance.now()`. */
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
