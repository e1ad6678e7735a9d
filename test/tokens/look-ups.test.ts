import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { LineUnavailable } from '../../src/line/errors.ts'
import type { LookUp } from '../../src/telemetry/metric-labels.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import { createForgotten } from '../../src/tokens/forgotten.ts'
import { countLookUps } from '../../src/tokens/look-ups.ts'
import { rememberInMemory } from '../../src/tokens/memory-tier.ts'
import { createRechecks } from '../../src/tokens/rechecks.ts'
import { createRecord, type Subject, withFacts } from '../../src/tokens/record.ts'
import { shareRecords } from '../../src/tokens/shared-records.ts'
import type { Entries } from '../../src/tokens/shared-store.ts'
import { type Answer, type Question, SourceLimited } from '../../src/tokens/token-resolver.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { metricValue } from '../harness/metric-value.ts'
import {
  callerAt,
  here,
  junk,
  type Layer,
  oneBurst,
  oneChannel,
  startLayer,
  tally,
  times,
} from '../harness/token-layer.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
/** Older than any fresh age, which is spread around 5 minutes. */
const AGING = 6 * MINUTE
const STALE = 2 * HOUR

const down = { status: 500 }
const silent = createSilentTelemetry()

let layer: Layer
beforeAll(async () => {
  layer = await startLayer({ ...oneChannel, ...oneBurst })
})
afterAll(() => layer.close())
beforeEach(() => {
  layer.emulator.faults.clear()
  layer.clock.advance(MINUTE)
  layer.lookUps()
})

/** A token with a record. */
async function known(request: Parameters<Layer['issue']>[0] = {}) {
  const token = layer.issue(request)
  await layer.ask(token)
  layer.lookUps()
  return token
}

/** A user of nobody else's token here. */
async function someoneLeaves(): Promise<void> {
  const token = layer.issue({ userId: userOf(2) })
  await layer.ask(token, 'profile')
  await layer.revocation.deauthorize(token, here)
  layer.lookUps()
}

function userOf(n: number): string {
  return layer.emulator.users[n]?.userId ?? ''
}

function breakLine(fault: Parameters<Layer['emulator']['faults']['set']>[1] = down): void {
  layer.emulator.faults.set('*', fault)
}

