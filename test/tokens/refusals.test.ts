import { expect, it } from 'vitest'
import { createRefusals } from '../../src/tokens/refusals.ts'

it('a refusal: remembered for 30 s', () => {
  let time = 0
  const refusals = createRefusals<'REVOKED'>(() => time)
  refusals.add('a', 'REVOKED')
  time = 29_999
  expect(refusals.find('a')).toBe('REVOKED')
  time = 30_000
  expect(refusals.size()).toBe(1)
  expect(refusals.find('a')).toBeUndefined()
  expect(refusals.find('b')).toBeUndefined()
  expect(refusals.size()).toBe(0)
})

it('a second refusal of the same key: the last reason is returned', () => {
  const refusals = createRefusals<'REVOKED' | 'EXPIRED'>(() => 0)
  refusals.add('a', 'REVOKED')
  refusals.add('a', 'EXPIRED')
  expect(refusals.find('a')).toBe('EXPIRED')
})

it('findSince: the reason for an answer requested before the refusal, also in the same millisecond; none for a later one', () => {
  const refusals = createRefusals<'REVOKED'>(() => 5)
  const before = refusals.count()
  refusals.add('a', 'REVOKED')
  expect(refusals.findSince('a', before)).toBe('REVOKED')
  expect(refusals.findSince('a', refusals.count())).toBeUndefined()
  expect(refusals.findSince('b', before)).toBeUndefined()
})

it('more than 20,000 refusals: the least recently used one is removed', () => {
  const refusals = createRefusals<'INVALID'>(() => 0)
  for (let n = 0; n < 20_001; n += 1) refusals.add(String(n), 'INVALID')
  expect(refusals.find('0')).toBeUndefined()
  expect(refusals.find('1')).toBe('INVALID')
  expect(refusals.find('20000')).toBe('INVALID')
  expect(refusals.size()).toBe(20_000)
})
