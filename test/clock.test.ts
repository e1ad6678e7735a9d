import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Clock, createClock } from '../src/clock.ts'
import { fastestMs } from './harness/fastest.ts'
import { print } from './harness/print.ts'

const START = Date.UTC(2026, 0, 1)
const SECOND = 1_000
const HOUR = 3_600 * SECOND

let wall: number
let monotonic: number
let monotonicReads: number
let clock: Clock

beforeEach(() => {
  wall = START
  monotonic = 7_000.25
  monotonicReads = 0
  clock = startClock()
})

function startClock(): Clock {
  const readMonotonic = () => {
    monotonicReads += 1
    return monotonic
  }
  return createClock({ wall: () => wall, monotonic: readMonotonic })
}

/** Time passes for both clocks. */
function pass(ms: number): void {
  wall += ms
  monotonic += ms
}

/** Time passes, and the process reads its clock every `everyMs`. */
function passWithTraffic(ms: number, everyMs: number): void {
  for (let passed = 0; passed < ms; passed += everyMs) {
    pass(everyMs)
    clock.now()
  }
}

describe('clocks that agree (C5)', () => {
  it('now, wall and steady are the wall clock, and nothing has drifted', () => {
    for (const ms of [0, 1, 999, 1, 1_000, 5 * SECOND, HOUR, 30 * 24 * HOUR]) {
      pass(ms)
      expect(clock.now()).toBe(wall)
      expect(clock.wall()).toBe(wall)
      expect(clock.steady()).toBe(wall)
      expect(clock.toWall(wall + 5)).toBe(wall + 5)
    }
    expect(clock.driftedAt()).toBe(Number.NEGATIVE_INFINITY)
  })

  it.each([4_900, -4_900])('a slow drift of %s ms: not a drift, and now stays the wall clock', (driftMs) => {
    for (let n = 0; n < 49; n += 1) {
      wall += driftMs / 49
      passWithTraffic(10 * SECOND, 500)
      expect(clock.now()).toBe(wall)
    }
    expect(clock.driftedAt()).toBe(Number.NEGATIVE_INFINITY)
    expect(clock.toWall(0)).toBe(0)
  })

  it('set back by 3 s: now stands still for 3 s', () => {
    wall -= 3 * SECOND
    for (let n = 0; n < 3; n += 1) {
      expect(clock.now()).toBe(START)
      pass(SECOND)
    }
    pass(SECOND)
    expect(clock.now()).toBe(START + SECOND)
    expect(clock.driftedAt()).toBe(Number.NEGATIVE_INFINITY)
  })
})

describe('clocks that drift apart (C5)', () => {
  it('a suspend of 5 h: now jumps with the wall clock, steady does not', () => {
    pass(HOUR)
    const before = clock.now()
    wall += 5 * HOUR
    expect(clock.now()).toBe(before + 5 * HOUR)
    expect(clock.driftedAt()).toBe(before + 5 * HOUR)
    expect(clock.toWall(clock.now())).toBe(wall)
    expect(clock.steady()).toBe(before)
    passWithTraffic(HOUR, SECOND)
    expect(clock.driftedAt()).toBe(before + 5 * HOUR)
    expect(clock.steady()).toBe(before + HOUR)
  })

  it('9 h fast at the start, then corrected: now goes on, and its values are shown as the corrected time', () => {
    wall = START + 9 * HOUR
    clock = startClock()
    pass(10 * SECOND)
    const before = clock.now()
    expect(before).toBe(START + 9 * HOUR + 10 * SECOND)
    pass(20 * SECOND)
    wall -= 9 * HOUR
    expect(clock.now()).toBeCloseTo(before + 20 * SECOND, -1)
    expect(clock.driftedAt()).toBe(clock.now())
    expect(clock.wall()).toBe(START + 30 * SECOND)
    expect(clock.toWall(clock.now())).toBe(wall)
    const corrected = clock.now()
    passWithTraffic(HOUR, 700)
    expect(clock.now()).toBe(corrected + wall - START - 30 * SECOND)
    expect(clock.driftedAt()).toBe(corrected)
  })

  it('9 h slow at the start, then corrected: now jumps forwards', () => {
    pass(10 * SECOND)
    clock.now()
    wall += 9 * HOUR
    expect(clock.now()).toBe(START + 9 * HOUR + 10 * SECOND)
    expect(clock.driftedAt()).toBe(clock.now())
    expect(clock.toWall(clock.now())).toBe(wall)
  })

  it('forwards by 9 h and back later: now keeps the 9 h, steady never has them', () => {
    wall += 9 * HOUR
    clock.now()
    pass(HOUR)
    clock.now()
    wall -= 9 * HOUR
    const back = clock.now()
    expect(back).toBeCloseTo(START + 10 * HOUR, -1)
    expect(clock.steady()).toBe(START + HOUR)
    expect(clock.driftedAt()).toBe(back)
    expect(clock.toWall(back)).toBe(wall)
  })

  it('values of now from before a drift are smaller than driftedAt, also in the same millisecond', () => {
    for (const step of [-6 * SECOND, 6 * SECOND, -HOUR, HOUR]) {
      const before = clock.now()
      wall += step
      expect(clock.now()).toBeGreaterThan(before)
      expect(clock.driftedAt()).toBe(clock.now())
    }
  })

  it('two drifts right after each other: each one counts', () => {
    wall += 5 * HOUR
    const first = clock.now()
    wall -= 9 * HOUR
    const second = clock.now()
    wall += 6 * SECOND
    const third = clock.now()
    expect(second).toBeGreaterThan(first)
    expect(third).toBeCloseTo(second + 6 * SECOND, -1)
    expect(clock.driftedAt()).toBe(third)
    expect(clock.toWall(third)).toBe(wall)
  })

  it.each([
    ['forwards', 40],
    ['backwards', -40],
  ])('in small steps %s, with continuous traffic: noticed after 5 s', (_, stepMs) => {
    for (let n = 0; n < 125; n += 1) {
      passWithTraffic(100, 10)
      wall += stepMs
    }
    passWithTraffic(900, 10)
    expect(clock.driftedAt()).toBe(Number.NEGATIVE_INFINITY)
    for (let n = 0; n < 5; n += 1) {
      wall += stepMs
      passWithTraffic(SECOND, 10)
    }
    expect(clock.driftedAt()).toBeGreaterThan(START)
    expect(clock.toWall(clock.now())).toBe(wall)
  })

  it('back by 4 s a hundred times: now is never more than 5 s behind the monotonic clock', () => {
    for (let n = 1; n <= 100; n += 1) {
      wall -= 4 * SECOND
      pass(10 * SECOND)
      expect(clock.now()).toBeGreaterThanOrEqual(START + (n * 10 - 5) * SECOND)
    }
  })

  it('back and forth by 4 s a hundred times: now does not run ahead', () => {
    for (let n = 0; n < 100; n += 1) {
      wall += n % 2 === 0 ? 4 * SECOND : -4 * SECOND
      passWithTraffic(10 * SECOND, SECOND)
    }
    expect(clock.now()).toBe(START + 1_000 * SECOND)
  })
})

