import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../src/emulator/emulator.ts'
import { project, usePrograms } from './harness/programs.ts'
import { web } from './harness/running-gateway.ts'

const main = join(project, 'src/main.ts')
const programs = usePrograms()
const run = (settings: NodeJS.ProcessEnv, cwd?: string) => programs.start(process.execPath, [main], settings, cwd)

let emulator: Emulator
let folder: string
beforeEach(async () => {
  emulator = await startEmulator({ channels: [web] })
  folder = await mkdtemp(join(tmpdir(), 'gateway-'))
})
afterEach(async () => {
  await emulator.close()
  await rm(folder, { recursive: true })
})

const settings = () => ({
  LINE_CHANNEL_ID: web.id,
  LINE_CHANNEL_SECRET: web.secret,
  LINE_API_URL: emulator.url,
  LINE_ACCESS_URL: emulator.url,
  LINE_TIMEOUT_MS: '60000',
  HOST: '127.0.0.1',
  PORT: '0',
})
const listening = /"url":"(http:[^"]+)".*"listening"/

function ask(url: string, token: string, query = '{ viewer { displayName } }') {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  return fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
}

describe('settings', () => {
  it('missing settings: all are named, and the process exits with 1', async () => {
    const program = run({}, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toContain('LINE_CHANNEL_ID: is missing')
    expect(program.err()).toContain('LINE_CHANNEL_SECRET: is missing')
    expect(program.out()).toBe('')
  })

  it('wrong settings: all are named, and no value is printed', async () => {
    const wrong = {
      LINE_CHANNEL_ID: 'canary-id',
      LINE_CHANNEL_TYPE: 'canary-type',
      LINE_REDIRECT_URIS: 'https://a.example/#canary',
      LINE_API_URL: 'http://canary.example',
      LINE_ACCESS_URL: 'canary-access',
      LINE_TIMEOUT_MS: 'canary-1s',
      LINE_MAX_CONCURRENCY: '0canary',
      TRUSTED_PROXIES: 'canary-proxy',
      FAILED_TOKENS_BURST: '-canary',
      FAILED_TOKENS_PER_SECOND: 'canary',
      HOST: 'http://canary',
      PORT: '65536canary',
      REDIS_URL: 'http://canary',
      CACHE_SECRET: 'canary-too-short',
      CACHE_MAX_TOKENS: 'canary',
      VERIFICATION_FRESH_SECONDS: 'canary',
      VERIFICATION_MAX_STALE_SECONDS: 'canary',
      CORS_ORIGINS: '*canary',
      GRAPHIQL: 'canary',
      INTROSPECTION: 'canary',
      METRICS_PORT: 'canary',
      LOG_LEVEL: 'canary',
      KEEP_ALIVE_SECONDS: 'canary',
      SHUTDOWN_DELAY_SECONDS: 'canary',
      SHUTDOWN_GRACE_SECONDS: 'canary',
      LINE_CHANNEL_SECRET_FILE: '/nowhere/canary',
    }
    const program = run(wrong, folder)
    expect(await program.ended).toBe(1)
    for (const name of Object.keys(wrong)) expect(program.err()).toMatch(new RegExp(`^ +${name}(\\[\\d\\])?: `, 'm'))
    expect(program.err() + program.out()).not.toContain('canary')
    expect(program.err()).not.toMatch(/^ +at /m)
  })

  it('.env: is read, but the environment wins', async () => {
    const lines = Object.entries({ ...settings(), LOG_LEVEL: 'nonsense' }).map(([name, value]) => `${name}=${value}`)
    await writeFile(join(folder, '.env'), lines.join('\n'))
    const program = run({ LOG_LEVEL: 'info' }, folder)
    expect(await program.printed(listening)).toMatch(/^http:/)
  })

  it('NAME_FILE: is read; REDIS_URL gives a warning without its value', async () => {
    const file = join(folder, 'secret')
    await writeFile(file, `${web.secret}\n`)
    const shared = { REDIS_URL: 'redis://canary.example', CACHE_SECRET: 'canary'.repeat(6) }
    const program = run({ ...settings(), ...shared, LINE_CHANNEL_SECRET: '', LINE_CHANNEL_SECRET_FILE: file }, folder)
    await program.printed(listening)
    expect(program.out()).toMatch(/"level":40.*REDIS_URL/)
    expect(program.out()).not.toContain('canary')
  })
})

describe('the port', () => {
  it('a port in use: exit code 1, and the setting is named', async () => {
    const program = run({ ...settings(), PORT: new URL(emulator.url).port }, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('PORT or METRICS_PORT: another process uses this port\n')
  })

  it('METRICS_PORT: /metrics is there and not on PORT', async () => {
    const program = run({ ...settings(), METRICS_PORT: '0' }, folder)
    const url = await program.printed(listening)
    const metricsUrl = await program.printed(/"metricsUrl":"(http:[^"]+)"/)
    await ask(url, emulator.issueTokens().accessToken)
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text()
    expect(metrics).toContain('gateway_operations_total{kind="query",code="OK"} 1')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })

  it('HOST on another machine: exit code 1, and the setting is named', async () => {
    const program = run({ ...settings(), HOST: '192.0.2.77' }, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('HOST: is not an address of this machine\n')
  })
})

describe('production', () => {
  it('no GraphiQL, no introspection, log lines in JSON; SIGINT: exit code 0', async () => {
    const program = run(settings(), folder)
    const url = await program.printed(listening)
    expect((await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } })).status).toBe(406)
    const answer = await (await ask(url, 'x', '{ __schema { __typename } }')).text()
    expect(answer).toContain('"code":"GRAPHQL_VALIDATION_FAILED"')
    expect(answer).not.toContain('"data"')
    program.kill('SIGINT')
    expect(await program.ended).toBe(0)
    for (const line of program.out().trim().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })
})

