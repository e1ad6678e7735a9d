import { rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { startTroubles, type Trouble } from '../harness/alert-causes.ts'
import { monitoring, readRules } from '../harness/alert-rules.ts'
import { web } from '../harness/channels.ts'
import { freePort } from '../harness/free-port.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { declaredFamilies, familiesIn } from '../harness/known-series.ts'
import { type Program, startProgram } from '../harness/programs.ts'
import { describeWithPrometheus, type Prometheus, startPrometheus } from '../harness/prometheus.ts'
import { describeWithRedis, type RedisServer, startRedis } from '../harness/redis.ts'
import { childrenOf } from '../harness/workers.ts'

/** What takes days: promtool tests it. */
const notCaused = ['GatewayMemoryGrowth']
/** Needs the event loop of this process while Prometheus reads it. */
const busy = ['GatewayEventLoopLag']
/** The gateways that run when the test ends have to go for it. */
const last = ['GatewayAbsent']
const { alerts } = readRules()
const named = (names: readonly string[]) => alerts.filter(({ name }) => names.includes(name))

/**
 * A real Prometheus reads real gateways. Before the trouble the expression of each alert is empty; afterwards it is not. The
 * times in `for` are left out.
 */
describeWithPrometheus('the alerts, caused for real', () => {
  describeWithRedis('on gateways with faults', () => {
    let troubles: readonly Trouble[]
    let workers: Awaited<ReturnType<typeof startWorkers>>
    let restarted: Awaited<ReturnType<typeof startRestarted>>
    let prometheus: Prometheus
    afterAll(async () => {
      await prometheus?.close()
      await Promise.all([...(troubles ?? []), workers, restarted].map((one) => one?.close()))
    })

    it('Prometheus reads all gateways', async () => {
      ;[troubles, workers, restarted] = await Promise.all([startTroubles(), startWorkers(), startRestarted()])
      const targets = troubles.map(({ metricsUrl }) => new URL(metricsUrl).host)
      const others = { '1s': [restarted.target], '3s': [workers.target] }
      prometheus = await startPrometheus(join(monitoring, 'alerts.yaml'), { '2s': targets, ...others })
      await expect.poll(() => countOf('up == 1'), { timeout: 30_000 }).toBe(targets.length + 2)
    })

    it('every alert is caused here or named as one that is not', () => {
      const caused = [...troubles.flatMap((one) => one.alerts), ...workers.alerts, ...restarted.alerts]
      const names = alerts.map(({ name }) => name)
      expect([...caused, ...notCaused, ...busy, ...last].sort()).toEqual(names.toSorted())
    })

    it('a gateway with all settings: exactly the metrics of the table', async () => {
      const text = await (await fetch(`http://${workers.target}/metrics`)).text()
      expect(familiesIn(text)).toEqual(declaredFamilies(['REDIS_URL', 'WORKERS', 'SIGNING_KEYS_FILE']))
    })

    it('no alert on idle gateways: with and without Redis, keys and workers', async () => {
      await sleep(5_000)
      // On a busy machine a worker, Redis or a target can be late for a moment, and turns of the event loop at any time.
      const idle = alerts.filter(({ name }) => !busy.includes(name))
      for (const { name, expression } of idle)
        await expect
          .poll(() => prometheus.query(expression), { timeout: 60_000, interval: 250, message: name })
          .toEqual([])
    })

    it('the trouble begins', async () => {
      const starts = `changes(process_start_time_seconds{instance="${restarted.target}"}[1h])`
      await Promise.all([
        ...[...troubles, workers].map(({ cause }) => cause()),
        restarted.cause(() => countOf(starts, true)),
      ])
    })

    it.each(alerts.filter(({ name }) => ![...notCaused, ...busy, ...last].includes(name)))('$name', ({ expression }) =>
      expectFires(expression),
    )

    it('GatewayEventLoopLag: the gateways of this process get their turns late', async () => {
      const blocks = setInterval(block, 250)
      // The usual turns of the last minutes are left out.
      for (const { expression } of named(busy)) await expectFires(expression.replaceAll('[5m]', '[5s]'))
      clearInterval(blocks)
    })

    it('GatewayAbsent: all are gone', async () => {
      await Promise.all([...troubles, workers].map((one) => one.close()))
      for (const { expression } of named(last)) await expectFires(expression)
    })

    async function expectFires(expression: string): Promise<void> {
      await expect.poll(() => countOf(expression), { timeout: 60_000, interval: 250 }).toBeGreaterThan(0)
    }

    /** How many series an expression has, or the value of its first one. */
    async function countOf(expression: string, asValue = false): Promise<number> {
      const samples = await prometheus.query(expression)
      return asValue ? (samples[0]?.value ?? 0) : samples.length
    }
  })
})

/** Nothing else runs for a fifth of a second. */
function block(): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
}

