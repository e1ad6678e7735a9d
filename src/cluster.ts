import cluster, { type Worker } from 'node:cluster'
import type { Config } from './config.ts'
import { createGateway, type Gateway } from './gateway.ts'
import { startMetricsServer } from './server.ts'
import { endOnSignal } from './signals.ts'
import type { Telemetry } from './telemetry/telemetry.ts'
import { createWorkerNumbers, type Numbers } from './telemetry/worker-numbers.ts'

/** True in a process that `startWorkers` has started. It runs the same program as the primary process. */
export const { isWorker } = cluster

type ToWorker = 'drain' | 'numbers'
type FromWorker = { readonly listening: string } | { readonly numbers: Numbers }

/** The first start of the workers failed. The first worker has printed the reason. */
export class WorkersError extends Error {}

/** A worker that lived this long has not failed at its start. */
const steadyMs = 10_000
const longestPauseMs = 10_000
/** A worker that does not give its numbers in this time is left out: its last ones are used. */
const numbersMs = 1_000
/** The numbers are also read without a reader, so that a worker that is killed takes few counts with it. */
const readEveryMs = 5_000

/**
 * Starts `config.workers` processes that share the port, and replaces those that end. One of them starts before the others:
 * if it cannot listen, none can. `close` drains all of them. METRICS_PORT is served here, for all workers together.
 */
export async function startWorkers(config: Config, telemetry: Telemetry): Promise<Gateway> {
  // JSON has no NaN and no Infinity.
  cluster.setupPrimary({ serialization: 'advanced' })
  const running = new Set<Worker>()
  const pauses = new Set<NodeJS.Timeout>()
  const numbers = createNumbersReader(telemetry)
  let [serves, closing] = [false, false]
  let allEnded = (): void => {}
  telemetry.gauge('gateway_workers', 'Worker processes', () => running.size)
  process.on('exit', () => {
    for (const worker of running) worker.process.kill('SIGKILL')
  })

  const metrics = await startMetricsServer(config, { ...telemetry, metrics: numbers.write })
  const url = await start()
  if (url === undefined) throw new WorkersError()
  serves = true
  await Promise.all(Array.from({ length: config.workers - 1 }, () => start()))
  const reads = setInterval(numbers.read, readEveryMs).unref()
  if (metrics === undefined) clearInterval(reads)
  return { url, metricsUrl: metrics?.url, close }

  /** Resolves when the worker listens, with its address, or when it has ended. `failures`: of its predecessors in a row. */
  function start(failures = 0): Promise<string | undefined> {
    const startedAt = performance.now()
    return new Promise((resolve) => {
      const worker = forkWorker(
        (message) => {
          if ('numbers' in message) return numbers.keep(worker, message.numbers)
          numbers.add(worker)
          if (closing) send(worker, 'drain')
          resolve(message.listening)
        },
        (how) => {
          running.delete(worker)
          numbers.remove(worker)
          resolve(undefined)
          if (closing && running.size === 0) allEnded()
          else if (serves && !closing) replace(worker, how, performance.now() - startedAt < steadyMs ? failures + 1 : 0)
        },
      )
      running.add(worker)
    })
  }

  /** A worker that ends soon after its start again and again is started ever more rarely. */
  function replace({ process: { pid } }: Worker, how: string, failures: number): void {
    const pauseMs = failures === 0 ? 0 : Math.min(100 * 2 ** (failures - 1), longestPauseMs)
    telemetry.workerEnded(how)
    telemetry.log.error({ pid, how, failures, pauseMs }, 'a worker ended: another one starts after the pause')
    const pause = setTimeout(() => {
      pauses.delete(pause)
      void start(failures)
    }, pauseMs)
    pauses.add(pause)
  }

  async function close(): Promise<void> {
    closing = true
    clearInterval(reads)
    for (const pause of pauses) clearTimeout(pause)
    for (const worker of running) send(worker, 'drain')
    await new Promise<void>((resolve) => {
      allEnded = resolve
      if (running.size === 0) resolve()
    })
    await metrics?.close()
    telemetry.flush()
  }
}

/**
 * The gateway of one worker. It ends as the single process does, and when the primary asks for it. When the primary is
 * gone, it drains as well.
 */
export async function serveAsWorker(config: Config, telemetry: Telemetry): Promise<void> {
  // Otherwise Node ends a worker at once when the primary is gone.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  const gateway = await createGateway({ ...config, metricsPort: undefined }, { telemetry })
  const end = endOnSignal(async () => {
    await gateway.close()
    await tellNumbers()
  }, config.shutdownDelayMs + config.shutdownGraceMs)
  process.on('disconnect', end)
  process.on('message', (message: ToWorker) => {
    if (message === 'drain') end()
    else tellNumbers().catch((error) => telemetry.unexpected(error, 'numbers'))
  })
  await tellPrimary({ listening: gateway.url })
  if (!process.connected) end()

  async function tellNumbers(): Promise<void> {
    await tellPrimary({ numbers: await telemetry.numbers() })
  }
}

/** Resolves when the message is sent, or cannot be sent because the primary is gone. */
function tellPrimary(message: FromWorker): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
}

function send(worker: Worker, message: ToWorker): void {
  worker.send(message, () => {})
}

/** `ended` is called once, also when the process could not be made. */
function forkWorker(told: (message: FromWorker) => void, ended: (how: string) => void): Worker {
  const worker = cluster.fork()
  worker.on('message', told)
  worker.once('exit', (code, signal) => ended(signal ?? `exit ${code}`))
  worker.on('error', () => {
    if (worker.process.pid === undefined) ended('not started')
  })
  return worker
}

/** Asks all workers for their numbers and adds them up. */
function createNumbersReader(telemetry: Telemetry) {
  const all = createWorkerNumbers()
  const workers = new Set<Worker>()
  const silent = new Set<Worker>()
  let reading: Promise<void> | undefined
  let allTold = (): void => {}
  telemetry.gauge(
    'gateway_workers_silent',
    'Workers whose metrics are old, because they do not answer',
    () => silent.size,
  )

  return { add: (worker: Worker) => workers.add(worker), keep, remove, read, write }

  function keep(worker: Worker, numbers: Numbers): void {
    all.keep(worker.id, numbers)
    hasTold(worker)
  }

  function remove(worker: Worker): void {
    workers.delete(worker)
    all.ended(worker.id)
    hasTold(worker)
  }

  function hasTold(worker: Worker): void {
    silent.delete(worker)
    if (silent.size === 0) allTold()
  }

  /** Several readers at once share one round of questions. */
  function read(): Promise<void> {
    reading ??= ask().finally(() => {
      reading = undefined
    })
    return reading
  }

  /** A worker that is silent has a question already. */
  async function ask(): Promise<void> {
    for (const worker of workers) if (!silent.has(worker)) send(worker, 'numbers')
    for (const worker of workers) silent.add(worker)
    if (silent.size === 0) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, numbersMs)
      allTold = () => {
        clearTimeout(late)
        resolve()
      }
    })
  }

  async function write() {
    await read()
    return all.write(await telemetry.numbers())
  }
}
