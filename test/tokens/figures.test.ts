import { describe, expect, it } from 'vitest'
import type { Subject } from '../../src/tokens/record.ts'
import { print } from '../harness/print.ts'
import {
  elsewhere,
  here,
  junk,
  oneBurst,
  oneChannel,
  START_MS,
  tally,
  times,
  useLayer,
  web,
  wordFor,
} from '../harness/token-layer.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('one token', () => {
  const layer = useLayer()

  it.each([
    ['verification first', ['verification', 'profile', 'friendship']],
    ['profile first', ['profile', 'friendship', 'verification']],
    ['friendship first', ['friendship', 'verification', 'profile']],
  ] as const)(
    'a new token, 500 questions at once, %s: one verification, one profile, one friendship',
    async (order, mix) => {
      const { ask, issue, emulator } = layer()
      emulator.faults.set('*', { latencyMs: 50 })
      const token = issue()
      const start = performance.now()
      const answers = await Promise.all(times(500, (n) => ask(token, mix[n % mix.length])))
      const { verifyAccessToken, profile, friendship } = emulator.calls.byEndpoint()
      const ms = Math.round(performance.now() - start)
      print(
        `500 questions about a new token, ${order}: ${verifyAccessToken} verify, ${profile} profile, ${friendship} friendship, ${ms} ms`,
      )
      expect({ verifyAccessToken, profile, friendship }).toEqual({ verifyAccessToken: 1, profile: 1, friendship: 1 })
      expect(emulator.calls.total()).toBe(3)
      answers.forEach((answer, n) => {
        expect(answer).toMatchObject({ verdict: 'valid', record: { channelId: web.id } })
        if (mix[n % 3] === 'profile')
          expect(answer).toMatchObject({ record: { profile: { displayName: 'Sakura Tanaka' } } })
        if (mix[n % 3] === 'friendship') expect(answer).toMatchObject({ record: { friendship: { isFriend: true } } })
      })
    },
  )

  it('100 refreshes at once: one call to LINE, 100 equal answers', async () => {
    const { issue, refresher, emulator } = layer()
    emulator.switches.refreshToken = 'rotate'
    emulator.faults.set('token', { latencyMs: 50 })
    const { refreshToken } = issue()
    const all = await Promise.all(times(100, () => refresher.refresh(refreshToken, web, here)))
    const distinct = new Set(all.map((tokens) => JSON.stringify(tokens))).size
    print(`100 parallel refreshes: ${emulator.calls.of('token')} call to LINE, ${distinct} distinct answer`)
    expect([emulator.calls.of('token'), distinct]).toEqual([1, 1])
  })

  it('revoked at LINE without us, in use: refused within the fresh age plus one question', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const everyMs = 10_000
    for (const subject of ['verification', 'profile', 'userinfo'] as const) {
      const token = issue()
      for (let n = 0; n < 47; n += 1) {
        expect(wordFor(await ask(token, subject))).toBe('valid')
        await answers.settled()
        clock.advance(everyMs)
      }
      emulator.revokeAccessToken(token.raw)
      let servedMs = 0
      while (wordFor(await ask(token, subject)) === 'valid') {
        await answers.settled()
        clock.advance(everyMs)
        servedMs += everyMs
      }
      print(`revoked at LINE, ${subject} asked every 10 s: refused after ${servedMs / 1_000} s`)
      expect(servedMs).toBeLessThanOrEqual(5.5 * MINUTE + everyMs)
    }
  })

  it('revoked at LINE without us, unused for an hour: refused by the first question', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.revokeAccessToken(token.raw)
    clock.advance(HOUR)
    expect(wordFor(await ask(token, 'profile'))).toBe('REVOKED')
  })

  it('revoked through us: refused by the next question, even with a verification in flight', async () => {
    const { ask, issue, revocation, answers, clock } = layer()
    let served = 0
    for (let n = 0; n < 10; n += 1) {
      const token = issue()
      await ask(token)
      clock.advance(HOUR)
      answers.hold()
      const inFlight = ask(token)
      await answers.settled()
      const revoked = revocation.revokeAccessToken(token, elsewhere)
      await answers.release()
      await Promise.all([inFlight, revoked])
      for (const subject of ['verification', 'profile'] as const) {
        if (wordFor(await ask(token, subject)) !== 'REVOKED') served += 1
      }
    }
    print(`revoked through us with a verification in flight: served ${served} of 20 times`)
    expect(served).toBe(0)
  })
})

