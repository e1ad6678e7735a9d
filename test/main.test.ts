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
  HOST: '127.0.0.1',
  PORT: '0',
})
const listening = /"url":"(http:[^"]+)".*"listening"/

function ask(url: string, token: string, query = '{ viewer { displayName } }') {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  return fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
}

describe('settings', () => {
  it('that are missing are named, and that is the end', async () => {
    const program = run({}, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toContain('LINE_CHANNEL_ID: is missing')
    expect(program.err()).toContain('LINE_CHANNEL_SECRET: is missing')
    expect(program.out()).toBe('')
  })

  it('that are wrong are named all at once, and none is printed', async () => {
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
      SHUTDOWN_GRACE_SECONDS: 'canary',
      LINE_CHANNEL_SECRET_FILE: '/nowhere/canary',
    }
    const startedAt = performance.now()
    const program = run(wrong, folder)
    expect(await program.ended).toBe(1)
    expect(performance.now() - startedAt).toBeLessThan(15_000)
    for (const name of Object.keys(wrong)) expect(program.err()).toMatch(new RegExp(`^ +${name}(\\[\\d\\])?: `, 'm'))
    expect(program.err() + program.out()).not.toContain('canary')
    expect(program.err()).not.toMatch(/^ +at /m)
  })

  it('may stand in .env, and those of the environment come first', async () => {
    const lines = Object.entries({ ...settings(), LOG_LEVEL: 'nonsense' }).map(([name, value]) => `${name}=${value}`)
    await writeFile(join(folder, '.env'), lines.join('\n'))
    const program = run({ LOG_LEVEL: 'info' }, folder)
    expect(await program.printed(listening)).toMatch(/^http:/)
  })

  it('may be files, and what is accepted but of no use is warned of', async () => {
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
  it('that is in use is named', async () => {
    const program = run({ ...settings(), PORT: new URL(emulator.url).port }, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('PORT or METRICS_PORT: is in use by another process\n')
  })

  it('of the metrics is one of its own', async () => {
    const program = run({ ...settings(), METRICS_PORT: '0' }, folder)
    const url = await program.printed(listening)
    const metricsUrl = await program.printed(/"metricsUrl":"(http:[^"]+)"/)
    await ask(url, emulator.issueTokens().accessToken)
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text()
    expect(metrics).toContain('gateway_operations_total{kind="query",code="OK"} 1')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })

  it('on an address of another machine is refused by name', async () => {
    const program = run({ ...settings(), HOST: '192.0.2.77' }, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('HOST: is no address of this machine\n')
  })
})

describe('production', () => {
  it('shows no GraphiQL, answers no introspection, logs JSON, and ends well on SIGINT', async () => {
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

describe('a signal', () => {
  it('SIGTERM: fifty in flight are answered, whoever comes is refused, and the process ends well', async () => {
    const program = run(
      { ...settings(), LINE_MAX_CONCURRENCY: '128', LINE_TIMEOUT_MS: '20000', FAILED_TOKENS_BURST: '1000' },
      folder,
    )
    const url = await program.printed(listening)
    const tokens = Array.from({ length: 50 }, () => emulator.issueTokens().accessToken)
    emulator.faults.set('verifyAccessToken', { latencyMs: 1_200 })
    const asked = tokens.map((token) => ask(url, token))
    await expect.poll(() => emulator.calls.of('verifyAccessToken'), { timeout: 10_000 }).toBe(50)
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

    const answers = await Promise.all(asked.map(async (answer) => (await answer).json()))
    expect(answers).toEqual(Array(50).fill({ data: { viewer: { displayName: 'Sakura Tanaka' } } }))
    expect(await program.ended).toBe(0)
    expect(program.out()).toMatch(/"closed"/)
    expect(program.err()).toBe('')
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  })

  it('the second does not wait', async () => {
    const program = run({ ...settings(), LINE_TIMEOUT_MS: '60000' }, folder)
    const url = await program.printed(listening)
    emulator.faults.set('*', { hang: true })
    const cut = expect(ask(url, emulator.issueTokens().accessToken)).rejects.toThrow()
    await expect.poll(() => emulator.calls.total(), { timeout: 10_000 }).toBeGreaterThan(0)
    program.kill('SIGTERM')
    await program.printed(/("draining")/)
    program.kill('SIGINT')
    expect(await program.ended).toBe(1)
    await cut
  })
})
