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
  /** A function of these options failed. The sessions are offered again. */
  readonly failed?: (error: unknown) => void
  /** How many wait at most. With more, the oldest one is dropped. */
  readonly most?: number
}

const mostWaiting = 100_000
/** Sealing them takes about 1 ms of CPU. */
const mostAtOnce = 50
const retryEveryMs = 500

export function createSharedFamilies(options: SharedFamiliesOptions): SharedFamilies {
  const { redis, commandFor, failed = () => {}, most = mostWaiting } = options
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
    writing ??= write()
      .catch(failed)
      .finally(() => {
        writing = undefined
        if (waiting.size > 0 && !isClosed) retry = setTimeout(begin, retryEveryMs).unref()
      })
  }

  /** Sessions of the same moment go together. It ends when Redis does not take them. */
  async function write(): Promise<void> {
    await undefined
    do {
      const batch = takeOldest()
      const unready: Waiting[] = []
      const replies = await redis.write(batch.flatMap((one) => commandOf(one, unready)))
      if (replies === 'away' || replies === 'refused') return putBack(batch)
      if (unready.length > 0) return putBack(unready)
    } while (waiting.size > 0)
  }

  /** A session whose command cannot be made holds no other one back. */
  function commandOf(one: Waiting, unready: Waiting[]): readonly WriteCommand[] {
    try {
      return [commandFor(...one)]
    } catch (error) {
      failed(error)
      unready.push(one)
      return []
    }
  }

  function takeOldest(): readonly Waiting[] {
    const batch: Waiting[] = []
    for (const entry of waiting) {
      if (batch.push(entry) === mostAtOnce) break
    }
    for (const [refreshKey] of batch) waiting.delete(refreshKey)
    return batch
  }

  /** What was put meanwhile is newer. */
  function putBack(batch: readonly Waiting[]): void {
    for (const [refreshKey, family] of batch) if (!waiting.has(refreshKey)) wait(refreshKey, family)
  }
}

type Waiting = readonly [refreshKey: string, family: Family]
