import { afterEach, describe, expect, test } from 'vitest'
import { print } from '../harness/print.ts'
import { native, noSourceLimit, type RunningGateway, startRunningGateway, web } from '../harness/running-gateway.ts'
import { createHolder, HOUR, MINUTE, SECOND } from './credential-holder.ts'

/** G44: LINE's clock is right, and the gateway's clocks drift apart. */
const settings = { LINE_CHANNELS: JSON.stringify([web, native]), ...noSourceLimit }

type Scenario = {
  readonly name: string
  /** How far our wall clock is ahead at the start. */
  readonly aheadBy?: number
  readonly events: readonly Event[]
}
/** `isWrong`: the wall clock is wrong afterwards. Then nobody can tell whether an ID token has ended. */
type Event = { readonly happen: (gateway: RunningGateway) => void; readonly isWrong?: true }

const suspended: Event = { happen: ({ suspend }) => suspend(5 * HOUR) }
const setForwards: Event = { happen: ({ setWall }) => setWall(9 * HOUR) }
const setBack: Event = { happen: ({ setWall }) => setWall(-9 * HOUR) }

const scenarios: readonly Scenario[] = [
  { name: 'a suspend of 5 h', events: [suspended] },
  { name: '9 h fast at the start, then corrected', aheadBy: 9 * HOUR, events: [setBack] },
  { name: '9 h slow at the start, then corrected', aheadBy: -9 * HOUR, events: [setForwards] },
  { name: 'set forwards by 9 h, and back later', events: [{ ...setForwards, isWrong: true }, setBack] },
  { name: 'set back by 9 h, and forwards later', events: [{ ...setBack, isWrong: true }, setForwards] },
  {
    name: 'two suspends, and a correction in between',
    events: [suspended, { ...setForwards, isWrong: true }, setBack, suspended],
  },
]

let gateway: RunningGateway | undefined
afterEach(() => gateway?.close())

describe.each(scenarios)('$name (G44, C5)', ({ name, aheadBy = 0, events }) => {
  test('no expired token is accepted, no good one is refused twice, no logged-out one is accepted', async () => {
    gateway = await startRunningGateway(settings, { wallAheadBy: aheadBy })
    const { emulator, advance } = gateway
    const holder = createHolder(gateway)
    holder.issue()
    await holder.useAll(aheadBy === 0)
    await holder.logOutUnheard()
    const verifications: number[] = []
    for (const { happen, isWrong } of events) {
      const isRight = isWrong === undefined
      emulator.calls.reset()
      happen(gateway)
      await holder.useAll(isRight)
      verifications.push(emulator.calls.of('verifyAccessToken'))
      holder.issue()
      await holder.refresh(isRight)
      for (const ms of [SECOND, 29 * SECOND, 4 * MINUTE, 10 * MINUTE, 50 * MINUTE, 2 * HOUR]) {
        advance(ms)
        await holder.useAll(isRight)
      }
    }
    print(`G44, ${name}: ${JSON.stringify(holder.counts)}, verifications at each event: ${verifications.join(', ')}`)
    const none = { expiredAccepted: 0, goodRefusedTwice: 0, unanswered: 0 }
    expect(holder.counts).toMatchObject({
      access: none,
      id: none,
      refresh: { failed: 0, wrongTimes: 0 },
      loggedOut: { accepted: 0 },
    })
  })
})
