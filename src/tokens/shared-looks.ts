import type { Away } from '../redis.ts'
import type { Entries, SharedStore } from './shared-store.ts'
import type { SharedTombstones } from './shared-tombstones.ts'

/**
 * Looks for tokens in Redis, and learns what is forgotten of them. While Redis is away, tokens are verified without that. So
 * they are looked up afterwards: a token may have been forgotten so long ago that the stream does not tell it any more.
 */
export type SharedLooks = {
  look(keys: readonly string[]): Promise<readonly Entries[] | Away>
  /** When Redis came back after more tokens were missed than can be looked up (process time, ms). -Infinity: never. */
  missedAt(): number
  close(): void
}

export type SharedLooksOptions = {
  readonly store: Pick<SharedStore, 'look'>
  readonly shared: Pick<SharedTombstones, 'learn' | 'learnAbout'>
  readonly now: () => number
  /** A look-up for nobody failed. It is tried again. */
  readonly failed: (error: unknown) => void
}

const mostMissed = 10_000
const mostAtOnce = 100
/** While Redis is away, an attempt costs no more than a look at the connection. */
const retryEveryMs = 500

export function createSharedLooks({ store, shared, now, failed }: SharedLooksOptions): SharedLooks {
  const missed = new Set<string>()
  let wereTooMany = false
  let missedAt = Number.NEGATIVE_INFINITY
  let isCatchingUp = false
  let retry: NodeJS.Timeout | undefined

  return { look, missedAt: () => missedAt, close }

  async function look(keys: readonly string[]): Promise<readonly Entries[] | Away> {
    const found = await learnFrom(keys)
    if (found === 'away') miss(keys)
    else if (missed.size > 0) void catchUp()
    return found
  }

  async function learnFrom(keys: readonly string[]): Promise<readonly Entries[] | Away> {
    const found = await store.look(keys)
    if (found === 'away') return found
    for (const { tombstone } of found) if (tombstone !== undefined) shared.learn(tombstone)
    const isTold = await shared.learnAbout(found.flatMap(({ record }) => record ?? []))
    return isTold ? found : 'away'
  }

  function miss(keys: readonly string[]): void {
    for (const key of keys) if (missed.size < mostMissed) missed.add(key)
    wereTooMany ||= keys.some((key) => !missed.has(key))
    retryLater()
  }

  function retryLater(): void {
    retry ??= setTimeout(() => {
      retry = undefined
      void catchUp()
    }, retryEveryMs).unref()
  }

  /** The records in Redis are not needed: LINE has confirmed these tokens later. */
  async function catchUp(): Promise<void> {
    if (isCatchingUp) return
    isCatchingUp = true
    try {
      while (missed.size > 0 && (await lookAgain([...missed].slice(0, mostAtOnce))));
    } catch (error) {
      failed(error)
    }
    isCatchingUp = false
    if (missed.size > 0) retryLater()
  }

  async function lookAgain(keys: readonly string[]): Promise<boolean> {
    if ((await learnFrom(keys)) === 'away') return false
    for (const key of keys) missed.delete(key)
    if (wereTooMany) missedAt = now()
    wereTooMany = false
    return true
  }

  function close(): void {
    clearTimeout(retry)
    missed.clear()
  }
}
