import { LRUCache } from 'lru-cache'

/** At most so many values, the longest unused going first. */
export type BoundedMap<Value extends {}> = Pick<LRUCache<string, Value>, 'get' | 'peek' | 'set' | 'delete' | 'entries'>

/** Bounded by the sum of sizes that are all one: bounded by `max`, lru-cache would take the room for all of them at once. */
export function createBoundedMap<Value extends {}>(most: number): BoundedMap<Value> {
  return new LRUCache<string, Value>({ maxSize: most, sizeCalculation: () => 1 })
}
