import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createRecord, type TokenRecord } from '../../src/tokens/record.ts'
import { writeRecord } from '../../src/tokens/record-codec.ts'
import { createRecordStore } from '../../src/tokens/record-store.ts'
import { plain } from '../harness/plain-record.ts'

const at = Date.UTC(2026, 10, 22, 9, 30)

const bare = createRecord({
  channelId: '2000000001',
  scopes: ['profile', 'openid'],
  verifiedAt: at,
  expiresAt: at + 2_592_000_000,
})
const profile = { displayName: '', pictureUrl: null, statusMessage: 'hello', readAt: at + 500 }

describe('the store', () => {
  it.each<[string, Partial<TokenRecord>]>([
    ['only a verification', {}],
    ['a profile, even with an empty name', { profile, userId: 'U1' }],
    ['a user ID without a profile', { userId: 'U1' }],
    ['a friendship', { friendship: { isFriend: null, readAt: at } }],
    ['a family', { family: 'key' }],
    ['a user ID as LINE writes it', { userId: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f' }],
    ['a user ID of 16 characters', { userId: 'U123456789abcdef' }],
    [
      "a picture on LINE's host",
      { profile: { ...profile, pictureUrl: 'https://profile.line-scdn.net/0hX4n' }, userId: 'U1' },
    ],
    ['a picture on another host', { profile: { ...profile, pictureUrl: 'http://example.com/a' }, userId: 'U1' }],
    ['all facts', { profile, userId: 'U1', friendship: { isFriend: true, readAt: at }, family: 'key' }],
  ])('returns the record it was given: %s', (_, facts) => {
    const store = createRecordStore(10)
    const record = { ...bare, ...facts }
    expect(plain(store.set('key', record))).toEqual(record)
    expect(plain(store.get('key'))).toEqual(record)
    expect(plain(store.peek('key'))).toEqual(record)
  })

  it('fractions of a millisecond: cut off, so that no token gets younger or lives longer', () => {
    const record = createRecordStore(10).set('key', { ...bare, verifiedAt: at + 199.9, expiresAt: at + 1_099.9 })
    expect(record).toMatchObject({ verifiedAt: at + 199, expiresAt: at + 1_099 })
  })

  it('times beyond 32 bits: unchanged', () => {
    const later = Date.UTC(2050, 0, 1)
    const store = createRecordStore(10)
    expect(store.set('key', { ...bare, verifiedAt: later, expiresAt: later + 1_000 })).toMatchObject({
      verifiedAt: later,
      expiresAt: later + 1_000,
    })
  })

  it('a returned record: cannot be changed', () => {
    const store = createRecordStore(10)
    store.set('key', { ...bare, profile })
    expect(() => Object.assign(store.get('key') ?? {}, { channelId: 'other' })).toThrow(TypeError)
    expect(() => Object.assign(store.get('key')?.profile ?? {}, { displayName: 'other' })).toThrow(TypeError)
    expect(plain(store.get('key'))).toEqual({ ...bare, profile })
    expect(Object.isFrozen(store.get('key')?.scopes)).toBe(true)
  })

  it('equal channel and scopes: stored once; others: stored apart', () => {
    const store = createRecordStore(10)
    store.set('a', bare)
    store.set('b', { ...bare, scopes: ['profile', 'openid'] })
    store.set('c', { ...bare, channelId: '2000000002' })
    expect(store.get('a')?.scopes).toBe(store.get('b')?.scopes)
    expect(store.get('c')).toMatchObject({ channelId: '2000000002', scopes: bare.scopes })
  })

  it('more records than the limit: the least recently used one is removed', () => {
    const store = createRecordStore(2)
    store.set('a', bare)
    store.set('b', bare)
    store.get('a')
    store.peek('b')
    store.set('c', bare)
    expect([plain(store.get('a')), store.get('b'), store.size()]).toEqual([bare, undefined, 2])
  })

  it('a record that had to make room: its session and user are remembered until the token has a record again', () => {
    const store = createRecordStore(1)
    const userId = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'
    store.set('a', { ...bare, profile, userId, family: 'f'.repeat(32) })
    store.set('b', { ...bare, userId })
    expect(store.originOf('a')).toEqual({
      channelId: bare.channelId,
      userId,
      family: 'f'.repeat(32),
      verifiedAt: at,
      expiresAt: bare.expiresAt,
    })
    store.set('c', bare)
    expect(store.originOf('b')).toEqual({
      channelId: bare.channelId,
      userId,
      family: undefined,
      verifiedAt: at,
      expiresAt: bare.expiresAt,
    })
    store.set('a', bare)
    expect(store.originOf('a')).toBeUndefined()
    expect(store.originOf('c')).toEqual({
      channelId: bare.channelId,
      userId: undefined,
      family: undefined,
      verifiedAt: at,
      expiresAt: bare.expiresAt,
    })
  })

  it('a deleted record leaves no origin, a retired one does', () => {
    const store = createRecordStore(10)
    for (const key of ['a', 'b']) store.set(key, { ...bare, family: 'f' })
    store.delete('a')
    store.retire('b')
    expect([store.size(), store.originOf('a'), store.originOf('b')?.family]).toEqual([0, undefined, 'f'])
  })

  it('any script and long texts: unchanged', () => {
    const store = createRecordStore(10)
    const facts = {
      displayName: 'さくら 🦊 \u0000é',
      statusMessage: 'x'.repeat(60_000),
      pictureUrl: 'https://例え.jp/',
    }
    const record = { ...bare, profile: { ...profile, ...facts }, userId: 'U1', family: '\u00ff\u0000é' }
    store.set('key', record)
    expect(plain(store.get('key'))).toEqual(record)
  })

  it('a long name of bytes that were no UTF-8 (three bytes for each): unchanged', () => {
    const store = createRecordStore(10)
    const displayName = Buffer.alloc(60_000, 0xff).toString()
    const record = { ...bare, profile: { ...profile, displayName, pictureUrl: '/a' }, userId: 'U1' }
    store.set('key', record)
    expect(store.get('key')?.profile).toMatchObject({ displayName, statusMessage: 'hello' })
  })

  it('the time 0: unchanged; a negative time: stored as 0', () => {
    const store = createRecordStore(10)
    const record = { ...bare, verifiedAt: 0, expiresAt: 1_000, profile: { ...profile, readAt: 0 }, userId: 'U1' }
    expect(plain(store.set('key', record))).toEqual(record)
    expect(store.set('key', { ...record, expiresAt: -1 })).toMatchObject({ expiresAt: 0 })
  })

  it('1,500 different lists of scopes, more than are shared: unchanged', () => {
    const store = createRecordStore(2_000)
    const scopesOf = (n: number) => ['profile', `scope-${n}`]
    for (let n = 0; n < 1_500; n++) store.set(String(n), { ...bare, scopes: scopesOf(n) })
    for (const n of [0, 999, 1_000, 1_499])
      expect(plain(store.get(String(n)))).toEqual({ ...bare, scopes: scopesOf(n) })
  })

  it('a removed record: the returned one stays valid', () => {
    const store = createRecordStore(1)
    store.set('a', { ...bare, profile, userId: 'U1' })
    const kept = store.get('a')
    store.set('b', { ...bare, channelId: '2000000002' })
    expect([plain(kept), store.get('a')]).toEqual([{ ...bare, profile, userId: 'U1' }, undefined])
  })

  it('a deleted record: gone', () => {
    const store = createRecordStore(2)
    store.set('a', bare)
    store.delete('a')
    expect([store.get('a'), store.peek('a'), store.size()]).toEqual([undefined, undefined, 0])
  })

  it('16 million records allowed: no memory is taken before they come (D16)', () => {
    const before = process.memoryUsage()
    const store = createRecordStore(16_000_000)
    const after = process.memoryUsage()
    const taken = after.heapTotal + after.arrayBuffers - before.heapTotal - before.arrayBuffers
    expect(taken).toBeLessThan(50 * 2 ** 20)
    expect(plain(store.set('a', bare))).toEqual(bare)
  })

  it('its bytes: always the sum of the texts, whatever comes and goes', () => {
    const names = fc.constantFrom('a', 'b', 'c', 'd', 'e')
    const change = fc.oneof(
      fc.record({ do: fc.constant('set' as const), key: names, name: fc.string({ maxLength: 30 }) }),
      fc.record({ do: fc.constantFrom('delete' as const, 'retire' as const, 'get' as const), key: names }),
    )
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        const store = createRecordStore(3)
        for (const one of changes) {
          if (one.do === 'set') store.set(one.key, { ...bare, profile: { ...profile, displayName: one.name } })
          else store[one.do](one.key)
          const kept = ['a', 'b', 'c', 'd', 'e'].flatMap((key) => store.peek(key) ?? [])
          // All have the same channel and scopes, so each has the number 0.
          expect(store.bytes()).toBe(kept.reduce((sum, record) => sum + writeRecord(record, 0).length, 0))
          expect(store.size()).toBe(kept.length)
        }
      }),
      { numRuns: 50 },
    )
  })
})
