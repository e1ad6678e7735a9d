import type { Worker } from 'node:cluster'
import { type WorkerEnd, workerEnds } from '../telemetry/metric-labels.ts'

type Watched = Pick<Worker, 'isConnected'> & {
  readonly process: { readonly pid?: number | undefined }
  on(event: 'error', listener: () => void): unknown
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown
  once(event: 'disconnect', listener: () => void): unknown
}

/**
 * `ended` is called once, also when the process could not be made. `how`: the signal, `exit` and the code, or `not started`.
 * The last numbers of a worker can come after the end of its process, but not after the end of its channel.
 */
export function onEnd(worker: Watched, ended: (how: string) => void): void {
  worker.once('exit', (code, signal) => {
    const how = signal ?? `exit ${code}`
    if (worker.isConnected()) worker.once('disconnect', () => ended(how))
    else ended(how)
  })
  worker.on('error', () => {
    if (worker.process.pid === undefined) ended('not started')
  })
}

/** The word for the metrics: there are more signals and codes than a label should have values. */
export function endWord(how: string): WorkerEnd {
  return workerEnds.find((known) => known === how) ?? 'other'
}
