import { execFileSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { afterEach, beforeEach, describe, expect, it, test } from 'vitest'
import { ConfigError, readConfig } from '../src/config.ts'
import { type Emulator, startEmulator } from '../src/emulator/emulator.ts'
import { freePort } from './harness/free-port.ts'
import { type Program, usePrograms } from './harness/programs.ts'
import { describeWithRedis, useRedis } from './harness/redis.ts'
import { web } from './harness/running-gateway.ts'

const programs = usePrograms()
const servers = useRedis()
const secret = 'a secret of thirty-two characters'

describeWithRedis('WORKERS', () => {
  let emulator: Emulator
  let shared: NodeJS.ProcessEnv
  beforeEach(async () => {
    emulator = await startEmulator({ channels: [web] })
    const redis = await servers.start()
    shared = {
      LINE_CHANNEL_ID: web.id,
      LINE_CHANNEL_SECRET: web.secret,
      LINE_API_URL: emulator.url,
      LINE_ACCESS_URL: emulator.url,
      LINE_TIMEOUT_MS: '60000',
      HOST: '127.0.0.1',
      PORT: '0',
      METRICS_PORT: '0',
      SHUTDOWN_DELAY_SECONDS: '0',
      REDIS_URL: redis.url,
      CACHE_SECRET: secret,
    }
  })
  afterEach(() => emulator.close())

  async function start(settings: NodeJS.ProcessEnv = {}) {
    const program = programs.start(process.execPath, ['src/main.ts'], { ...shared, WORKERS: '2', ...settings })
    const url = await program.printed(/"url":"(http:[^"]+)".*"listening"/)
    const metricsUrl = /"metricsUrl":"(http:[^"]+)"/.exec(program.out())?.[1] ?? ''
    return { program, url, metric: (name: string) => readMetric(metricsUrl, name) }
  }

  test('two workers: both answer, one line says listening, the metrics are sums, a stop ends all with 0', async () => {
    const { program, url, metric } = await start()
    const token = emulator.issueTokens().accessToken
    const answers = await Promise.all(Array.from({ length: 100 }, () => ask(url, token)))
    expect(new Set(answers)).toEqual(new Set(['Sakura Tanaka']))
    expect(await metric('gateway_operations_total')).toBe(100)
    expect(await metric('gateway_operation_duration_seconds_count')).toBe(100)
    expect(await metric('gateway_workers')).toBe(2)
    expect(await metric('gateway_tokens_in_memory')).toBe(2)
    expect(program.out().match(/"listening"/g)).toHaveLength(1)
    expect(program.out()).toContain('"workers":2')

    for (let n = 0; n < 2; n += 1) program.killGroup('SIGTERM')
    expect(await program.ended).toBe(0)
    expect(program.out()).toMatch(/"draining"[\s\S]*"closed"/)
    expect(program.err()).toBe('')
  }, 180_000)

  test('kill -9 of a worker: it is replaced, requests go on, and no counter goes down', async () => {
    const { program, url, metric } = await start()
    const token = emulator.issueTokens().accessToken
    await Promise.all(Array.from({ length: 50 }, () => ask(url, token)))
    expect(await metric('gateway_operations_total')).toBe(50)
    const [first = 0] = childrenOf(program)
    process.kill(first, 'SIGKILL')
    await expect.poll(() => childrenOf(program).includes(first), { timeout: 60_000 }).toBe(false)
    for (let n = 0; n < 20; n += 1) expect(await ask(url, token)).toBe('Sakura Tanaka')
    await expect.poll(() => childrenOf(program).length, { timeout: 60_000 }).toBe(2)
    expect(await metric('gateway_operations_total')).toBe(70)
    expect(await metric('gateway_workers_ended_total')).toBe(1)
    expect(program.out()).toMatch(/"how":"SIGKILL".*a worker ended/)
  }, 180_000)

  test('a worker that hangs: /metrics has its last counts, new connections go to the other one', async () => {
    const { program, url, metric } = await start()
    const token = emulator.issueTokens().accessToken
    await Promise.all(Array.from({ length: 50 }, () => ask(url, token)))
    expect(await metric('gateway_operations_total')).toBe(50)
    const [first = 0] = childrenOf(program)
    process.kill(first, 'SIGSTOP')
    // Up to two connections can be on the way to a worker that has just stopped.
    const answers = Array.from({ length: 20 }, () => ask(url, token))
    let answered = 0
    for (const answer of answers) answer.then(() => (answered += 1)).catch(() => {})
    await expect.poll(() => answered, { timeout: 60_000 }).toBeGreaterThanOrEqual(18)
    expect(await metric('gateway_operations_total')).toBeGreaterThanOrEqual(68)
    expect(await metric('gateway_workers_silent')).toBe(1)
    process.kill(first, 'SIGCONT')
    await Promise.all(answers)
    expect(await metric('gateway_operations_total')).toBe(70)
    expect(await metric('gateway_workers_silent')).toBe(0)
  }, 180_000)

  test('a worker that always ends at once: ever longer pauses, the primary stays, and its stop is clean', async () => {
    const { program } = await start({ METRICS_PORT: '' })
    for (let failures = 1; failures <= 3; failures += 1) {
      await expect.poll(() => childrenOf(program).length, { timeout: 60_000 }).toBe(2)
      process.kill(childrenOf(program)[1] ?? 0, 'SIGKILL')
      await program.printed(new RegExp(`"failures":${failures},"pauseMs":${100 * 2 ** (failures - 1)}`))
    }
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  }, 180_000)

  test('kill -9 of the primary: the workers drain and end by themselves', async () => {
    const { program } = await start()
    const workers = childrenOf(program)
    program.process.kill('SIGKILL')
    await expect.poll(() => workers.some(isAlive), { timeout: 60_000 }).toBe(false)
  }, 180_000)

  test('the port is in use: the message and exit code of a single process', async () => {
    const PORT = String(await freePort())
    await start({ PORT, WORKERS: '1', METRICS_PORT: '' })
    const second = programs.start(process.execPath, ['src/main.ts'], { ...shared, PORT, WORKERS: '2' })
    expect(await second.ended).toBe(1)
    expect(second.err()).toBe('PORT or METRICS_PORT: another process uses this port\n')
  }, 180_000)
})

