import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import type { Subject } from '../../src/tokens/record.ts'
import {
  elsewhere,
  here,
  junk,
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
    'asked about 500 times at once, cold, is verified once and its profile read once: %s',
    async (order, mix) => {
      const { ask, issue, emulator } = layer()
      emulator.faults.set('*', { latencyMs: 50 })
      const token = issue()
      const start = performance.now()
      const answers = await Promise.all(times(500, (n) => ask(token, mix[n % mix.length])))
      const { verifyAccessToken, profile, friendship } = emulator.calls.byEndpoint()
      const ms = Math.round(performance.now() - start)
      say(
        `500 cold questions, ${order}: ${verifyAccessToken} verify, ${profile} profile, ${friendship} friendship, ${ms} ms`,
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

  it('refreshed 100 times at once is one call and 100 equal answers', async () => {
    const { issue, refresher, emulator } = layer()
    emulator.switches.refreshToken = 'rotate'
    emulator.faults.set('token', { latencyMs: 50 })
    const { refreshToken } = issue()
    const all = await Promise.all(times(100, () => refresher.refresh(refreshToken, web, here)))
    const distinct = new Set(all.map((tokens) => JSON.stringify(tokens))).size
    say(`100 parallel refreshes: ${emulator.calls.of('token')} call to LINE, ${distinct} distinct answer`)
    expect([emulator.calls.of('token'), distinct]).toEqual([1, 1])
  })

  it('revoked behind our back is refused within the fresh window of use plus one question', async () => {
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
      say(`revoked behind our back, ${subject} asked every 10 s: refused after ${servedMs / 1_000} s`)
      expect(servedMs).toBeLessThanOrEqual(5 * MINUTE + everyMs)
    }
  })

  it('revoked behind our back and not used for an hour is refused by the first question', async () => {
    const { ask, issue, emulator, clock } = layer()
    const token = issue()
    await ask(token, 'profile')
    emulator.revokeAccessToken(token.raw)
    clock.advance(HOUR)
    expect(wordFor(await ask(token, 'profile'))).toBe('REVOKED')
  })

  it('revoked through us is refused by the very next question, also when a verification was in flight', async () => {
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
    say(`revoked through us with a verification in flight: served ${served} of 20 times`)
    expect(served).toBe(0)
  })
})

describe('1,000 tokens', () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '100000' })

  it('asked about 100,000 times inside the fresh window are 1,000 verifications and 1,000 profiles', async () => {
    const { ask, issue, emulator, clock } = layer()
    const tokens = times(1_000, () => issue())
    const start = performance.now()
    const words: string[] = []
    for (let round = 0; round < 100; round += 1) {
      // 700 is as far from 1,000 as it takes for every token to come in the first round, each in another place in every one.
      const all = times(1_000, (n) => tokens[(n * 7 + round * 701) % 1_000] ?? junk(n))
      const answers = await Promise.all(all.map((token, n) => ask(token, n % 2 ? 'profile' : mixed[(n + round) % 4])))
      words.push(...answers.map(wordFor))
      clock.advance(2_999)
    }
    const { verifyAccessToken, profile } = emulator.calls.byEndpoint()
    const ms = Math.round(performance.now() - start)
    say(`100,000 questions over 1,000 tokens: ${verifyAccessToken} verify, ${profile} profile, ${ms} ms`)
    expect(tally(words)).toEqual({ valid: 100_000 })
    expect(emulator.calls.total()).toBe(2_000)
    expect({ verifyAccessToken, profile }).toEqual({ verifyAccessToken: 1_000, profile: 1_000 })
  })
})