describe('each question counts once, at the tier that answered', () => {
  type Scenario = readonly [name: string, ask: () => Promise<unknown>, counts: Record<string, number>]
  it.each<Scenario>([
    ['a new token', () => layer.ask(layer.issue()), { 'line/valid': 1 }],
    ['the profile of a new token: two calls', () => layer.ask(layer.issue(), 'profile'), { 'line/valid': 1 }],
    ['a known token', async () => layer.ask(await known()), { 'memory/fresh': 1 }],
    ['a reading that is missing', async () => layer.ask(await known(), 'profile'), { 'line/valid': 1 }],
    [
      'a reading without its scope',
      async () => layer.ask(await known({ scope: 'openid' }), 'profile'),
      { 'memory/fresh': 1 },
    ],
    [
      'an old record, LINE up',
      async () => {
        const token = await known()
        layer.clock.advance(STALE)
        await layer.ask(token)
      },
      { 'line/valid': 1 },
    ],
    [
      'an old record, LINE down: twice, the second time without a call',
      async () => {
        const token = await known()
        layer.clock.advance(STALE)
        breakLine()
        await layer.ask(token)
        await layer.ask(token)
      },
      { 'memory/stale': 2 },
    ],
    [
      'an old record, 50 at once',
      async () => {
        const token = await known()
        layer.clock.advance(STALE)
        await Promise.all(times(50, () => layer.ask(token)))
      },
      { 'line/valid': 1, 'flight/valid': 49 },
    ],
    [
      'an old record, 50 at once, LINE down',
      async () => {
        const token = await known()
        layer.clock.advance(STALE)
        breakLine()
        await Promise.all(times(50, () => layer.ask(token)))
      },
      { 'memory/stale': 50 },
    ],
    [
      'a new token, 100 at once',
      async () => {
        const token = layer.issue()
        await Promise.all(times(100, () => layer.ask(token, 'profile')))
      },
      { 'line/valid': 1, 'flight/valid': 99 },
    ],
    [
      'a new token, 100 at once, LINE down',
      async () => {
        const token = layer.issue()
        breakLine()
        await Promise.all(times(100, () => layer.ask(token)))
      },
      { 'line/unanswered': 1, 'flight/unanswered': 99 },
    ],
    [
      'a new token, LINE answers its verification but not its profile: 10 at once',
      async () => {
        const token = layer.issue()
        layer.emulator.faults.set('profile', { ...down })
        await Promise.all(times(10, () => layer.ask(token, 'profile')))
      },
      { 'line/unanswered': 1, 'flight/unanswered': 9 },
    ],
    [
      'an open breaker',
      async () => {
        breakLine({ status: 429, headers: { 'retry-after': '2' } })
        await layer.ask(layer.issue())
        await layer.ask(layer.issue())
      },
      { 'line/unanswered': 2 },
    ],
    [
      'a token that LINE refuses, 10 at once, and again',
      async () => {
        await Promise.all(times(10, () => layer.ask(junk('once'))))
        await layer.ask(junk('once'))
      },
      { 'line/refused': 1, 'flight/refused': 9, 'memory/refused': 1 },
    ],
    [
      'a token that LINE has revoked, when its record is old',
      async () => {
        const token = await known()
        layer.emulator.revokeAccessToken(token.raw)
        layer.clock.advance(STALE)
        await layer.ask(token)
      },
      { 'line/refused': 1 },
    ],
    [
      'an expired token, twice',
      async () => {
        const token = await known({ expiresIn: 60 })
        layer.clock.advance(MINUTE)
        await layer.ask(token)
        await layer.ask(token)
      },
      { 'memory/refused': 2 },
    ],
    [
      'a token that was revoked here',
      async () => {
        const token = await known()
        await layer.revocation.revokeAccessToken(token, here)
        await layer.ask(token)
      },
      { 'memory/refused': 1 },
    ],
    [
      'a token that is revoked here while LINE answers',
      async () => {
        const token = await known()
        layer.clock.advance(STALE)
        layer.answers.hold()
        const asked = layer.ask(token)
        await layer.answers.settled()
        layer.answers.pass()
        await layer.revocation.revokeAccessToken(token, here)
        await layer.answers.release()
        await asked
      },
      { 'memory/refused': 1 },
    ],
    [
      'an unknown token that is revoked here: whether it is ours is a question too',
      async () => {
        const token = layer.issue()
        await layer.revocation.revokeAccessToken(token, here)
        await layer.ask(token)
      },
      { 'line/valid': 1, 'memory/refused': 1 },
    ],
    [
      'an address with too many bad tokens: its own are limited, a known one is not',
      async () => {
        const there = callerAt('203.0.113.7')
        const token = await known()
        for (let n = 0; n < 20; n += 1) await layer.ask(junk(`bad-${n}`), 'verification', there)
        await Promise.all(times(3, (n) => layer.ask(junk(`more-${n}`), 'verification', there)))
        await layer.ask(token, 'verification', there)
      },
      { 'line/refused': 20, 'gate/limited': 3, 'memory/fresh': 1 },
    ],
    [
      'an aging record, 10 at once: its re-check is no question',
      async () => {
        const token = await known()
        layer.clock.advance(AGING)
        await Promise.all(times(10, () => layer.ask(token)))
      },
      { 'memory/aging': 10 },
    ],
    [
      'the clock was changed',
      async () => {
        const token = await known()
        layer.clock.set(MINUTE)
        await layer.ask(token)
        await layer.answers.settled()
        await layer.ask(token)
      },
      { 'memory/aging': 1, 'memory/fresh': 1 },
    ],
    [
      'the clock was changed, and the record seems old',
      async () => {
        const token = await known()
        await layer.ask(token)
        layer.clock.set(STALE)
        await layer.ask(token)
      },
      { 'memory/fresh': 1, 'line/valid': 1 },
    ],
    [
      'the clock was changed, and the token seems to have expired',
      async () => {
        const token = await known({ expiresIn: 60 })
        layer.clock.set(MINUTE)
        await layer.ask(token)
      },
      { 'line/valid': 1 },
    ],
    [
      'whose token it is: the verification and the user are two questions',
      async () => {
        const token = layer.issue()
        await layer.credentials.identify(token, here)
        await layer.credentials.identify(token, here)
      },
      { 'line/valid': 2, 'memory/fresh': 1 },
    ],
    [
      'its user left and logged in again: LINE must confirm the token once',
      async () => {
        const phone = await known({ userId: userOf(1) })
        await layer.ask(phone, 'profile')
        await layer.revocation.deauthorize(phone, here)
        const again = layer.issue({ userId: userOf(1) })
        await layer.ask(again, 'profile')
        layer.lookUps()
        for (let n = 0; n < 3; n += 1) await layer.ask(again, 'profile')
      },
      { 'line/valid': 1, 'memory/fresh': 2 },
    ],
    [
      'another user left, and nobody knows the user of the token: LINE tells it once',
      async () => {
        const token = await known()
        await someoneLeaves()
        for (let n = 0; n < 3; n += 1) await layer.ask(token)
      },
      { 'line/valid': 1, 'memory/fresh': 2 },
    ],
    [
      'another user left, and LINE is down: nobody knows the user of the token',
      async () => {
        const token = await known()
        await someoneLeaves()
        breakLine()
        await Promise.all(times(3, () => layer.ask(token)))
      },
      { 'memory/stale': 3 },
    ],
    [
      'another user left, and LINE tells nobody the user of the token: asked once',
      async () => {
        const token = await known({ scope: 'email' })
        await someoneLeaves()
        for (let n = 0; n < 3; n += 1) await layer.ask(token)
      },
      { 'line/valid': 1, 'memory/fresh': 2 },
    ],
  ])('%s', async (_, ask, counts) => {
    await ask()
    await layer.answers.settled()
    expect(layer.lookUps()).toEqual(counts)
  })
})

