import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineRateLimited } from '../../src/line/errors.ts'
import { createSlots, type Lane, type Slots } from '../../src/line/slots.ts'
import { rejectionOf } from '../harness/line-transport.ts'
import { times } from '../harness/token-layer.ts'

describe('slots', () => {
  it('are taken at once while some are free', async () => {
    const slots = createSlots(2, 10)
    await take(slots).taken
    expect(slots.free()).toBe(1)
    await take(slots).taken
    expect(slots.free()).toBe(0)
  })

  it('are given in the order of the calls to take', async () => {
    const slots = createSlots(1, 10)
    await take(slots).taken
    const order: number[] = []
    const all = [1, 2, 3].map((nth) => take(slots).taken.then(() => order.push(nth)))
    slots.release('caller')
    await all[0]
    expect(order).toEqual([1])
    slots.release('caller')
    slots.release('caller')
    await Promise.all(all)
    expect(order).toEqual([1, 2, 3])
  })

  it('go to the next in the queue, and a later call cannot take one first', async () => {
    const slots = createSlots(1, 10)
    await take(slots).taken
    const first = take(slots)
    slots.release('caller')
    expect(slots.free()).toBe(0)
    const second = take(slots)
    await first.taken
    expect(await isSettled(second.taken)).toBe(false)
    slots.release('caller')
    await second.taken
  })

  it('are all free again after the last release', async () => {
    const slots = createSlots(3, 10)
    const all = Array.from({ length: 8 }, () => take(slots).taken)
    for (let released = 0; released < 8; released++) slots.release('caller')
    await Promise.all(all)
    expect(slots.free()).toBe(3)
  })
})

describe('lanes', () => {
  it('background calls: a quarter of the slots at most, at least one (B2)', async () => {
    const slots = createSlots(8, 10)
    expect(times(3, () => slots.takeFree('background'))).toEqual([true, true, false])
    expect(createSlots(1, 10).takeFree('background')).toBe(true)
    expect(slots.free()).toBe(6)
    const third = slots.waitFor('background')
    slots.release('background')
    await third.taken
  })

  it('a free slot goes to a waiting caller, then to a re-check, then to the background (B2)', async () => {
    const slots = createSlots(1, 10)
    slots.takeFree('background')
    const order: Lane[] = []
    for (const lane of ['background', 'recheck', 'caller', 'recheck', 'caller'] as const)
      void slots.waitFor(lane).taken.then(() => order.push(lane))
    let holder: Lane = 'background'
    while (order.length < 5) {
      slots.release(holder)
      await new Promise(setImmediate)
      holder = order.at(-1) ?? holder
    }
    expect(order).toEqual(['caller', 'caller', 'recheck', 'recheck', 'background'])
  })

  it('a re-check gets each fourth slot, however many callers wait', async () => {
    const slots = createSlots(1, 100)
    slots.takeFree('caller')
    const order: Lane[] = []
    for (const lane of ['recheck', 'recheck', ...times(10, () => 'caller' as const)] as const)
      void slots.waitFor(lane).taken.then(() => order.push(lane))
    for (let n = 0; n < 8; n += 1) {
      slots.release('caller')
      await new Promise(setImmediate)
    }
    expect(order.map((lane) => lane[0]).join('')).toBe('cccrcccr')
  })

  it('a full queue of one lane does not refuse the other lanes (B2)', async () => {
    const slots = createSlots(1, 1)
    slots.takeFree('caller')
    slots.waitFor('background')
    expect(await rejectionOf(slots.waitFor('background').taken)).toBeInstanceOf(LineRateLimited)
    const caller = slots.waitFor('caller')
    slots.release('caller')
    await caller.taken
  })
})

describe('the queue', () => {
  it('is bounded: a call that finds it full is LINE_RATE_LIMITED', async () => {
    const slots = createSlots(1, 2)
    const [, second, third, fourth] = [take(slots), take(slots), take(slots), take(slots)]
    const error = await rejectionOf(fourth.taken)
    expect(error).toBeInstanceOf(LineRateLimited)
    expect(error).toMatchObject({ retryAfter: 1 })
    fourth.abandon(new Error('no effect'))
    slots.release('caller')
    slots.release('caller')
    await Promise.all([second.taken, third.taken])
  })

  it('abandon: frees a place in the queue and uses no slot', async () => {
    const slots = createSlots(1, 1)
    await take(slots).taken
    const abandoned = take(slots)
    const reason = new Error('waited too long')
    abandoned.abandon(reason)
    expect(await rejectionOf(abandoned.taken)).toBe(reason)
    const waiting = take(slots)
    slots.release('caller')
    await waiting.taken
    slots.release('caller')
    expect(slots.free()).toBe(1)
  })

  it('abandon after the slot was taken: no effect', async () => {
    const slots = createSlots(1, 1)
    const first = take(slots)
    const second = take(slots)
    slots.release('caller')
    first.abandon(new Error('no effect'))
    second.abandon(new Error('no effect'))
    await Promise.all([first.taken, second.taken])
    expect(slots.free()).toBe(0)
  })
})

it('any order of calls in any lanes: never more slots than configured, and no slot is lost', async () => {
  const lane = fc.constantFrom<Lane>('caller', 'recheck', 'background')
  const step = fc.oneof(lane, fc.constant('release' as const), fc.nat({ max: 20 }))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 8 }),
      fc.nat({ max: 4 }),
      fc.array(step, { maxLength: 40 }),
      async (count, maxQueued, steps) => {
        const slots = createSlots(count, maxQueued)
        const asked: { abandon(reason: Error): void }[] = []
        const held: Lane[] = []
        let ended = 0
        for (const step of steps) {
          if (typeof step === 'number') asked[step]?.abandon(new Error('abandoned'))
          else if (step !== 'release') ask(step)
          else if (held.length > 0) slots.release(held.shift() as Lane)
          await new Promise(setImmediate)
          expect(held.length).toBeLessThanOrEqual(count)
          expect(held.filter((one) => one === 'background').length).toBeLessThanOrEqual(
            Math.max(Math.floor(count / 4), 1),
          )
          expect(slots.free()).toBe(count - held.length)
        }
        while (held.length > 0) {
          slots.release(held.shift() as Lane)
          await new Promise(setImmediate)
        }
        expect(slots.free()).toBe(count)
        expect(ended).toBe(asked.length)

        function ask(lane: Lane): void {
          const one = take(slots, lane)
          asked.push(one)
          one.taken
            .then(() => held.push(lane))
            .catch(() => {})
            .finally(() => (ended += 1))
        }
      },
    ),
    { numRuns: 300 },
  )
})

/** A slot for a caller: a free one, else the next one. */
function take(slots: Slots, lane: Lane = 'caller') {
  return slots.takeFree(lane) ? { taken: Promise.resolve(), abandon: () => {} } : slots.waitFor(lane)
}

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending')
  await new Promise(setImmediate)
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending
}
