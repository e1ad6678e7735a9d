import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../src/emulator/emulator.ts'
import { ConfigError, createGateway, type Gateway, type Settings } from '../src/index.ts'
import { web } from './harness/channels.ts'
import { freePort } from './harness/free-port.ts'
import { ask } from './harness/workers.ts'

describe('the library', () => {
  let emulator: Emulator
  let settings: Settings
  const started: Gateway[] = []
  beforeEach(async () => {
    emulator = await startEmulator({ channels: [web] })
    settings = {
      LINE_CHANNEL_ID: web.id,
      LINE_CHANNEL_SECRET: web.secret,
      LINE_API_URL: emulator.url,
      LINE_ACCESS_URL: emulator.url,
      LINE_TIMEOUT_MS: 60_000,
      HOST: '127.0.0.1',
      PORT: 0,
      SHUTDOWN_DELAY_SECONDS: 0,
      LOG_LEVEL: 'warn',
    }
  })
  afterEach(async () => {
    for (const gateway of started.splice(0)) await gateway.close()
    await emulator.close()
  })

  /** Starts a gateway, and returns its log lines too. */
  async function start(more: Settings = {}) {
    const lines: string[] = []
    const gateway = await createGateway({ ...settings, ...more }, { log: { write: (line) => lines.push(line) } })
    started.push(gateway)
    return { ...gateway, log: () => lines.map((line) => JSON.parse(line).msg) }
  }

  it('two gateways in one process: both serve, each with numbers of its own', async () => {
    const [one, other] = [await start({ METRICS_PORT: 0 }), await start({ METRICS_PORT: 0, GRAPHIQL: true })]
    const { accessToken } = emulator.issueTokens()
    expect(await ask(one.url, accessToken)).toBe('Sakura Tanaka')
    expect(await ask(other.url, accessToken)).toBe('Sakura Tanaka')
    for (const { metricsUrl } of [one, other])
      expect(await (await fetch(`${metricsUrl}/metrics`)).text()).toContain(
        'gateway_operations_total{operation="viewer",code="OK",outcome="ok"} 1\n',
      )
  })

  it('close called twice at once, and again later: each call waits for the same end', async () => {
    const { url, close } = await start()
    // Its connection is kept, and closes during the drain.
    await fetch(`${url}/health`)
    const end = close()
    expect(close()).toBe(end)
    await end
    await close()
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  it('wrong settings: a ConfigError names all of them, without their values', async () => {
    const keys = { SIGNING_KEYS_FILE: '/nowhere/canary.json' }
    const wrong = createGateway({ PORT: 65_536, LINE_CHANNELS: 'canary', GRAPHIQL: 'canary', ...keys })
    const { problems, message } = (await wrong.catch((error: ConfigError) => error)) as ConfigError
    expect(await wrong.catch((error) => error)).toBeInstanceOf(ConfigError)
    expect(problems.map((problem) => problem.split(':')[0])).toEqual(
      expect.arrayContaining(['PORT', 'LINE_CHANNELS', 'GRAPHIQL', 'SIGNING_KEYS_FILE']),
    )
    expect(message).not.toMatch(/canary|65536/)
  })

  it('warnings: in the log of the program. WORKERS is one of them: a library starts no processes', async () => {
    const { log } = await start({ WORKERS: 2, CORS_ORIGIN: 'https://a.example' })
    expect(log()).toEqual([
      'WORKERS: is ignored, because createGateway starts the gateway in this process',
      'CORS_ORIGIN: is not a setting and is ignored: did you mean CORS_ORIGINS?',
    ])
  })

  it('null, as from JSON, and an empty text: not set', async () => {
    const { metricsUrl } = await start({ METRICS_PORT: null as never, REDIS_URL: null as never, CORS_ORIGINS: '' })
    expect(metricsUrl).toBeUndefined()
  })

  it('a log that takes no lines: the lines are lost and counted, the answers are not', async () => {
    const refuse = () => {
      throw new Error('the disk is full')
    }
    for (const write of [refuse, async () => refuse()]) {
      const gateway = await createGateway({ ...settings, LOG_LEVEL: 'info', METRICS_PORT: 0 }, { log: { write } })
      started.push(gateway)
      expect(await ask(gateway.url, 'not a token')).toBeUndefined()
      const metrics = await (await fetch(`${gateway.metricsUrl}/metrics`)).text()
      expect(metrics).toContain('gateway_log_lines_dropped_total 1\n')
    }
  })

  it('a log without the method write: a TypeError at once, not with the first line', async () => {
    for (const log of [{}, () => {}, null])
      await expect(createGateway(settings, { log: log as never })).rejects.toThrow(
        new TypeError('log: must have a method write'),
      )
  })

  it('a port in use: rejected, and the metrics server is closed', async () => {
    const METRICS_PORT = await freePort()
    await expect(start({ METRICS_PORT, PORT: Number(new URL(emulator.url).port) })).rejects.toThrow('EADDRINUSE')
    await expect(fetch(`http://127.0.0.1:${METRICS_PORT}/metrics`)).rejects.toThrow()
  })
})
