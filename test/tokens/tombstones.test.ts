import { expect, it } from 'vitest'
import { createTombstones } from '../../src/tokens/tombstones.ts'

it('a tombstone: there until its end', () => {
  let time = 0
  const tombstones = createTombstones(() => time, 10)
  tombstones.raise('a', { until: 100, channelId: '1' })
  time = 99
  expect(tombstones.has('a')).toBe(true)
  time = 100
  expect(tombstones.has('a')).toBe(false)
  expect(tombstones.has('b')).toBe(false)
})

it('a tombstone raised twice: there until the later end', () => {
  let time = 0
  const tombstones = createTombstones(() => time, 10)
  tombstones.raise('a', { until: 100, channelId: '1' })
  tombstones.raise('a', { until: 50, channelId: '1' })
  time = 99
  expect(tombstones.has('a')).toBe(true)
  tombstones.raise('a', { until: 200, channelId: '1' })
  time = 199
  expect(tombstones.has('a')).toBe(true)
})

it('before LINE has confirmed it: its channel; after that: confirmed, no channel', () => {
  const tombstones = createTombstones(() => 0, 10)
  expect([tombstones.isConfirmed('a'), tombstones.unconfirmedChannel('a')]).toEqual([false, undefined])
  tombstones.raise('a', { until: 100, channelId: '1' })
  expect([tombstones.isConfirmed('a'), tombstones.unconfirmedChannel('a')]).toEqual([false, '1'])
  tombstones.confirm('a')
  expect([tombstones.isConfirmed('a'), tombstones.unconfirmedChannel('a')]).toEqual([true, undefined])
})

it('a confirmed tombstone raised again: still confirmed; a key without a tombstone: cannot be confirmed', () => {
  const tombstones = createTombstones(() => 0, 10)
  tombstones.raise('a', { until: 100, channelId: '1' })
  tombstones.confirm('a')
  tombstones.raise('a', { until: 200, channelId: '1' })
  tombstones.confirm('b')
  expect([tombstones.isConfirmed('a'), tombstones.has('b')]).toEqual([true, false])
})

it('more tombstones than the limit: the least recently used one is removed', () => {
  const tombstones = createTombstones(() => 0, 2)
  for (const key of ['a', 'b', 'c']) tombstones.raise(key, { until: 100, channelId: '1' })
  expect(['a', 'b', 'c'].map(tombstones.has)).toEqual([false, true, true])
})
