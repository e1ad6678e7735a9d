import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { networkOf } from '../../src/http/network.ts'
import { InvalidGrant, LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import { shareOf } from '../../src/tokens/shares.ts'
import {
  type Admission,
  createSourceGate,
  guarded,
  type Outcome,
  type SourceGateOptions,
} from '../../src/tokens/source-gate.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'
import { noRoom, waitedTooLong } from '../../src/tokens/waiting-room.ts'
import { runsOf } from '../harness/in-full.ts'
import {
  callerAt,
  elsewhere,
  here,
  junk,
  oneBurst,
  oneChannel,
  START_MS,
  tally,
  times,
  useLayer,
  wordFor,
} from '../harness/token-layer.ts'

const single = () => ({ deadline: performance.now() + 60_000, calls: 1 }) as const
const pair = () => ({ deadline: performance.now() + 60_000, calls: 2 }) as const

describe('the gate', () => {
  it('a source: no more calls in flight than it has refusals left', async () => {
    const gate = createGate({ burst: 5 })
    const counter = countAdmissions(times(50, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(counter.admitted).toHaveLength(5)
  })

  it('a mistake of ours while an attempt begins to wait: it is rejected once, and waits no longer', async () => {
    const bug = new TypeError('a bug')
    const gate = createGate({ room: () => 4 })
    const onWait = () => {
      throw bug
    }
    const share = shareOf('test')
    const { settle } = await gate.admit(share, single())
    // Its time is over soon: then nobody must be left who rejects a promise that nobody has.
    await expect(gate.admit(share, { ...single(), deadline: performance.now() + 20, onWait })).rejects.toBe(bug)
    await sleep(40)
    expect(gate.waiting()).toBe(0)
    settle('good')
  })

  it('1,000 bad credentials at once: 5 calls, as many as in a row', async () => {
    const gate = createGate({ burst: 5 })
    const all = times(1_000, () => guarded(gate, here, refuse))
    const codes = (await Promise.allSettled(all)).map((one) => (one.status === 'rejected' ? one.reason.code : 'good'))
    expect(tally(codes)).toEqual({ INVALID_GRANT: 5, RATE_LIMITED: 995 })
  })

  it.each([
    [0, 10],
    [1, 10],
    [1_000, 9],
    [9_001, 1],
    [9_999, 1],
  ])('an empty bucket, after %i ms: RATE_LIMITED, and the next token comes in %i s (B3)', async (ms, retryAfter) => {
    const { gate, clock } = createTimedGate({ burst: 2, perSecond: 0.1 })
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    clock.advance(ms)
    expect(gate.refusalFor(here.clientAddress)).toMatchObject({ code: 'RATE_LIMITED', retryAfter })
    await expect(gate.admit(here.clientAddress, single())).rejects.toMatchObject({ retryAfter })
    clock.advance(10_000 - ms)
    expect((await gate.admit(here.clientAddress, single())).calls).toBe(1)
  })

  it('an empty bucket, after retryAfter: one token more, not the whole burst (B3)', async () => {
    const { gate, clock } = createTimedGate({ burst: 5, perSecond: 1 })
    const refused = () => Promise.allSettled(times(50, () => guarded(gate, here, refuse)))
    const codes = async () => tally((await refused()).map((one) => ('reason' in one ? one.reason.code : '')))
    expect(await codes()).toEqual({ INVALID_GRANT: 5, RATE_LIMITED: 45 })
    clock.advance(1_000)
    expect(await codes()).toEqual({ INVALID_GRANT: 1, RATE_LIMITED: 49 })
    clock.advance(60_000)
    expect(await codes()).toEqual({ INVALID_GRANT: 5, RATE_LIMITED: 45 })
  })

  it('a token comes back for each good credential: one in two bad, and none is limited (B3)', async () => {
    const gate = createGate({ burst: 3 })
    for (let n = 0; n < 500; n += 1) {
      await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
      expect(await guarded(gate, here, async () => 'good')).toBe('good')
    }
    for (let n = 0; n < 3; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(guarded(gate, here, refuse)).rejects.toThrow(SourceLimited)
  })

  it('an answer without use takes a token, an outage does not (B9)', async () => {
    const gate = createGate({ burst: 2 })
    const useless = () => Promise.reject(new LineUnavailable('403', { unusable: true }))
    for (let n = 0; n < 20; n += 1) await expect(guarded(gate, here, outage)).rejects.toThrow('down')
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, useless)).rejects.toThrow('403')
    await expect(guarded(gate, here, useless)).rejects.toThrow(SourceLimited)
  })

  it('a refusal of our own settings takes no token (D3)', async () => {
    const gate = createGate({ burst: 1 })
    const wrong = () => Promise.reject(new Misconfigured())
    for (let n = 0; n < 20; n += 1) await expect(guarded(gate, here, wrong)).rejects.toThrow(Misconfigured)
  })

  it('the addresses of a /64 network: one source (B4)', async () => {
    const gate = createGate({ burst: 1 })
    await expect(guarded(gate, at(networkOf('2001:db8:0:1::1')), refuse)).rejects.toThrow(InvalidGrant)
    await expect(guarded(gate, at(networkOf('2001:DB8:0:1:2::')), refuse)).rejects.toThrow(SourceLimited)
    await expect(guarded(gate, at(networkOf('2001:db8:0:2::1')), refuse)).rejects.toThrow(InvalidGrant)
  })

  it('the 256 networks of a /56: ten times the burst in all, and then its own retryAfter (B4)', async () => {
    const { gate, clock } = createTimedGate({ burst: 4, perSecond: 0.1 })
    const customer = times(256, (n) => at(networkOf(`2001:db8:0:1${n.toString(16).padStart(2, '0')}::1`)))
    const all = times(3, () => customer).flat()
    const ends = await Promise.allSettled(all.map((one) => guarded(gate, one, refuse)))
    const codes = tally(ends.map((end) => (end.status === 'rejected' ? end.reason.code : 'good')))
    expect(codes).toEqual({ INVALID_GRANT: 40, RATE_LIMITED: 728 })
    expect(gate.refusalFor(networkOf('2001:db8:0:1ff::9'))).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 1 })
    expect(gate.refusalFor(networkOf('2001:db8:0:200::9'))).toBeUndefined()
    clock.advance(1_000)
    expect(gate.refusalFor(networkOf('2001:db8:0:1ff::9'))).toBeUndefined()
    await expect(guarded(gate, at(networkOf('2001:db8:0:1ff::9')), refuse)).rejects.toThrow(InvalidGrant)
    expect(gate.refusalFor(networkOf('2001:db8:0:1ff::9'))).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 1 })
    expect(gate.refusalFor(networkOf('2001:db8:0:100::9'))).toMatchObject({ code: 'RATE_LIMITED' })
  })

  it('an empty /64 in a /56 that is not empty: the wait is that of the /64 (B4)', async () => {
    const { gate } = createTimedGate({ burst: 2, perSecond: 0.1 })
    const network = networkOf('2001:db8::1')
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, at(network), refuse)).rejects.toThrow(InvalidGrant)
    expect(gate.refusalFor(network)).toMatchObject({ retryAfter: 10 })
    expect(gate.refusalFor(networkOf('2001:db8:0:1::1'))).toBeUndefined()
  })

  it('a limited source: other sources are admitted', async () => {
    const gate = createGate({ burst: 1 })
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(gate.admit(here.clientAddress, single())).rejects.toThrow(SourceLimited)
    expect(await guarded(gate, elsewhere, async () => 'good')).toBe('good')
  })

  it('only answers of LINE count against a source: a refusal does, an outage does not', async () => {
    const gate = createGate({ burst: 2 })
    for (let n = 0; n < 20; n += 1) {
      await expect(guarded(gate, here, outage)).rejects.toThrow(LineUnavailable)
      await guarded(gate, here, async () => 'good')
    }
    const refused = () => 'refused' as const
    expect(await guarded(gate, here, async () => 'no', refused)).toBe('no')
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(guarded(gate, here, async () => 'good')).rejects.toThrow(SourceLimited)
  })

  it('each success allows one more in flight, up to 30 beyond the burst; a refusal takes half of them back', async () => {
    const gate = createGate({ burst: 5 })
    for (let n = 0; n < 100; n += 1) await guarded(gate, here, async () => 'good')
    const trusted = countAdmissions(times(100, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(trusted.admitted).toHaveLength(35)
    for (const { settle } of trusted.admitted.splice(0)) settle('open')
    await turn()
    expect(trusted.admitted).toHaveLength(35)
    trusted.admitted[0]?.settle('refused')
    for (const { settle } of trusted.admitted.splice(1)) settle('open')
    await turn()
    expect(trusted.admitted.length - 1).toBe(4 + 15)
  })

  it('100 attempts with a burst of 3: 3 in flight at most, and all are admitted', async () => {
    const gate = createGate({ burst: 3 })
    let underway = 0
    let most = 0
    const call = async () => {
      underway += 1
      most = Math.max(most, underway)
      await turn()
      underway -= 1
      return 'open'
    }
    const all = await Promise.all(times(100, () => settledOpen(gate, call)))
    expect(all).toHaveLength(100)
    expect(most).toBe(3)
  })

  it('an attempt that waits until the deadline: LINE_UNAVAILABLE, and nothing was sent', async () => {
    const gate = createGate({ burst: 1 })
    await gate.admit(here.clientAddress, single())
    for (const ms of [30, -1_000]) {
      const late = { deadline: performance.now() + ms, calls: 1 } as const
      const waited = gate.admit(here.clientAddress, late)
      await expect(waited).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false })
    }
  })

  it('two calls at once: only for a source without refusals, and only if there is room for two', async () => {
    const gate = createGate({ burst: 10 })
    const first = await gate.admit(here.clientAddress, pair())
    const second = await gate.admit(here.clientAddress, pair())
    expect([first.calls, second.calls]).toEqual([2, 2])
    first.settle('good')
    second.settle('refused')
    expect((await gate.admit(here.clientAddress, pair())).calls).toBe(1)
    expect((await createGate({ room: () => 1 }).admit(here.clientAddress, pair())).calls).toBe(1)
  })

  it('a new source: as many pairs of calls in flight as its burst', async () => {
    const gate = createGate({ burst: 10, room: () => 64 })
    const crowd = countAdmissions(times(100, () => gate.admit(here.clientAddress, pair())))
    await turn()
    expect(crowd.admitted.map(({ calls }) => calls)).toEqual(Array(10).fill(2))
  })

  it('while LINE has no free place: one call for a source, and one more for each of its successes', async () => {
    const gate = createGate({ burst: 10, room: () => 8 })
    const flood = countAdmissions(times(100, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(flood.admitted).toHaveLength(8)
    const honest = countAdmissions(times(100, () => gate.admit(elsewhere.clientAddress, single())))
    await turn()
    expect(honest.admitted).toHaveLength(1)
    honest.admitted[0]?.settle('good')
    await turn()
    expect(honest.admitted).toHaveLength(3)
    for (const { settle } of flood.admitted.splice(0)) settle('open')
    await turn()
    expect(flood.admitted.length).toBeLessThanOrEqual(8)
  })

  it('while calls for warm tokens take all places: one call for a source', async () => {
    let room = 64
    const gate = createGate({ burst: 10, room: () => room })
    room = 0
    const { admitted } = countAdmissions(times(100, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(admitted).toHaveLength(1)
  })

  it('a limited source: still limited after 30,000 other sources', async () => {
    const gate = createGate({ burst: 1 })
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    for (let n = 0; n < 30_000; n += 1) (await gate.admit(addressOf(n), single())).settle('open')
    await expect(gate.admit(here.clientAddress, single())).rejects.toThrow(SourceLimited)
  })

  it('calls in flight while 30,000 other sources are refused: no count is lost', async () => {
    const gate = createGate({ burst: 3, room: () => 100_000 })
    const inFlight = countAdmissions(times(5, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(inFlight.admitted).toHaveLength(3)
    for (let n = 0; n < 30_000; n += 1) (await gate.admit(addressOf(n), single())).settle('refused')
    const more = countAdmissions(times(5, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(more.admitted).toHaveLength(0)
    for (const { settle } of inFlight.admitted.splice(0)) settle('refused')
    await expect(gate.admit(here.clientAddress, single())).rejects.toThrow(SourceLimited)
  })

  it('waiting attempts: 1,000 of one source, and the rest is LINE_UNAVAILABLE at once with one error (A3)', async () => {
    const gate = createGate({ burst: 1 })
    const asked = times(5_001, () => gate.admit(here.clientAddress, single()))
    const refusals = new Set<unknown>()
    let refused = 0
    for (const one of asked) {
      one.catch((error) => {
        refused += 1
        refusals.add(error)
      })
    }
    await turn()
    expect(refused).toBe(4_000)
    expect([...refusals]).toMatchObject([{ code: 'LINE_UNAVAILABLE', retryAfter: 1, sent: false }])
    expect(gate.refusalFor(here.clientAddress)).toBe([...refusals][0])
    expect(gate.refusalFor(elsewhere.clientAddress)).toBeUndefined()
    ;(await asked[0])?.settle('refused')
    await expect(asked[1]).rejects.toThrow(SourceLimited)
    await turn()
    expect(refused).toBe(5_000)
  })

  it('waiting attempts: 10,000 in all, and a new source that need not wait is admitted (A3)', async () => {
    const gate = createGate({ burst: 1, room: () => 100_000 })
    let refused = 0
    for (let n = 0; n < 20; n += 1) {
      for (const one of times(1_001, () => gate.admit(addressOf(n), single()))) one.catch(() => (refused += 1))
    }
    await turn()
    expect(refused).toBe(10_000)
    const { settle } = await gate.admit(here.clientAddress, single())
    await expect(gate.admit(here.clientAddress, single())).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
    settle('good')
    expect((await gate.admit(here.clientAddress, single())).calls).toBe(1)
  })

  it('any order of attempts, ends and waits: never more in flight than the bucket holds, and all get an answer', async () => {
    const step = fc.record({
      do: fc.constantFrom('ask', 'end', 'wait'),
      place: fc.nat(5),
      at: fc.nat(50),
      how: outcomes,
    })
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 120 }), async (steps) => {
        const { gate, clock } = createTimedGate({ burst: 3, perSecond: 1, room: () => 8 })
        const inFlight: { readonly settle: Admission['settle']; readonly network: string }[] = []
        let answered = 0
        let asked = 0
        for (const { do: what, place, at: which, how } of steps) {
          const network = networks[place] ?? ''
          if (what === 'wait') clock.advance(which * 40)
          else if (what === 'end') inFlight.splice(which % (inFlight.length || 1), 1)[0]?.settle(how)
          else {
            asked += 1
            const end = () => {
              answered += 1
            }
            gate
              .admit(network, single())
              .then(({ settle }) => inFlight.push({ settle, network }))
              .then(end, end)
          }
          await turn()
          for (const one of networks) {
            const count = inFlight.filter((open) => open.network === one).length
            expect(count).toBeLessThanOrEqual(3 + 30)
          }
        }
        while (inFlight.length > 0) {
          inFlight.shift()?.settle('open')
          await turn()
        }
        expect(answered).toBe(asked)
      }),
      { numRuns: runsOf({ part: 30, full: 100 }) },
    )
  })
})

describe('a source that sends junk', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst })

  it('RATE_LIMITED for cold tokens, never for warm ones', async () => {
    const { ask, issue, emulator } = layer()
    const warm = times(10, () => issue())
    for (const token of warm) await ask(token, 'profile')
    const words = await Promise.all(times(1_000, async (n) => wordFor(await ask(junk(n), 'profile'))))
    // Its 10 good tokens allow it more in flight than its burst: 50 calls, two for each token.
    expect(tally(words)).toEqual({ MALFORMED: 25, RATE_LIMITED: 975 })
    emulator.calls.reset()
    expect(wordFor(await ask(issue()))).toBe('RATE_LIMITED')
    for (const token of warm) {
      expect(wordFor(await ask(token, 'profile'))).toBe('valid')
      expect(wordFor(await ask(token, 'friendship'))).toBe('valid')
    }
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 0, profile: 0, friendship: 10 })
    expect(wordFor(await ask(issue(), 'profile', elsewhere))).toBe('valid')
  })

  it('the same junk again: counts only once', async () => {
    const { ask, issue } = layer()
    for (let n = 0; n < 100; n += 1) expect((await ask(junk('same'))).verdict).toBe('invalid')
    expect(wordFor(await ask(issue()))).toBe('valid')
  })
})

