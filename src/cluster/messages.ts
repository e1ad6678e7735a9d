import type { Worker } from 'node:cluster'
import type { Numbers } from '../telemetry/worker-numbers.ts'

/**
 * `connection`: with a socket. `drain`: end as on SIGTERM. `last`: no connection comes any more. `numbers`: send your
 * metrics. `keyFile`: the last good text of SIGNING_KEYS_FILE.
 */
export type ToWorker = 'connection' | 'drain' | 'last' | 'numbers' | { readonly keyFile: string | undefined }

/** `ready`: give me connections. `full`: give me no more, and say `last` then. `key file`: send me its last good text. */
export type FromWorker = 'ready' | 'full' | 'key file' | { readonly numbers: Numbers }

/** A message to a worker that has ended is dropped. */
export function tellWorker(worker: Worker, message: ToWorker): void {
  worker.send(message, () => {})
}

/** Resolves when the message is sent, or cannot be sent because the primary is gone. */
export function tellPrimary(message: FromWorker): Promise<void> {
  return new Promise((resolve) => process.send?.(message, undefined, undefined, () => resolve()))
}
