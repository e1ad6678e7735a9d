import { createBoundedMap } from './bounded-map.ts'
import type { Origin } from './families.ts'
import type { TokenRecord } from './record.ts'
import { type ChannelScopes, readOrigin, StoredRecord, writeOrigin, writeRecord } from './record-codec.ts'

export type RecordStore = {
  get(key: string): TokenRecord | undefined
  has(key: string): boolean
  /** Does not count as use. */
  peek(key: string): TokenRecord | undefined
  /** Returns the record as it is stored. */
  set(key: string, record: TokenRecord): TokenRecord
  delete(key: string): void
  /** Deletes the record, but remembers where its token comes from. */
  retire(key: string): void
  /** Remembers where a token comes from that has no record. */
  remember(key: string, origin: Origin): void
  /** Where a token comes from whose record was retired or had to make room. */
  originOf(key: string): Origin | undefined
  size(): number
  /** Bytes of all records: the characters of their texts. */
  bytes(): number
  /** How many tokens without a record have an origin. */
  origins(): number
}

/** There are few in practice. If LINE sent a new list of scopes with each token, later lists would not be shared. */
const mostShared = 1_000
/** Tokens without a record whose origin is remembered. An origin takes about 200 bytes. */
const mostOrigins = 100_000

/**
 * Holds at most `max` records. The least recently used one is removed first. Its session and its user are remembered
 * longer: when they are forgotten, the token is refused, even if LINE accepted it again in between.
 */
export function createRecordStore(max: number): RecordStore {
  const kept = createBoundedMap<string>(max, makeRoom)
  const origins = createBoundedMap<string>(mostOrigins)
  const shared: ChannelScopes[] = []
  const numbers = new Map<string, number>()
  let bytes = 0

  return {
    get,
    has: (key) => kept.peek(key) !== undefined,
    peek,
    set,
    delete: remove,
    retire,
    remember,
    originOf,
    size: () => kept.size,
    bytes: () => bytes,
    origins: () => origins.size,
  }

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
    remove(key)
    bytes += text.length
    kept.set(key, text)
    origins.delete(key)
    return new StoredRecord(text, shared)
  }

  function retire(key: string): void {
    const record = peek(key)
    remove(key)
    if (record !== undefined) remember(key, record)
  }

  function remove(key: string): void {
    bytes -= kept.peek(key)?.length ?? 0
    kept.delete(key)
  }

  function makeRoom(key: string, text: string): void {
    bytes -= text.length
    remember(key, new StoredRecord(text, shared))
  }

  function remember(key: string, origin: Origin): void {
    origins.set(key, writeOrigin(origin))
  }

  function originOf(key: string): Origin | undefined {
    const text = origins.get(key)
    return text === undefined ? undefined : readOrigin(text)
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
