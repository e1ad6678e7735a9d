import { describe, expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import { createForgotten } from '../../src/tokens/forgotten.ts'
import { createRecord, type TokenRecord } from '../../src/tokens/record.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'

const channelId = '1'
const userId = 'U1'

function recordOf(facts: Partial<TokenRecord>): TokenRecord {
  return createRecord({ channelId, scopes: ['profile'], verifiedAt: 0, expiresAt: 1e9, ...facts })
}

function everything() {
  const time = { now: 1_000 }
  const tombstones = createTombstones(() => time.now)
  const users = createUserTombstones(createClock({ wall: () => time.now, monotonic: () => time.now }))
  const families = createFamilies()
  return { time, tombstones, users, families, forgotten: createForgotten({ tombstones, users, families }) }
}

describe('a stored record', () => {
  it('nothing is forgotten: not concerned', () => {
    expect(everything().forgotten.concerns('a', recordOf({ userId, family: 'f' }))).toBeUndefined()
  })

  it('its token or its session was revoked: dead; another one: not concerned', () => {
    const { tombstones, forgotten } = everything()
    for (const key of ['a', 'f']) tombstones.raise(key, { kind: 'token', forMs: 100, channelId, isOurs: true })
    expect(forgotten.concerns('a', recordOf({}))).toBe('dead')
    expect(forgotten.concerns('b', recordOf({ family: 'f' }))).toBe('dead')
    expect(forgotten.concerns('b', recordOf({ family: 'g' }))).toBeUndefined()
  })

  it.each([
    ['before LINE knows it', false, ['dead', 'dead', 'unproven', 'unproven', undefined]],
    ['after LINE was told', true, ['dead', 'unproven', 'unproven', 'unproven', undefined]],
  ] as const)('its user left, %s: by the time of its verification', (_, isTold, expected) => {
    const { users, forgotten } = everything()
    users.raise(channelId, userId)
    if (isTold) users.confirm(channelId, userId)
    const times = [999, 1_000, 1_001, 6_000, 6_001]
    const concerns = times.map((verifiedAt) => forgotten.concerns('a', recordOf({ userId, verifiedAt })))
    expect(concerns).toEqual(expected)
  })

  it('between the departure and its confirmation: unproven, because LINE did not know of it', () => {
    const { time, users, forgotten } = everything()
    users.raise(channelId, userId)
    time.now = 10_000
    users.confirm(channelId, userId)
    const concerns = [999, 5_000, 15_000, 15_001].map((verifiedAt) =>
      forgotten.concerns('a', recordOf({ userId, verifiedAt })),
    )
    expect(concerns).toEqual(['dead', 'unproven', 'unproven', undefined])
  })

  it('of another user or another channel: not concerned; of an unknown user, verified before: unnamed', () => {
    const { users, forgotten } = everything()
    users.raise(channelId, userId)
    expect(forgotten.concerns('a', recordOf({ userId: 'U2' }))).toBeUndefined()
    expect(forgotten.concerns('a', recordOf({ userId, channelId: '2' }))).toBeUndefined()
    expect(forgotten.concerns('a', recordOf({ verifiedAt: 1_000 }))).toBe('unnamed')
    expect(forgotten.concerns('a', recordOf({ verifiedAt: 1_001 }))).toBeUndefined()
  })

  it('of an unknown user, in a session whose user is known: that user', () => {
    const { users, families, forgotten } = everything()
    families.begin('f', { channelId, begunAt: 0, begunTime: 0, userId: undefined })
    users.raise(channelId, userId)
    families.learnUser('f', 'U2')
    expect(forgotten.concerns('a', recordOf({ family: 'f' }))).toBeUndefined()
    families.learnUser('f', userId)
    expect(forgotten.concerns('a', recordOf({ family: 'f' }))).toBe('dead')
  })
})

describe("LINE's answer to a call", () => {
  it('is concerned only by what was forgotten since the call began, even within one millisecond', () => {
    const { users, forgotten } = everything()
    const before = forgotten.count()
    users.raise(channelId, userId)
    const after = forgotten.count()
    const record = recordOf({ userId, verifiedAt: 1_000 })
    expect(forgotten.concernsLanded('a', record, before)).toBe('dead')
    expect(forgotten.concernsLanded('a', record, after)).toBeUndefined()
    users.confirm(channelId, userId)
    expect(forgotten.concernsLanded('a', record, after)).toBe('unproven')
    expect(forgotten.concernsLanded('a', recordOf({ verifiedAt: 1_000 }), before)).toBe('unnamed')
    expect(forgotten.concernsLanded('a', recordOf({ userId: 'U2' }), before)).toBeUndefined()
  })
})

describe('a token without a record', () => {
  it('its remembered origin counts', () => {
    const { tombstones, users, forgotten } = everything()
    const origin = { channelId, userId, family: 'f', verifiedAt: 0, expiresAt: 1e9 }
    expect([forgotten.isDeadCold('a', origin), forgotten.isDeadCold('a', undefined)]).toEqual([false, false])
    users.raise(channelId, userId)
    expect([forgotten.isDeadCold('a', origin), forgotten.isDeadCold('a', undefined)]).toEqual([true, false])
    expect(forgotten.isDeadCold('a', { ...origin, verifiedAt: 1_001 })).toBe(false)
    tombstones.raise('g', { kind: 'token', forMs: 100, channelId, isOurs: true })
    expect(forgotten.isDeadCold('a', { ...origin, userId: undefined, family: 'g' })).toBe(true)
  })
})

describe('a session', () => {
  it('revoked by any of its refresh tokens: dead; its user left after it began: dead; a later one: not', () => {
    const { tombstones, users, families, forgotten } = everything()
    families.begin('first', { channelId, begunAt: forgotten.count(), begunTime: 0, userId })
    families.continueWith('second', 'first', { channelId, begunAt: forgotten.count(), begunTime: 0, userId: undefined })
    expect(['first', 'second'].map(forgotten.isDeadSession)).toEqual([false, false])
    users.raise(channelId, userId)
    families.begin('later', { channelId, begunAt: forgotten.count(), begunTime: 0, userId })
    users.confirm(channelId, userId)
    expect(['first', 'second', 'later'].map(forgotten.isDeadSession)).toEqual([true, true, false])
    tombstones.raise('later', { kind: 'token', forMs: 100, channelId, isOurs: true })
    expect(['later', 'unknown'].map(forgotten.isDeadSession)).toEqual([true, false])
  })

  it('of an unknown user: it may be of one who leaves, and of one who left while LINE was issuing its tokens', () => {
    const { users, families, forgotten } = everything()
    const family = families.begin('first', { channelId, begunAt: forgotten.count(), begunTime: 0, userId: undefined })
    const before = forgotten.count()
    expect(forgotten.mayConcern(family, before)).toBe(false)
    users.raise(channelId, userId)
    const whileLeaving = forgotten.count()
    expect([before, whileLeaving].map((begunAt) => forgotten.mayConcern(family, begunAt))).toEqual([true, true])
    users.confirm(channelId, userId)
    const after = forgotten.count()
    expect([whileLeaving, after].map((begunAt) => forgotten.mayConcern(family, begunAt))).toEqual([true, false])
    families.learnUser('first', 'U2')
    expect(forgotten.mayConcern(family, before)).toBe(false)
  })
})
