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
  /** The worker takes no more connections. It gets those on the way before any later message. */
  leave(worker: Worker): void
  /** The worker has ended. A connection that it has not got is given to another one. */
  lose(worker: Worker): void
  /** Resolves when no connection waits for a worker. */
  allGiven(): Promise<void>
  /** No worker will take the connections that wait. */
  dropAll(): void
}

/** Connections that may wait for a worker. */
const mostWaiting = 10_000

export function createHandOver(): HandOver {
  /** In the order of their turns. */
  const workers = new Set<Worker>()
  /** One for each worker at most. So a worker that hangs gets two connections, not half of them. */
  const onTheWay = new Map<Worker, Socket>()
  const waiting: Socket[] = []
  let noneWaits = (): void => {}

  return { give, join, leave, lose, allGiven, dropAll }

  function give(socket: Socket): void {
    if (waiting.length < mostWaiting) waiting.push(socket)
    else socket.destroy()
    giveWaiting()
  }

  function giveWaiting(): void {
    for (const worker of workers) {
      const socket = onTheWay.has(worker) ? undefined : waiting.shift()
      if (socket !== undefined) send(worker, socket)
    }
    if (waiting.length === 0) noneWaits()
  }

  function send(worker: Worker, socket: Socket): void {
    workers.delete(worker)
    workers.add(worker)
    onTheWay.set(worker, socket)
    // The callback comes when the worker has taken the connection before this one.
    worker.process.send('connection', socket, {}, (error) => {
      if (error !== null) lose(worker)
      else if (onTheWay.get(worker) === socket) onTheWay.delete(worker)
      giveWaiting()
    })
  }

  function join(worker: Worker): void {
    workers.add(worker)
    giveWaiting()
  }

  function leave(worker: Worker): void {
    workers.delete(worker)
  }

  function lose(worker: Worker): void {
    const socket = onTheWay.get(worker)
    workers.delete(worker)
    onTheWay.delete(worker)
    if (socket !== undefined) give(socket)
  }

  function dropAll(): void {
    for (const socket of waiting.splice(0)) socket.destroy()
    noneWaits()
  }

  function allGiven(): Promise<void> {
    return new Promise((resolve) => {
      noneWaits = resolve
      if (waiting.length === 0) resolve()
    })
  }
}
