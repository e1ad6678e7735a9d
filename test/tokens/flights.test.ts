import { describe, expect, it } from 'vitest'
import { type Claim, createFlights, type Launch } from '../../src/tokens/flights.ts'
import { shareOf } from '../../src/tokens/shares.ts'
import { type Caller, SourceLimited } from '../../src/tokens/token-resolver.ts'
import { noRoom, waitedTooLong } from '../../src/tokens/waiting-room.ts'
import { tally, times } from '../harness/token-layer.ts'

const deadline = performance.now() + 600_000
const here = { clientAddress: '192.0.2.1', deadline }
const there = { clientAddress: '192.0.2.2', deadline }

/** A launch that the test resolves, and the number of launches so far. */
function createLaunch<Result>() {
  const open: PromiseWithResolvers<Result>[] = []
  const launch = () => {
    const flight = Promise.withResolvers<Result>()
    open.push(flight)
    return flight.promise
  }
  return { launch, open, count: () => open.length }
}

describe('single flight', () => {
  it('many callers of one key: one launch, the same result for all', async () => {
    const flights = createFlights<object>()
    const { launch, open, count } = createLaunch<object>()
    const asked = [here, there, here].map((address) => flights.fly('key', address, launch))
    const result = {}
    open[0]?.resolve(result)
    expect(await Promise.all(asked)).toEqual([result, result, result])
    expect(count()).toBe(1)
  })

  it('two keys: one launch each', () => {
    const flights = createFlights<string>()
    const { launch, count } = createLaunch<string>()
    void flights.fly('one', here, launch)
    void flights.fly('other', here, launch)
    expect(count()).toBe(2)
    expect(['one', 'none'].map((key) => flights.isUnderWay(key, there.clientAddress))).toEqual([true, false])
  })

  it('after the result: the next caller launches again', async () => {
    const flights = createFlights<string>()
    const { launch, open, count } = createLaunch<string>()
    const first = flights.fly('key', here, launch)
    open[0]?.resolve('first')
    expect(await first).toBe('first')
    expect(flights.isUnderWay('key', there.clientAddress)).toBe(false)
    void flights.fly('key', here, launch)
    expect(count()).toBe(2)
  })

  it('a failure rejects the callers that waited; the next caller launches again', async () => {
    const flights = createFlights<string>()
    const { launch, open, count } = createLaunch<string>()
    const asked = [here, there].map((address) => flights.fly('key', address, launch))
    open[0]?.reject(new Error('down'))
    for (const one of asked) await expect(one).rejects.toThrow('down')
    expect(count()).toBe(1)
    const later = flights.fly('key', here, launch)
    open[1]?.resolve('up')
    expect(await later).toBe('up')
  })

  it.each([
    ['rejected', (flight: PromiseWithResolvers<string> | undefined) => flight?.reject(new SourceLimited(1))],
    ['answered', (flight: PromiseWithResolvers<string> | undefined) => flight?.resolve('limited')],
  ])(
    '%s as limited: so are callers of the launching address; the others launch once more, together',
    async (_, limit) => {
      const flights = createFlights<string>((result) => result === 'limited')
      const { launch, open, count } = createLaunch<string>()
      const [first, same, ...others] = [here, here, there, there].map((address) => flights.fly('key', address, launch))
      limit(open[0])
      const isLimited = await Promise.all(
        [first, same].map((one) =>
          one?.then(
            (result) => result === 'limited',
            (error) => error instanceof SourceLimited,
          ),
        ),
      )
      expect(isLimited).toEqual([true, true])
      open[1]?.resolve('good')
      expect(await Promise.all(others)).toEqual(['good', 'good'])
      expect(count()).toBe(2)
    },
  )

  it('callers that join: 2,000 of one address wait, the rest is LINE_UNAVAILABLE at once (A3)', async () => {
    const flights = createFlights<string>()
    const { launch, open, count } = createLaunch<string>()
    const codes: string[] = []
    const ask = (key: string, caller: Caller) =>
      flights.fly(key, caller, launch).then(
        (result) => codes.push(result),
        (error) => codes.push(error.code),
      )
    const all = times(20, (n) => times(500, () => ask(`key ${n}`, here))).flat()
    const others = times(20, (n) => ask(`key ${n}`, there))
    await nextTurn()
    expect(tally(codes)).toEqual({ LINE_UNAVAILABLE: 7_980 })
    expect(flights.refusalFor(here.clientAddress)?.code).toBe('LINE_UNAVAILABLE')
    expect(flights.refusalFor(there.clientAddress)).toBeUndefined()
    for (const flight of open) flight.resolve('good')
    await Promise.all([...all, ...others])
    expect(tally(codes)).toEqual({ good: 2_040, LINE_UNAVAILABLE: 7_980 })
    expect(count()).toBe(20)
    const later = times(2_001, () => flights.fly('later', here, launch))
    open.at(-1)?.resolve('good')
    expect(new Set(await Promise.all(later))).toEqual(new Set(['good']))
  })
})

