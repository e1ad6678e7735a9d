import { describe, expect, it, vi } from 'vitest'
import { type Clock, createClock } from '../../src/clock.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import { createForgotten, type ForgottenOptions } from '../../src/tokens/forgotten.ts'
import { type MemoryTierOptions, rememberInMemory } from '../../src/tokens/memory-tier.ts'
import { readingNames } from '../../src/tokens/readings.ts'
import { createRecord } from '../../src/tokens/record.ts'
import type { Resolver } from '../../src/tokens/token-resolver.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { plain } from '../harness/plain-record.ts'
import {
  elsewhere,
  here,
  junk,
  noSourceLimit,
  oneChannel,
  START_MS,
  times,
  useLayer,
  wordFor,
} from '../harness/token-layer.ts'

const MINUTE = 60_000
/** The fresh age is 5 minutes, spread by 10 %: an age below and one above it for every token. */
const STILL_FRESH = 4.5 * MINUTE - 1
const AGING = 5.5 * MINUTE
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

const subjects = ['verification', ...readingNames] as const

describe('a hit', () => {
  const layer = useLayer()

  it('returns its answer without a promise', async () => {
    const { ask, issue, resolve } = layer()
    const token = issue()
    await ask(token, 'profile')
    for (const subject of ['verification', 'profile', 'userinfo'] as const) {
      expect(resolve({ token, subject, ...here })).toMatchObject({ verdict: 'valid' })
    }
  })

  it('has the facts that LINE answered', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue({ expiresIn: 100 })
    const answer = await ask(token, 'profile')
    const record = answer.verdict === 'valid' ? answer.record : undefined
    expect(record).toMatchObject({
      channelId: '1000000001',
      scopes: ['profile', 'openid'],
      verifiedAt: START_MS,
      expiresAt: START_MS + 100_000,
      userId: emulator.users[0]?.userId,
      profile: { displayName: 'Sakura Tanaka', readAt: START_MS },
    })
  })

  it('a caller changes its record: the next caller gets the true one', async () => {
    const { ask, issue } = layer()
    const token = issue({ scope: 'openid', expiresIn: 100 })
    for (let n = 0; n < 3; n += 1) {
      const answer = await ask(token, 'userinfo')
      const record = answer.verdict === 'valid' ? answer.record : undefined
      expect(record).toMatchObject({ scopes: ['openid'], expiresAt: START_MS + 100_000, verifiedAt: START_MS })
      Reflect.set(record ?? {}, 'expiresAt', Number.MAX_VALUE)
      Reflect.set(record ?? {}, 'verifiedAt', Number.MAX_VALUE)
      Reflect.set(record?.scopes ?? [], 1, 'profile')
    }
  })

  it('of any subject: no call to LINE', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    for (const subject of subjects) await ask(token, subject)
    emulator.calls.reset()
    for (const subject of subjects) await ask(token, subject)
    expect(emulator.calls.total()).toBe(0)
  })

  it('without the scope of a subject: valid, without that subject, and no call to LINE', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue({ scope: 'openid' })
    await ask(token)
    emulator.calls.reset()
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'valid', record: { profile: undefined } })
    expect(await ask(token, 'friendship')).toMatchObject({ verdict: 'valid', record: { friendship: undefined } })
    expect(emulator.calls.total()).toBe(0)
  })
})

