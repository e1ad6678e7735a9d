import { SpanKind, trace } from '@opentelemetry/api'
import { Redis as Client } from 'ioredis'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { createRedis, type Redis } from '../../src/redis.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import {
  noSourceLimit,
  type RunningGateway,
  type StartOptions,
  startRunningGateway,
} from '../harness/running-gateway.ts'
import { newTrace, useTraceRecorder } from '../harness/trace-recorder.ts'

const recorder = useTraceRecorder()
const redis = useRedis()
const viewer = '{ viewer { displayName } }'
const secret = 'CaNaRy-cache-secret-0123456789abcdef'
const { sendCommand } = Client.prototype
let gateways: RunningGateway[] = []
let connections: Redis[] = []

afterEach(async () => {
  for (const one of gateways.reverse()) await one.close()
  for (const one of connections) await one.close()
  gateways = []
  connections = []
})

describe('more questions than places to LINE', () => {
  it('each trace shows its own wait', async () => {
    const gateway = await start({ LINE_MAX_CONCURRENCY: '1', ...noSourceLimit })
    gateway.emulator.faults.set('*', { latencyMs: 20 })
    const all = Array.from({ length: 4 }, newTrace)
    const ask = (headers: Record<string, string>) =>
      gateway.ask(viewer, { token: gateway.issue().accessToken, headers })
    const replies = await Promise.all(all.map(({ headers }) => ask(headers)))
    expect(replies.map(({ errors }) => errors)).toEqual([[], [], [], []])
    for (const { id } of all) {
      const names = recorder.tree(id).map((name) => name.trim())
      expect(names.filter((name) => name.startsWith('GET'))).toEqual(['GET /oauth2/v2.1/verify', 'GET /v2/profile'])
    }
    const waits = recorder.named('wait for LINE')
    expect(waits.length).toBeGreaterThan(0)
    expect(waits[0]?.attributes).toMatchObject({ 'gateway.line.lane': 'caller' })
  })
})

describeWithRedis('Redis in traces', () => {
  it('one process asks LINE and shares the answer, the other one finds it', async () => {
    const isRecorded: boolean[] = []
    const send = vi.spyOn(Client.prototype, 'sendCommand').mockImplementation(function (this: Client, ...given) {
      const span = trace.getTracer('instrumentation').startSpan('a command with its keys')
      isRecorded.push(span.isRecording())
      span.end()
      return sendCommand.apply(this, given)
    })
    const { url, port } = await redis.start()
    isRecorded.length = 0
    const first = await startShared(url)
    const second = await startShared(url, first)
    const [cold, found, token] = [newTrace(), newTrace(), first.issue().accessToken]
    await first.ask(viewer, { token, headers: cold.headers })
    const tree = recorder.tree(cold.id)
    expect(tree.filter((name) => !name.includes('EVALSHA') && !name.includes('MGET'))).toEqual([
      'POST /graphql',
      '  query',
      '    look-up',
      '      LINE tier',
      '        GET /oauth2/v2.1/verify',
      '        GET /v2/profile',
    ])
    await second.ask(viewer, { token, headers: found.headers })
    expect(recorder.tree(found.id).slice(0, 3)).toEqual(['POST /graphql', '  query', '    look-up'])
    expect(recorder.tree(found.id).join()).not.toContain('LINE tier')
    const commands = recorder.of(found.id).filter(({ attributes }) => attributes['db.system.name'] === 'redis')
    const server = { 'db.system.name': 'redis', 'server.address': '127.0.0.1', 'server.port': port }
    expect(commands.length).toBeGreaterThan(0)
    for (const { kind, name, attributes } of commands) {
      expect(kind).toBe(SpanKind.CLIENT)
      expect(attributes).toMatchObject(server)
      expect(name).toMatch(/^(MGET|PIPELINE|EVALSHA \w+)$/)
    }
    const lookUps = recorder.of(found.id).filter(({ name }) => name === 'look-up')
    expect(lookUps.map(({ attributes }) => attributes['gateway.lookup.tier'])).toEqual(['redis'])
    expect(recorder.everything()).not.toContain(token)
    expect(isRecorded.length).toBeGreaterThan(5)
    expect(isRecorded).not.toContain(true)
    send.mockRestore()
    expect(recorder.everything()).not.toMatch(/CaNaRy/i)
  })

  it('Redis is away: the command has failed, LINE answers', async () => {
    const server = await redis.start()
    const gateway = await startShared(server.url)
    await server.kill()
    const { id, headers } = newTrace()
    await gateway.ask(viewer, { token: gateway.issue().accessToken, headers })
    const failed = recorder.of(id).filter(({ attributes }) => attributes['error.type'] !== undefined)
    expect(new Set(failed.map(({ attributes }) => attributes['error.type']))).toEqual(new Set(['away']))
    expect(recorder.tree(id)).toContain('      LINE tier')
  })
})

/** A gateway that waits long for Redis, so that a busy machine changes no answer. */
async function startShared(url: string, beside?: RunningGateway): Promise<RunningGateway> {
  const connection = createRedis(url, { telemetry: createSilentTelemetry(), lookUpMs: 20_000 })
  connections.push(connection)
  const settings = { REDIS_URL: url, CACHE_SECRET: secret }
  return start(settings, { redis: connection, ...(beside && { beside }) })
}

async function start(settings: NodeJS.ProcessEnv, options?: StartOptions): Promise<RunningGateway> {
  const gateway = await startRunningGateway(settings, options)
  gateways.push(gateway)
  return gateway
}
