import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request } from 'undici'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../src/emulator/emulator.ts'
import { freePort } from './harness/free-port.ts'
import { openPipe, type Pipe } from './harness/full-pipe.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { type Program, project, usePrograms } from './harness/programs.ts'
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
  SHUTDOWN_DELAY_SECONDS: '0',
})
const canary = `CaNaRy-${'0123456789'.repeat(4)}`
const sakura = { data: { viewer: { displayName: 'Sakura Tanaka' } } }
const listening = /"url":"(http:[^"]+)".*"listening"/

function ask(url: string, token: string, query = '{ viewer { displayName } }') {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  return fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) })
}

describe('settings', () => {
  it('missing and wrong settings: all are named, no value is printed, and the process exits with 1', async () => {
    const wrong = {
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
      HTTPS_PROXY: 'socks5://canary',
      http_proxy: 'canary:3128',
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
      SIGNING_KEYS_FILE: '/nowhere/canary',
      LINE_CHANNEL_SECRET_FILE: '/nowhere/canary',
    }
    const program = run(wrong, folder)
    expect(await program.ended).toBe(1)
    for (const name of Object.keys(wrong)) expect(program.err()).toMatch(new RegExp(`^ +${name}(\\[\\d\\])?: `, 'm'))
    expect(program.err()).toContain('LINE_CHANNEL_ID: is missing')
    expect(program.err()).not.toContain('canary')
    expect(program.err()).not.toMatch(/^ +at /m)
    expect(program.out()).toBe('')
  })
})

describe('the port', () => {
  it('a port in use: exit code 1, and the setting is named', async () => {
    const program = run({ ...settings(), PORT: new URL(emulator.url).port }, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('PORT or METRICS_PORT: another process uses this port\n')
  })

  it('HOST on another machine: exit code 1, and the setting is named', async () => {
    const program = run({ ...settings(), HOST: '192.0.2.77' }, folder)
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('HOST: is not an address of this machine\n')
  })
})

describe('production', () => {
  it('.env and NAME_FILE, but the environment wins; /metrics only on METRICS_PORT, no GraphiQL, no introspection', async () => {
    const file = join(folder, 'secret')
    await writeFile(file, `${web.secret}\n`)
    const shared = { REDIS_URL: 'redis://:canary@127.0.0.1:1', CACHE_SECRET: 'canary'.repeat(6) }
    const own = { ...settings(), ...shared, LINE_CHANNEL_SECRET: '', LINE_CHANNEL_SECRET_FILE: file }
    const given = Object.entries({ ...own, METRICS_PORT: '0', LOG_LEVEL: 'nonsense' })
    await writeFile(join(folder, '.env'), given.map(([name, value]) => `${name}=${value}`).join('\n'))
    // A reader of the log that is a program of its own, as in a terminal. Only the gateway hears of SIGINT.
    const script = `trap "" INT; ((trap - INT; exec node ${main}); echo "exit code $?" >&2) | cat`
    const sdk = {
      NODE_OPTIONS: `--disable-warning=ExperimentalWarning --import ${join(project, 'test/recipes/tracing.mjs')}`,
      TRACES_RATIO: '0',
    }
    const program = programs.start('sh', ['-c', script], { LOG_LEVEL: 'info', ...sdk }, folder)
    const url = await program.printed(listening)
    const metricsUrl = await program.printed(/"metricsUrl":"(http:[^"]+)"/)
    await ask(url, emulator.issueTokens().accessToken)
    const metrics = await (await fetch(`${metricsUrl}/metrics`)).text()
    expect(metrics).toContain('gateway_operations_total{operation="viewer",code="OK",outcome="ok"} 1')
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
    expect((await fetch(`${url}/graphql`, { headers: { accept: 'text/html' } })).status).toBe(406)
    const answer = await (await ask(url, 'x', '{ __schema { __typename } }')).text()
    expect(answer).toContain('"code":"GRAPHQL_VALIDATION_FAILED"')
    expect(answer).not.toContain('"data"')

    program.killGroup('SIGINT')
    await program.ended
    expect(program.err()).toBe('exit code 0\n')
    const lines = program.out().trim().split('\n')
    const messages = lines.map((line) => JSON.parse(line).msg)
    expectKnownLines(program.out(), 'listening', 'draining', 'closed')
    const { settings: changed, traces } = JSON.parse(`${lines.find((line) => line.includes('"listening"'))}`)
    expect(traces).toBe('on')
    expect(changed).toEqual(
      expect.arrayContaining(['CACHE_SECRET', 'LINE_CHANNEL_SECRET', 'METRICS_PORT', 'REDIS_URL']),
    )
    expect(changed).not.toContain('LOG_LEVEL')
    expect([messages[0], ...messages.slice(-2)]).toEqual(['listening', 'draining', 'closed'])
    expect(program.out()).not.toContain('canary')
  })
})

