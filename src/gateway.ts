import type { Dispatcher } from 'undici'
import { type ClockSources, createClock, systemSources } from './clock.ts'
import type { Config } from './config.ts'
import type { Listener } from './http/listener.ts'
import { createLineDispatcher } from './line/dispatcher.ts'
import { createRedis, type Redis } from './redis.ts'
import { type DevPages, startServer } from './server.ts'
import { createServices } from './services.ts'
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts'

/** The dependencies of a gateway. Tests pass their own. Without them, `createGateway` makes those of production. */
export type Surroundings = {
  readonly dispatcher?: Dispatcher
  /** Default: a connection to REDIS_URL. Without that setting, nothing is shared. */
  readonly redis?: Redis
  /** The wall clock, epoch ms. Default `Date.now`. */
  readonly now?: () => number
  /** The monotonic clock, ms from any moment. Default `performance.now`; with `now` and without this, it follows `now`. */
  readonly monotonic?: () => number
  readonly telemetry?: Telemetry
  /** The extra pages of `npm run dev`. Absent in production. */
  readonly dev?: (origin: string) => DevPages
  /** A text of SIGNING_KEYS_FILE that was good, for a start while the file is not. Without it, such a start is refused. */
  readonly signingKeysText?: string | undefined
  /** Where connections come from. Default: HOST and PORT. */
  readonly listener?: Listener
}

export type Gateway = {
  /** `http://HOST:PORT` with the real address and port, or the text of the listener. */
  readonly url: string
  /** The origin of the metrics server. `undefined` without METRICS_PORT. */
  readonly metricsUrl: string | undefined
  /**
   * Drains the server, which takes SHUTDOWN_DELAY_SECONDS and SHUTDOWN_GRACE_SECONDS at most, then closes the rest. A later
   * call waits for the same end.
   */
  close(): Promise<void>
}

/** Makes a whole gateway and starts it. It listens when the promise resolves; rejects with the error of `listen`. */
export async function createGateway(config: Config, surroundings: Surroundings = {}): Promise<Gateway> {
  const telemetry = surroundings.telemetry ?? createTelemetry(config)
  const start = () => startGateway(config, surroundings, telemetry)
  // Node gives all requests the context in which the server was started: they would belong to a span of the program.
  return telemetry.tracing === undefined ? start() : telemetry.tracing.apart(start)
}

async function startGateway(config: Config, surroundings: Surroundings, telemetry: Telemetry): Promise<Gateway> {
  const clock = createClock(clockSources(surroundings))
  const dispatcher = surroundings.dispatcher ?? createLineDispatcher(config, telemetry.log)
  const redis = surroundings.redis ?? redisFor(config, telemetry)
  let url: string | undefined
  const { signingKeysText } = surroundings
  const services = createServices(config, { dispatcher, clock, telemetry, redis, url: () => url, signingKeysText })
  const everySecond = setInterval(tick, 1_000).unref()
  const server = await startServer(config, {
    services,
    telemetry,
    dev: surroundings.dev,
    prepared: services.prepared,
    listener: surroundings.listener,
  }).catch(async (error) => {
    await closeRest()
    throw error
  })
  url = server.url
  let closed: Promise<void> | undefined

  return { url, metricsUrl: server.metricsUrl, close: () => (closed ??= close()) }

  /** If the drain fails, the rest is closed all the same: Redis must get what was forgotten here. */
  async function close(): Promise<void> {
    try {
      await server.close()
    } finally {
      await closeRest()
    }
  }

  function tick(): void {
    try {
      // An idle process would not notice that the clock was changed twice.
      clock.now()
      services.unconfirmed.run()
    } catch (error) {
      telemetry.unexpected(error, 'every second')
    }
  }

  async function closeRest(): Promise<void> {
    clearInterval(everySecond)
    services.unconfirmed.close()
    await services.close()
    if (surroundings.redis === undefined) await redis?.close()
    if (surroundings.dispatcher === undefined) await dispatcher.destroy()
    telemetry.flush()
    await telemetry.tracing?.flush()
  }
}

function redisFor({ redisUrl }: Config, telemetry: Telemetry): Redis | undefined {
  return redisUrl === undefined ? undefined : createRedis(redisUrl, { telemetry })
}

function clockSources({ now, monotonic = now }: Surroundings): ClockSources {
  return { wall: now ?? systemSources.wall, monotonic: monotonic ?? systemSources.monotonic }
}
