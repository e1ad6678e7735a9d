import { LRUCache } from 'lru-cache'
import type { TokenRecord } from './record.ts'
import { type Grant, WrittenRecord, writeRecord } from './record-codec.ts'

export type RecordStore = {
  get(key: string): TokenRecord | undefined
  /** Without counting as use. */
  peek(key: string): TokenRecord | undefined
  /** Answers the record as it is kept. */
  set(key: string, record: TokenRecord): TokenRecord
  delete(key: string): void
  entries(): Iterable<readonly [key: string, record: TokenRecord]>
  size(): number
}

/** LINE decides which scopes there are; if it ever sent a new list with each token, we would stop to share them. */
const mostGrants = 1_000

/** The least recently used records go first when there are more than `max`. */
export function createRecordStore(max: number): RecordStore {
  const kept = new LRUCache<string, string>({ max })
  const grants: Grant[] = []
  const numbers = new Map<string, number>()

  return { get, peek, set, delete: (key) => void kept.delete(key), entries, size: () => kept.size }

  function get(key: string): TokenRecord | undefined {
    const text = kept.get(key)
    return text === undefined ? undefined : new WrittenRecord(text, grants)
  }

  function peek(key: string): TokenRecord | undefined {
    const text = kept.peek(key)
    return text === undefined ? undefined : new WrittenRecord(text, grants)
  }

  function set(key: string, record: TokenRecord): TokenRecord {
    const text = writeRecord(record, numberOf(record))
    kept.set(key, text)
    return new WrittenRecord(text, grants)
  }

  function* entries(): Generator<readonly [string, TokenRecord]> {
    for (const [key, text] of kept.entries()) yield [key, new WrittenRecord(text, grants)]
  }

  /** `undefined` where there are too many to share one more. */
  function numberOf({ channelId, scopes }: TokenRecord): number | undefined {
    const name = `${channelId} ${scopes.join(' ')}`
    const known = numbers.get(name)
    if (known !== undefined || grants.length === mostGrants) return known
    numbers.set(name, grants.length)
    return grants.push(Object.freeze({ channelId, scopes: Object.freeze([...scopes]) })) - 1
  }
}
