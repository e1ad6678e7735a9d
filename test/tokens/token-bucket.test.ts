import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createTokenBucket } from '../../src/tokens/token-bucket.ts'
import { START_MS } from '../harness/channels.ts'

function createBucket(burst: number, perSecond: number) {
  let time = START_MS
  const bucket = createTokenBucket({ burst, perSecond, now: () => time })
  return { bucket, advance }

  function advance(ms: number): void {
    time += ms
  }
}

const bursts = fc.integer({ min: 1, max: 50 })
/** Tokens a second. One of them takes 1 to 100,000 whole milliseconds. */
const rates = fc.integer({ min: 1, max: 100_000 }).map((msForOne) => ({ msForOne, perSecond: 1_000 / msForOne }))
const steps = fc.array(
  fc.oneof(fc.constant('take' as const), fc.constant('give' as const), fc.integer({ min: 0, max: 50_000 })),
  { maxLength: 60 },
)

describe('the token bucket', () => {
  it('a new one is full; each take takes one; time and good tokens fill it up to the burst (B3)', () => {
    const { bucket, advance } = createBucket(3, 2)
    expect([bucket.left(), bucket.waitMs()]).toEqual([3, 0])
    for (let n = 0; n < 3; n += 1) bucket.take()
    expect([bucket.left(), bucket.waitMs()]).toEqual([0, 500])
    advance(500)
    expect([bucket.left(), bucket.waitMs()]).toEqual([1, 0])
    bucket.giveBack()
    expect(bucket.left()).toBe(2)
    for (let n = 0; n < 9; n += 1) bucket.giveBack()
    advance(1_000_000)
    expect(bucket.left()).toBe(3)
  })

  it('taken while empty: there is no debt, the next token comes as soon (B3)', () => {
    const { bucket } = createBucket(1, 1)
    for (let n = 0; n < 100; n += 1) bucket.take()
    expect(bucket.waitMs()).toBe(1_000)
  })

  it('whatever happens: never below 0, never fuller than the burst (B3)', () => {
    fc.assert(
      fc.property(bursts, rates, steps, (burst, { perSecond }, all) => {
        const { bucket, advance } = createBucket(burst, perSecond)
        for (const step of all) {
          if (step === 'take') bucket.take()
          else if (step === 'give') bucket.giveBack()
          else advance(step)
          expect(bucket.left()).toBeGreaterThanOrEqual(0)
          expect(bucket.left()).toBeLessThanOrEqual(burst)
          expect(bucket.waitMs() === 0).toBe(bucket.left() > 0)
        }
      }),
    )
  })

  it('whatever happened, empty: one ms before its wait ends there is no token, then there is one (B3)', () => {
    fc.assert(
      fc.property(bursts, rates, steps, fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 20 }), (...given) => {
        const [burst, { msForOne, perSecond }, before, looks] = given
        const { bucket, advance } = createBucket(burst, perSecond)
        for (const step of before) {
          if (step === 'take') bucket.take()
          else if (step === 'give') bucket.giveBack()
          else advance(step)
        }
        while (bucket.left() > 0) bucket.take()
        let left = Math.round(bucket.waitMs())
        expect(left).toBeLessThanOrEqual(msForOne)
        for (const ms of looks) {
          if (ms >= left - 1) continue
          advance(ms)
          left -= ms
          expect(bucket.left()).toBe(0)
          expect(bucket.waitMs()).toBeCloseTo(left, 3)
        }
        advance(left - 1)
        expect(bucket.left()).toBe(0)
        advance(1)
        expect(bucket.left()).toBeGreaterThanOrEqual(1)
      }),
    )
  })
})
