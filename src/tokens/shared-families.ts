import type { Redis, WriteCommand } from '../redis.ts'
import type { Family } from './families.ts'

/**
 * Stores the sessions that began or changed here, so that other processes know them when their refresh tokens come. What Redis
 * does not take is offered again, in its newest form. Without it, another process would take the refresh token for a stranger's.
 */
export type SharedFamilies = {
  put(refreshKey: string, family: Family): void
  /** Resolves when what is being written is in Redis, or when Redis does not take it. The rest is dropped. */
  close(): Promise<void>
}

export type SharedFamiliesOptions = {
  readonly redis: Pick<Redis, 'write'>
  readonly commandFor: (refreshKey: string, family: Family) => WriteCommand
  /** How many wait at most. With more, the oldest one is dropped. */
  readonly most?: number
}

const mostWaiting = 100_000
/** Sealing them takes about 1 ms of CPU. */
const mostAtOnce = 50
const retryEveryMs = 500

export function createSharedFamilies({ redis, commandFor, most = mostWaiting }: SharedFamiliesOptions): SharedFamilies {
  const waiting = new Map<string, Family>()
  let writing: Promise<void> | undefined
  let retry: NodeJS.Timeout | undefined
  let isClosed = false

  return { put, close }

  async function close(): Promise<void> {
    clearTimeout(retry)
    if (waiting.size > 0) begin()
    isClosed = true
    await writing
  }

  function put(refreshKey: string, family: Family): void {
    wait(refreshKey, family)
    if (retry === undefined) begin()
  }

  function wait(refreshKey: string, family: Family): void {
    waiting.delete(refreshKey)
    waiting.set(refreshKey, family)
    if (waiting.size > most) waiting.delete(waiting.keys().next().value ?? '')
  }

  function begin(): void {
    retry = undefined
    writing ??= write().finally(() => {
      writing = undefined
      if (waiting.size > 0 && !isClosed) retry = setTimeout(begin, retryEveryMs).unref()
    })
  }

  /** Sessions of the same moment go together. It ends when Redis does not take them. */
  async function write(): Promise<void> {
    await undefined
    do {
      const batch = takeOldest()
      const replies = await redis.write(batch.map(([refreshKey, family]) => commandFor(refreshKey, family)))
      if (replies === 'away' || replies === 'refused') return putBack(batch)
    } while (waiting.size > 0)
  }

  function takeOldest(): readonly (readonly [string, Family])[] {
    const batch = []
    for (const entry of waiting) {
      if (batch.push(entry) === mostAtOnce) break
    }
    for (const [refreshKey] of batch) waiting.delete(refreshKey)
    return batch
  }

  /** What was put meanwhile is newer. */
  function putBack(batch: readonly (readonly [string, Family])[]): void {
    for (const [refreshKey, family] of batch) if (!waiting.has(refreshKey)) wait(refreshKey, family)
  }
}
