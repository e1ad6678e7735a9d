import { expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'

const halfHour = 30 * 60_000

it.each([
  ['right', 0],
  ['slow by half an hour and corrected', -halfHour],
  ['fast by half an hour and corrected', halfHour],
])('the wall clock was %s: what is dated up to the departure is from before it (C1, C5)', (_, wrongBy) => {
  const time = { wall: 10 * halfHour + wrongBy, monotonic: 0 }
  const users = createUserTombstones(createClock({ wall: () => time.wall, monotonic: () => time.monotonic }))
  users.raise('1', 'U1')
  time.wall += 10_000 - wrongBy
  time.monotonic += 10_000
  users.raise('1', 'other')
  const left = 10 * halfHour
  expect([left - 1_000, left, left + 1_000].map((at) => users.leftSince('1', 'U1', at))).toEqual([true, true, false])
  expect(users.leftSince('1', 'U2', left)).toBe(false)
})
