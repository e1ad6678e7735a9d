import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Pool } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { freePort } from '../harness/free-port.ts'
import { openPipe, type Pipe } from '../harness/full-pipe.ts'
import { expectKnownLines } from '../harness/log-lines.ts'
import { print } from '../harness/print.ts'
import { type Program, project, usePrograms } from '../harness/programs.ts'
import { web } from '../harness/running-gateway.ts'

/** The log of the gateway, of `npm run dev` and of the emulator, with a reader that goes away or reads nothing. */
const programs = usePrograms()
let emulator: Emulator
let folder: string
let pipe: Pipe
beforeEach(async () => {
  emulator = await startEmulator({ channels: [web] })
  folder = mkdtempSync(join(tmpdir(), 'gateway-'))
  pipe = openPipe(folder)
})
afterEach(async () => {
  pipe.close()
  await emulator.close()
  rmSync(folder, { recursive: true })
})

const graceSeconds = 20

async function startGateway() {
  const port = await freePort()
  const settings = {
    LINE_CHANNEL_ID: web.id,
    LINE_CHANNEL_SECRET: web.secret,
    LINE_API_URL: emulator.url,
    LINE_ACCESS_URL: emulator.url,
    LINE_TIMEOUT_MS: '60000',
    HOST: '127.0.0.1',
    PORT: String(port),
    METRICS_PORT: String(await freePort()),
    LOG_LEVEL: 'trace',
    SHUTDOWN_DELAY_SECONDS: '0',
    SHUTDOWN_GRACE_SECONDS: String(graceSeconds),
  }
  const main = join(project, 'src/main.ts')
  const program = programs.start(process.execPath, [main], settings, folder, pipe.input)
  const url = `http://127.0.0.1:${port}`
  await expectStatus(`${url}/ready`, 200, program)
  return { program, url, metricsUrl: `http://127.0.0.1:${settings.METRICS_PORT}/metrics` }
}

async function expectStatus(url: string, status: number, program: Program): Promise<void> {
  const seen = () =>
    fetch(url).then(
      (answer) => answer.status,
      () => program.err(),
    )
  await expect.poll(seen, { timeout: 60_000 }).toBe(status)
}

function ask(pool: Pool, token: string): Promise<string> {
  const headers = { 'content-type': 'application/json', authorization: `Bearer ${token}` }
  const body = '{"query":"{ viewer { displayName } }"}'
  return pool.request({ path: '/graphql', method: 'POST', headers, body }).then((answer) => answer.body.text())
}

describe.each([
  ['stalls', () => pipe.fill()],
  ['is gone', () => pipe.loseReader()],
] as const)('a reader that %s', (what, happen) => {
  test('SIGTERM: exit code 0 within the grace, 10 of 10 (G43, A5)', async () => {
    const took: number[] = []
    for (let n = 0; n < 10; n += 1) {
      const { program, url } = await startGateway()
      happen()
      const pool = new Pool(url, { connections: 4 })
      const { accessToken } = emulator.issueTokens()
      for (let m = 0; m < 20; m += 1) expect(await ask(pool, accessToken)).toContain('Sakura')
      await pool.destroy()
      const start = performance.now()
      program.kill('SIGTERM')
      expect(await program.ended).toBe(0)
      expect(program.err()).toBe('')
      took.push(performance.now() - start)
    }
    expect(took.filter((ms) => ms < graceSeconds * 1_000)).toHaveLength(10)
    print(`G43: a log reader that ${what}: exit code 0 10 of 10, slowest ${Math.round(Math.max(...took))} ms`)
  })

  test('20,000 requests with LOG_LEVEL=trace: answered, lines are dropped and counted, memory is bounded (A5)', async () => {
    const { program, url, metricsUrl } = await startGateway()
    const pool = new Pool(url, { connections: 32 })
    const { accessToken } = emulator.issueTokens()
    await askMany(pool, accessToken, 5_000)
    const before = memoryOf(program)
    happen()
    const slowestHealthMs = await askMany(pool, accessToken, 20_000)
    const grownMb = memoryOf(program) - before
    const dropped = Number(/^gateway_log_lines_dropped_total (\d+)/m.exec(await (await fetch(metricsUrl)).text())?.[1])
    print(
      `a log reader that ${what}: ${dropped} lines dropped, memory grew by ${grownMb.toFixed(0)} MB, ` +
        `/health took ${Math.round(slowestHealthMs)} ms at most`,
    )
    // The lines are about 3 MB. A leak of their objects and errors would be far more than the noise of the collector.
    expect(grownMb).toBeLessThan(100)
    expect(dropped).toBeGreaterThan(5_000)
    await pool.destroy()
    if (what === 'stalls') await expectReport(dropped)
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  })
})

/** When the reader reads again, it gets one line with the number of dropped lines. */
async function expectReport(dropped: number): Promise<void> {
  let text = ''
  const report = /"level":40,[^\n]*"lines":(\d+),"msg":"log lines were dropped/
  const read = () => {
    text += pipe.read()
    return text
  }
  await expect.poll(read, { timeout: 30_000 }).toMatch(report)
  expect(Number(report.exec(text)?.[1])).toBe(dropped)
  expectKnownLines(`${text.split('\n').find((line) => report.test(line))}`, 'linesDropped')
}

test.each([
  ['npm run dev', 'src/dev/main.ts'],
  ['npm run emulator', 'src/emulator/main.ts'],
])('%s with a reader that is gone: goes on; SIGINT: exit code 0 (A5)', async (_, main) => {
  const [port, emulatorPort] = [await freePort(), await freePort()]
  const settings = { PORT: String(port), EMULATOR_PORT: String(emulatorPort), LOG_LEVEL: 'trace' }
  pipe.loseReader()
  const program = programs.start(process.execPath, [main], settings, project, pipe.input)
  const [url, status] = main.includes('dev')
    ? [`http://127.0.0.1:${port}/health`, 200]
    : [`http://127.0.0.1:${emulatorPort}/v2/profile`, 401]
  await expectStatus(url, status, program)
  await expectStatus(url, status, program)
  program.kill('SIGINT')
  expect(await program.ended).toBe(0)
  expect(program.err()).toBe('')
})

/** Sends this many requests, 32 at a time. Returns the slowest answer of /health meanwhile, in ms. */
async function askMany(pool: Pool, token: string, count: number): Promise<number> {
  let [sent, slowestMs, done] = [0, 0, false]
  const clients = Array.from({ length: 32 }, async () => {
    while (sent < count) {
      sent += 1
      expect(await ask(pool, token)).toContain('Sakura')
    }
  })
  const watch = async () => {
    while (!done) {
      const start = performance.now()
      const answer = await pool.request({ path: '/health', method: 'GET' })
      expect([answer.statusCode, await answer.body.text()]).toEqual([200, 'ok\n'])
      slowestMs = Math.max(slowestMs, performance.now() - start)
      await sleep(20)
    }
  }
  const watching = watch()
  await Promise.all(clients)
  done = true
  await watching
  return slowestMs
}

/** Resident memory in MB. Linux only. */
function memoryOf({ process: { pid } }: Program): number {
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024
}
