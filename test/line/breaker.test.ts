import { beforeEach, describe, expect, it } from 'vitest'
import { type Breaker, createBreaker } from '../../src/line/breaker.ts'
import { LineRateLimited, LineUnavailable } from '../../src/line/errors.ts'
import type { BreakerChange } from '../../src/telemetry/telemetry.ts'

let time = 0
let breaker: Breaker
let changes: BreakerChange[]

beforeEach(() => {
  time = 1_000_000
  changes = []
  breaker = createBreaker(
    () => time,
    (change) => changes.push(change),
  )
})

describe('failures in a row', () => {
  it('nine: calls are still allowed', () => {
    fail(9)
    expect(() => breaker.check()).not.toThrow()
    expect(() => breaker.enter()).not.toThrow()
  })

  it('ten: calls are refused for one second', () => {
    fail(10)
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    expect(refusal()).toMatchObject({ retryAfter: 1, sent: false })
    time += 999
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    time += 1
    expect(refusal()).toBeUndefined()
  })

  it('a success resets the count', () => {
    fail(9)
    breaker.succeeded()
    fail(9)
    expect(refusal()).toBeUndefined()
    breaker.failed()
    expect(refusal()).toBeInstanceOf(LineUnavailable)
  })

  it('after the pause: one probe is allowed, and other calls are refused while it is in flight', () => {
    fail(10)
    time += 1_000
    breaker.enter()
    expect(() => breaker.enter()).toThrow(LineUnavailable)
    expect(refusal()).toMatchObject({ retryAfter: 1, sent: false })
    time += 60_000
    expect(refusal()).toBeInstanceOf(LineUnavailable)
  })

  it('after a successful probe: the breaker is closed', () => {
    fail(10)
    time += 1_000
    breaker.enter()
    breaker.succeeded()
    breaker.enter()
    breaker.enter()
    fail(9)
    expect(refusal()).toBeUndefined()
  })

  it('after a failed probe: one failure is enough for another pause', () => {
    fail(10)
    time += 1_000
    breaker.enter()
    breaker.failed()
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    time += 1_000
    expect(refusal()).toBeUndefined()
  })

  it('an answer to a call from before the pause does not end the pause', () => {
    fail(10)
    breaker.succeeded()
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    time += 1_000
    expect(refusal()).toBeUndefined()
  })
})

