import type { Reading } from '../telemetry/meters.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { MemoryTier } from './memory-tier.ts'
import type { SourceNumbers } from './source-gate.ts'
import type { Tombstones } from './tombstones.ts'
import type { UserTombstones } from './user-tombstones.ts'

export type TokenGaugesOptions = {
  readonly memory: Pick<MemoryTier, 'sizes'>
  /** CACHE_MAX_TOKENS. */
  readonly maxTokens: number
  readonly tombstones: Pick<Tombstones, 'counts'>
  readonly users: Pick<UserTombstones, 'size'>
  readonly gate: SourceNumbers
}

/** What the process knows about tokens and their senders, as gauges. Each is counted as it changes, so that to read it is cheap. */
export function addTokenGauges({ gauge }: Pick<Telemetry, 'gauge'>, options: TokenGaugesOptions): void {
  const { memory, maxTokens, tombstones, users, gate } = options
  gauge('gateway_records', () => {
    const { bytes, ...kinds } = memory.sizes()
    return byLabel(kinds)
  })
  gauge('gateway_records_max', () => maxTokens)
  gauge('gateway_record_bytes', () => memory.sizes().bytes)
  gauge('gateway_tombstones', () => byLabel({ ...tombstones.counts(), user: users.size() }))
  gauge('gateway_sources', () => byLabel(gate.counts()))
  gauge('gateway_attempts_waiting', gate.waiting)
}

function byLabel(counts: Readonly<Record<string, number>>): Reading {
  return Object.entries(counts).map(([label, count]) => [count, label])
}
