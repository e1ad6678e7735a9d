import { expect, it } from 'vitest'
import { createBoundedMap } from '../../src/tokens/bounded-map.ts'

it('more values than the limit: the least recently used one is removed', () => {
  const map = createBoundedMap<number>(3)
  for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) map.set(key, value)
  map.get('a')
  map.peek('b')
  map.set('d', 4)
  expect([...map.entries()].map(([key]) => key).sort()).toEqual(['a', 'c', 'd'])
})

it('a deleted value is gone and leaves room for another', () => {
  const map = createBoundedMap<number>(1)
  map.set('a', 1)
  map.delete('a')
  map.set('b', 2)
  expect([map.get('a'), map.get('b')]).toEqual([undefined, 2])
})