describe('a miss', () => {
  const layer = useLayer()

  it('of the verification: one verification and no other call', async () => {
    const { ask, issue, emulator } = layer()
    await ask(issue())
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 0, userinfo: 0, friendship: 0 })
  })

  it.each(readingNames)('of %s: one verification and one reading', async (subject) => {
    const { ask, issue, emulator } = layer()
    const answer = await ask(issue(), subject)
    expect(answer).toMatchObject({ verdict: 'valid' })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, [subject]: 1 })
    expect(emulator.calls.total()).toBe(2)
  })

  it('of all subjects at once: one call for each', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    const answers = await Promise.all(times(40, (n) => ask(token, subjects[n % subjects.length])))
    expect(answers.map(wordFor)).toEqual(times(40, () => 'valid'))
    expect(answers[subjects.indexOf('profile')]).toMatchObject({
      record: { profile: { displayName: 'Sakura Tanaka' } },
    })
    expect(answers[subjects.indexOf('friendship')]).toMatchObject({ record: { friendship: { isFriend: true } } })
    const { verifyAccessToken, profile, userinfo, friendship } = emulator.calls.byEndpoint()
    expect([verifyAccessToken, profile, friendship]).toEqual([1, 1, 1])
    expect(userinfo).toBeLessThanOrEqual(1) // The profile has the user ID too.
  })

  it('with an outage of the reading: unknown, and the verification is kept', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    emulator.faults.set('profile', { status: 500 })
    const answer = await ask(token, 'profile')
    expect(answer).toMatchObject({
      verdict: 'unknown',
      outage: { code: 'LINE_UNAVAILABLE' },
      record: { profile: undefined },
    })
    emulator.calls.reset()
    expect(await ask(token)).toMatchObject({ verdict: 'valid' })
    expect(emulator.calls.total()).toBe(0)
  })

  it('with an outage of another reading at the same time: valid', async () => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('profile', { status: 500 })
    const token = issue()
    const [profile, friendship] = await Promise.all([ask(token, 'profile'), ask(token, 'friendship')])
    expect(profile).toMatchObject({ verdict: 'unknown' })
    expect(friendship).toMatchObject({ verdict: 'valid', record: { friendship: { isFriend: true } } })
  })
})

describe('an answer of LINE that neither accepts nor refuses the token', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it.each([
    ['profile', 403],
    ['friendship', 403],
    ['userinfo', 404],
  ] as const)('%s with status %i in a loop: one call in two seconds (B9)', async (subject, status) => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set(subject, { status, body: {} })
    const askTwenty = async () => {
      for (let n = 0; n < 20; n += 1) expect(wordFor(await ask(token, subject))).toBe('LINE_UNAVAILABLE')
      return emulator.calls.of(subject)
    }
    expect(await askTwenty()).toBe(1)
    clock.advance(1_999)
    expect(await askTwenty()).toBe(1)
    clock.advance(1)
    expect(await askTwenty()).toBe(2)
    emulator.faults.clear()
    clock.advance(2_000)
    expect(wordFor(await ask(token, subject))).toBe('valid')
  })

  it('a new token and its profile with status 403: one verification and one profile, and the token is known (B9)', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    emulator.faults.set('profile', { status: 403, body: {} })
    for (let n = 0; n < 20; n += 1) expect(wordFor(await ask(token, 'profile'))).toBe('LINE_UNAVAILABLE')
    expect(wordFor(await ask(token))).toBe('valid')
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 1 })
  })

  it('the verification of one token: other tokens are verified (B9)', async () => {
    const { ask, issue, emulator } = layer()
    const [token, other] = [issue(), issue()]
    emulator.faults.set('verifyAccessToken', { status: 404, body: {} })
    for (let n = 0; n < 20; n += 1) expect(wordFor(await ask(token, 'profile'))).toBe('LINE_UNAVAILABLE')
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
    emulator.faults.clear()
    expect(wordFor(await ask(other))).toBe('valid')
  })

  it('an outage (500) is not remembered: the next question calls LINE', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    await ask(token)
    emulator.faults.set('profile', { status: 500, times: 1 })
    expect(wordFor(await ask(token, 'profile'))).toBe('LINE_UNAVAILABLE')
    expect(wordFor(await ask(token, 'profile'))).toBe('valid')
  })
})

describe('re-checks', () => {
  const layer = useLayer({ ...oneChannel, LINE_MAX_CONCURRENCY: '8' })

  it('100 tokens age together: 2 of 8 calls at once, and a new token is verified at once (B2)', async () => {
    const { ask, issue, clock, answers, emulator } = layer()
    const tokens = times(100, () => issue())
    for (const token of tokens) await ask(token)
    clock.advance(AGING)
    emulator.calls.reset()
    answers.hold()
    for (const token of tokens) expect(wordFor(await ask(token))).toBe('valid')
    await answers.settled()
    expect(answers.waiting()).toBe(2)
    const fresh = ask(issue())
    await answers.settled()
    expect(answers.waiting()).toBe(3)
    await answers.release(2)
    expect(wordFor(await fresh)).toBe('valid')
    await answers.release()
    await expect.poll(() => emulator.calls.of('verifyAccessToken'), { timeout: 30_000 }).toBe(101)
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(3)
  })

  it('100 tokens are stale together: a new token is verified before all that wait, and LINE refuses none (B2)', async () => {
    const { ask, issue, clock, answers } = layer()
    const tokens = times(100, () => issue())
    for (const token of tokens) await ask(token)
    clock.advance(HOUR)
    answers.hold()
    const rechecked = tokens.map((token) => ask(token).then(wordFor))
    await answers.settled()
    const fresh = ask(issue())
    await answers.settled()
    expect(answers.waiting()).toBe(8)
    await answers.release(0)
    await answers.settled()
    await answers.release(7)
    expect(wordFor(await fresh)).toBe('valid')
    await answers.release()
    expect(await Promise.all(rechecked)).toEqual(times(100, () => 'valid'))
  })
})

