import { expect, it } from 'vitest'
import { createRefusals } from '../../src/tokens/refusals.ts'

it('remembered for half a minute', () => {
  let time = 0
  const refusals = createRefusals<'REVOKED'>(() => time)
  refusals.add('a', 'REVOKED')
  time = 29_999
  expect(refusals.find('a')).toBe('REVOKED')
  time = 30_000
  expect(refusals.find('a')).toBeUndefined()
  expect(refusals.find('b')).toBeUndefined()
})

it('remembered for half a minute of any direction of the clock, and never for ever', () => {
  let time = 100_000
  const refusals = createRefusals<'REVOKED'>(() => time)
  refusals.add('a', 'REVOKED')
  time = 70_001
  expect(refusals.find('a')).toBe('REVOKED')
  time = 70_000
  expect(refusals.find('a')).toBeUndefined()
})

it('the last reason is the one that counts', () => {
  const refusals = createRefusals<'REVOKED' | 'EXPIRED'>(() => 0)
  refusals.add('a', 'REVOKED')
  refusals.add('a', 'EXPIRED')
  expect(refusals.find('a')).toBe('EXPIRED')
})

it('an answer that was asked for before a refusal comes too late, and one asked for after it does not', () => {
  let time = 5
  const refusals = createRefusals<'REVOKED'>(() => time)
  const before = refusals.count()
  time = -5_000
  refusals.add('a', 'REVOKED')
  expect(refusals.isRefusedSince('a', before)).toBe(true)
  expect(refusals.isRefusedSince('a', refusals.count())).toBe(false)
  expect(refusals.isRefusedSince('b', before)).toBe(false)
})

it('20,000 and no more, the longest unused going first', () => {
  const refusals = createRefusals<'INVALID'>(() => 0)
  for (let n = 0; n < 20_001; n += 1) refusals.add(String(n), 'INVALID')
  expect(refusals.find('0')).toBeUndefined()
  expect(refusals.find('1')).toBe('INVALID')
  expect(refusals.find('20000')).toBe('INVALID')
})
