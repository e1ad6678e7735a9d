import { LRUCache } from 'lru-cache'

/** A map with a limited number of values. The least recently used one is removed first. */
export type BoundedMap<Value extends {}> = Pick<
  LRUCache<string, Value>,
  'get' | 'peek' | 'set' | 'delete' | 'entries' | 'size'
>

/** Each value has size 1 and the sum is limited: with `max`, lru-cache would allocate memory for all values at once. */
export function createBoundedMap<Value extends {}>(most: number): BoundedMap<Value> {
  return new LRUCache<string, Value>({ maxSize: most, sizeCalculation: () => 1 })
}
