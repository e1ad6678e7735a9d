import type { RedisConnectionName, Telemetry } from '../telemetry/telemetry.ts'

/** Whether a connection is of use now. Each change gets one log line. */
export type Health = {
  away(cause: string): void
  back(): void
  refused(word: string): void
  isAway(): boolean
}

/** A refusal of one kind is logged again only after this time: out of memory, every write is refused. */
const quietMs = 60_000

export function createHealth(connection: RedisConnectionName, telemetry: Telemetry): Health {
  let awaySince: number | undefined
  const refusedAt = new Map<string, number>()
  return { away, back, refused, isAway: () => awaySince !== undefined }

  function away(cause: string): void {
    if (awaySince !== undefined) return
    awaySince = performance.now()
    telemetry.redisState({ connection, state: 'away', cause })
  }

  function back(): void {
    if (awaySince === undefined) return
    telemetry.redisState({ connection, state: 'back', awayMs: performance.now() - awaySince })
    awaySince = undefined
  }

  function refused(word: string): void {
    const now = performance.now()
    if (now - (refusedAt.get(word) ?? Number.NEGATIVE_INFINITY) < quietMs) return
    refusedAt.set(word, now)
    telemetry.redisRefused(connection, word)
  }
}
