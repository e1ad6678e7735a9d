import cluster, { type Worker } from 'node:cluster'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Config } from '../config.ts'
import { startMetricsServer } from '../endpoints/metrics.ts'
import type { Gateway } from '../gateway.ts'
import { listen, stopAccepting } from '../http/listener.ts'
import { watchKeyFile } from '../login/signing-key-file.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { createHandOver } from './hand-over.ts'
import { type FromWorker, tellWorker } from './messages.ts'
import { createNumbersReader } from './numbers.ts'
import { endWord, onEnd } from './worker-end.ts'

/** No worker became ready. They have printed the reason. */
export class WorkersError extends Error {}

/** A worker that lived this long has not failed at its start. */
const steadyMs = 10_000
const longestPauseMs = 10_000
/** The numbers are also read without a reader, so that a worker that is killed takes few counts with it. */
const readEveryMs = 5_000

/**
 * Starts `config.workers` processes, listens for them when they are ready, and replaces those that end. `close` drains all
 * of them. METRICS_PORT is served here, for all workers together.
 */
export async function startWorkers(config: Config, telemetry: Telemetry): Promise<Gateway> {
  // JSON has no NaN and no Infinity.
  cluster.setupPrimary({ serialization: 'advanced' })
  const running = new Set<Worker>()
  const pauses = new Set<NodeJS.Timeout>()
  const handOver = createHandOver()
  const numbers = createNumbersReader(telemetry)
  const keyFile = keepKeyFile(config, telemetry)
  const listener = createServer({ pauseOnConnect: true, noDelay: true }, handOver.give)
  let state: 'starting' | 'serving' | 'draining' = 'starting'
  const failedAtStart: (() => void)[] = []
  let stopped: Promise<void> | undefined
  let allEnded = (): void => {}
  telemetry.gauge('gateway_workers', () => running.size)
  process.on('exit', () => {
    for (const worker of running) worker.process.kill('SIGKILL')
  })

  const metrics = await startMetricsServer(config, { ...telemetry, metrics: numbers.write })
  const areReady = await Promise.all(Array.from({ length: config.workers }, () => start()))
  if (!areReady.includes(true)) throw new WorkersError()
  const url = await listen(listener, config.host, config.port)
  state = 'serving'
  for (const replaceFailed of failedAtStart) replaceFailed()
  const reads = setInterval(numbers.read, readEveryMs).unref()
  if (metrics === undefined) clearInterval(reads)
  return { url, metricsUrl: metrics?.url, close }

  /** Resolves with true when the worker is ready, with false when it has ended. `failures`: of those before it, in a row. */
  function start(failures = 0): Promise<boolean> {
    const startedAt = performance.now()
    return new Promise((resolve) => {
      let worker: Worker
      try {
        worker = fork(told, (how) => {
          lose(worker)
          ended(how, worker.process.pid)
        })
        running.add(worker)
      } catch (error) {
        // There may be too little memory, for example. The other workers go on.
        telemetry.unexpected(error, 'worker')
        ended('not started')
      }

      function ended(how: string, pid?: number): void {
        resolve(false)
        const again = () => replace(pid, how, performance.now() - startedAt < steadyMs ? failures + 1 : 0)
        if (state === 'serving') again()
        else failedAtStart.push(again)
      }

      function told(message: FromWorker): void {
        if (typeof message === 'object') numbers.keep(worker, message.numbers)
        else if (message === 'key file') tellWorker(worker, { keyFile: keyFile?.text() })
        else if (message === 'full') void leave(worker)
        else {
          join(worker)
          resolve(true)
        }
      }
    })
  }

  function join(worker: Worker): void {
    numbers.join(worker)
    handOver.join(worker)
    if (state === 'draining') tellWorker(worker, 'drain')
  }

  /** When all workers drain, they get what comes until the listener is closed. */
  async function leave(worker: Worker): Promise<void> {
    await stopped
    handOver.leave(worker)
    tellWorker(worker, 'last')
  }

  function lose(worker: Worker): void {
    running.delete(worker)
    handOver.lose(worker)
    numbers.lose(worker)
    if (running.size > 0) return
    if (state === 'draining') handOver.dropAll()
    allEnded()
  }

  /** A worker that ends soon after its start again and again is started ever more rarely. */
  function replace(pid: number | undefined, how: string, failures: number): void {
    const pauseMs = failures === 0 ? 0 : Math.min(100 * 2 ** (failures - 1), longestPauseMs)
    telemetry.count('gateway_workers_ended_total', endWord(how))
    telemetry.log('workerEnded', { pid, how, failures, pauseMs })
    const pause = setTimeout(() => {
      pauses.delete(pause)
      void start(failures)
    }, pauseMs)
    pauses.add(pause)
  }

  async function close(): Promise<void> {
    state = 'draining'
    clearInterval(reads)
    for (const pause of pauses) clearTimeout(pause)
    stopped = sleep(config.shutdownDelayMs)
      .then(() => stopAccepting(listener))
      .then(handOver.allGiven)
    for (const worker of running) tellWorker(worker, 'drain')
    await stopped
    await new Promise<void>((resolve) => {
      allEnded = resolve
      if (running.size === 0) resolve()
    })
    keyFile?.close()
    await metrics?.close()
    telemetry.flush()
  }
}

/** A worker that starts while the file is broken gets its last good text from here. The workers report what is wrong with it. */
function keepKeyFile({ signingKeysFile: path }: Config, telemetry: Telemetry) {
  if (path === undefined) return undefined
  const failed = (error: unknown) => telemetry.unexpected(error, 'key file')
  return watchKeyFile({ path, wall: Date.now, taken: () => {}, refused: () => {}, failed })
}

function fork(told: (message: FromWorker) => void, ended: (how: string) => void): Worker {
  const worker = cluster.fork()
  worker.on('message', told)
  onEnd(worker, ended)
  return worker
}
