import { describe, expect, it } from 'vitest'
import { readingNames } from '../../src/tokens/readings.ts'
import {
  type Age,
  ageOf,
  createRecord,
  merge,
  type Subject,
  scopeMissing,
  spreadOf,
  type TokenRecord,
} from '../../src/tokens/record.ts'
import { digestOf } from '../../src/tokens/token-key.ts'

const known: readonly Subject[] = ['verification', 'profile', 'userinfo', 'friendship']
const ages = { freshForMs: 300, maxStaleMs: 3_600 }

describe('the age of an answer', () => {
  it.each<[number, Age]>([
    [0, 'fresh'],
    [299, 'fresh'],
    [300, 'aging'],
    [3_599, 'aging'],
    [3_600, 'stale'],
    [1e12, 'stale'],
  ])('after %i ms is %s', (passed, age) => {
    const old = record({
      verifiedAt: 5_000,
      userId: 'U1',
      profile: profile(5_000),
      friendship: { isFriend: true, readAt: 5_000 },
    })
    for (const subject of known) expect(ageOf(old, subject, 5_000 + passed, ages)).toBe(age)
  })

  it('counts from the reading, not from the verification', () => {
    const mixed = record({
      verifiedAt: 10_000,
      userId: 'U1',
      profile: profile(9_000),
      friendship: { isFriend: null, readAt: 5_000 },
    })
    expect(known.map((subject) => ageOf(mixed, subject, 10_000, ages))).toEqual(['fresh', 'aging', 'fresh', 'stale'])
  })

  it('is undefined if the record does not have the subject', () => {
    expect(ageOf(record({}), 'verification', 0, ages)).toBe('fresh')
    for (const name of readingNames) expect(ageOf(record({}), name, 0, ages)).toBeUndefined()
  })

  it('with both ages Infinity is always fresh', () => {
    const always = { freshForMs: Infinity, maxStaleMs: Infinity }
    expect(ageOf(record({}), 'verification', 1e15, always)).toBe('fresh')
  })

  it('with a fresh age of 0 is never fresh', () => {
    expect(ageOf(record({}), 'verification', 0, { freshForMs: 0, maxStaleMs: 1 })).toBe('aging')
  })
})

it('a token without the scope of a subject: the scope is missing', () => {
  const missing = (scopes: string[]) => known.map((subject) => scopeMissing(record({ scopes }), subject))
  expect(missing(['profile', 'openid'])).toEqual([undefined, undefined, undefined, undefined])
  expect(missing(['openid'])).toEqual([undefined, 'profile', undefined, 'profile'])
  expect(missing(['profile'])).toEqual([undefined, undefined, 'openid', undefined])
  expect(missing(['profiles', 'openid.x'])).toEqual([undefined, 'profile', 'openid', 'profile'])
})

describe('two answers about one token', () => {
  it('no record yet: the answer itself', () => {
    const answer = record({})
    expect(merge(answer, undefined, 'verification')).toBe(answer)
  })

  it('a verification: its channel, scopes and end; the readings of the record stay', () => {
    const current = record({ expiresAt: 100, scopes: ['profile'], profile: profile(5), family: 'f', userId: 'U1' })
    const answer = record({ expiresAt: 90, scopes: ['openid'], verifiedAt: 10 })
    expect(merge(answer, current, 'verification')).toEqual({
      ...answer,
      profile: profile(5),
      family: 'f',
      userId: 'U1',
    })
  })

  it('a reading: its time of verification; channel, scopes and end of the record stay', () => {
    const current = record({ expiresAt: 90, scopes: ['openid'], verifiedAt: 10 })
    const answer = record({ expiresAt: 100, scopes: ['profile'], verifiedAt: 20, profile: profile(20) })
    expect(merge(answer, current, 'profile')).toEqual({ ...current, verifiedAt: 20, profile: profile(20) })
  })

  it('two readings: the newer one is kept, in either order', () => {
    const [older, newer] = [record({ profile: profile(5) }), record({ profile: profile(6) })]
    expect(merge(older, newer, 'profile').profile).toEqual(profile(6))
    expect(merge(newer, older, 'profile').profile).toEqual(profile(6))
    const friends = (readAt: number, isFriend: boolean) => record({ friendship: { isFriend, readAt } })
    expect(merge(friends(5, true), friends(6, false), 'friendship').friendship?.isFriend).toBe(false)
  })

  it('no record, but a remembered origin: its session and its user', () => {
    const origin = { channelId: '1', family: 'f', userId: 'U1', verifiedAt: 0, expiresAt: 9 }
    expect(merge(record({}), undefined, 'verification', origin)).toEqual({ ...record({}), family: 'f', userId: 'U1' })
    const named = record({ userId: 'U2' })
    expect(merge(named, undefined, 'profile', { ...origin, family: undefined })).toEqual(named)
  })

  it('the result is frozen', () => {
    expect(Object.isFrozen(merge(record({}), record({}), 'verification'))).toBe(true)
  })
})

function profile(readAt: number) {
  return { displayName: 'Sakura', pictureUrl: null, statusMessage: null, readAt }
}

function record(facts: Partial<TokenRecord>): TokenRecord {
  return createRecord({ channelId: '1', scopes: ['profile', 'openid'], verifiedAt: 0, expiresAt: 100_000, ...facts })
}

it('1,200 tokens that were verified together: they age from 270 to 330 s, as many in each tenth of that time (B2)', () => {
  const factors = Array.from({ length: 1_200 }, (_, n) => spreadOf(digestOf(`token ${n}`)))
  const tenths = new Array<number>(10).fill(0)
  for (const factor of factors) {
    expect(factor).toBeGreaterThanOrEqual(0.9)
    expect(factor).toBeLessThanOrEqual(1.1)
    const tenth = Math.min(Math.floor((factor - 0.9) * 50), 9)
    tenths[tenth] = (tenths[tenth] ?? 0) + 1
  }
  expect(Math.min(...tenths)).toBeGreaterThan(60)
  expect(Math.max(...tenths)).toBeLessThan(240)
})
