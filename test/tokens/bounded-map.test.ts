import { expect, it } from 'vitest'
import { createBoundedMap } from '../../src/tokens/bounded-map.ts'

it('more values than the limit: the least recently used one is removed', () => {
  const map = createBoundedMap<number>(3)
  for (const [key, value] of Object.entries({ a: 1, b: 2, c: 3 })) map.set(key, value)
  map.get('a')
  map.peek('b')
  map.set('d', 4)
  expect(['a', 'b', 'c', 'd'].filter((key) => map.peek(key) !== undefined)).toEqual(['a', 'c', 'd'])
})

it('a deleted value is gone and leaves room for another', () => {
  const map = createBoundedMap<number>(1)
  map.set('a', 1)
  map.delete('a')
  map.set('b', 2)
  expect([map.get('a'), map.get('b')]).toEqual([undefined, 2])
})

it('a value that had to make room: reported once; a deleted or replaced one: not', () => {
  const evicted: [string, number][] = []
  const map = createBoundedMap<number>(2, (key, value) => evicted.push([key, value]))
  map.set('a', 1)
  map.set('a', 2)
  map.set('b', 3)
  map.delete('b')
  map.set('c', 4)
  map.set('d', 5)
  expect(evicted).toEqual([['a', 2]])
})