describe('freshness', () => {
  const layer = useLayer()

  it('younger than the fresh age: answered from the cache', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue()
    await ask(token, 'profile')
    clock.advance(STILL_FRESH)
    emulator.calls.reset()
    await ask(token, 'profile')
    await ask(token)
    await answers.settled()
    expect(emulator.calls.total()).toBe(0)
  })

  it('older: answered from the cache, and re-checked in the background, once for 100 questions', async () => {
    const { ask, issue, emulator, clock, answers, resolve, lookUps, metric } = layer()
    const token = issue()
    await ask(token)
    clock.advance(AGING)
    emulator.calls.reset()
    for (let n = 0; n < 100; n += 1) {
      expect(resolve({ token, subject: 'verification', ...here })).toMatchObject({
        verdict: 'valid',
        record: { verifiedAt: START_MS },
      })
    }
    await answers.settled()
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 0 })
    expect(await ask(token)).toMatchObject({ record: { verifiedAt: START_MS + AGING } })
    expect(emulator.calls.total()).toBe(1)
    expect(lookUps()).toEqual({ 'line/valid': 1, 'memory/aging': 100, 'memory/fresh': 1 })
    expect(await metric('gateway_rechecks_total{outcome="valid"}')).toBe(1)
  })

  it('too old: re-checked before it is answered, once for 50 questions', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token)
    clock.advance(HOUR)
    emulator.calls.reset()
    const all = await Promise.all(times(50, () => ask(token)))
    for (const answer of all) expect(answer).toMatchObject({ record: { verifiedAt: START_MS + HOUR } })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 0 })
  })

  it('reading the profile again: counts as a re-check', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'profile')
    clock.advance(HOUR)
    emulator.calls.reset()
    await ask(token, 'profile')
    expect(await ask(token)).toMatchObject({ record: { verifiedAt: START_MS + HOUR } })
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 0, profile: 1 })
  })

  it('a user who changed the name: the new profile at the two ages', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue()
    await ask(token, 'profile')
    const [user] = emulator.users
    if (user) user.displayName = 'Sakura Suzuki'
    clock.advance(AGING)
    expect(await ask(token, 'profile')).toMatchObject({ record: { profile: { displayName: 'Sakura Tanaka' } } })
    await answers.settled()
    expect(await ask(token, 'profile')).toMatchObject({ record: { profile: { displayName: 'Sakura Suzuki' } } })
    if (user) user.displayName = 'Sakura Sato'
    clock.advance(HOUR)
    expect(await ask(token, 'profile')).toMatchObject({ record: { profile: { displayName: 'Sakura Sato' } } })
  })

  it('friendship: the same two ages', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'friendship')
    const [user] = emulator.users
    if (user) user.isFriend = false
    clock.advance(STILL_FRESH)
    expect(await ask(token, 'friendship')).toMatchObject({ record: { friendship: { isFriend: true } } })
    clock.advance(HOUR)
    expect(await ask(token, 'friendship')).toMatchObject({ record: { friendship: { isFriend: false } } })
  })

  it('a token without the scope of the subject: re-checked like any other', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue({ scope: 'openid' })
    await ask(token, 'profile')
    emulator.revokeAccessToken(token.raw)
    clock.advance(HOUR)
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'invalid' })
  })
})