it('re-checks in the background: each counts once, and those that a question waits for do not count', async () => {
  const outcomes = ['valid', 'refused', 'unanswered']
  const read = async () => {
    const text = await layer.metrics()
    return outcomes.map((word) => metricValue(text, `gateway_rechecks_total{outcome="${word}"}`))
  }
  const tokens = [await known(), await known(), await known(), await known()] as const
  const before = await read()
  layer.clock.advance(AGING)
  layer.emulator.revokeAccessToken(tokens[1].raw)
  await Promise.all(times(5, () => layer.ask(tokens[0])))
  await layer.ask(tokens[1])
  await layer.answers.settled()
  breakLine()
  await layer.ask(tokens[2])
  await layer.answers.settled()
  layer.emulator.faults.clear()
  layer.clock.advance(STALE)
  await layer.ask(tokens[3])
  const after = await read()
  expect(after.map((count, n) => count - (before[n] ?? 0))).toEqual([1, 1, 1])
})

describe('with Redis', () => {
  const record = createRecord({ channelId: '1', scopes: [], verifiedAt: 10_000, expiresAt: 1_000_000 })
  const tombstone = Buffer.from('t')
  const unknown = { verdict: 'unknown', outage: new LineUnavailable('down') } as const

  /** `found`: what Redis has. `line`: LINE's answer. Records are fresh for 1 s and stale after 10 s. */
  function askWith(found: object | 'away', line: Answer, now: number) {
    const counts: string[] = []
    const telemetry = { ...silent, lookUp: (end: LookUp) => void counts.push(end.join('/')) }
    const looks = { look: async () => (found === 'away' ? found : [found as Entries]) }
    const ages = { freshForMs: 1_000, maxStaleMs: 10_000 }
    const clock = { now: () => now, driftedAt: () => Number.NEGATIVE_INFINITY }
    const behind = shareRecords(() => [Promise.resolve(line)], { ...clock, looks, ages, lookedUp: () => {} })
    const families = createFamilies()
    const [tombstones, users] = [
      createTombstones(clock.now),
      createUserTombstones(createClock({ wall: clock.now, monotonic: clock.now })),
    ]
    const forgotten = createForgotten({ tombstones, users, families })
    const wiring = { ...ages, maxTokens: 10, refusalFor: () => undefined, forgotten, families, clock, telemetry }
    const { resolve } = rememberInMemory(async (question) => behind([question])[0] ?? unknown, wiring)
    const ask = async () => resolve({ ...here, token: junk(1), subject: 'verification' })
    return Promise.all([ask(), ask()]).then(() => tally(counts))
  }

  it.each([
    ['a young record', { record }, unknown, 10_500, { 'redis/valid': 1, 'flight/valid': 1 }],
    ['an aging record', { record }, unknown, 12_000, { 'redis/valid': 1, 'flight/valid': 1 }],
    ['an old record, LINE down', { record }, unknown, 25_000, { 'memory/stale': 1, 'flight/valid': 1 }],
    [
      'an old record, LINE up',
      { record },
      { verdict: 'valid', record: { ...record, verifiedAt: 25_000 } },
      25_000,
      { 'line/valid': 1, 'flight/valid': 1 },
    ],
    ['a tombstone', { tombstone }, unknown, 10_500, { 'redis/refused': 1, 'flight/refused': 1 }],
    ['nothing', {}, { verdict: 'invalid', reason: 'INVALID' }, 10_500, { 'line/refused': 1, 'flight/refused': 1 }],
    ['Redis away, LINE down', 'away', unknown, 10_500, { 'line/unanswered': 1, 'flight/unanswered': 1 }],
  ] as const)('%s', async (_, found, line, now, counts) => {
    expect(await askWith(found, line, now)).toEqual(counts)
  })
})

it('a mistake of ours: each question that it ends counts as not answered', async () => {
  const counts: string[] = []
  const fails = async () => {
    throw new TypeError('a bug')
  }
  const resolve = countLookUps(fails, (end) => void counts.push(end.join('/')))
  const question = { ...here, token: junk(1), subject: 'verification' } as const
  await Promise.allSettled([resolve(question), resolve(question)])
  expect(counts).toEqual(['line/unanswered', 'line/unanswered'])
})