/** In a row, so that the order of answers is the same on every machine. */
describe('300 fresh tokens at 25 a second from one address, every tenth expired', () => {
  const layer = useLayer()

  it('no good token is refused (B3)', async () => {
    const { ask, issue, clock } = layer()
    const words: string[] = []
    const tokens = times(300, (n) => issue(n % 10 === 0 ? { expiresIn: 1 } : {}))
    clock.advance(2_000)
    for (const token of tokens) {
      words.push(wordFor(await ask(token, 'profile')))
      clock.advance(40)
    }
    expect(tally(words)).toEqual({ valid: 270, EXPIRED: 30 })
  })
})

describe('an honest crowd behind one address', () => {
  const layer = useLayer()

  it('1,000 new tokens at once: all valid', async () => {
    const { ask, issue, emulator } = layer()
    const answers = await Promise.all(times(1_000, () => ask(issue(), 'profile')))
    expect(tally(answers.map(wordFor))).toEqual({ valid: 1_000 })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1_000, profile: 1_000 })
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(64)
  })
})

const outcomes = fc.constantFrom<Outcome>('good', 'refused', 'useless', 'open')
const networks = ['192.0.2.1', '192.0.2.2', ...times(4, (n) => networkOf(`2001:db8:0:${n}::1`))]

/** No token comes back by time during a test, however slow the machine is. */
describe('a caller with a share', () => {
  it.each([
    [64, 16],
    [10, 2],
    [3, 1],
    [1, 1],
  ])('with %i places to LINE: %i calls at once, and the next one when one has ended', async (places, most) => {
    const gate = createGate({ burst: 1, room: () => places })
    const { admitted } = countAdmissions(times(100, () => gate.admit(service, single())))
    await turn()
    expect(admitted).toHaveLength(most)
    for (let n = 0; n < 20; n += 1) admitted[n]?.settle('refused')
    await turn()
    expect(admitted.length).toBeGreaterThanOrEqual(most + 1)
    expect(admitted).toHaveLength(Math.min(most + 20, 2 * most))
  })

  it('5,000 refusals in a row: it is never limited, and no address is', async () => {
    const gate = createGate({ burst: 2 })
    for (let n = 0; n < 5_000; n += 1) await expect(guarded(gate, at(service), refuse)).rejects.toThrow(InvalidGrant)
    for (let n = 0; n < 100; n += 1) gate.count(service, 'refused')
    expect([gate.refusalFor(service), gate.limitFor(service), gate.limitFor(here.clientAddress)]).toEqual([
      undefined,
      undefined,
      undefined,
    ])
  })

  it('500 good tokens: it gets no more than its share, and never two calls for one token', async () => {
    const gate = createGate({ room: () => 8 })
    for (let n = 0; n < 500; n += 1) await guarded(gate, at(service), async () => 'good')
    const { admitted } = countAdmissions(times(50, () => gate.admit(service, pair())))
    await turn()
    expect(admitted.map(({ calls }) => calls)).toEqual([1, 1])
  })

  it('two callers: each has a share of its own', async () => {
    const gate = createGate({ room: () => 8 })
    const { admitted } = countAdmissions(
      [service, shareOf('proxy')].flatMap((one) => times(50, () => gate.admit(one, single()))),
    )
    await turn()
    expect(admitted).toHaveLength(4)
  })

  it.each([
    [64, 32],
    [10, 5],
    [3, 1],
    [1, 1],
  ])(
    'with %i places to LINE, ten callers that have one: %i calls at once, and each gets its turn',
    async (places, most) => {
      const gate = createGate({ burst: 1, room: () => places })
      const served: string[] = []
      let inFlight = 0
      const ask = async (name: string) => {
        const admission = await gate.admit(shareOf(name), single())
        served.push(name)
        inFlight += 1
        expect(inFlight).toBeLessThanOrEqual(most)
        await turn()
        inFlight -= 1
        admission.settle('refused')
      }
      await Promise.all(times(10, (n) => times(50, () => ask(`caller ${n}`))).flat())
      expect(served).toHaveLength(500)
      const turns = most + 10 * 2
      expect(new Set(served.slice(most, turns)).size).toBeGreaterThanOrEqual(8)
    },
  )

  it('the newest attempt goes first, and one that is renewed counts as the newest', async () => {
    const gate = createGate({ room: () => 1 })
    const first = await gate.admit(service, single())
    const renewals: (() => void)[] = []
    const served: number[] = []
    for (const n of [0, 1, 2]) {
      const wish = { ...single(), onWait: (renew: () => void) => void renewals.push(renew) }
      void gate.admit(service, wish).then((admission) => {
        served.push(n)
        admission.settle('refused')
      })
    }
    renewals[1]?.()
    first.settle('good')
    await expect.poll(() => served).toEqual([1, 2, 0])
    for (const renew of renewals) renew()
    expect(gate.refusalFor(service)).toBeUndefined()
  })

  it('two others have all places of the shares: it gets the next one, and an address has its own', async () => {
    const gate = createGate({ room: () => 8 })
    const { admitted } = countAdmissions(
      ['one', 'other'].flatMap((name) => times(50, () => gate.admit(shareOf(name), single()))),
    )
    const quiet = countAdmissions([gate.admit(service, single())])
    await turn()
    expect([admitted.length, quiet.admitted.length]).toEqual([4, 0])
    expect((await gate.admit(here.clientAddress, single())).calls).toBe(1)
    admitted[0]?.settle('refused')
    await turn()
    expect([admitted.length, quiet.admitted.length]).toEqual([4, 1])
  })

  it('10,000 attempts of others wait: LINE_UNAVAILABLE at once, until they have gone', async () => {
    const gate = createGate({ room: () => 4 })
    const inFlight = await Promise.all([1, 2].map((n) => gate.admit(shareOf(`first ${n}`), single())))
    const others = times(10, (n) => times(1_000, () => gate.admit(shareOf(`caller ${n}`), single()))).flat()
    const done = others.map((one) => one.then((admission) => admission.settle('open')))
    expect(gate.refusalFor(service)).toBe(noRoom)
    await expect(gate.admit(service, single())).rejects.toBe(noRoom)
    for (const admission of inFlight) admission.settle('open')
    await Promise.all(done)
    expect(gate.refusalFor(service)).toBeUndefined()
    await gate.admit(service, single())
  })

  it('its newest attempt goes first', async () => {
    const gate = createGate({ room: () => 4 })
    const admission = await gate.admit(service, single())
    const order: number[] = []
    const waiting = times(5, async (n) => {
      const { settle } = await gate.admit(service, single())
      order.push(n)
      settle('refused')
    })
    admission.settle('refused')
    await Promise.all(waiting)
    expect(order).toEqual([4, 3, 2, 1, 0])
  })

  it('while it waits at its deadline: LINE_UNAVAILABLE, and an address gets its place at once', async () => {
    const gate = createGate({ room: () => 4 })
    await gate.admit(service, single())
    await expect(gate.admit(service, { deadline: performance.now() + 5, calls: 1 })).rejects.toBe(waitedTooLong)
    expect((await gate.admit(here.clientAddress, single())).calls).toBe(1)
  })

  it('more than 1,000 wait: LINE_UNAVAILABLE for the next, without a promise, and an address gets its place', async () => {
    const gate = createGate({ room: () => 4 })
    countAdmissions(times(1_001, () => gate.admit(service, single())))
    expect(gate.refusalFor(service)).toBe(noRoom)
    await expect(gate.admit(service, single())).rejects.toBe(noRoom)
    expect(gate.refusalFor(here.clientAddress)).toBeUndefined()
  })
})