/** Two workers: one is killed, and the other one is stopped. */
async function startWorkers() {
  const [emulator, redis] = await Promise.all([startEmulator({ channels: [web] }), startRedis()])
  const keyFile = writeKeyFile()
  const signing = { SIGNING_KEYS_FILE: keyFile.path, PUBLIC_URL: 'http://127.0.0.1:4000' }
  const sharing = { REDIS_URL: redis.url, CACHE_SECRET: 'a secret of thirty-two characters' }
  const settings = { ...signing, ...sharing, WORKERS: '2' }
  const { program, target } = await startGatewayProgram(emulator, settings)
  const alerts = ['GatewayWorkersEnd', 'GatewayWorkerSilent']
  return { alerts, target, cause, close }

  async function close(): Promise<void> {
    await closeAll(program, emulator, redis)
    rmSync(dirname(keyFile.path), { recursive: true, force: true })
  }

  async function cause(): Promise<void> {
    const [killed = 0, stopped = 0] = childrenOf(program)
    process.kill(killed, 'SIGKILL')
    process.kill(stopped, 'SIGSTOP')
  }
}

/** A gateway that starts again three times, and then no more. */
async function startRestarted() {
  const emulator = await startEmulator({ channels: [web] })
  const port = await freePort()
  let { program, target } = await startGatewayProgram(emulator, {}, port)
  const alerts = ['GatewayRestartLoop', 'GatewayTargetDown']
  return { alerts, target, cause, close: () => closeAll(program, emulator) }

  /** `seen`: how many new starts Prometheus has seen. */
  async function cause(seen: () => Promise<number>): Promise<void> {
    for (let starts = 1; starts <= 3; starts += 1) {
      await end(program)
      // The metric has whole seconds: two starts within one would look like one.
      await sleep(1_000)
      ;({ program, target } = await startGatewayProgram(emulator, {}, port))
      await expect.poll(seen, { timeout: 30_000, interval: 100 }).toBe(starts)
    }
    await end(program)
  }
}

async function startGatewayProgram(emulator: Emulator, settings: NodeJS.ProcessEnv, metricsPort = 0) {
  const program = startProgram(process.execPath, ['src/main.ts'], {
    LINE_CHANNEL_ID: web.id,
    LINE_CHANNEL_SECRET: web.secret,
    LINE_API_URL: emulator.url,
    LINE_ACCESS_URL: emulator.url,
    HOST: '127.0.0.1',
    PORT: '0',
    METRICS_PORT: `${metricsPort}`,
    ...settings,
  })
  await program.printed(/"listening"/)
  const metricsUrl = /"metricsUrl":"(http:[^"]+)"/.exec(program.out())?.[1] ?? ''
  return { program, target: new URL(metricsUrl).host }
}

async function closeAll(program: Program, emulator: Emulator, redis?: RedisServer): Promise<void> {
  await end(program)
  await emulator.close()
  await redis?.close()
}

async function end(program: Program): Promise<void> {
  program.kill('SIGKILL')
  await program.ended
}
