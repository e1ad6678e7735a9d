import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { createSampler, type Sampler } from '../../src/telemetry/sampler.ts'

beforeEach(() => vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => vi.useRealTimers())

/** The written lines: kind, number of the line, lines that were left out before it. */
type Written = readonly [kind: string, n: number, leftOut: number]

function collect() {
  let counted = 0
  const sampler = createSampler(undefined, () => {
    counted += 1
  })
  const written: Written[] = []
  return { ...sampler, written, flood, counted: () => counted }

  function flood(kind: string, count: number): void {
    for (let n = 1; n <= count; n += 1) sampler.sample(kind, (leftOut) => written.push([kind, n, leftOut]))
  }
}

/** The number of lines that the written ones stand for. */
const standFor = (written: readonly Written[]) => written.reduce((sum, [, , leftOut]) => sum + 1 + leftOut, 0)

describe('the lines of one kind', () => {
  test('the first ten: written at once (D19)', () => {
    const { flood, written } = collect()
    flood('a', 10)
    expect(written).toEqual(Array.from({ length: 10 }, (_, n) => ['a', n + 1, 0]))
  })

  test('10,000 at once: ten, and a second later the last one with the count of the others (D19)', () => {
    const { flood, written } = collect()
    flood('a', 10_000)
    expect(written).toHaveLength(10)
    vi.advanceTimersByTime(1_000)
    expect(written.slice(10)).toEqual([['a', 10_000, 9_989]])
    vi.advanceTimersByTime(60_000)
    expect(written).toHaveLength(11)
  })

  test('100 in each tenth of a second: one line a second, and the counts add up (D19)', () => {
    const { flood, written, flush } = collect()
    for (let tenth = 0; tenth < 300; tenth += 1) {
      flood('a', 100)
      vi.advanceTimersByTime(100)
    }
    flush()
    expect(written.length).toBeGreaterThanOrEqual(39)
    expect(written.length).toBeLessThanOrEqual(42)
    expect(standFor(written)).toBe(30_000)
  })

  test('one each second: all are written, none waits (D19)', () => {
    const { flood, written } = collect()
    flood('a', 10)
    for (let second = 1; second <= 30; second += 1) {
      vi.advanceTimersByTime(1_000)
      flood('a', 1)
      expect(written).toHaveLength(10 + second)
    }
  })

  test('after ten quiet seconds: ten are written at once again (D19)', () => {
    const { flood, written } = collect()
    flood('a', 10)
    vi.advanceTimersByTime(10_000)
    flood('a', 10)
    expect(written).toHaveLength(20)
  })
})

test('each kind has its own ten lines, and a flood of one takes none of another (D19)', () => {
  const { flood, written } = collect()
  flood('a', 1_000)
  flood('b', 10)
  expect(written.filter(([kind]) => kind === 'b')).toHaveLength(10)
})

test('flush: the count of each kind is written at once, and only once (D19)', () => {
  const { flood, written, flush } = collect()
  flood('a', 50)
  flood('b', 11)
  flush()
  flush()
  expect(written.slice(20)).toEqual([
    ['a', 50, 39],
    ['b', 11, 0],
  ])
})

test('the metric counts each line that is never written, and no other', () => {
  const { flood, written, flush, counted } = collect()
  const leftOut = () => written.reduce((sum, line) => sum + line[2], 0)
  flood('a', 11)
  expect(counted()).toBe(0) // The last one waits.
  vi.advanceTimersByTime(1_000)
  expect([written.length, counted()]).toEqual([11, 0])
  flood('a', 100)
  vi.advanceTimersByTime(999)
  flood('b', 30)
  vi.advanceTimersByTime(1)
  flood('a', 1) // It may be written at once, so the one that waits is not.
  vi.advanceTimersByTime(10_000)
  flood('a', 50)
  flush()
  expect(counted()).toBe(leftOut())
  expect(written.length + leftOut()).toBe(11 + 100 + 30 + 1 + 50)
})

test('100,000 kinds: they share one after 500, so memory and lines are bounded (D19)', () => {
  const { flood, written, flush } = collect()
  for (let kind = 0; kind < 100_000; kind += 1) flood(String(kind), 1)
  expect(written).toHaveLength(510)
  flush()
  expect(standFor(written)).toBe(100_000)
})

test('lines that wait: no timer keeps the process alive (D19)', () => {
  vi.useRealTimers()
  const before = process.getActiveResourcesInfo().filter((one) => one === 'Timeout').length
  const { sample }: Sampler = createSampler()
  for (let n = 0; n < 100; n += 1) sample('a', () => {})
  expect(process.getActiveResourcesInfo().filter((one) => one === 'Timeout')).toHaveLength(before)
})