describe('both ages set to 0 (Infinity)', () => {
  const layer = useLayer({ ...oneChannel, VERIFICATION_FRESH_SECONDS: '0', VERIFICATION_MAX_STALE_SECONDS: '0' })

  it('a token is never re-checked, and is EXPIRED at its end', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue({ expiresIn: 86_400 })
    await ask(token, 'profile')
    emulator.calls.reset()
    clock.advance(DAY - 1)
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'valid' })
    await answers.settled()
    expect(emulator.calls.total()).toBe(0)
    clock.advance(1)
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'invalid', reason: 'EXPIRED' })
  })
})

describe('expiry', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('a token is served to its last millisecond, then EXPIRED without a call to LINE', async () => {
    const { ask, issue, emulator, clock, answers, metric } = layer()
    const token = issue({ expiresIn: 200 })
    await ask(token, 'profile')
    clock.advance(199_999)
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'valid' })
    emulator.calls.reset()
    clock.advance(1)
    const all = await Promise.all(times(50, () => ask(token, 'profile')))
    expect(all).toMatchObject(times(50, () => ({ verdict: 'invalid', reason: 'EXPIRED' })))
    await answers.settled()
    expect(emulator.calls.total()).toBe(0)
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
  })

  it('a token that ends while LINE answers: EXPIRED', async () => {
    const { ask, issue, clock, answers } = layer()
    const token = issue({ expiresIn: 2 })
    answers.hold()
    const asked = [ask(token), ask(token, 'profile'), ask(token, 'friendship')]
    await answers.settled()
    clock.advance(2_000)
    await answers.release()
    expect((await Promise.all(asked)).map(wordFor)).toEqual(['EXPIRED', 'EXPIRED', 'EXPIRED'])
  })

  it('a token that ends while its profile is read: EXPIRED', async () => {
    const { ask, issue, clock, answers } = layer()
    const token = issue({ expiresIn: 2 })
    await ask(token)
    answers.hold()
    const asked = ask(token, 'profile')
    await answers.settled()
    clock.advance(2_000)
    await answers.release()
    expect(wordFor(await asked)).toBe('EXPIRED')
  })

  it('expires_in 0: EXPIRED, and no record is kept', async () => {
    const { ask, issue, metric } = layer()
    expect(await ask(issue({ expiresIn: 0 }))).toMatchObject({ verdict: 'invalid', reason: 'EXPIRED' })
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
  })

  it('expires_in 0 in an answer of 200: EXPIRED, and no record is kept', async () => {
    const { ask, issue, emulator, metric } = layer()
    const body = { scope: 'profile', client_id: '1000000001', expires_in: 0 }
    emulator.faults.set('verifyAccessToken', { status: 200, body })
    expect(await ask(issue(), 'profile')).toMatchObject({ verdict: 'invalid', reason: 'EXPIRED' })
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
  })

  it('expires_in 1: served for one second', async () => {
    const { ask, issue, clock } = layer()
    const token = issue({ expiresIn: 1 })
    expect(wordFor(await ask(token))).toBe('valid')
    clock.advance(999)
    expect(wordFor(await ask(token))).toBe('valid')
    clock.advance(1)
    expect(wordFor(await ask(token))).toBe('EXPIRED')
  })

  it('expires_in 2^40: served for at most 30 days', async () => {
    const { ask, issue } = layer()
    expect(await ask(issue({ expiresIn: 2 ** 40 }))).toMatchObject({ record: { expiresAt: START_MS + 30 * DAY } })
  })
})