describe('an error that nobody caught', () => {
  /** Runs this code first. There, `bug()` is an error with a secret in all its members. */
  async function runWith(code: string) {
    const members = "{ command: { name: 'auth', args: [it] }, [it]: it }"
    const bug = `Object.assign(new AggregateError([new Error(it)], 'x ' + it, { cause: new Error(it) }), ${members})`
    await writeFile(join(folder, 'first.mjs'), `const it = process.env.CANARY; const bug = () => ${bug}\n${code}`)
    const own = { ...settings(), CANARY: canary }
    return programs.start(process.execPath, ['--import', join(folder, 'first.mjs'), main], own, folder)
  }

  it('one line of the log, without its secrets, and exit code 1 (D13)', async () => {
    const program = await runWith("process.on('SIGUSR2', () => [bug(), 'pass w0rd'].map((it) => Promise.reject(it)))")
    await program.printed(listening)
    program.kill('SIGUSR2')
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('')
    expectKnownLines(program.out(), 'uncaught')
    expect(program.out()).toContain('"where":"process","error":"AggregateError","message":"x [redacted]"')
    expect(program.out()).toContain('"message":"rejected with a value that is no Error"')
    expect(program.out()).not.toMatch(new RegExp(`${canary}|pass w0rd`))
  })

  it('at the start: its message, without its secrets, and exit code 1 (D13)', async () => {
    const program = await runWith("import { Server } from 'node:net'\nServer.prototype.listen = () => { throw bug() }")
    expect(await program.ended).toBe(1)
    expect(program.err()).toBe('The gateway could not start: x [redacted]\n')
    expect(program.out()).toBe('')
  })
})

describe('signals', () => {
  const oneHour = { SHUTDOWN_GRACE_SECONDS: '3600' }

  // Not through npm: on a busy machine it passes a signal on when that second is over.
  it('SIGTERM and SIGINT within a second: one signal; 50 requests in flight are answered, exit code 0 (B5)', async () => {
    const many = { LINE_MAX_CONCURRENCY: '128', FAILED_TOKENS_BURST: '1000' }
    const program = run({ ...settings(), ...oneHour, ...many }, folder)
    const url = await program.printed(listening)
    const tokens = Array.from({ length: 50 }, () => emulator.issueTokens().accessToken)
    emulator.faults.set('verifyAccessToken', { latencyMs: 1_200 })
    const sent = tokens.map((token) => ask(url, token))
    await expect.poll(() => emulator.calls.of('verifyAccessToken'), { timeout: 30_000 }).toBe(50)
    program.kill('SIGTERM')
    program.kill('SIGINT')
    const answers = await Promise.all(sent.map(async (answer) => (await answer).json()))
    expect(answers).toEqual(Array(50).fill(sakura))
    await expectEnd(program, url)
  })

  it('npm start, SIGTERM to npm: a request in flight is answered, exit code 0 (B5)', async () => {
    const program = programs.start('npm', ['start', '-s'], { ...settings(), ...oneHour })
    const url = await program.printed(listening)
    emulator.faults.set('verifyAccessToken', { latencyMs: 1_200 })
    const sent = ask(url, emulator.issueTokens().accessToken)
    await expect.poll(() => emulator.calls.of('verifyAccessToken'), { timeout: 30_000 }).toBe(1)
    program.kill('SIGTERM')
    expect(await (await sent).json()).toEqual(sakura)
    await expectEnd(program, url)
  })

  async function expectEnd(program: Program, url: string): Promise<void> {
    expect(await program.ended).toBe(0)
    expect(program.out()).toMatch(/"draining"[\s\S]*"closed"/)
    expect(program.err()).toBe('')
    await expect(fetch(`${url}/health`)).rejects.toThrow()
  }

  it('the delay: /ready says 503, all else is served as before; a later signal: exit code 1 at once (B5)', async () => {
    const program = run({ ...settings(), SHUTDOWN_DELAY_SECONDS: '3600' }, folder)
    const url = await program.printed(listening)
    program.kill('SIGTERM')
    await expect.poll(async () => (await fetch(`${url}/ready`)).status, { timeout: 30_000 }).toBe(503)
    for (let n = 0; n < 3; n += 1) {
      const { statusCode, headers, body } = await request(`${url}/graphql?query={__typename}`, { reset: n === 1 })
      expect([statusCode, headers.connection]).toEqual([200, n === 1 ? 'close' : 'keep-alive'])
      await body.dump()
    }
    const repeat = setInterval(() => program.kill('SIGINT'), 300)
    expect(await program.ended).toBe(1)
    clearInterval(repeat)
    expect(program.out()).not.toMatch(/"closed"/)
  })
})

describe('a reader of the log', () => {
  const pipes: Pipe[] = []
  afterEach(() => {
    for (const pipe of pipes.splice(0)) pipe.close()
  })

  /** The gateway with a named pipe as its standard output. Its address cannot be read from the log. */
  async function start(more: NodeJS.ProcessEnv = {}) {
    const pipe = openPipe(folder)
    pipes.push(pipe)
    const url = `http://127.0.0.1:${await freePort()}`
    pipe.fill()
    const own = { ...settings(), PORT: new URL(url).port, METRICS_PORT: '0', LOG_LEVEL: 'trace', ...more }
    const program = programs.start(process.execPath, [main], own, folder, pipe.input)
    await expect
      .poll(
        () =>
          fetch(`${url}/ready`).then(
            ({ status }) => status,
            () => program.err(),
          ),
        { timeout: 30_000 },
      )
      .toBe(200)
    return { url, program }
  }

  it('a full pipe that nobody reads: requests are answered, SIGTERM: exit code 0 (A5)', async () => {
    const { url, program } = await start({ SHUTDOWN_GRACE_SECONDS: '3600' })
    const { accessToken } = emulator.issueTokens()
    for (let n = 0; n < 50; n += 1) expect(await (await ask(url, accessToken)).json()).toEqual(sakura)
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
    expect(program.err()).toBe('')
  })
})
