import cluster from 'node:cluster'
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import type { Config } from '../config.ts'
import { createGateway } from '../gateway.ts'
import type { Listener } from '../http/listener.ts'
import { endOnSignal } from '../signals.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { type ToWorker, tellPrimary } from './messages.ts'

/** True in a process that `startWorkers` has started. It runs the same program as the primary process. */
export const { isWorker } = cluster

/** The primary answers at once that no connection comes any more. */
const leastLastMs = 1_000
const againMs = 1_000

/**
 * The gateway of one worker. It ends as a single process does, and when the primary asks for it. When the primary is gone,
 * it drains as well.
 */
export async function serveAsWorker(config: Config, telemetry: Telemetry): Promise<void> {
  // Otherwise Node ends a worker at once when the primary is gone.
  if (cluster.worker) cluster.worker.exitedAfterDisconnect = true
  const listener = listenToPrimary(Math.max(leastLastMs, config.shutdownGraceMs))
  const signingKeysText = config.signingKeysFile && (await askForKeyFile())
  const gateway = await createGateway({ ...config, metricsPort: undefined }, { telemetry, listener, signingKeysText })
  const end = endOnSignal(async () => {
    await gateway.close()
    await tellNumbers()
  }, config.shutdownDelayMs + Math.max(leastLastMs, config.shutdownGraceMs))
  process.on('disconnect', end)
  process.on('message', (message: ToWorker) => {
    if (message === 'drain') end()
    if (message === 'numbers') answerNumbers()
  })
  await tellPrimary('ready')
  if (!process.connected) end()

  /** The primary does not ask again before it has an answer. */
  function answerNumbers(): void {
    tellNumbers().catch((error) => {
      telemetry.unexpected(error, 'numbers')
      setTimeout(answerNumbers, againMs).unref()
    })
  }

  async function tellNumbers(): Promise<void> {
    await tellPrimary({ numbers: await telemetry.numbers() })
  }
}

/** The last good text. `undefined`: the primary is gone. */
function askForKeyFile(): Promise<string | undefined> {
  return new Promise((resolve) => {
    process.on('message', take)
    process.once('disconnect', () => resolve(undefined))
    void tellPrimary('key file')

    function take(message: ToWorker): void {
      if (typeof message !== 'object') return
      process.off('message', take)
      resolve(message.keyFile)
    }
  })
}

/** The primary has the listening socket. It sends the connections one by one. */
function listenToPrimary(lastMs: number): Listener {
  return { open, stop }

  async function open(server: Server): Promise<string> {
    // `listen` emits this event, and Node then begins to check the time limits of requests.
    server.emit('listening')
    process.on('message', (message: ToWorker, socket?: Socket) => {
      if (message !== 'connection' || socket === undefined) return
      // As in all connections that an HTTP server accepts.
      socket.allowHalfOpen = true
      server.emit('connection', socket)
    })
    return 'the primary process'
  }

  /** Messages arrive in their order, so after this one there is no connection on the way. */
  function stop(): Promise<void> {
    return new Promise((resolve) => {
      process.on('message', (message: ToWorker) => {
        if (message === 'last') resolve()
      })
      process.once('disconnect', resolve)
      setTimeout(resolve, lastMs).unref()
      if (!process.connected) resolve()
      void tellPrimary('full')
    })
  }
}
