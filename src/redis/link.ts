import { type Client, createClient } from './client.ts'
import { inTime } from './deadline.ts'
import { isRefusedDatabase, needsOperator, wordOf } from './errors.ts'
import type { Health } from './health.ts'
import type { Target } from './target.ts'

/** One TCP connection to Redis that connects again by itself, for ever. */
export type Link = {
  readonly client: Client
  isReady(): boolean
  /** Whether the first try to connect is still under way. */
  isNew(): boolean
  /** How many connections there were so far. */
  connections(): number
  /** The commands of this turn of the event loop leave together, because each write to a socket costs more than a command. */
  gather(): void
  /** Waits until it is ready, this try to connect has failed, or it is closed. At most this long. */
  change(limitMs: number): Promise<void>
  /** Ends a connection that is of no use, and connects again. `why`: one word for the log. */
  drop(why: string): void
  /** Waits for the commands that are under way, at most this long. */
  close(limitMs: number): Promise<void>
}

export type LinkOptions = {
  /** A connection that sends nothing for this long, while we wait for a reply, is dead. */
  readonly silenceMs?: number
  readonly health: Health
  /** A connection that was ready is lost. */
  readonly lost?: () => void
}

/** From the TCP connection to the reply to our first command. A server that hangs lets us connect. */
const handshakeMs = 500

/** Each option answers a fault; the fault tests show which. Nothing is queued or sent again: the callers decide that. */
const settings = {
  lazyConnect: true,
  enableOfflineQueue: false,
  maxRetriesPerRequest: 0,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  // It asks with INFO first. A server that loads its data says so in its replies.
  enableReadyCheck: false,
  disableClientInfo: true,
  connectTimeout: 1_000,
  disconnectTimeout: 100,
  retryStrategy: (tries: number) => Math.min(50 * 2 ** tries, 250) * (0.75 + Math.random() / 2),
}

export function openLink(target: Target, { silenceMs, health, lost }: LinkOptions): Link {
  const socketTimeout = silenceMs !== undefined && { socketTimeout: silenceMs }
  const client = createClient({ ...target, ...settings, ...socketTimeout })
  const waiting = new Set<() => void>()
  let connections = 0
  let [isNew, wasReady, isClosed, cause] = [true, false, false, 'closed']
  let isWrongDatabase = false
  client.on('error', noteError).on('connect', limitHandshake).on('ready', noteReady).on('close', noteClose)
  client.connect().catch(() => {})
  return { client, isReady, isNew: () => isNew, connections: () => connections, gather, change, drop, close }

  /** The client is ready a moment before it says so. In that moment `connections` is still the number of the last one. */
  function isReady(): boolean {
    return wasReady && client.status === 'ready'
  }

  function noteError(error: unknown): void {
    cause = wordOf(error)
    if (needsOperator(error)) health.refused(cause)
    // The client says that it is ready all the same, and its commands would go to database 0.
    isWrongDatabase ||= isRefusedDatabase(error)
  }

  function limitHandshake(): void {
    const { stream } = client
    const timer = setTimeout(() => setImmediate(end), handshakeMs)
    stream.once('close', () => clearTimeout(timer))

    function end(): void {
      if (client.stream !== stream || client.status !== 'connect') return
      cause = 'timeout'
      stream.destroy()
    }
  }

  function noteReady(): void {
    if (isWrongDatabase) drop('ERR')
    else useConnection()
  }

  function useConnection(): void {
    wasReady = true
    health.back()
    connections += 1
    settle()
  }

  function noteClose(): void {
    isWrongDatabase = false
    if (!isClosed) health.away(cause)
    if (wasReady) lost?.()
    ;[wasReady, cause] = [false, 'closed']
    settle()
    // The commands that this ended begin to wait only now.
    if (isClosed) setImmediate(settle)
  }

  function settle(): void {
    isNew = false
    for (const go of waiting) go()
  }

  function gather(): void {
    const { stream } = client
    if (stream === undefined || stream.writableCorked > 0) return
    stream.cork()
    setImmediate(() => stream.uncork())
  }

  function change(limitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(go, limitMs).unref()
      waiting.add(go)

      function go(): void {
        clearTimeout(timer)
        waiting.delete(go)
        resolve()
      }
    })
  }

  /** Nobody has failed, so `lost` is not called. */
  function drop(why: string): void {
    ;[wasReady, cause] = [false, why]
    client.stream.destroy()
  }

  async function close(limitMs: number): Promise<void> {
    isClosed = true
    if (limitMs > 0 && client.status === 'ready') await inTime(client.quit(), limitMs)
    client.disconnect()
    client.stream?.destroy()
    settle()
  }
}
