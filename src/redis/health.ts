import type { RedisConnectionName, Telemetry } from '../telemetry/telemetry.ts'

/** Whether a connection is of use now. Each change gets one log line. */
export type Health = {
  away(cause: string): void
  back(): void
  /** Redis refuses commands or the connection, and waiting will not help. `word`: its error word, or the system's. */
  refused(word: string): void
  isAway(): boolean
}

/** A refusal of one kind is logged again only after this time: out of memory, every write is refused. */
const quietMs = 60_000

export function createHealth(connection: RedisConnectionName, telemetry: Pick<Telemetry, 'log'>): Health {
  let awaySince: number | undefined
  const refusedAt = new Map<string, number>()
  return { away, back, refused, isAway: () => awaySince !== undefined }

  function away(cause: string): void {
    if (awaySince !== undefined) return
    awaySince = performance.now()
    telemetry.log('redisAway', { connection, cause }, connection)
  }

  function back(): void {
    if (awaySince === undefined) return
    telemetry.log('redisBack', { connection, awayMs: Math.round(performance.now() - awaySince) }, connection)
    awaySince = undefined
  }

  function refused(word: string): void {
    const now = performance.now()
    if (now - (refusedAt.get(word) ?? Number.NEGATIVE_INFINITY) < quietMs) return
    refusedAt.set(word, now)
    telemetry.log('redisRefuses', { setting: 'REDIS_URL', connection, error: word }, word)
  }
}