describe('signals', () => {
  it('SIGTERM: 50 requests in flight are answered, a new one is refused, exit code 0', async () => {
    const program = run(
      { ...settings(), LINE_MAX_CONCURRENCY: '128', FAILED_TOKENS_BURST: '1000', SHUTDOWN_GRACE_SECONDS: '3600' },
      folder,
    )
    const url = await program.printed(listening)
    const tokens = Array.from({ length: 50 }, () => emulator.issueTokens().accessToken)
    emulator.faults.set('verifyAccessToken', { latencyMs: 1_200 })
    const sent = tokens.map((token) => ask(url, token))
    await expect.poll(() => emulator.calls.of('verifyAccessToken'), { timeout: 30_000 }).toBe(50)
    program.kill('SIGTERM')
    await program.printed(/("draining")/)
    const late = await request(`${url}/graphql?query={__typename}`).then(
      async ({ statusCode, body }) => {
        await body.dump()
        return statusCode
      },
      () => 'refused',
    )
    expect([503, 'refused']).toContain(late)

    const answers = await Promise.all(sent.map(async (answer) => (await answer).json()))
    expect(answers).toEqual(Array(50).fill({ data: { viewer: { displayName: 'Sakura Tanaka' } } }))
    expect(await program.ended).toBe(0)
    expect(program.out()).toMatch(/"closed"/)
    expect(program.err()).toBe('')
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  it('a second signal: exit code 1 at once, with an hour of grace left', async () => {
    const program = run({ ...settings(), SHUTDOWN_GRACE_SECONDS: '3600' }, folder)
    const url = await program.printed(listening)
    emulator.faults.set('*', { hang: true })
    const cut = expect(ask(url, emulator.issueTokens().accessToken)).rejects.toThrow()
    await expect.poll(() => emulator.calls.total(), { timeout: 30_000 }).toBeGreaterThan(0)
    program.kill('SIGTERM')
    await program.printed(/("draining")/)
    program.kill('SIGINT')
    expect(await program.ended).toBe(1)
    await cut
  })
})