// The deadline is long, so that what is measured is the line of those who wait and not how busy the machine is.
describe('junk', { timeout: 60_000 }, () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '350', LINE_TIMEOUT_MS: '20000' })
  const addresses = times(200, (n) => `198.51.100.${n}`)

  it('50,000 distinct tokens from 200 addresses hurt nobody', async () => {
    const { ask, issue, emulator, metric, resolve, clock } = layer()
    const warm = times(100, () => issue())
    for (const token of warm) await ask(token, 'profile')
    emulator.calls.reset()
    emulator.faults.set('*', { latencyMs: 5 })
    const start = performance.now()
    const flood: Promise<string>[] = []
    const cold: Promise<string>[] = []
    let lost = 0
    for (let wave = 0; wave < 250; wave += 1) {
      flood.push(...addresses.map(async (address, n) => wordFor(await ask(junk(`${wave}-${n}`), 'profile', address))))
      const colds = ask(issue(), 'profile', `203.0.113.${wave % 20}`)
      cold.push(colds.then(wordFor))
      for (const token of warm) {
        const answer = resolve({
          token,
          subject: 'profile',
          clientAddress: addresses[wave % 200] ?? here,
          since: performance.now(),
        })
        if (answer instanceof Promise || answer.verdict !== 'valid') lost += 1
      }
      await sleep(8)
      // The breaker goes by this clock, should a machine too busy to listen take LINE for dead.
      clock.advance(8)
    }
    const [floodWords, coldWords] = [tally(await Promise.all(flood)), tally(await Promise.all(cold))]
    const seconds = (performance.now() - start) / 1_000
    const calls = emulator.calls.total()
    const records = await metric('gateway_tokens_in_memory')
    say(
      `50,000 junk tokens from 200 addresses in ${seconds.toFixed(1)} s: ${calls - 500} calls for junk, ` +
        `${emulator.calls.maxInFlight()} in flight at most, ${lost} of 25,000 warm answers lost, ` +
        `${coldWords.valid ?? 0} of 250 cold honest tokens served, ${records} of 350 honest records held`,
    )
    expect(lost).toBe(0)
    expect(coldWords).toEqual({ valid: 250 })
    expect(records).toBe(350)
    expect(floodWords.valid).toBeUndefined()
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(64)
    expect(calls).toBeLessThanOrEqual(4_000 + 200 * seconds)
  })

  it('50,000 in one moment leave room for an honest token', async () => {
    const { ask, issue, emulator } = layer()
    const start = performance.now()
    const flood = times(50_000, async (n) => wordFor(await ask(junk(n), 'profile', addresses[n % 200])))
    const cold = await Promise.all(times(50, (n) => ask(issue(), 'profile', `203.0.113.${n}`)))
    const coldMs = Math.round(performance.now() - start)
    const words = tally(await Promise.all(flood))
    const seconds = (performance.now() - start) / 1_000
    say(
      `50,000 junk tokens in one moment: ${emulator.calls.total() - 100} calls for them in ${seconds.toFixed(1)} s, ` +
        `50 cold honest tokens served after ${coldMs} ms, ${JSON.stringify(words)}`,
    )
    expect(tally(cold.map(wordFor))).toEqual({ valid: 50 })
    expect(words.valid).toBeUndefined()
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(64)
    expect(emulator.calls.total()).toBeLessThanOrEqual(4_000 + 200 * seconds)
  })

  it('3,000 distinct tokens from one address cost no more than 50 calls and 5 a second', async () => {
    const { ask, emulator } = layer()
    const start = performance.now()
    const words = await Promise.all(times(3_000, async (n) => wordFor(await ask(junk(n), mixed[n % 4]))))
    const seconds = (performance.now() - start) / 1_000
    say(`3,000 junk tokens from one address in ${seconds.toFixed(1)} s: ${emulator.calls.total()} calls`)
    expect(emulator.calls.total()).toBeLessThanOrEqual(50 + 5 * seconds)
    expect(tally(words)).toEqual({ MALFORMED: 20, RATE_LIMITED: 2_980 })
  })

  it('3,000 in a row cost no more either', async () => {
    const { ask, emulator } = layer()
    const start = performance.now()
    for (let n = 0; n < 3_000; n += 1) expect((await ask(junk(n), 'profile')).verdict).not.toBe('valid')
    const seconds = (performance.now() - start) / 1_000
    say(`3,000 junk tokens in a row in ${seconds.toFixed(1)} s: ${emulator.calls.total()} calls`)
    expect(emulator.calls.total()).toBeLessThanOrEqual(50 + 5 * seconds)
  })
})

describe('LINE dead for an hour', () => {
  const layer = useLayer()

  it('every token verified before keeps answering until it expires, profiles too; a new one is left open', async () => {
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
        // What has expired is remembered for half a minute: then nobody but LINE could say.
        const isRight = minute * 60 < expiresIn ? word === 'valid' : word === 'EXPIRED' || word === 'LINE_UNAVAILABLE'
        if (!isRight || (answer.verdict === 'valid' && answer.record.profile === undefined)) wrong += 1
        words.push(word)
      }
      news.push(wordFor(await ask(issue(), 'profile', elsewhere)))
      await answers.settled()
    }
    const calls = emulator.calls.total()
    say(
      `LINE dead for an hour: ${tally(words).valid} of ${words.length} warm questions answered, ` +
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

function say(figure: string): void {
  process.stdout.write(`figure: ${figure}\n`)
}