it('a mistake of ours in a re-check: an unexpected error, and a re-check that was not answered', async () => {
  const counts: string[] = []
  const ask = async () => {
    throw new TypeError('a bug')
  }
  const telemetry = {
    ...silent,
    count: (...event: readonly string[]) => void counts.push(event.join(' ')),
    unexpected: () => void counts.push('unexpected'),
  }
  const ages = { freshForMs: 1_000, maxStaleMs: 10_000 }
  const rechecks = createRechecks({ ask, isUnderWay: () => false, idOf: () => '', ages, now: () => 0, telemetry })
  const record = createRecord({ channelId: '1', scopes: [], verifiedAt: 0, expiresAt: 1 })
  rechecks.startBehind({ ...here, token: junk(1), subject: 'verification' }, record)
  await expect.poll(() => counts).toEqual(['unexpected', 'gateway_rechecks_total unanswered'])
})

it('any questions in any order, whatever happens meanwhile: as many look-ups as questions', async () => {
  const step = fc.record({
    do: fc.constantFrom('ask', 'ask', 'ask', 'ask', 'answer', 'wait', 'revoke', 'leave', 'return', 'drift'),
    token: fc.nat(3),
    subject: fc.constantFrom('verification', 'profile', 'friendship'),
    line: fc.constantFrom('valid', 'valid', 'invalid', 'unknown', 'limited', 'bug'),
    ms: fc.constantFrom(0, 900, 2_000, 6_000, 20_000),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 30 }), async (steps) => {
      const world = createWorld()
      for (const one of steps) {
        await world.take(one)
        await turn()
      }
      await world.end()
      expect(world.counted()).toBe(world.asked())
    }),
    { numRuns: 100 },
  )
})

type Step = { do: string; token: number; subject: string; line: string; ms: number }

/** A memory for three records, in front of a LINE whose answers wait until a step delivers them. */
function createWorld() {
  const state = { now: 10_000, driftedAt: Number.NEGATIVE_INFINITY, asked: 0, counted: 0 }
  const held: ((line: string) => void)[] = []
  const ages = { freshForMs: 1_000, maxStaleMs: 10_000 }
  const clock = { now: () => state.now, driftedAt: () => state.driftedAt }
  const [tombstones, users, families] = [
    createTombstones(clock.now),
    createUserTombstones(createClock({ wall: clock.now, monotonic: clock.now })),
    createFamilies(),
  ]
  const telemetry = { ...silent, lookUp, unexpected: () => {} }
  const forgotten = createForgotten({ tombstones, users, families })
  const wiring = { ...ages, maxTokens: 3, refusalFor: () => undefined, forgotten, families, clock, telemetry }
  const memory = rememberInMemory((question) => answerLater(question), wiring)
  return { take, end, asked: () => state.asked, counted: () => state.counted }

  function lookUp(): void {
    state.counted += 1
  }

  async function take({ do: what, token, subject, line, ms }: Step): Promise<void> {
    if (what === 'ask') ask(token, subject as Subject)
    if (what === 'answer') held.shift()?.(line)
    if (what === 'wait') state.now += ms
    if (what === 'revoke') tombstones.raise(junk(token).key, { kind: 'token', forMs: ms, channelId: '1', isOurs: true })
    if (what === 'leave') users.raise('1', `U${token}`)
    if (what === 'return') users.confirm('1', `U${token}`)
    if (what === 'drift') state.driftedAt = state.now + 1
    if (what === 'drift') state.now += 1
  }

  function ask(n: number, subject: Subject): void {
    state.asked += 1
    void Promise.resolve(memory.resolve({ ...here, token: junk(n), subject })).catch(() => {})
  }

  async function answerLater({ token, subject, known, alongside }: Question): Promise<Answer> {
    const askedAt = state.now
    const line = await new Promise<string>((resolve) => held.push(resolve))
    if (line === 'bug') throw new TypeError('a bug')
    if (line === 'invalid') return { verdict: 'invalid', reason: 'INVALID' }
    if (line === 'limited') return { verdict: 'unknown', outage: new SourceLimited(1) }
    if (line === 'unknown') return { verdict: 'unknown', outage: new LineUnavailable('down') }
    const verified = { channelId: '1', scopes: ['profile', 'openid'], verifiedAt: askedAt, expiresAt: askedAt + 30_000 }
    const read = [subject, alongside].includes('profile') && {
      userId: `U${times(4, (n) => junk(n).key).indexOf(token.key)}`,
      profile: { displayName: 'a', pictureUrl: null, statusMessage: null, readAt: askedAt },
    }
    const facts = { ...verified, ...read }
    return { verdict: 'valid', record: known === undefined ? createRecord(facts) : withFacts(known, facts) }
  }

  async function end(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet += 1) {
      for (let next = held.shift(); next !== undefined; next = held.shift()) {
        next('unknown')
        quiet = 0
      }
      await turn()
    }
  }
}

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