it('steps of any size between reads: now never goes back and is at most 6 s behind either clock (C5)', () => {
  const passed = fc.oneof(fc.nat(50), fc.nat(3_000), fc.nat(10 * HOUR))
  const step = fc.oneof(
    { weight: 4, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: -3 * SECOND, max: 3 * SECOND }) },
    { weight: 2, arbitrary: fc.integer({ min: -20 * SECOND, max: 20 * SECOND }) },
    { weight: 2, arbitrary: fc.integer({ min: -10 * HOUR, max: 10 * HOUR }) },
  )
  fc.assert(
    fc.property(fc.array(fc.tuple(passed, step), { maxLength: 60 }), (moves) => {
      wall = START
      clock = startClock()
      const seen = [{ now: clock.now(), wall, monotonic }]
      const read = () => {
        const now = clock.now()
        expect(now).toBeGreaterThanOrEqual(seen.at(-1)?.now ?? 0)
        expect(clock.driftedAt()).toBeLessThanOrEqual(now)
        expect(clock.toWall(now) - wall).toBeGreaterThanOrEqual(0)
        expect(clock.toWall(now) - wall).toBeLessThanOrEqual(5 * SECOND)
        seen.push({ now, wall, monotonic })
      }
      for (const [ms, stepMs] of moves) {
        pass(ms)
        wall += stepMs
        read()
      }
      // Longer than the time between two comparisons of the clocks.
      pass(SECOND)
      read()
      for (const before of seen) {
        const passedFor = clock.now() - before.now
        // The tolerance of 5 s, and a step of up to 1 s between two comparisons of the clocks.
        expect(passedFor).toBeGreaterThanOrEqual(wall - before.wall - 6 * SECOND)
        expect(passedFor).toBeGreaterThanOrEqual(monotonic - before.monotonic - 6 * SECOND)
      }
    }),
    { numRuns: 500 },
  )
})

describe('the cost of now', () => {
  it('the monotonic clock is read once a second at most', () => {
    monotonicReads = 0
    passWithTraffic(10 * SECOND, 1)
    expect(monotonicReads).toBe(10)
  })

  it('a figure: nanoseconds a call, beside performance.now() plus its origin', () => {
    const { timeOrigin } = performance
    const clocks = { now: createClock().now, before: () => timeOrigin + performance.now(), wall: () => Date.now() }
    const figures = Object.entries(clocks).map(([name, read]) => `${name} ${nanosecondsOf(read)}`)
    print(`clock, ns a call: ${figures.join(', ')}`)
  })
})

describe('without sources', () => {
  afterEach(() => vi.useRealTimers())

  it('the clocks of the system, also when a test replaces them later', () => {
    const real = createClock()
    vi.useFakeTimers({ now: Date.now() + HOUR, toFake: ['Date', 'performance'] })
    expect(real.wall()).toBe(Date.now())
    vi.advanceTimersByTime(HOUR)
    expect(real.now()).toBeGreaterThanOrEqual(Date.now())
  })
})

function nanosecondsOf(read: () => number): number {
  const calls = 20_000
  const ms = fastestMs(() => {
    for (let n = 0; n < calls; n += 1) read()
  })
  return Math.round((ms * 1e7) / calls) / 10
}
