import { afterEach, describe, expect, it, vi } from 'vitest'
import { InvalidGrant, LineUnavailable } from '../../src/line/errors.ts'
import { type Admission, createSourceGate, guarded, type SourceGateOptions } from '../../src/tokens/source-gate.ts'
import { SourceLimited } from '../../src/tokens/token-resolver.ts'
import { elsewhere, here, junk, oneBurst, oneChannel, tally, times, useLayer, wordFor } from '../harness/token-layer.ts'

const single = () => ({ deadline: performance.now() + 60_000, calls: 1 }) as const
const pair = () => ({ deadline: performance.now() + 60_000, calls: 2 }) as const

describe('the gate', () => {
  afterEach(() => vi.useRealTimers())

  it('a source: no more calls in flight than it has refusals left', async () => {
    const gate = createGate({ burst: 5 })
    const counter = countAdmissions(times(50, () => gate.admit(here.clientAddress, single())))
    await turn()
    expect(counter.admitted).toHaveLength(5)
  })

  it('1,000 bad credentials at once: 5 calls, as many as in a row', async () => {
    const gate = createGate({ burst: 5 })
    const all = times(1_000, () => guarded(gate, here, refuse))
    const codes = (await Promise.allSettled(all)).map((one) => (one.status === 'rejected' ? one.reason.code : 'good'))
    expect(tally(codes)).toEqual({ INVALID_GRANT: 5, RATE_LIMITED: 995 })
  })

  it.each([
    [0, 20],
    [1, 20],
    [1_000, 19],
    [19_999, 1],
  ])('a limited source, after %i ms: RATE_LIMITED with a retryAfter of %i whole seconds', async (ms, retryAfter) => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const gate = createGate({ burst: 2, perSecond: 0.1 })
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    vi.advanceTimersByTime(ms)
    const refusal = await gate.admit(here.clientAddress, single()).catch((error: unknown) => error)
    expect(refusal).toBeInstanceOf(SourceLimited)
    expect(refusal).toMatchObject({ code: 'RATE_LIMITED', retryAfter })
  })

  it('a limited source, after burst / perSecond seconds: admitted again', async () => {
    vi.useFakeTimers({ toFake: ['Date', 'setTimeout', 'clearTimeout'] })
    const gate = createGate({ burst: 2, perSecond: 0.1 })
    for (let n = 0; n < 2; n += 1) await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    vi.advanceTimersByTime(20_000)
    expect((await gate.admit(here.clientAddress, single())).calls).toBe(1)
  })

  it('a limited source: other sources are admitted', async () => {
    const gate = createGate({ burst: 1 })
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    await expect(gate.admit(here.clientAddress, single())).rejects.toThrow(SourceLimited)
    expect(await guarded(gate, elsewhere, async () => 'good')).toBe('good')
  })

  it('only refusals by LINE count against a source', async () => {
    const gate = createGate({ burst: 2 })
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

  it('each success allows one more in flight, up to 30 beyond the burst; a refusal takes all back', async () => {
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
    expect(trusted.admitted.length - 1).toBe(4)
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

  it('a limited source: still limited after 10,000 other sources', async () => {
    const gate = createGate({ burst: 1 })
    await expect(guarded(gate, here, refuse)).rejects.toThrow(InvalidGrant)
    for (let n = 0; n < 10_001; n += 1) (await gate.admit(`2001:db8::${n.toString(16)}`, single())).settle('open')
    await expect(gate.admit(here.clientAddress, single())).rejects.toThrow(SourceLimited)
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

function createGate(options: Partial<SourceGateOptions>) {
  // The window of refusals does not end during a test, however slow the machine is.
  return createSourceGate({ burst: 20, perSecond: 0.001, room: () => 64, ...options })
}

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
