import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineRateLimited } from '../../src/line/errors.ts'
import { createSlots } from '../../src/line/slots.ts'
import { rejectionOf } from '../harness/line-transport.ts'

describe('slots', () => {
  it('are taken at once while some are free', async () => {
    const slots = createSlots(2, 10)
    await slots.take().taken
    expect(slots.free()).toBe(1)
    await slots.take().taken
    expect(slots.free()).toBe(0)
  })

  it('are given in the order of the calls to take', async () => {
    const slots = createSlots(1, 10)
    await slots.take().taken
    const order: number[] = []
    const all = [1, 2, 3].map((nth) => slots.take().taken.then(() => order.push(nth)))
    slots.release()
    await all[0]
    expect(order).toEqual([1])
    slots.release()
    slots.release()
    await Promise.all(all)
    expect(order).toEqual([1, 2, 3])
  })

  it('go to the next in the queue, and a later call cannot take one first', async () => {
    const slots = createSlots(1, 10)
    await slots.take().taken
    const first = slots.take()
    slots.release()
    expect(slots.free()).toBe(0)
    const second = slots.take()
    await first.taken
    expect(await isSettled(second.taken)).toBe(false)
    slots.release()
    await second.taken
  })

  it('are all free again after the last release', async () => {
    const slots = createSlots(3, 10)
    const all = Array.from({ length: 8 }, () => slots.take().taken)
    for (let released = 0; released < 8; released++) slots.release()
    await Promise.all(all)
    expect(slots.free()).toBe(3)
  })
})

describe('the queue', () => {
  it('is bounded: a call that finds it full is LINE_RATE_LIMITED', async () => {
    const slots = createSlots(1, 2)
    const [, second, third, fourth] = [slots.take(), slots.take(), slots.take(), slots.take()]
    const error = await rejectionOf(fourth.taken)
    expect(error).toBeInstanceOf(LineRateLimited)
    expect(error).toMatchObject({ retryAfter: 1 })
    fourth.abandon(new Error('no effect'))
    slots.release()
    slots.release()
    await Promise.all([second.taken, third.taken])
  })

  it('abandon: frees a place in the queue and uses no slot', async () => {
    const slots = createSlots(1, 1)
    await slots.take().taken
    const abandoned = slots.take()
    const reason = new Error('waited too long')
    abandoned.abandon(reason)
    expect(await rejectionOf(abandoned.taken)).toBe(reason)
    const waiting = slots.take()
    slots.release()
    await waiting.taken
    slots.release()
    expect(slots.free()).toBe(1)
  })

  it('abandon after the slot was taken: no effect', async () => {
    const slots = createSlots(1, 1)
    const first = slots.take()
    const second = slots.take()
    slots.release()
    first.abandon(new Error('no effect'))
    second.abandon(new Error('no effect'))
    await Promise.all([first.taken, second.taken])
    expect(slots.free()).toBe(0)
  })
})

it('any order of calls: never more slots than configured, and no slot is lost', async () => {
  const step = fc.oneof(fc.constant('take' as const), fc.constant('release' as const), fc.nat({ max: 20 }))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.nat({ max: 4 }),
      fc.array(step),
      async (count, maxQueued, steps) => {
        const slots = createSlots(count, maxQueued)
        const takes: { abandon(reason: Error): void }[] = []
        let used = 0
        let taken = 0
        let refused = 0
        for (const step of steps) {
          if (step === 'take') {
            const take = slots.take()
            takes.push(take)
            take.taken.then(
              () => {
                used += 1
                taken += 1
              },
              () => (refused += 1),
            )
          } else if (step === 'release') {
            if (used === 0) continue
            used -= 1
            slots.release()
          } else takes[step]?.abandon(new Error('abandoned'))
          await new Promise(setImmediate)
          expect(used).toBeLessThanOrEqual(count)
          expect(slots.free()).toBe(count - used)
        }
        while (used > 0) {
          used -= 1
          slots.release()
          await new Promise(setImmediate)
        }
        expect(slots.free()).toBe(count)
        expect(takes).toHaveLength(taken + refused)
      },
    ),
    { numRuns: 200 },
  )
})

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const pending = Symbol('pending')
  await new Promise(setImmediate)
  return (await Promise.race([promise, Promise.resolve(pending)])) !== pending
}