describe('the setting', () => {
  const channel = { LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET: 'x' }
  const redis = { REDIS_URL: 'redis://127.0.0.1', CACHE_SECRET: secret }

  it.each([
    ['2', 2],
    ['256', 256],
    ['auto', availableParallelism()],
    ['', 1],
  ])('WORKERS=%s with REDIS_URL: %d processes', (WORKERS, workers) => {
    expect(readConfig({ ...channel, ...redis, WORKERS }).workers).toBe(workers)
  })

  it('more than one without REDIS_URL: refused, and both settings are named', () => {
    const read = () => readConfig({ ...channel, WORKERS: '2' })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(/WORKERS: .*REDIS_URL/)
    expect(readConfig({ ...channel, WORKERS: '1' }).workers).toBe(1)
  })

  it.each(['0', '257', '-1', '1.5', 'AUTO', 'all', '1e1'])('WORKERS=%s: refused', (WORKERS) => {
    expect(() => readConfig({ ...channel, ...redis, WORKERS })).toThrow(/WORKERS: must be a whole number/)
  })
})

/** The name of the viewer. Each request has a connection of its own. */
async function ask(url: string, token: string): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}`, connection: 'close' }
  const body = JSON.stringify({ query: '{ viewer { displayName } }' })
  const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body })
  return Object(await answer.json()).data?.viewer?.displayName
}

/** The sum over all labels. */
async function readMetric(metricsUrl: string, name: string): Promise<number> {
  const text = await (await fetch(`${metricsUrl}/metrics`)).text()
  const lines = [...text.matchAll(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'gm'))]
  return lines.reduce((sum, [, value]) => sum + Number(value), 0)
}

/** The IDs of the processes that the program has started, oldest first. */
function childrenOf({ process: { pid } }: Program): number[] {
  const lines = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n')
  const pairs = lines.map((line) => line.trim().split(/\s+/).map(Number))
  return pairs.flatMap(([child = 0, parent]) => (parent === pid ? [child] : [])).sort((a, b) => a - b)
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}
