import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { print } from '../harness/print.ts'
import { callerAt, oneChannel, tally, times, useLayer, wordFor } from '../harness/token-layer.ts'

/** LINE takes 200 ms. One address sends fresh tokens at this rate, and every tenth of them has expired. */
describe('an honest crowd behind one address (B3)', () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '20000' })

  it.each([
    [300, 25, '192.0.2.1'],
    [5_000, 100, '192.0.2.1'],
    [2_000, 100, '2001:db8::/64'],
  ])('%i users at %i a second from %s: no good token is refused', async (users, perSecond, address) => {
    const { ask, issue, emulator, clock } = layer()
    const tokens = times(users, (n) => issue(n % 10 === 0 ? { expiresIn: 1 } : {}))
    clock.advance(2_000)
    emulator.faults.set('*', { latencyMs: 200 })
    const start = performance.now()
    let clockAt = start
    let slowest = 0
    const words: Promise<string>[] = []
    for (const [n, token] of tokens.entries()) {
      await sleep(Math.max(start + (n * 1_000) / perSecond - performance.now(), 0))
      const askedAt = performance.now()
      clock.advance(askedAt - clockAt)
      clockAt = askedAt
      const answer = ask(token, 'profile', callerAt(address))
      words.push(
        answer.then((settled) => {
          slowest = Math.max(slowest, performance.now() - askedAt)
          return wordFor(settled)
        }),
      )
    }
    const counts = tally(await Promise.all(words))
    const seconds = (performance.now() - start) / 1_000
    print(
      `${users} users of ${address}, ${(users / seconds).toFixed(0)} a second, one in ten expired: ` +
        `${JSON.stringify(counts)}, the slowest answer after ${slowest.toFixed(0)} ms`,
    )
    expect(counts).toEqual({ valid: users * 0.9, EXPIRED: users * 0.1 })
  })
})
