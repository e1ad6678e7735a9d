import { createBoundedMap } from './bounded-map.ts'
import type { TokenRecord } from './record.ts'
import { type ChannelScopes, StoredRecord, writeRecord } from './record-codec.ts'

export type RecordStore = {
  get(key: string): TokenRecord | undefined
  /** Does not count as use. */
  peek(key: string): TokenRecord | undefined
  /** Returns the record as it is stored. */
  set(key: string, record: TokenRecord): TokenRecord
  delete(key: string): void
  entries(): Iterable<readonly [key: string, record: TokenRecord]>
  size(): number
}

/** There are few in practice. If LINE sent a new list of scopes with each token, later lists would not be shared. */
const mostShared = 1_000

/** Holds at most `max` records. The least recently used one is removed first. */
export function createRecordStore(max: number): RecordStore {
  const kept = createBoundedMap<string>(max)
  const shared: ChannelScopes[] = []
  const numbers = new Map<string, number>()

  return { get, peek, set, delete: (key) => void kept.delete(key), entries, size: () => kept.size }

  function get(key: string): TokenRecord | undefined {
    const text = kept.get(key)
    return text === undefined ? undefined : new StoredRecord(text, shared)
  }

  function peek(key: string): TokenRecord | undefined {
    const text = kept.peek(key)
    return text === undefined ? undefined : new StoredRecord(text, shared)
  }

  function set(key: string, record: TokenRecord): TokenRecord {
    const text = writeRecord(record, numberOf(record))
    kept.set(key, text)
    return new StoredRecord(text, shared)
  }

  function* entries(): Generator<readonly [string, TokenRecord]> {
    for (const [key, text] of kept.entries()) yield [key, new StoredRecord(text, shared)]
  }

  /** The number of a record's channel and scopes. `undefined`: there are too many to share one more. */
  function numberOf({ channelId, scopes }: TokenRecord): number | undefined {
    const name = `${channelId} ${scopes.join(' ')}`
    const known = numbers.get(name)
    if (known !== undefined || shared.length === mostShared) return known
    numbers.set(name, shared.length)
    return shared.push(Object.freeze({ channelId, scopes: Object.freeze([...scopes]) })) - 1
  }
}
