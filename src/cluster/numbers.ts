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
  /** Those that have a question they did not answer yet. */
  const silent = new Set<Worker>()
  /** Those whose question is older than this round: what they answer can miss what was counted before it. */
  const askedBefore = new Set<Worker>()
  let round = Promise.resolve()
  let next: Promise<void> | undefined
  let allTold = (): void => {}
  /** At the end of a round: the next one can ask all workers before the readers of this one have their numbers. */
  let silentAtEnd = 0
  telemetry.gauge('gateway_workers_silent', () => silentAtEnd)

  return { join, keep, lose, read, write }

  function join(worker: Worker): void {
    workers.add(worker)
  }

  function keep(worker: Worker, numbers: Numbers): void {
    all.keep(worker.id, numbers)
    if (askedBefore.delete(worker)) tellWorker(worker, 'numbers')
    else hasTold(worker)
  }

  function lose(worker: Worker): void {
    workers.delete(worker)
    askedBefore.delete(worker)
    all.ended(worker.id)
    hasTold(worker)
  }

  function hasTold(worker: Worker): void {
    silent.delete(worker)
    if (silent.size === 0) allTold()
  }

  /** The questions are newer than the reader: those who come during a round share the next one. */
  function read(): Promise<void> {
    next ??= round.then(() => {
      next = undefined
      round = ask().catch((error) => telemetry.unexpected(error, 'numbers'))
      return round
    })
    return next
  }

  /** A worker has one question at a time. */
  async function ask(): Promise<void> {
    for (const worker of workers) {
      if (silent.has(worker)) askedBefore.add(worker)
      else tellWorker(worker, 'numbers')
      silent.add(worker)
    }
    if (silent.size > 0) await allAnswers()
    silentAtEnd = silent.size
  }

  function allAnswers(): Promise<void> {
    return new Promise((resolve) => {
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
