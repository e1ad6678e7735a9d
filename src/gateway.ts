import { randomBytes } from 'node:crypto'
import { performance } from 'node:perf_hooks'
import type { Dispatcher } from 'undici'
import type { Config } from './config.ts'
import { createChannels } from './line/channels.ts'
import { createLineClient } from './line/client.ts'
import { createLineDispatcher } from './line/dispatcher.ts'
import { createKeySet } from './line/key-set.ts'
import { createTransport } from './line/transport.ts'
import { createChannelTokens } from './login/channel-tokens.ts'
import { createFamilies } from './login/families.ts'
import { createForgetting } from './login/forgetting.ts'
import { createIdTokens } from './login/id-tokens.ts'
import { createLogins } from './login/logins.ts'
import { createNonces } from './login/nonces.ts'
import { createRefresher } from './login/refresher.ts'
import { createRevocation } from './login/revocation.ts'
import type { Services } from './schema/context.ts'
import { type DevPages, startServer } from './server.ts'
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts'
import { inBatches } from './tokens/batches.ts'
import { limitSources } from './tokens/limit-sources.ts'
import { askLine } from './tokens/line-tier.ts'
import { rememberInMemory } from './tokens/memory-tier.ts'
import { createSourceGate } from './tokens/source-gate.ts'
import { toAccessToken } from './tokens/token-key.ts'
import { createTombstones } from './tokens/tombstones.ts'
import { rememberUnusable } from './tokens/unusable-answers.ts'

/** The dependencies of a gateway. Tests pass their own. Without them, `createGateway` makes those of production. */
export type Surroundings = {
  readonly dispatcher?: Dispatcher
  /** Epoch ms. */
  readonly now?: () => number
  readonly telemetry?: Telemetry
  /** The extra pages of `npm run dev`. Absent in production. */
  readonly dev?: (origin: string) => DevPages
}

export type Gateway = {
  /** `http://HOST:PORT` with the real address and port. */
  readonly url: string
  /** The origin of the metrics server. `undefined` without METRICS_PORT. */
  readonly metricsUrl: string | undefined
  /** Drains the server, which takes SHUTDOWN_DELAY_SECONDS and SHUTDOWN_GRACE_SECONDS at most, then closes the rest. */
  close(): Promise<void>
}

/** Makes a whole gateway and starts it. It listens when the promise resolves; rejects with the error of `listen`. */
export async function createGateway(config: Config, surroundings: Surroundings = {}): Promise<Gateway> {
  const telemetry = surroundings.telemetry ?? createTelemetry({ logLevel: config.logLevel })
  const now = surroundings.now ?? steadyNow
  const dispatcher = surroundings.dispatcher ?? createLineDispatcher(config, telemetry.log)
  const services = createServices(config, { dispatcher, now, telemetry })
  const server = await startServer(config, { services, telemetry, dev: surroundings.dev })

  return { url: server.url, metricsUrl: server.metricsUrl, close }

  async function close(): Promise<void> {
    await server.close()
    if (surroundings.dispatcher === undefined) await dispatcher.destroy()
    telemetry.flush()
  }
}

/** Makes the services of the schema, from the LINE client upwards. */
export function createServices(config: Config, world: Required<Omit<Surroundings, 'dev'>>): Services {
  const { now, telemetry } = world
  const channels = createChannels(config.channels)
  const transport = createTransport({
    origin: config.lineApiUrl,
    timeoutMs: config.lineTimeoutMs,
    maxConcurrency: config.lineMaxConcurrency,
    channelSetting: config.channelSetting,
    ...world,
  })
  const line = createLineClient(transport)
  const tombstones = createTombstones(now)
  const gate = createSourceGate({ ...config.failedTokens, now, room: transport.room })
  const memory = rememberInMemory(
    rememberUnusable(inBatches(limitSources(askLine(line, channels.isOurs, now), gate)), now),
    {
      freshForMs: config.freshForMs,
      maxStaleMs: config.maxStaleMs,
      maxTokens: config.cacheMaxTokens,
      refusalFor: (network) => gate.refusalFor(network) ?? transport.refusalFor('verify'),
      tombstones,
      now,
      telemetry,
    },
  )
  telemetry.gauge('gateway_tokens_in_memory', 'Access token records in memory', memory.size)
  const families = createFamilies()
  const refresher = createRefresher({ line, memory, gate, tombstones, families, now })
  const forgetting = createForgetting({ memory, refresher, families, tombstones, now })
  const channelTokens = createChannelTokens(line, {
    now,
    misconfigured: (channelId) => telemetry.noChannelSecret(config.channelSetting, channelId),
  })
  const nonces = createNonces(nonceSecret(config), now)
  return {
    resolve: memory.resolve,
    toAccessToken,
    logins: createLogins({ line, memory, gate, families, now }),
    refresher,
    revocation: createRevocation({
      line,
      channels,
      channelTokens,
      resolve: memory.resolve,
      forgetting,
      families,
      now,
      gate,
      tombstones,
    }),
    idTokens: createIdTokens({ channels, keySet: createKeySet(line.certs, now), nonces, now }),
    nonces,
    channels,
    redirectUris: config.redirectUris,
    accessUrl: config.lineAccessUrl,
    now,
    operationMs: config.lineTimeoutMs + operationMarginMs,
  }
}

/** An operation may last this much longer than one call to LINE: it may need two calls, and most calls are short. */
const operationMarginMs = 1_000

/**
 * The key that signs our nonces. A secret that all replicas share, so that each replica recognizes the nonces of the
 * others. Without a shared secret it is random and belongs to this process.
 */
function nonceSecret(config: Config): string {
  const shared = [config.cacheSecret, ...config.channels.map(({ secret }) => secret)].find(
    (secret) => secret !== undefined,
  )
  return shared ?? randomBytes(32).toString('hex')
}

/** Epoch ms on a monotonic clock. A correction of the system time must not expire a token or make it valid again. */
function steadyNow(): number {
  return timeOrigin + performance.now()
}

/** Read once: it is a getter, and `steadyNow` runs on every cache hit. */
const { timeOrigin } = performance