describe('a caller with a share, in front of LINE', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, LINE_MAX_CONCURRENCY: '8', CACHE_MAX_TOKENS: '20000' })

  it('waits with 400 bad tokens: an address is verified at once, and no bad token of the caller is RATE_LIMITED', async () => {
    const { ask, issue, answers } = layer()
    answers.hold()
    const bad = times(400, (n) => ask(junk(n), 'verification', at(service)).then(wordFor))
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(2)
    await answers.settled()
    const good = ask(issue(), 'verification', here)
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(3)
    await answers.release()
    expect(wordFor(await good)).toBe('valid')
    expect(tally(await Promise.all(bad))).toEqual({ MALFORMED: 400 })
  })

  it.each(['verification', 'profile'] as const)(
    '%s of a token that waits in its queue: an address gets it at once, the caller too, and LINE is asked once',
    async (subject) => {
      const { ask, issue, answers, emulator } = layer()
      const token = issue()
      if (subject === 'profile') await ask(token, 'verification', here)
      answers.hold()
      const bad = times(400, (n) => ask(junk(n), 'verification', at(service)).then(wordFor))
      await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(2)
      const inQueue = ask(token, subject, at(service))
      await answers.settled()
      const outside = [here, elsewhere].map((caller) => ask(token, subject, caller))
      await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(3)
      await answers.release(2)
      expect((await Promise.all([inQueue, ...outside])).map(wordFor)).toEqual(['valid', 'valid', 'valid'])
      await answers.release()
      await Promise.all(bad)
      expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 401 })
      expect(emulator.calls.byEndpoint().profile ?? 0).toBe(subject === 'profile' ? 1 : 0)
    },
  )

  it('asks for the users of 20 tokens at once: two calls at a time, also for the profiles', async () => {
    const { ask, issue, answers } = layer()
    const tokens = times(20, () => issue())
    await Promise.all(tokens.map((token) => ask(token, 'verification', at(service))))
    answers.hold()
    const profiles = tokens.map((token) => ask(token, 'profile', at(service)).then(wordFor))
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(2)
    await answers.settled()
    expect(answers.waiting()).toBe(2)
    await answers.release()
    expect(tally(await Promise.all(profiles))).toEqual({ valid: 20 })
  })
})