describe('a clock that is set', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it.each(['verification', ...readingNames] as const)('backwards: %s is re-checked once at most', async (subject) => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue()
    await ask(token, subject)
    clock.set(-DAY)
    emulator.calls.reset()
    for (let n = 0; n < 10; n += 1) expect(wordFor(await ask(token, subject))).toBe('valid')
    await answers.settled()
    expect(emulator.calls.total()).toBeLessThanOrEqual(1)
  })

  it('backwards by a day: the ages of records go on, and a token still ends after its time (C5)', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue({ expiresIn: 2 * 3_600 })
    await ask(token)
    clock.set(-DAY)
    clock.advance(HOUR)
    emulator.calls.reset()
    expect(wordFor(await ask(token))).toBe('valid')
    expect(emulator.calls.total()).toBe(1)
    clock.advance(HOUR)
    expect(wordFor(await ask(token))).toBe('EXPIRED')
  })

  it('a suspend past the end of a token: EXPIRED, without a call (C5)', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue({ expiresIn: 3_600 })
    await ask(token)
    emulator.calls.reset()
    clock.suspend(2 * HOUR)
    expect(wordFor(await ask(token))).toBe('EXPIRED')
    expect(emulator.calls.total()).toBeLessThanOrEqual(1)
  })

  it('backwards while an answer is in flight: a refusal in the meantime still wins', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue()
    await ask(token)
    clock.advance(AGING)
    answers.hold()
    const profile = ask(token, 'profile')
    await answers.settled()
    emulator.revokeAccessToken(token.raw)
    await ask(token) // Starts a re-check in the background.
    await answers.settled()
    clock.set(-DAY)
    await answers.release(1)
    await answers.release()
    expect(wordFor(await profile)).toBe('REVOKED')
    expect(wordFor(await ask(token))).toBe('REVOKED')
  })

  it('forwards past the end of a token, and back: valid after 30 s at most', async () => {
    const { ask, issue, clock } = layer()
    const token = issue({ expiresIn: 3_600 })
    await ask(token)
    clock.set(2 * HOUR)
    await ask(token)
    clock.set(-2 * HOUR)
    await ask(token)
    clock.advance(30_000)
    expect(wordFor(await ask(token))).toBe('valid')
  })
})

describe('when LINE refuses', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit })

  it('a re-check: the record is removed, and the next question is refused without a call', async () => {
    const { ask, issue, emulator, clock, answers, metric } = layer()
    const token = issue()
    await ask(token)
    emulator.revokeAccessToken(token.raw)
    clock.advance(AGING)
    expect(wordFor(await ask(token))).toBe('valid')
    await answers.settled()
    emulator.calls.reset()
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(emulator.calls.total()).toBe(0)
  })

  it.each(readingNames)('401 at %s: REVOKED, and the record is removed', async (subject) => {
    const { ask, issue, emulator, metric } = layer()
    const token = issue()
    await ask(token)
    emulator.revokeAccessToken(token.raw)
    expect(await ask(token, subject)).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
    expect(await metric('gateway_records{kind="record"}')).toBe(0)
    emulator.calls.reset()
    expect(wordFor(await ask(token))).toBe('REVOKED')
    expect(emulator.calls.total()).toBe(0)
  })

  it('the refusal is remembered for 30 s and raises no tombstone: LINE can accept the token again', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    emulator.faults.set('verifyAccessToken', { status: 400, body: { error: 'invalid_request' }, times: 1 })
    expect(wordFor(await ask(token))).toBe('INVALID')
    clock.advance(29_999)
    expect(wordFor(await ask(token))).toBe('INVALID')
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
    clock.advance(1)
    expect(wordFor(await ask(token))).toBe('valid')
  })

  it('an answer requested before the refusal: REVOKED', async () => {
    const { ask, issue, emulator, answers } = layer()
    const token = issue()
    await ask(token)
    answers.hold()
    const [profile, friendship] = [ask(token, 'profile'), ask(token, 'friendship')]
    await answers.settled()
    emulator.revokeAccessToken(token.raw)
    const userinfo = ask(token, 'userinfo')
    await answers.settled()
    await answers.release(2)
    expect(wordFor(await userinfo)).toBe('REVOKED')
    await answers.release()
    expect([wordFor(await profile), wordFor(await friendship)]).toEqual(['REVOKED', 'REVOKED'])
    expect(wordFor(await ask(token))).toBe('REVOKED')
  })

  it('the same junk in a loop: one verification', async () => {
    const { ask, emulator } = layer()
    for (let n = 0; n < 1_000; n += 1) expect((await ask(junk('loop'), 'profile')).verdict).toBe('invalid')
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
    expect(emulator.calls.total()).toBeLessThanOrEqual(2)
  })

  it('a token of a foreign channel: WRONG_CHANNEL, from LINE and from memory', async () => {
    const { ask, issue } = layer()
    const token = issue({ channelId: '1000000009' })
    for (let n = 0; n < 3; n += 1) expect(wordFor(await ask(token, 'profile'))).toBe('WRONG_CHANNEL')
  })
})

