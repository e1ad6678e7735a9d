import type { Worker } from 'node:cluster'
import type { Socket } from 'node:net'

/**
 * Gives new connections to the workers, in turn.
 *
 * `node:cluster` can do this itself, but when its last worker stops, it resets the connections that no worker has yet. A
 * restart under load lost 13 requests of clients that connect anew each time, and one with workers that accept themselves.
 */
export type HandOver = {
  /** Gives a connection to a worker. It must be paused, so that this process reads nothing of it. */
  give(socket: Socket): void
  /** The worker takes connections from now on. */
  join(worker: Worker): void
  /** The worker takes no more connections. It has got, or gets before any later message, those that were given to it. */
  leave(worker: Worker): void
  /** The worker has ended. Connections that it has not got are given to another one. */
  lose(worker: Worker): void
}

/** Connections that may wait while there is no worker. */
const mostWaiting = 1_000

export function createHandOver(): HandOver {
  /** In the order of their turns. */
  const workers = new Set<Worker>()
  const onTheWay = new Map<Worker, Set<Socket>>()
  const waiting: Socket[] = []

  return { give, join, leave, lose }

  function give(socket: Socket): void {
    const worker = nextWorker()
    if (worker !== undefined) send(worker, socket)
    else if (waiting.length < mostWaiting) waiting.push(socket)
    else socket.destroy()
  }

  /** A worker that hangs takes no connection, so it soon has the most on the way. */
  function nextWorker(): Worker | undefined {
    let next: Worker | undefined
    let fewest = Number.POSITIVE_INFINITY
    for (const worker of workers) {
      const size = onTheWay.get(worker)?.size ?? 0
      if (size < fewest) [next, fewest] = [worker, size]
    }
    if (next !== undefined && workers.delete(next)) workers.add(next)
    return next
  }

  function send(worker: Worker, socket: Socket): void {
    const sockets = onTheWay.get(worker) ?? new Set()
    onTheWay.set(worker, sockets.add(socket))
    // The callback comes when the worker has taken the connection before this one.
    worker.process.send('connection', socket, {}, (error) => {
      if (sockets.delete(socket) && error !== null) give(socket)
    })
  }

  function join(worker: Worker): void {
    workers.add(worker)
    for (const socket of waiting.splice(0)) give(socket)
  }

  function leave(worker: Worker): void {
    workers.delete(worker)
  }

  function lose(worker: Worker): void {
    workers.delete(worker)
    const lost = onTheWay.get(worker) ?? []
    onTheWay.delete(worker)
    for (const socket of lost) give(socket)
  }
}
