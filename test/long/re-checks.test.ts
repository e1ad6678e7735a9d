import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { print } from '../harness/print.ts'
import { oneChannel, tally, times, tokenOf, useLayer, wordFor } from '../harness/token-layer.ts'

/**
 * G41: many records need a re-check at once, and LINE takes 200 ms. How long a new user waits is counted in calls, because the
 * machine may be slow: so the time limits are five times those of production.
 */
const lineTimeoutMs = 15_000
const operationMs = 20_000
/** New users come first: when one comes, 64 calls are under way, and its own two follow. Without lanes, 550 to 2,400 calls go first. */
const mostCallsMeanwhile = 400

describe.each([
  ['aging: answered at once, re-checked in the background', 330_000],
  ['stale: re-checked before they are answered', 3_600_000],
])('5,000 records that are %s (G41, B2)', (_, ageMs) => {
  const layer = useLayer({ ...oneChannel, LINE_TIMEOUT_MS: `${lineTimeoutMs}`, CACHE_MAX_TOKENS: '10000' })
  const callerNow = (clientAddress: string) => ({ clientAddress, deadline: performance.now() + operationMs })

  it('200 new users meanwhile: none of them fails, and the circuit breaker stays closed', async () => {
    const { ask, issue, clock, emulator } = layer()
    const tokens = times(5_000, () => issue())
    const tokensByHundred = times(50, (n) => tokens.slice(n * 100, n * 100 + 100))
    for (const some of tokensByHundred) {
      const words = await Promise.all(some.map((token, n) => ask(token, 'profile', callerNow(`198.51.100.${n}`))))
      expect(tally(words.map(wordFor))).toEqual({ valid: 100 })
    }
    clock.advance(ageMs)
    emulator.calls.reset()
    emulator.faults.set('*', { latencyMs: 200 })
    const known = tokens.map(async (token) => wordFor(await ask(token, 'profile', callerNow('198.51.100.1'))))
    const fresh: Promise<string>[] = []
    let slowest = 0
    let mostMeanwhile = 0
    for (let n = 0; n < 200; n += 1) {
      const askedAt = performance.now()
      const callsBefore = emulator.calls.total()
      const answered = ask(tokenOf(issue().raw), 'profile', callerNow(`203.0.113.${n}`))
      fresh.push(
        answered.then((answer) => {
          slowest = Math.max(slowest, performance.now() - askedAt)
          mostMeanwhile = Math.max(mostMeanwhile, emulator.calls.total() - callsBefore)
          return wordFor(answer)
        }),
      )
      await sleep(20)
    }
    const words = { fresh: tally(await Promise.all(fresh)), known: tally(await Promise.all(known)) }
    print(
      `5,000 records ${ageMs / 1_000} s old at once, LINE takes 200 ms: known users ${JSON.stringify(words.known)}, ` +
        `new users ${JSON.stringify(words.fresh)}, the slowest in ${Math.round(slowest)} ms ` +
        `and ${mostMeanwhile} calls, ` +
        `${emulator.calls.total()} calls to LINE, ${emulator.calls.maxInFlight()} in flight at most`,
    )
    expect(words).toEqual({ fresh: { valid: 200 }, known: { valid: 5_000 } })
    expect(mostMeanwhile).toBeLessThan(mostCallsMeanwhile)
    expect(wordFor(await ask(issue(), 'profile', callerNow('203.0.113.250')))).toBe('valid')
  })
})