describe('when LINE is down', () => {
  const layer = useLayer()

  it.each([
    ['reset', { reset: true }],
    ['500', { status: 500 }],
    ['429', { status: 429, headers: { 'retry-after': '2' } }],
    ['HTML with 400', { status: 400, body: '<html>Bad Request</html>' }],
    ['no JSON', { garbage: true }],
  ] as const)('%s: stale tokens are served with their profiles, and counted', async (_, fault) => {
    const { ask, issue, emulator, clock, lookUps } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.faults.set('*', fault)
    clock.advance(2 * HOUR)
    expect(await ask(token)).toMatchObject({ verdict: 'valid', record: { verifiedAt: START_MS } })
    expect(await ask(token, 'profile')).toMatchObject({ record: { profile: { displayName: 'Sakura Tanaka' } } })
    expect(lookUps()).toEqual({ 'line/valid': 1, 'memory/stale': 2 })
  })

  it('a token is served until it expires', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue({ expiresIn: 7_200 })
    await ask(token)
    emulator.faults.set('*', { status: 500 })
    clock.advance(2 * HOUR - 1)
    expect(wordFor(await ask(token))).toBe('valid')
    clock.advance(1)
    expect(wordFor(await ask(token))).toBe('EXPIRED')
  })

  it('a stale token that ends while LINE fails: EXPIRED', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue({ expiresIn: 7_200 })
    await ask(token)
    emulator.faults.set('*', { status: 500 })
    clock.advance(2 * HOUR - 1)
    answers.hold()
    const asked = ask(token)
    await answers.settled()
    clock.advance(1)
    await answers.release()
    expect(wordFor(await asked)).toBe('EXPIRED')
  })

  it('a new token: unknown, and the outage is not remembered', async () => {
    const { ask, issue, emulator } = layer()
    const token = issue()
    emulator.faults.set('*', { status: 500, times: 2 })
    expect(wordFor(await ask(token, 'profile'))).toBe('LINE_UNAVAILABLE')
    emulator.faults.clear()
    expect(wordFor(await ask(token, 'profile'))).toBe('valid')
  })

  it('a stale token: a failed re-check is tried again after 5 s, not at each question', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token)
    clock.advance(HOUR)
    emulator.faults.set('*', { status: 500 })
    emulator.calls.reset()
    for (let n = 0; n < 20; n += 1) expect(wordFor(await ask(token))).toBe('valid')
    expect(emulator.calls.total()).toBe(1)
    emulator.faults.clear()
    clock.advance(5_000)
    expect(await ask(token)).toMatchObject({ record: { verifiedAt: START_MS + HOUR + 5_000 } })
  })

  it('an aging token: a failed re-check is tried again after 5 s, not at each question', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const token = issue()
    await ask(token)
    clock.advance(AGING)
    emulator.faults.set('*', { status: 500 })
    emulator.calls.reset()
    for (let n = 0; n < 20; n += 1) {
      expect(wordFor(await ask(token))).toBe('valid')
      await answers.settled()
    }
    expect(emulator.calls.total()).toBe(1)
    clock.advance(5_000)
    await ask(token)
    await answers.settled()
    expect(emulator.calls.total()).toBe(2)
  })

  it('a failing profile endpoint and a revoked token: REVOKED', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.faults.set('profile', { status: 500 })
    emulator.revokeAccessToken(token.raw)
    clock.advance(HOUR)
    expect(wordFor(await ask(token, 'profile'))).toBe('REVOKED')
  })

  it('a failing profile endpoint and a good token: verified, with the old profile', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.faults.set('profile', { status: 500 })
    clock.advance(HOUR)
    expect(await ask(token, 'profile')).toMatchObject({
      verdict: 'valid',
      record: { verifiedAt: START_MS + HOUR, profile: { displayName: 'Sakura Tanaka', readAt: START_MS } },
    })
  })

  it('a failing profile endpoint and a token verified a moment ago: no second verification', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'profile')
    clock.advance(HOUR)
    await ask(token)
    emulator.faults.set('profile', { status: 500 })
    emulator.calls.reset()
    expect(await ask(token, 'profile')).toMatchObject({ verdict: 'valid', record: { profile: { readAt: START_MS } } })
    expect(emulator.calls.byEndpoint()).toMatchObject({ profile: 1, verifyAccessToken: 0 })
  })
})