const nextTurn = () => new Promise<void>((resolve) => setImmediate(resolve))

it('a caller whose deadline comes first: LINE_UNAVAILABLE then; the flight goes on for the others (D21)', async () => {
  const flights = createFlights<string>()
  const { launch, open, count } = createLaunch<string>()
  const first = flights.fly('key', here, launch)
  for (const one of [here, there]) {
    const inHurry = { ...one, deadline: performance.now() + 20 }
    await expect(flights.fly('key', inHurry, launch)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
  }
  open[0]?.resolve('late')
  expect(await first).toBe('late')
  expect(count()).toBe(1)
})

it.each([noRoom, waitedTooLong])(
  'the attempts of the first address wait too long: another address launches again',
  async (outage) => {
    const flights = createFlights<string>()
    const { launch, open, count } = createLaunch<string>()
    const first = flights.fly('key', here, launch)
    const joined = flights.fly('key', there, launch)
    open[0]?.reject(outage)
    await expect(first).rejects.toBe(outage)
    await expect.poll(count).toBe(2)
    open[1]?.resolve('good')
    expect(await joined).toBe('good')
  },
)

describe('a flight that waits in the queue of a share', () => {
  const service = { clientAddress: shareOf('service'), deadline }
  const otherService = { clientAddress: shareOf('other'), deadline }

  /** A launch that keeps its claim, as a call that waits for a place does. */
  function createQueue() {
    const { launch, open, count } = createLaunch<string>()
    const claims: Claim<string>[] = []
    const queue = (claim?: Claim<string>) => {
      if (claim !== undefined) claims.push(claim)
      return launch()
    }
    return { launch, queue, open, count, claims }
  }

  it('callers of the share join it; an address and another share launch again, and the address is joined', async () => {
    const flights = createFlights<string>()
    const { queue, open, count } = createQueue()
    const [first, same, address, later, other] = [service, service, here, there, otherService].map((caller) =>
      flights.fly('key', caller, queue),
    )
    expect(count()).toBe(2)
    open[1]?.resolve('good')
    expect(await Promise.all([first, same, address, later, other])).toEqual(Array(5).fill('good'))
    expect(flights.isUnderWay('key', service.clientAddress)).toBe(false)
  })

  it('has claimed its key: everybody joins it, and it ends the wait of the other shares', async () => {
    const flights = createFlights<string>()
    const { queue, open, count, claims } = createQueue()
    const early = [service, otherService].map((caller) => flights.fly('key', caller, queue))
    expect(flights.isUnderWay('key', here.clientAddress)).toBe(false)
    expect(claims[0]?.()).toBeUndefined()
    expect(flights.isUnderWay('key', here.clientAddress)).toBe(true)
    const late = [here, service, otherService].map((caller) => flights.fly('key', caller, queue))
    open[0]?.resolve('good')
    expect(await Promise.all([...early, ...late])).toEqual(Array(5).fill('good'))
    expect(count()).toBe(2)
    expect(await claims[1]?.()).toBe('good')
    expect(flights.isUnderWay('key', here.clientAddress)).toBe(false)
  })

  it('claims its key while an address asks: it gets that result, and launches again if that concerns only the address', async () => {
    const flights = createFlights<string>((result) => result === 'limited')
    const { launch, queue, open, claims, count } = createQueue()
    const first = flights.fly('key', service, queue)
    void flights.fly('key', here, launch)
    claims[0]?.()?.then(open[0]?.resolve)
    open[1]?.resolve('limited')
    await expect.poll(count).toBe(3)
    expect(flights.isUnderWay('key', here.clientAddress)).toBe(false)
    open[2]?.resolve('good')
    expect(await first).toBe('good')
  })

  it('the result of an address concerns only that address: it goes on waiting', async () => {
    const flights = createFlights<string>((result) => result === 'limited')
    const { launch, queue, open, claims } = createQueue()
    const first = flights.fly('key', service, queue)
    const address = flights.fly('key', here, launch)
    open[1]?.resolve('limited')
    expect(await address).toBe('limited')
    expect(flights.isUnderWay('key', service.clientAddress)).toBe(true)
    expect(claims[0]?.()).toBeUndefined()
    open[0]?.resolve('good')
    expect(await first).toBe('good')
  })

  it('its wait ends without a result: the flight of an address goes on and is joined', async () => {
    const flights = createFlights<string>()
    const { launch, queue, open, count } = createQueue()
    const first = flights.fly('key', service, queue)
    const address = flights.fly('key', here, launch)
    open[0]?.reject(waitedTooLong)
    await expect(first).rejects.toBe(waitedTooLong)
    const later = flights.fly('key', service, queue)
    open[1]?.resolve('good')
    expect(await Promise.all([address, later])).toEqual(['good', 'good'])
    expect(count()).toBe(2)
  })

  it('a caller that an address has landed asks again at once: it launches again', async () => {
    const flights = createFlights<string>()
    const { launch, queue, open, count } = createQueue()
    const again = flights.fly('key', service, queue).then(() => flights.fly('key', service, queue))
    void flights.fly('key', here, launch)
    open[1]?.resolve('first')
    await expect.poll(count).toBe(3)
    open[2]?.resolve('second')
    expect(await again).toBe('second')
  })

  it('its time is over while it waits for the flight of an address: the other shares go on waiting', async () => {
    const flights = createFlights<string>()
    const { launch, queue, open, claims } = createQueue()
    const inHurry = { ...service, deadline: performance.now() + 20 }
    const [hurried, other] = [inHurry, otherService].map((caller) => flights.fly('key', caller, queue))
    const address = flights.fly('key', here, launch)
    claims[0]?.()?.catch(() => open[0]?.resolve('too late'))
    expect(await hurried).toBe('too late')
    open[2]?.resolve('good')
    expect(await Promise.all([address, other])).toEqual(['good', 'good'])
  })

  it('its own call leaves the question open: the other shares go on waiting', async () => {
    const flights = createFlights<string>(undefined, (result) => result === 'unknown')
    const { queue, open, claims } = createQueue()
    const [first, other] = [service, otherService].map((caller) => flights.fly('key', caller, queue))
    expect(claims[0]?.()).toBeUndefined()
    open[0]?.resolve('unknown')
    expect(await first).toBe('unknown')
    expect(claims[1]?.()).toBeUndefined()
    open[1]?.resolve('good')
    expect(await other).toBe('good')
  })

  it.each([noRoom, waitedTooLong])(
    'it ends before LINE is asked: the callers with more time share one attempt more, and no third one',
    async (outage) => {
      const flights = createFlights<string>()
      const { queue, open, count } = createQueue()
      const asked = times(5, (n) => flights.fly('key', { ...service, deadline: deadline + n }, queue))
      open[0]?.reject(outage)
      await expect(asked[0]).rejects.toBe(outage)
      await expect.poll(count).toBe(2)
      open[1]?.reject(outage)
      expect(await Promise.allSettled(asked)).toEqual(Array(5).fill({ status: 'rejected', reason: outage }))
      expect(count()).toBe(2)
    },
  )

  it('the time of the first caller is over while it waits for an address: a caller with more time gets that result', async () => {
    const flights = createFlights<string>()
    const { launch, queue, open, claims, count } = createQueue()
    const inHurry = { ...service, deadline: performance.now() + 20 }
    const [first, second] = [inHurry, service].map((caller) => flights.fly('key', caller, queue))
    void flights.fly('key', here, launch)
    claims[0]?.()?.catch(open[0]?.reject)
    await expect(first).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    open[1]?.resolve('good')
    expect(await second).toBe('good')
    expect(count()).toBe(2)
  })

  it('each caller that joins puts it in the newest place', () => {
    const flights = createFlights<string>()
    let renewed = 0
    const queue: Launch<string> = (_, onWait) => {
      onWait?.(() => {
        renewed += 1
      })
      return new Promise(() => {})
    }
    for (const caller of [service, service, otherService, service]) void flights.fly('key', caller, queue)
    expect(renewed).toBe(2)
  })
})
