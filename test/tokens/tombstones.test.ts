import { expect, it } from 'vitest'
import { createTombstones } from '../../src/tokens/tombstones.ts'

const ours = { kind: 'token' as const, channelId: '1', isOurs: true }
const strange = { kind: 'token' as const, channelId: '1', isOurs: false }

it('a tombstone: there until its end', () => {
  let time = 0
  const tombstones = createTombstones(() => time, 10)
  tombstones.raise('a', { forMs: 100, ...ours })
  time = 99
  expect(tombstones.has('a')).toBe(true)
  time = 100
  expect([tombstones.has('a'), tombstones.has('b'), tombstones.isEmpty()]).toEqual([false, false, true])
})

it('a tombstone raised twice: there until the later end', () => {
  let time = 0
  const tombstones = createTombstones(() => time, 10)
  tombstones.raise('a', { forMs: 100, ...ours })
  tombstones.raise('a', { forMs: 50, ...ours })
  time = 99
  expect(tombstones.has('a')).toBe(true)
  tombstones.raise('a', { forMs: 101, ...ours })
  time = 199
  expect(tombstones.has('a')).toBe(true)
})

it('raised and confirmed: its facts at each step', () => {
  const tombstones = createTombstones(() => 0, 10)
  expect([tombstones.find('a'), tombstones.isEmpty()]).toEqual([undefined, true])
  tombstones.raise('a', { forMs: 100, ...ours })
  expect(tombstones.find('a')).toEqual({ ...ours, isConfirmed: false, until: 100 })
  tombstones.confirm('a')
  expect(tombstones.find('a')).toEqual({ ...ours, isConfirmed: true, until: 100 })
  expect(tombstones.isEmpty()).toBe(false)
})

it('a confirmed tombstone raised again: still confirmed; a key without a tombstone: cannot be confirmed', () => {
  const tombstones = createTombstones(() => 0, 10)
  tombstones.raise('a', { forMs: 100, ...ours })
  tombstones.confirm('a')
  tombstones.raise('a', { forMs: 200, ...ours })
  tombstones.confirm('b')
  expect(tombstones.find('a')).toMatchObject({ isConfirmed: true, until: 200 })
  expect(tombstones.has('b')).toBe(false)
})

it('more of a kind than the limit: the least recently used one is removed', () => {
  const tombstones = createTombstones(() => 0, 2)
  for (const key of ['a', 'b', 'c']) tombstones.raise(key, { forMs: 100, ...ours })
  expect(['a', 'b', 'c'].map(tombstones.has)).toEqual([false, true, true])
})

it('100,000 tombstones of strangers, and as many that LINE has confirmed: none of the unconfirmed is lost (C2)', () => {
  const tombstones = createTombstones(() => 0)
  tombstones.raise('logged out', { forMs: 100, ...ours })
  for (let n = 0; n < 100_001; n += 1) tombstones.raise(`junk ${n}`, { forMs: 100, ...strange })
  for (let n = 0; n < 100_001; n += 1) {
    tombstones.raise(`done ${n}`, { forMs: 100, ...ours })
    tombstones.confirm(`done ${n}`)
  }
  expect(['logged out', 'junk 0', 'done 0'].map(tombstones.has)).toEqual([true, false, false])
})

it('a tombstone of a stranger for a token that LINE then accepts: ours from then on', () => {
  const tombstones = createTombstones(() => 0, 1)
  tombstones.raise('a', { forMs: 100, ...strange })
  tombstones.raise('a', { forMs: 100, ...ours })
  for (const key of ['b', 'c']) tombstones.raise(key, { forMs: 100, ...strange })
  expect(tombstones.find('a')).toMatchObject({ isOurs: true })
})

it('their counts by kind: through their end, a confirmation, a token that turns out to be ours, and too many', () => {
  let time = 0
  const tombstones = createTombstones(() => time, 2)
  tombstones.raise('a', { forMs: 100, ...ours })
  tombstones.raise('a', { forMs: 200, ...ours })
  tombstones.raise('session', { forMs: 1_000, ...ours, kind: 'session' })
  tombstones.raise('x', { forMs: 1_000, ...strange })
  expect(tombstones.counts()).toEqual({ token: 1, session: 1, stranger: 1 })
  tombstones.confirm('a')
  tombstones.raise('x', { forMs: 1_000, ...ours })
  expect(tombstones.counts()).toEqual({ token: 2, session: 1, stranger: 0 })
  for (const key of ['p', 'q', 'r']) tombstones.raise(key, { forMs: 1_000, ...strange })
  expect(tombstones.counts()).toEqual({ token: 2, session: 1, stranger: 2 })
  tombstones.learn('other', { kind: 'session', forMs: 1_000, channelId: '1', isConfirmed: false })
  tombstones.learn('more', { kind: 'session', forMs: 1_000, channelId: '1', isConfirmed: false })
  expect(tombstones.counts()).toEqual({ token: 1, session: 2, stranger: 2 })
  time = 1_000
  for (const key of ['a', 'session', 'x', 'p', 'q', 'r', 'other', 'more']) tombstones.has(key)
  expect(tombstones.counts()).toEqual({ token: 0, session: 0, stranger: 0 })
})