describe('429', () => {
  it.each([
    ['no Retry-After', undefined, 1],
    ['zero', 0, 1],
    ['less than a second', 300, 1],
    ['more than a second', 1_200, 2],
    ['seconds', 7_000, 7],
    ['a day, cut to a minute', 86_400_000, 60],
    ['infinity, cut to a minute', Number.POSITIVE_INFINITY, 60],
  ])('refuses calls at once for the time that LINE sends: %s', (_, retryAfterMs, seconds) => {
    expect(breaker.limited(retryAfterMs)).toBe(seconds)
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    expect(refusal()).toMatchObject({ retryAfter: seconds })
    time += seconds * 1_000 - 801
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    time += 801
    expect(refusal()).toBeUndefined()
  })

  it('a refusal has the seconds that are left', () => {
    breaker.limited(7_000)
    time += 4_500
    expect(refusal()).toMatchObject({ retryAfter: 3 })
  })

  it('two pauses: the longer one counts, in either order', () => {
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

  it('answers and failures of older calls do not end the pause', () => {
    breaker.limited(5_000)
    breaker.succeeded()
    fail(12)
    time += 4_999
    expect(refusal()).toBeDefined()
    time += 1
    expect(refusal()).toBeUndefined()
  })

  it('late failures: the pause and its reason stay, for callers and in the log (D3)', () => {
    fail(9)
    breaker.limited(60_000)
    time += 500
    fail(2)
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    expect(refusal()).toMatchObject({ retryAfter: 60 })
    expect(changes).toEqual([{ state: 'open', cause: 'limit', forMs: 60_000 }])
  })

  it('late failures that end after the pause: the reason is the failures, with their time (D3)', () => {
    breaker.limited(5_000)
    time += 4_500
    fail(10)
    expect(refusal()).toBeInstanceOf(LineUnavailable)
    expect(changes.at(-1)).toEqual({ state: 'open', cause: 'failures', forMs: 1_000, wasOpen: true })
    time += 999
    expect(refusal()).toBeDefined()
  })

  it('a 429 after failures: the reason is the limit (D3)', () => {
    fail(12)
    expect(breaker.limited(60_000)).toBe(60)
    fail(1)
    expect(refusal()).toMatchObject({ code: 'LINE_RATE_LIMITED', retryAfter: 60 })
    expect(changes.at(-1)).toEqual({ state: 'open', cause: 'limit', forMs: 60_000, wasOpen: true })
  })

  it('a second 429: the seconds until the longer pause ends, and a change if it is longer (D3)', () => {
    expect(breaker.limited(5_000)).toBe(5)
    expect(breaker.limited(1_000)).toBe(5)
    expect(breaker.limited(30_000)).toBe(30)
    expect(changes.map((change) => 'forMs' in change && change.forMs)).toEqual([5_000, 30_000])
  })

  it('after the pause: one probe is allowed', () => {
    breaker.limited(2_000)
    time += 2_000
    breaker.enter()
    expect(() => breaker.enter()).toThrow(LineRateLimited)
    breaker.succeeded()
    expect(() => breaker.enter()).not.toThrow()
  })

  it('a probe without a result: the next call is the probe (B1)', () => {
    breaker.limited(2_000)
    time += 2_000
    breaker.enter()
    breaker.undecided()
    breaker.enter()
    expect(() => breaker.enter()).toThrow(LineRateLimited)
  })

  it('after a failed probe: another pause of one second', () => {
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

describe('a pause of another replica', () => {
  it('refuses calls as a 429 of our own does, and is one change', () => {
    breaker.pauseFor(5_000)
    expect(refusal()).toBeInstanceOf(LineRateLimited)
    expect(refusal()).toMatchObject({ retryAfter: 5, answered: false })
    breaker.pauseFor(4_000)
    expect(changes).toEqual([{ state: 'open', cause: 'limit', forMs: 5_000 }])
    time += 5_000
    expect(refusal()).toBeUndefined()
  })

  it('lasts a minute at most', () => {
    breaker.pauseFor(3_600_000)
    time += 60_000
    expect(refusal()).toBeUndefined()
  })

  it.each([0, -1, Number.NaN, Number.NEGATIVE_INFINITY])('%s ms: none', (ms) => {
    breaker.pauseFor(ms)
    expect(refusal()).toBeUndefined()
    expect(changes).toEqual([])
  })

  it('does not cut a longer one of our own', () => {
    breaker.limited(20_000)
    breaker.pauseFor(1_000)
    expect(refusal()).toMatchObject({ retryAfter: 20 })
  })
})

describe('changes', () => {
  const [halfOpen, closed] = [{ state: 'half_open' }, { state: 'closed' }]
  const failed = { state: 'open', cause: 'failures', forMs: 1_000 }

  it('while LINE answers or a few calls fail: none (D3)', () => {
    for (const end of [breaker.succeeded, breaker.undecided, breaker.failed, breaker.succeeded]) {
      breaker.enter()
      end()
    }
    expect(changes).toEqual([])
  })

  it('opened by failures, probed, open again, probed, closed: one each (D3)', () => {
    fail(30)
    expect(changes).toEqual([failed])
    for (const end of [breaker.failed, breaker.succeeded]) {
      time += 1_000
      breaker.check()
      breaker.enter()
      end()
    }
    expect(changes).toEqual([failed, halfOpen, failed, halfOpen, closed])
  })

  it('a late failure at the end of the pause: open again, a new opening', () => {
    fail(10)
    time += 1_000
    expect(breaker.state()).toBe('half_open')
    fail(1)
    expect(breaker.state()).toBe('open')
    expect(changes).toEqual([failed, failed])
  })

  it('a 429 to each of 64 calls in flight: one, with the time (D3)', () => {
    for (let call = 0; call < 64; call += 1) breaker.limited(7_000)
    breaker.succeeded()
    expect(changes).toEqual([{ state: 'open', cause: 'limit', forMs: 7_000 }])
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
