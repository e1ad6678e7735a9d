import { LRUCache } from 'lru-cache'

/** A map with a limited number of values. The least recently used one is removed first. */
export type BoundedMap<Value extends {}> = Pick<LRUCache<string, Value>, 'get' | 'peek' | 'set' | 'delete' | 'size'>

/**
 * Each value has size 1 and the sum is limited: with `max`, lru-cache would allocate memory for all values at once.
 * `evicted` gets each value that is removed because the map is full.
 */
export function createBoundedMap<Value extends {}>(
  most: number,
  evicted?: (key: string, value: Value) => void,
): BoundedMap<Value> {
  const limits = { maxSize: most, sizeCalculation: () => 1 }
  if (evicted === undefined) return new LRUCache<string, Value>(limits)
  return new LRUCache<string, Value>({
    ...limits,
    dispose: (value, key, reason) => {
      if (reason === 'evict') evicted(key, value)
    },
  })
}
