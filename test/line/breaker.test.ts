import { beforeEach, describe, expect, it } from 'vitest'
import { type Breaker, createBreaker } from '../../src/line/breaker.ts'
import { LineRateLimited, LineUnavailable } from '../../src/line/errors.ts'

let time = 0
let breaker: Breaker

beforeEach(() => {
  time = 1_000_000
  breaker = createBreaker(() => time)
})

describe('failures in a row', () => {
  it('lets nine of them pass', () => {
    fail(9)
    expect(() => breaker.check()).not.toThrow()
    expect(() => breaker.enter()).not.toThrow()
  })

  it('leaves LINE alone after ten, for a second', () => {
    fail(10)
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    expect(refusal()).toMatchObject({ retryAfter: 1, sent: false })
    time += 999
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    time += 1
    expect(refusal()).toBeUndefined()
  })

  it('begins to count anew after a success', () => {
    fail(9)
    breaker.succeeded()
    fail(9)
    expect(refusal()).toBeUndefined()
    breaker.failed()
    expect(refusal()).toBeInstanceOf(LineUnavailable)
  })

  it('sends one probe after the pause, and everybody else away while it is under way', () => {
    fail(10)
    time += 1_000
    breaker.enter()
    expect(() => breaker.enter()).toThrow(LineUnavailable)
    expect(refusal()).toMatchObject({ retryAfter: 1, sent: false })
    time += 60_000
    expect(refusal()).toBeInstanceOf(LineUnavailable)
  })

  it('is closed again when the probe succeeds', () => {
    fail(10)
    time += 1_000
    breaker.enter()
    breaker.succeeded()
    breaker.enter()
    breaker.enter()
    fail(9)
    expect(refusal()).toBeUndefined()
  })

  it('pauses once more when the probe fails, though that is one failure', () => {
    fail(10)
    time += 1_000
    breaker.enter()
    breaker.failed()
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    time += 1_000
    expect(refusal()).toBeUndefined()
  })

  it('does not take an answer to an older call for the probe', () => {
    fail(10)
    breaker.succeeded()
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    time += 1_000
    expect(refusal()).toBeUndefined()
  })

  it('does not wait for ever when the clock is set back', () => {
    fail(10)
    time -= 24 * 60 * 60 * 1_000
    expect(() => breaker.enter()).not.toThrow()
    breaker.succeeded()
    expect(refusal()).toBeUndefined()
  })
})

describe('429', () => {
  it.each([
    ['nothing was said', undefined, 1],
    ['now', 0, 1],
    ['less than a second', 300, 1],
    ['a second and a bit', 1_200, 2],
    ['seconds', 7_000, 7],
    ['a day: a minute is believed', 86_400_000, 60],
    ['for ever', Number.POSITIVE_INFINITY, 60],
  ])('leaves LINE alone at once, for as long as it says: %s', (_, retryAfterMs, seconds) => {
    expect(breaker.limited(retryAfterMs)).toBe(seconds)
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    expect(refusal()).toMatchObject({ retryAfter: seconds })
    time += seconds * 1_000 - 801
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    time += 801
    expect(refusal()).toBeUndefined()
  })

  it('says the seconds that are left', () => {
    breaker.limited(7_000)
    time += 4_500
    expect(refusal()).toMatchObject({ retryAfter: 3 })
  })

  it('obeys the longer of two, whichever came first', () => {
    breaker.limited(5_000)
    breaker.limited(2_000)
    time += 4_999
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    time += 1
    breaker.enter()
    breaker.limited(1_000)
    breaker.limited(3_000)
    time += 2_999
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    time += 1
    expect(refusal()).toBeUndefined()
  })

  it('is not cut short by older calls that come home well or badly', () => {
    breaker.limited(5_000)
    breaker.succeeded()
    fail(12)
    time += 4_999
    expect(refusal()).toBeDefined()
    time += 1
    expect(refusal()).toBeUndefined()
  })

  it('lets one probe through after the pause', () => {
    breaker.limited(2_000)
    time += 2_000
    breaker.enter()
    expect(() => breaker.enter()).toThrow(LineRateLimited)
    breaker.succeeded()
    expect(() => breaker.enter()).not.toThrow()
  })

  it('waits anew when that probe fails, be it with a single 500', () => {
    breaker.limited(2_000)
    time += 2_000
    breaker.enter()
    breaker.failed()
    expect(refusal()).toMatchObject({ retryAfter: 1 })
    time += 1_000
    breaker.enter()
    breaker.succeeded()
    expect(refusal()).toBeUndefined()
  })
})

function fail(times: number): void {
  for (let done = 0; done < times; done++) breaker.failed()
}

function refusal(): unknown {
  try {
    breaker.check()
  } catch (error) {
    return error
  }
  return undefined
}
