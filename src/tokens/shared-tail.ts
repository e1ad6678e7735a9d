import { setTimeout as sleep } from 'node:timers/promises'
import { mostEntries, type RedisStream, type StreamEntry, streamLength } from '../redis.ts'

/** Follows the stream of events, one entry after the other, whatever happens to the connection. */
export type Tail = {
  /** When Redis last gave entries, or said that there are none (`steady`, ms). `undefined`: never. */
  lastRoundAt(): number | undefined
  /** Whether the last read succeeded, on the connection that is there now. */
  isFollowing(): boolean
  close(): void
}

export type TailOptions = {
  readonly stream: RedisStream
  /** Begins with the entries that are at most this much older than the last one (ms). */
  readonly backMs: number
  readonly take: (entries: readonly StreamEntry[]) => void
  /** The stream is empty, so a loss of it would not be noticed. */
  readonly isEmpty: () => void
  /**
   * Entries were lost: Redis had no data any more, or this process was away for too long. The stream is read from its start
   * again.
   */
  readonly lost: () => void
  /** The connection is new. Redis may have lost its last entries. */
  readonly connected: (stream: RedisStream) => Promise<void>
  /** A function of these options failed. The same entries are read and taken again. */
  readonly failed: (error: unknown) => void
  readonly steady: () => number
}

const pauseMs = 100
const lookEveryMs = 1_000

export function followStream(options: TailOptions): Tail {
  const { stream, backMs, take, isEmpty, lost, connected, failed, steady } = options
  /** `undefined`: it is not known yet where to begin. */
  let after: string | undefined
  /** The last entry that was read. It must still be there when the connection is new. */
  let last: string | undefined
  /**
   * The last entry at the last look. While it is there, nothing was lost since then. The last entry is no such proof: it can
   * have come after the loss.
   */
  let witness: string | undefined
  /** How many entries were read after the witness. */
  let since = 0
  let lookedAt = Number.NEGATIVE_INFINITY
  let connections = 0
  let roundAt: number | undefined
  let isFollowing = false
  let isClosed = false
  void follow()

  return { lastRoundAt: () => roundAt, isFollowing: () => isFollowing, close }

  async function follow(): Promise<void> {
    while (!isClosed) {
      isFollowing = await round().catch(noRound)
      if (!isFollowing) await sleep(pauseMs, undefined, { ref: false })
    }
  }

  /** Reads the next entries and takes them. Whether that succeeded. */
  async function round(): Promise<boolean> {
    after ??= await start()
    const entries = after === undefined ? 'away' : await stream.readAfter(after)
    if (isClosed || entries === 'away' || !(await isComplete(entries))) return false
    takeAll(entries)
    return true
  }

  function noRound(error: unknown): boolean {
    failed(error)
    return false
  }

  /** IDs begin with the time of Redis (epoch ms). Its clock can differ from ours by any time. */
  async function start(): Promise<string | undefined> {
    const newest = await stream.last()
    if (newest === 'away') return undefined
    return String(Math.max(Number(newest?.split('-')[0] ?? 0) - backMs, 0))
  }

  /** Whether no entry is missing before these. If one is, the stream is read again from its start. */
  async function isComplete(entries: readonly StreamEntry[]): Promise<boolean> {
    const number = stream.connections()
    const isNew = number !== connections
    if (!isNew && !isDue(entries)) return true
    lookedAt = steady()
    const isThere = await isStillThere(isNew ? last : witness)
    if (isThere === 'away') return false
    if (isNew) await connected(stream)
    connections = number
    if (!isThere && (isNew || !mayBeTrimmed(entries))) {
      begin()
      return false
    }
    if (!isNew) witness = undefined
    return true
  }

  /** A witness that is missing tells nothing before all entries after it are read. */
  function isDue({ length }: readonly StreamEntry[]): boolean {
    return length === 0 || (length < mostEntries && steady() - lookedAt >= lookEveryMs)
  }

  function isStillThere(id: string | undefined): Promise<boolean | 'away'> | true {
    return id === undefined || stream.has(id)
  }

  /** Redis drops an old entry only if there are so many newer ones, and we have read them. */
  function mayBeTrimmed({ length }: readonly StreamEntry[]): boolean {
    return since + length >= streamLength
  }

  function begin(): void {
    after = '0'
    last = undefined
    witness = undefined
    lost()
  }

  function takeAll(entries: readonly StreamEntry[]): void {
    take(entries)
    roundAt = steady()
    last = entries.at(-1)?.id ?? last
    after = last ?? after
    since = witness === undefined ? 0 : since + entries.length
    witness ??= last
    if (last === undefined) isEmpty()
  }

  function close(): void {
    isClosed = true
    stream.close()
  }
}
