import { describe, expect, it } from 'vitest'
import { InvalidGrant, LineUnavailable } from '../../src/line/errors.ts'
import { guarded } from '../../src/tokens/limit-sources.ts'
import { type Admission, createSourceGate, type SourceGateOptions } from '../../src/tokens/source-gate.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'
import { elsewhere, here, junk, oneChannel, tally, times, useLayer, wordFor } from '../harness/token-layer.ts'

const single = () => ({ since: performance.now(), calls: 1 }) as const
const pair = () => ({ since: performance.now(), calls: 2 }) as const

describe('the gate', () => {
  it('lets a source have no more calls under way than it has refusals left', async () => {
    const gate = createGate({ burst: 5 })
    const counter = countAdmissions(times(50, () => gate.admit(here, single())))
    await turn()
    expect(counter.admitted).toHaveLength(5)
  })

  it('however many come at once, they cost no more than they would in a row', async () => {
    const gate = createGate({ burst: 5, perSecond: 0.01 })
    const all = times(1_000, () => guarded(gate, here, refuse))
    const codes = (await Promise.allSettled(all)).map((one) => (one.status === 'rejected' ? one.reason.code : 'good'))
    expect(tally(codes)).toEqual({ INVALID_GRANT: 5, RATE_LIMITED: 995 })
  })

  it('says when to come back, in whole seconds', async () => {
    const gate = createGate({ burst: 2, perSecond: 0.1 })
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    const refusal = await gate.admit(here, single()).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(SourceLimited)
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfter: 20 })
  })

  it('lets it in again after a while', async () => {
    const gate = createGate({ burst: 2, perSecond: 20 })
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(gate.admit(here, single())).rejects.toThrow(SourceLimited)
    await expect.poll(() => gate.admit(here, single()).catch(() => undefined)).toBeDefined()
  })

  it('holds nothing against other sources', async () => {
    const gate = createGate({ burst: 1, perSecond: 0.01 })
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(gate.admit(here, single())).rejects.toThrow(SourceLimited)
    expect(await guarded(gate, elsewhere, async () => 'good')).toBe('good')
  })

  it("counts LINE's refusals and nothing else", async () => {
    const gate = createGate({ burst: 2, perSecond: 0.01 })
    for (let n = 0; n < 20; n += 1) {
      await expect(guarded(gate, here, outage)).rejects.toThrow(LineUnavailable)
      await guarded(gate, here, async () => 'good')
    }
    expect(await guarded(gate, here, async () => 'good')).toBe('good')
    await expect(
      guarded(
        gate,
        here,
        async () => 'no',
        () => true,
      ),
    ).resolves.toBe('no')
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(guarded(gate, here, async () => 'good')).rejects.toThrow(SourceLimited)
  })

  it('each success lets one more through at once, to 30 beyond the burst; a refusal takes all that back', async () => {
    const gate = createGate({ burst: 5, perSecond: 0.01 })
    for (let n = 0; n < 100; n += 1) await guarded(gate, here, async () => 'good')
    const trusted = countAdmissions(times(100, () => gate.admit(here, single())))
    await turn()
    expect(trusted.admitted).toHaveLength(35)
    for (const { settle } of trusted.admitted.splice(0)) settle('open')
    await turn()
    expect(trusted.admitted).toHaveLength(35)
    trusted.admitted[0]?.settle('refused')
    for (const { settle } of trusted.admitted.splice(1)) settle('open')
    await turn()
    expect(trusted.admitted.length - 1).toBe(4)
  })

  it('lets everybody through in the end, as places come free', async () => {
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

  it('whose turn does not come in time is told that LINE is too busy, and that nothing was sent', async () => {
    const gate = createGate({ burst: 1, timeoutMs: 30 })
    await gate.admit(here, single())
    await expect(gate.admit(here, single())).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', sent: false })
    const late = { since: performance.now() - 1_000, calls: 1 } as const
    await expect(gate.admit(here, late)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
  })

  it('spends a second call only on a clean slate, and where there is room', async () => {
    const gate = createGate({ burst: 10, perSecond: 0.01 })
    const first = await gate.admit(here, pair())
    const second = await gate.admit(here, pair())
    expect([first.calls, second.calls]).toEqual([2, 2])
    first.settle('good')
    second.settle('refused')
    expect((await gate.admit(here, pair())).calls).toBe(1)
    expect((await createGate({ room: () => 1 }).admit(here, pair())).calls).toBe(1)
  })

  it('lets a new source have as many pairs under way as it may cause refusals', async () => {
    const gate = createGate({ burst: 10, perSecond: 0.01, room: () => 64 })
    const crowd = countAdmissions(times(100, () => gate.admit(here, pair())))
    await turn()
    expect(crowd.admitted.map(({ calls }) => calls)).toEqual(Array(10).fill(2))
  })

  it('gives a source one call while LINE has no place left, and one more for each success', async () => {
    const gate = createGate({ burst: 10, room: () => 8 })
    const flood = countAdmissions(times(100, () => gate.admit(here, single())))
    await turn()
    expect(flood.admitted).toHaveLength(8)
    const honest = countAdmissions(times(100, () => gate.admit(elsewhere, single())))
    await turn()
    expect(honest.admitted).toHaveLength(1)
    honest.admitted[0]?.settle('good')
    await turn()
    expect(honest.admitted).toHaveLength(3)
    for (const { settle } of flood.admitted.splice(0)) settle('open')
    await turn()
    expect(flood.admitted.length).toBeLessThanOrEqual(8)
  })

  it('gives a source one call while what is warm takes all the places', async () => {
    let room = 64
    const gate = createGate({ burst: 10, room: () => room })
    room = 0
    const { admitted } = countAdmissions(times(100, () => gate.admit(here, single())))
    await turn()
    expect(admitted).toHaveLength(1)
  })

  it('remembers 10,000 sources, and what one of them owes beyond that', async () => {
    const gate = createGate({ burst: 1, perSecond: 0.001 })
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    for (let n = 0; n < 10_001; n += 1) (await gate.admit(`2001:db8::${n.toString(16)}`, single())).settle('open')
    await expect(gate.admit(here, single())).rejects.toThrow(SourceLimited)
  })
})

describe('a source that sends junk', () => {
  const layer = useLayer({ ...oneChannel, FAILED_TOKENS_PER_SECOND: '0.01' })

  it('is refused for cold tokens, and never for warm ones', async () => {
    const { ask, issue, emulator } = layer()
    const warm = times(10, () => issue())
    for (const token of warm) await ask(token, 'profile')
    const words = await Promise.all(times(1_000, async (n) => wordFor(await ask(junk(n), 'profile'))))
    // The good tokens before had earned it some more under way at once, for two calls each: 50 calls at the most.
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

  it('junk it has sent before costs it nothing more', async () => {
    const { ask, issue } = layer()
    for (let n = 0; n < 100; n += 1) expect((await ask(junk('same'))).verdict).toBe('invalid')
    expect(wordFor(await ask(issue()))).toBe('valid')
  })
})

describe('an honest crowd behind one address', () => {
  const layer = useLayer()

  it('of 1,000 new tokens is served', async () => {
    const { ask, issue, emulator } = layer()
    const answers = await Promise.all(times(1_000, () => ask(issue(), 'profile')))
    expect(tally(answers.map(wordFor))).toEqual({ valid: 1_000 })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1_000, profile: 1_000 })
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(64)
  })
})

function createGate(options: Partial<SourceGateOptions>) {
  return createSourceGate({ burst: 20, perSecond: 1, timeoutMs: 3_000, room: () => 64, ...options })
}

function countAdmissions(asked: readonly Promise<Admission>[]) {
  const admitted: Admission[] = []
  for (const one of asked) one.then((admission) => admitted.push(admission)).catch(() => {})
  return { admitted }
}

async function settledOpen<Result>(gate: ReturnType<typeof createGate>, call: () => Promise<Result>): Promise<Result> {
  const admission = await gate.admit(here, single())
  return call().finally(() => admission.settle('open'))
}

const refuse = () => Promise.reject(new InvalidGrant('no'))
const outage = () => Promise.reject(new LineUnavailable('down'))
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
