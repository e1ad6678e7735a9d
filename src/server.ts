import type { ServerResponse } from 'node:http'
import type { Config } from './config.ts'
import { createDrain } from './drain.ts'
import { createDiscovery } from './endpoints/discovery.ts'
import { createFaces } from './endpoints/faces.ts'
import { createForwardAuth } from './endpoints/forward-auth.ts'
import { createGraphiqlPage } from './endpoints/graphiql.ts'
import { sampleTabs, type Tab } from './endpoints/graphiql-tabs.ts'
import { createGraphqlEndpoint } from './endpoints/graphql.ts'
import { createIntrospection } from './endpoints/introspection.ts'
import { startMetricsServer } from './endpoints/metrics.ts'
import { createOtherPaths, type DevPage, noRoute } from './endpoints/other-paths.ts'
import { createPlainAnswers } from './endpoints/plain-answers.ts'
import { createTokenExchange } from './endpoints/token-exchange.ts'
import type { Engine, Unexpected } from './graphql/engine.ts'
import { traceOperations } from './graphql/operation-spans.ts'
import { createPlannedEngine } from './graphql/planned/planned-engine.ts'
import { createPrepareOperation, type PrepareOperation } from './graphql/prepare-operation.ts'
import { createYogaEngine } from './graphql/yoga-engine.ts'
import { createClientAddresses } from './http/client-address.ts'
import { createCors } from './http/cors.ts'
import { createHttpServer } from './http/http-server.ts'
import { type Listener, listenOn } from './http/listener.ts'
import { hasLoopbackHost } from './http/loopback.ts'
import { pathOf } from './http/request-target.ts'
import { createTurns } from './http/turns.ts'
import { createUnderWay } from './http/under-way.ts'
import type { Services } from './schema/context.ts'
import { schema } from './schema/schema.ts'
import { httpMethods, methodLabel } from './telemetry/metric-labels.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

export type GatewayServer = {
  readonly url: string
  readonly metricsUrl: string | undefined
  /** Drains the server (see drain.ts), then closes the metrics server. */
  close(): Promise<void>
}

/** The extra pages of `npm run dev`. */
export type DevPages = {
  /** The tabs that GraphiQL opens with. */
  readonly tabs: readonly Tab[]
  /** The answers by path: `/` and paths below `/dev/`. Only requests for loopback names get them. */
  readonly pages: ReadonlyMap<string, DevPage>
}

export type ServerSurroundings = {
  readonly services: Services
  readonly telemetry: Telemetry
  readonly dev?: ((origin: string) => DevPages) | undefined
  /** Listens when this has resolved. */
  readonly prepared?: Promise<void> | undefined
  /** Default: HOST and PORT. */
  readonly listener?: Listener | undefined
  /** Makes the engine that executes operations. Default: the planned engine, with yoga for the operations it cannot plan. */
  readonly createEngine?: typeof createDefaultEngine
}

/** Starts the HTTP server. It routes each path to its endpoint. `close` drains it. */
export async function startServer(
  config: Config,
  {
    services,
    telemetry,
    dev,
    prepared,
    listener = listenOn(config),
    createEngine = createDefaultEngine,
  }: ServerSurroundings,
): Promise<GatewayServer> {
  let devPages: DevPages | undefined
  const underWay = createUnderWay()
  const turns = createTurns()
  const cors = createCors(config.corsOrigins)
  const clientAddresses = createClientAddresses(
    config.trustedProxies,
    (address) => telemetry.log('unlistedProxy', { address }),
    (address) => telemetry.log('silentProxy', { address }),
  )
  const unexpected: Unexpected = (error, requestId) => telemetry.unexpected(error, 'operation', requestId)
  const graphql = createGraphqlEndpoint({
    services,
    telemetry,
    engine: traceOperations(createEngine(createPrepareOperation(schema, config), unexpected), telemetry.tracing),
    clientAddresses,
    cors,
    underWay,
    turns,
    graphiql: config.graphiql
      ? createGraphiqlPage({
          tabs: () => devPages?.tabs ?? sampleTabs(),
          ...(dev && { isAllowed: hasLoopbackHost, hasLoginBar: true }),
        })
      : undefined,
  })
  const { operationMs } = services
  const { forwardAuth } = config
  const faces = createFaces({
    faces: [
      createTokenExchange(services),
      createIntrospection(services, config),
      createDiscovery(services, config),
      forwardAuth === 'off' ? undefined : createForwardAuth({ ...services, clientAddresses, mode: forwardAuth }),
    ].filter((face) => face !== undefined),
    telemetry,
    clientAddresses,
    cors,
    operationMs,
    underWay,
    turns,
  })

  const otherPaths = createOtherPaths({
    plain: createPlainAnswers(telemetry),
    telemetry,
    isDraining: () => drain.hasBegun(),
    pageOf: (path) => devPages?.pages.get(path),
  })

  const options = {
    keepAliveTimeout: config.keepAliveMs,
    refused,
    failed: (error: unknown, requestId: string) => telemetry.unexpected(error, 'request', requestId),
  }
  const server = createHttpServer(options, (request, response) => {
    const { url = '' } = request
    const path = url === '/graphql' ? url : pathOf(url)
    if (path === '/graphql' || path === '/graphql/') return graphql.handle(request, response)
    const face = faces.find(path)
    if (face === undefined) otherPaths(path, request, response)
    else faces.handle(face, path, request, response)
  })
  const drain = createDrain(server, { underWay, refuseAll }, config, () => listener.stop(server))
  telemetry.gauge('http_server_active_requests', () => requestsByMethod(underWay))
  telemetry.gauge('gateway_requests_waiting', turns.waiting)
  telemetry.gauge('gateway_draining', () => (drain.hasBegun() ? 1 : 0))
  await prepared
  const metrics = await startMetricsServer(config, telemetry)
  const url = await listener.open(server).catch(async (error) => {
    await metrics?.close()
    throw error
  })
  devPages = dev?.(url)

  return { url, metricsUrl: metrics?.url, close }

  function refuseAll(): void {
    faces.refuseAll()
    graphql.refuseAll()
  }

  /** It is not known what these requests ask for. */
  function refused(status: number): void {
    telemetry.request({ method: '_OTHER', route: noRoute, status, ms: 0 })
  }

  /** The metrics can be read until the end of the drain. */
  async function close(): Promise<void> {
    await drain.run()
    await metrics?.close()
  }
}

function createDefaultEngine(prepareOperation: PrepareOperation, unexpected: Unexpected): Engine {
  return createPlannedEngine(prepareOperation, createYogaEngine(prepareOperation, unexpected))
}

/** Read only when somebody reads the metrics. */
function requestsByMethod(underWay: Iterable<ServerResponse>): [count: number, method: string][] {
  const methods = Array.from(underWay, ({ req }) => methodLabel(req.method ?? ''))
  return httpMethods.map((method) => [methods.filter((one) => one === method).length, method])
}
