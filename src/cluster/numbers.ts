import type { Worker } from 'node:cluster'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { createWorkerNumbers, type Numbers } from '../telemetry/worker-numbers.ts'
import { tellWorker } from './messages.ts'

/** A worker that does not give its numbers in this time is left out: its last ones are used. */
const answerMs = 1_000

/** Asks all workers for their numbers and adds them up. */
export function createNumbersReader(telemetry: Telemetry) {
  const all = createWorkerNumbers()
  const workers = new Set<Worker>()
  const silent = new Set<Worker>()
  let reading: Promise<void> | undefined
  let allTold = (): void => {}
  telemetry.gauge('gateway_workers_silent', () => silent.size)

  return { join, keep, lose, read, write }

  function join(worker: Worker): void {
    workers.add(worker)
  }

  function keep(worker: Worker, numbers: Numbers): void {
    all.keep(worker.id, numbers)
    hasTold(worker)
  }

  function lose(worker: Worker): void {
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
    for (const worker of workers) if (!silent.has(worker)) tellWorker(worker, 'numbers')
    for (const worker of workers) silent.add(worker)
    if (silent.size === 0) return
    await new Promise<void>((resolve) => {
      const late = setTimeout(resolve, answerMs)
      allTold = () => {
        clearTimeout(late)
        resolve()
      }
    })
  }

  /** All metrics in the Prometheus text format. */
  async function write() {
    await read()
    return all.write(await telemetry.numbers())
  }
}
