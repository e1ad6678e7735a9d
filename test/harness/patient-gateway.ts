import { readConfig } from '../../src/config.ts'
import { createGateway } from '../../src/gateway.ts'
import { createRedis } from '../../src/redis.ts'
import { endOnSignal } from '../../src/signals.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'

/**
 * The program of `npm start`, whose look-ups wait 20 s for Redis in place of 100 ms. So tests that count calls to LINE do not
 * depend on the speed of the machine.
 */
const config = readConfig(process.env)
const telemetry = createTelemetry({ logLevel: config.logLevel })
const redis = createRedis(config.redisUrl ?? '', { telemetry, lookUpMs: 20_000 })
const gateway = await createGateway(config, { telemetry, redis })
telemetry.log('listening', { version: 'test', url: gateway.url, metricsUrl: gateway.metricsUrl, settings: [] })
endOnSignal(async () => {
  await gateway.close()
  await redis.close()
}, config.shutdownDelayMs + config.shutdownGraceMs)