describe('a flight', () => {
  const layer = useLayer({ ...oneChannel, FAILED_TOKENS_BURST: '1', FAILED_TOKENS_PER_SECOND: '0.001' })

  it('goes on when its caller hangs up: the others get the answer', async () => {
    const { ask, issue, answers } = layer()
    const token = issue()
    answers.hold()
    const gone = Promise.race([ask(token, 'profile'), Promise.reject(new Error('hung up'))])
    const staying = ask(token, 'profile')
    await expect(gone).rejects.toThrow('hung up')
    await answers.release()
    expect(wordFor(await staying)).toBe('valid')
  })

  it('that fails: only the callers that waited get the failure', async () => {
    const { ask, issue, emulator, answers } = layer()
    const token = issue()
    emulator.faults.set('verifyAccessToken', { status: 500 })
    answers.hold()
    const waited = times(10, () => ask(token))
    await answers.settled()
    emulator.faults.clear()
    await answers.release()
    expect(new Set((await Promise.all(waited)).map(wordFor))).toEqual(new Set(['LINE_UNAVAILABLE']))
    expect(emulator.calls.of('verifyAccessToken')).toBe(1)
    expect(wordFor(await ask(token))).toBe('valid')
  })

  it('limited for its client address: callers from another address are served', async () => {
    const { ask, issue, emulator } = layer()
    await ask(junk('first'))
    const token = issue()
    emulator.calls.reset()
    const [limited, again, joined] = await Promise.all([ask(token), ask(token), ask(token, 'profile', elsewhere)])
    expect([wordFor(limited), wordFor(again), wordFor(joined)]).toEqual(['RATE_LIMITED', 'RATE_LIMITED', 'valid'])
    expect(emulator.calls.byEndpoint()).toMatchObject({ verifyAccessToken: 1, profile: 1 })
    expect(wordFor(await ask(token))).toBe('valid')
  })
})