describe('1,000 tokens', () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '100000' })

  it('100,000 questions within the fresh age: 1,000 verifications and 1,000 profiles', async () => {
    const { ask, issue, emulator, clock } = layer()
    const tokens = times(1_000, () => issue())
    const start = performance.now()
    const words: string[] = []
    for (let round = 0; round < 100; round += 1) {
      // 7 and 1,000 have no common factor, so each round asks about every token once, in another order.
      const all = times(1_000, (n) => tokens[(n * 7 + round * 701) % 1_000] ?? junk(n))
      const answers = await Promise.all(all.map((token, n) => ask(token, n % 2 ? 'profile' : mixed[(n + round) % 4])))
      words.push(...answers.map(wordFor))
      clock.advance(2_999)
    }
    const { verifyAccessToken, profile } = emulator.calls.byEndpoint()
    const ms = Math.round(performance.now() - start)
    print(`100,000 questions over 1,000 tokens: ${verifyAccessToken} verify, ${profile} profile, ${ms} ms`)
    expect(tally(words)).toEqual({ valid: 100_000 })
    expect(emulator.calls.total()).toBe(2_000)
    expect({ verifyAccessToken, profile }).toEqual({ verifyAccessToken: 1_000, profile: 1_000 })
  })
})

/** The address gets no refusal back during the test, so the counts are the same on every machine. */
describe('3,000 junk tokens from one address', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst })

  it('at once: LINE verifies 20 of them, the burst; 1,000 wait and are RATE_LIMITED, the rest is refused (A3)', async () => {
    const { ask, emulator } = layer()
    const words = await Promise.all(times(3_000, async (n) => wordFor(await ask(junk(n), mixed[n % 4]))))
    print(`3,000 junk tokens from one address at once: ${emulator.calls.total()} calls`)
    expect(tally(words)).toEqual({ MALFORMED: 20, RATE_LIMITED: 1_000, LINE_UNAVAILABLE: 1_980 })
    expect(emulator.calls.of('verifyAccessToken')).toBe(20)
    expect(emulator.calls.total()).toBeLessThanOrEqual(40)
  })

  it('one after the other: LINE verifies 20 of them too', async () => {
    const { ask, emulator } = layer()
    const words: string[] = []
    for (let n = 0; n < 3_000; n += 1) words.push(wordFor(await ask(junk(n), 'profile')))
    print(`3,000 junk tokens from one address in a row: ${emulator.calls.total()} calls`)
    expect(tally(words)).toEqual({ MALFORMED: 20, RATE_LIMITED: 2_980 })
    expect(emulator.calls.of('verifyAccessToken')).toBe(20)
    expect(emulator.calls.total()).toBeLessThanOrEqual(40)
  })
})

describe('LINE down for an hour', () => {
  const layer = useLayer()

  it('verified tokens are served until they expire, with their profiles; new ones are LINE_UNAVAILABLE', async () => {
    const { ask, issue, emulator, clock, answers } = layer()
    const warm = times(100, (n) => ({ token: issue({ expiresIn: 600 * (n + 1) }), expiresIn: 600 * (n + 1) }))
    for (const { token } of warm) await ask(token, 'profile')
    emulator.faults.set('*', { reset: true })
    emulator.calls.reset()
    const words: string[] = []
    const news: string[] = []
    let wrong = 0
    for (let minute = 1; minute <= 60; minute += 1) {
      clock.advance(MINUTE)
      for (const { token, expiresIn } of warm) {
        const answer = await ask(token, 'profile')
        const word = wordFor(answer)
        // We remember an expiry for 30 seconds. After that we must call LINE, which is down.
        const isRight = minute * 60 < expiresIn ? word === 'valid' : word === 'EXPIRED' || word === 'LINE_UNAVAILABLE'
        if (!isRight || (answer.verdict === 'valid' && answer.record.profile === undefined)) wrong += 1
        words.push(word)
      }
      news.push(wordFor(await ask(issue(), 'profile', elsewhere)))
      await answers.settled()
    }
    const calls = emulator.calls.total()
    print(
      `LINE down for an hour: ${tally(words).valid} of ${words.length} warm questions answered, ` +
        `${wrong} wrong, new tokens ${JSON.stringify(tally(news))}, ${calls} calls to LINE`,
    )
    expect(wrong).toBe(0)
    expect(tally(news)).toEqual({ LINE_UNAVAILABLE: 60 })
    emulator.faults.clear()
    clock.advance(6_000)
    expect(wordFor(await ask(issue(), 'profile'))).toBe('valid')
    const last = warm.at(-1)?.token ?? junk(0)
    expect(await ask(last, 'profile')).toMatchObject({ record: { verifiedAt: START_MS + HOUR + 6_000 } })
  })
})

const mixed: readonly Subject[] = ['verification', 'profile', 'verification', 'userinfo']