describe('what a dashboard sees of the gate', () => {
  it('the sources with an empty bucket, until time has put a token back, and those that wait', async () => {
    const { gate, clock } = createTimedGate({ burst: 2, perSecond: 0.1, room: () => 1 })
    expect([gate.counts(), gate.waiting()]).toEqual([{ limited: 0, other: 0 }, 0])
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(guarded(gate, elsewhere, refuse)).rejects.toThrow(InvalidGrant)
    expect(gate.counts()).toEqual({ limited: 1, other: 1 })
    const admission = await gate.admit(elsewhere.clientAddress, single())
    const waiting = gate.admit(elsewhere.clientAddress, single())
    expect([gate.counts(), gate.waiting()]).toEqual([{ limited: 1, other: 1 }, 1])
    admission.settle('good')
    const next = await waiting
    expect(gate.waiting()).toBe(0)
    next.settle('good')
    clock.advance(10_000)
    expect(gate.counts()).toEqual({ limited: 0, other: 2 })
  })

  it('sources at rest are bounded, and what is dropped is not limited any more', async () => {
    const gate = createGate({ burst: 1 })
    for (let n = 0; n < 20_010; n += 1) gate.count(addressOf(n), 'refused')
    expect(gate.counts()).toEqual({ limited: 20_000, other: 0 })
  })
})

function createGate(options: Partial<SourceGateOptions>) {
  return createSourceGate({ burst: 20, perSecond: 0.001, now: () => START_MS, room: () => 64, ...options })
}

function createTimedGate(options: Partial<SourceGateOptions>) {
  let time = START_MS
  return { gate: createGate({ now: () => time, ...options }), clock: { advance } }

  function advance(ms: number): void {
    time += ms
  }
}

const service = shareOf('service')
const at = (clientAddress: string) => callerAt(clientAddress)
const addressOf = (n: number) => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`

function countAdmissions(asked: readonly Promise<Admission>[]) {
  const admitted: Admission[] = []
  for (const one of asked) one.then((admission) => admitted.push(admission)).catch(() => {})
  return { admitted }
}

async function settledOpen<Result>(gate: ReturnType<typeof createGate>, call: () => Promise<Result>): Promise<Result> {
  const admission = await gate.admit(here.clientAddress, single())
  return call().finally(() => admission.settle('open'))
}

const refuse = () => Promise.reject(new InvalidGrant('no'))
const outage = () => Promise.reject(new LineUnavailable('down'))
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
