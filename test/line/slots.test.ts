import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineRateLimited } from '../../src/line/errors.ts'
import { createSlots } from '../../src/line/slots.ts'
import { rejectionOf } from '../harness/line-transport.ts'

describe('places', () => {
  it('are given at once while there are some', async () => {
    const slots = createSlots(2, 10)
    await slots.take().taken
    expect(slots.free()).toBe(1)
    await slots.take().taken
    expect(slots.free()).toBe(0)
  })

  it('are given in the order of asking', async () => {
    const slots = createSlots(1, 10)
    await slots.take().taken
    const served: number[] = []
    const all = [1, 2, 3].map((nth) => slots.take().taken.then(() => served.push(nth)))
    slots.release()
    await all[0]
    expect(served).toEqual([1])
    slots.release()
    slots.release()
    await Promise.all(all)
    expect(served).toEqual([1, 2, 3])
  })

  it('go to the next in line without anyone pushing in', async () => {
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

  it('are free again once everybody has left', async () => {
    const slots = createSlots(3, 10)
    const all = Array.from({ length: 8 }, () => slots.take().taken)
    for (let left = 0; left < 8; left++) slots.release()
    await Promise.all(all)
    expect(slots.free()).toBe(3)
  })
})

describe('the line', () => {
  it('is bounded: whoever comes then is told to come back', async () => {
    const slots = createSlots(1, 2)
    const [, second, third, fourth] = [slots.take(), slots.take(), slots.take(), slots.take()]
    const error = await rejectionOf(fourth.taken)
    expect(error).toBeInstanceOf(LineRateLimited)
    expect(error).toMatchObject({ retryAfter: 1 })
    fourth.giveUp(new Error('too late to matter'))
    slots.release()
    slots.release()
    await Promise.all([second.taken, third.taken])
  })

  it('can be left, which makes room and costs no place', async () => {
    const slots = createSlots(1, 1)
    await slots.take().taken
    const impatient = slots.take()
    const reason = new Error('waited too long')
    impatient.giveUp(reason)
    expect(await rejectionOf(impatient.taken)).toBe(reason)
    const patient = slots.take()
    slots.release()
    await patient.taken
    slots.release()
    expect(slots.free()).toBe(1)
  })

  it('cannot be left by who has a place', async () => {
    const slots = createSlots(1, 1)
    const first = slots.take()
    const second = slots.take()
    slots.release()
    first.giveUp(new Error('no'))
    second.giveUp(new Error('no'))
    await Promise.all([first.taken, second.taken])
    expect(slots.free()).toBe(0)
  })
})

it('never gives away more places than there are, nor loses one, whatever comes', async () => {
  const step = fc.oneof(fc.constant('take' as const), fc.constant('release' as const), fc.nat({ max: 20 }))
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4 }),
      fc.nat({ max: 4 }),
      fc.array(step),
      async (places, waiting, steps) => {
        const slots = createSlots(places, waiting)
        const turns: { giveUp(reason: Error): void }[] = []
        let inside = 0
        let entered = 0
        let asked = 0
        let refused = 0
        for (const what of steps) {
          if (what === 'take') {
            asked += 1
            const turn = slots.take()
            turns.push(turn)
            turn.taken.then(
              () => {
                inside += 1
                entered += 1
              },
              () => (refused += 1),
            )
          } else if (what === 'release') {
            if (inside === 0) continue
            inside -= 1
            slots.release()
          } else turns[what]?.giveUp(new Error('left'))
          await new Promise(setImmediate)
          expect(inside).toBeLessThanOrEqual(places)
          expect(slots.free()).toBe(places - inside)
        }
        while (inside > 0) {
          inside -= 1
          slots.release()
          await new Promise(setImmediate)
        }
        expect(slots.free()).toBe(places)
        expect(asked).toBe(refused + entered)
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