describe('the store', () => {
  const record = createRecord({ channelId: '1', scopes: ['profile'], verifiedAt: 0, expiresAt: 1_000_000 })

  function createTier(
    behind: Resolver,
    given: Partial<MemoryTierOptions & ForgottenOptions> & { now?: Clock['now'] } = {},
  ) {
    const { now = () => 0, families = createFamilies() } = given
    const {
      tombstones = createTombstones(now, 100),
      users = createUserTombstones(createClock({ wall: now, monotonic: now })),
    } = given
    return rememberInMemory(behind, {
      freshForMs: 1_000,
      maxStaleMs: 10_000,
      maxTokens: 10,
      refusalFor: () => undefined,
      forgotten: createForgotten({ tombstones, users, families }),
      families,
      clock: { now, driftedAt: () => Number.NEGATIVE_INFINITY },
      telemetry: createSilentTelemetry(),
      ...given,
    })
  }

  const question = (name: string) => ({ token: junk(name), subject: 'verification', ...here }) as const

  it('more records than maxTokens: the least recently used ones are removed', async () => {
    const tier = createTier(async () => ({ verdict: 'valid', record }))
    for (let n = 0; n < 10; n += 1) await tier.resolve(question(String(n)))
    await tier.resolve(question('0'))
    for (let n = 10; n < 15; n += 1) await tier.resolve(question(String(n)))
    expect(tier.size()).toBe(10)
    expect(plain(tier.peek(junk('0').key))).toEqual(record)
    expect(tier.peek(junk('1').key)).toBeUndefined()
  })

  it('25,000 refusals: no record is lost', async () => {
    let verdict: 'valid' | 'invalid' = 'valid'
    const tier = createTier(async () => (verdict === 'valid' ? { verdict, record } : { verdict, reason: 'INVALID' }))
    for (let n = 0; n < 10; n += 1) await tier.resolve(question(String(n)))
    verdict = 'invalid'
    for (let n = 0; n < 25_000; n += 1) await tier.resolve(question(`bad ${n}`.replace(' ', '-')))
    expect(tier.size()).toBe(10)
    for (let n = 0; n < 10; n += 1) expect(tier.resolve(question(String(n)))).toMatchObject({ verdict: 'valid' })
  })

  it('an evicted record: its flight goes on', async () => {
    const arrival = Promise.withResolvers<void>()
    const tier = createTier(
      async ({ token }) => {
        if (token.key === junk('slow').key) await arrival.promise
        return { verdict: 'valid', record }
      },
      { maxTokens: 1 },
    )
    const slow = tier.resolve(question('slow'))
    for (let n = 0; n < 100; n += 1) await tier.resolve(question(String(n)))
    arrival.resolve()
    expect(await slow).toMatchObject({ verdict: 'valid' })
  })

  it('an error of the tier behind: rejects the callers that waited, and is not remembered', async () => {
    let broken = true
    const tier = createTier(async () => {
      if (broken) throw new TypeError('a bug')
      return { verdict: 'valid', record }
    })
    const all = await Promise.allSettled(times(3, async () => tier.resolve(question('x'))))
    expect(all.map(({ status }) => status)).toEqual(['rejected', 'rejected', 'rejected'])
    broken = false
    expect(await tier.resolve(question('x'))).toMatchObject({ verdict: 'valid' })
  })

  it('an error of a re-check in the background: reported, and the answer stays valid', async () => {
    let time = 0
    let broken = false
    const lines: string[] = []
    const telemetry = {
      ...createSilentTelemetry(),
      unexpected: (error: unknown, where: string) => void lines.push(`${where}: ${String(error)}`),
    }
    const tier = createTier(
      async () => {
        if (broken) throw new TypeError('a bug')
        return { verdict: 'valid', record }
      },
      { now: () => time, telemetry },
    )
    await tier.resolve(question('x'))
    time = 2_000
    broken = true
    expect(tier.resolve(question('x'))).toMatchObject({ verdict: 'valid' })
    await expect.poll(() => lines, { timeout: 30_000 }).toEqual(['recheck: TypeError: a bug'])
  })

  it('a record of a login: learned, unless the token has a tombstone', () => {
    const tombstones = createTombstones(() => 0, 10)
    const tier = createTier(async () => ({ verdict: 'invalid', reason: 'INVALID' }), { tombstones })
    tier.learn(junk('good').key, record)
    tombstones.raise(junk('bad').key, { kind: 'token', forMs: 1_000, channelId: '1', isOurs: true })
    tier.learn(junk('bad').key, record)
    expect(tier.resolve(question('good'))).toMatchObject({ verdict: 'valid' })
    expect(plain(tier.peek(junk('good').key))).toEqual(record)
    expect(tier.resolve(question('bad'))).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
  })

  it.each(['learn', 'learnShared'] as const)(
    'a record of a token that LINE refused in the last 30 s: only its origin (%s)',
    (learn) => {
      let time = 0
      const share = vi.fn()
      const tier = createTier(async () => ({ verdict: 'invalid', reason: 'INVALID' }), { now: () => time, share })
      const { key } = junk('x')
      tier.learnRefusal(key, 'REVOKED')
      tier[learn](key, record)
      expect(tier.resolve(question('x'))).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
      expect([tier.isRefused(key), tier.peek(key), share.mock.calls]).toEqual([true, undefined, []])
      expect(tier.originOf(key)).toMatchObject({ channelId: record.channelId })
      time = 30_000
      expect([tier.isRefused(key), tier.peek(key)]).toEqual([false, undefined])
    },
  )

  it('a record that another process got: stored, and not shared once more', () => {
    const share = vi.fn()
    const tier = createTier(async () => ({ verdict: 'invalid', reason: 'INVALID' }), { share })
    tier.learnShared('a', record)
    expect([plain(tier.peek('a')), share.mock.calls]).toEqual([record, []])
    tier.learn('b', record)
    expect(share.mock.calls.map(([key]) => key)).toEqual(['b'])
  })

  it('peek: no record that has expired', () => {
    let time = 0
    const tier = createTier(async () => ({ verdict: 'invalid', reason: 'INVALID' }), { now: () => time })
    tier.learn(junk('x').key, record)
    expect(plain(tier.peek(junk('x').key))).toEqual(record)
    time = 1_000_000
    expect(tier.peek(junk('x').key)).toBeUndefined()
  })

  it('drop: the record is gone, others stay', () => {
    const tier = createTier(async () => ({ verdict: 'invalid', reason: 'INVALID' }))
    for (const key of ['a', 'b']) tier.learn(key, record)
    tier.drop('a')
    expect([tier.peek('a'), tier.size()]).toEqual([undefined, 1])
  })
})
