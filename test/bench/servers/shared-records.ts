import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createClock } from '../../../src/clock.ts'
import { readConfig } from '../../../src/config.ts'
import { createRedis } from '../../../src/redis.ts'
import { createServices } from '../../../src/services.ts'
import { createSilentTelemetry } from '../../../src/telemetry/telemetry.ts'
import { tokenAt } from '../tokens.ts'
import { FakeLine } from './fake-line.ts'

/**
 * The gateway's own tiers, wired as in production, with Redis and with a fake LINE without a network. `GET /?until=1000`
 * verifies the tokens before number 1000 that it has not verified yet, so that their records are in Redis.
 */
const config = readConfig(process.env)
const telemetry = createSilentTelemetry()
const redis = createRedis(config.redisUrl ?? '', { telemetry })
const services = createServices(config, { dispatcher: new FakeLine(), clock: createClock(), telemetry, redis })
let next = 0

const server = createServer(async ({ url = '' }, response) => {
  const until = Number(url.split('=')[1])
  await Promise.all(Array.from({ length: 32 }, () => verifyUntil(until)))
  response.end()
})
server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
})

async function verifyUntil(until: number): Promise<void> {
  while (next < until) {
    const token = services.toAccessToken(tokenAt(next++))
    if (token === undefined) throw new Error('not a token')
    const deadline = performance.now() + 60_000
    const answer = await services.resolve({ token, subject: 'profile', clientAddress: '127.0.0.1', deadline })
    if (answer.verdict !== 'valid') throw new Error('a token was not valid')
  }
}
