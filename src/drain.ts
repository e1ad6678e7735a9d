import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { UnderWay } from './http/under-way.ts'

/** The requests that wait for their answer. */
export type Requests = {
  readonly underWay: UnderWay
  /** Answers each of them with 503. */
  refuseAll(): void
}

export type Drain = {
  /** True from the first moment of `run` on. */
  hasBegun(): boolean
  /** Resolves when the server has no connection left. */
  run(): Promise<void>
}

/** The time for the last answers to leave, before the connections are cut. */
const lastBytesMs = 250
/** A connection without a request closes after this time. */
const quietMs = 1_000
/** The interval between two checks of the open connections. */
const checkMs = 50
/** So many checks must find a connection quiet. */
const leastChecks = 10

/**
 * Stops a server and loses no request. The order of the steps is important:
 *
 * 1. The delay. `/ready` says 503, and everything is served as before, new connections too. So load balancers can choose
 *    another replica.
 * 2. The listener closes. A client that connects now is refused and can try another replica.
 * 3. From now on each answer says `Connection: close`. Said earlier, it would make the client connect to this process
 *    again, and the closing listener would reset that connection.
 * 4. A connection without a request closes after a quiet second.
 * 5. The end of the grace. Requests that still wait get a 503, and all connections are cut.
 *
 * `stop`: closes the listener.
 */
export function createDrain(
  server: Server,
  requests: Requests,
  times: { readonly shutdownDelayMs: number; readonly shutdownGraceMs: number },
  stop: () => Promise<void>,
): Drain {
  const sockets = new Set<Socket>()
  let lastClosed = (): void => {}
  server.on('connection', (socket: Socket) => {
    sockets.add(socket)
    socket.once('close', () => {
      sockets.delete(socket)
      if (sockets.size === 0) lastClosed()
    })
  })
  let begun = false

  return { hasBegun: () => begun, run }

  async function run(): Promise<void> {
    begun = true
    await sleep(times.shutdownDelayMs)
    const graceEndsAt = performance.now() + times.shutdownGraceMs
    await stop()
    const closed = new Promise<void>((resolve) => {
      lastClosed = resolve
      if (sockets.size === 0) resolve()
    })
    closeAfterAnswers(server, requests.underWay)
    await answerTheRest(closed, graceEndsAt)
    requests.refuseAll()
    await firstOf(closed, lastBytesMs)
    for (const socket of sockets) socket.destroy()
    // Ends the interval in which Node checks the time limits of requests. The listener is closed already.
    server.close()
  }

  async function answerTheRest(closed: Promise<void>, graceEndsAt: number): Promise<void> {
    const closeQuiet = createQuietSweep(sockets, requests.underWay)
    // A timer can run before Node has read what clients sent meanwhile. An immediate runs after that.
    const sweep = setInterval(() => setImmediate(closeQuiet), checkMs)
    await firstOf(closed, graceEndsAt - performance.now())
    clearInterval(sweep)
    // When a client hangs up, its operation goes on: LINE may have done its part already.
    while (requests.underWay.size() > 0 && performance.now() < graceEndsAt) await sleep(checkMs)
  }
}

/** On a connection with several requests under way, only the last answer closes it. */
function closeAfterAnswers(server: Server, underWay: UnderWay): void {
  server.prependListener('request', (_request: IncomingMessage, response: ServerResponse) => {
    response.shouldKeepAlive = false
  })
  const lastOf = new Map([...underWay].map((response) => [response.req.socket, response]))
  for (const response of lastOf.values()) response.shouldKeepAlive = false
}

/** A connection as it was when its last answer was sent. */
type Quiet = { readonly bytesRead: number; readonly bytesWritten: number; readonly since: number; checks: number }

/**
 * Makes the check of the open connections of a stopping server. It closes those on which nothing happened for `quietMs`.
 * A connection with a request stays open, also while the head of the request is incomplete. One that has sent nothing
 * yet closes like the others.
 */
function createQuietSweep(sockets: ReadonlySet<Socket>, underWay: UnderWay): () => void {
  const known = new WeakMap<Socket, Quiet>()

  return function closeQuiet(): void {
    const now = performance.now()
    const busy = new Set([...underWay].map((response) => response.req.socket))
    for (const socket of sockets) {
      const before = known.get(socket)
      if (busy.has(socket) || socket.writableLength > 0) known.delete(socket)
      else if (before?.bytesWritten !== socket.bytesWritten) known.set(socket, quietFrom(socket, now))
      else if (before.bytesRead === socket.bytesRead && isQuiet(before, now)) socket.destroy()
    }
  }
}

/** What a connection without any answer has sent is the start of its first request. */
function quietFrom({ bytesRead, bytesWritten }: Socket, since: number): Quiet {
  return { bytesRead: bytesWritten === 0 ? 0 : bytesRead, bytesWritten, since, checks: 0 }
}

/** Time alone does not say it: while this process did not run, it read nothing. */
function isQuiet(quiet: Quiet, now: number): boolean {
  quiet.checks += 1
  return quiet.checks >= leastChecks && now - quiet.since >= quietMs
}

/** Waits for the promise, but at most for this time. */
async function firstOf(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.max(ms, 0))
  })
  await Promise.race([promise, late])
  clearTimeout(timer)
}
