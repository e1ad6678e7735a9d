import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { print } from '../harness/print.ts'
import { callerAt, junk, oneBurst, oneChannel, tally, times, useLayer, wordFor } from '../harness/token-layer.ts'

/**
 * Junk from 200 addresses at once. Calls to LINE have the longest deadline allowed, and an address gets no refusal back
 * during the test. So the limits are the same on every machine: for one address, LINE gets at most 20 verifications
 * (the burst), each with a profile.
 */
describe('50,000 junk tokens from 200 addresses', () => {
  const layer = useLayer({ ...oneChannel, ...oneBurst, CACHE_MAX_TOKENS: '350' })
  const addresses = times(200, (n) => `198.51.100.${n}`)
  const mostVerifications = 200 * 20

  it('in 250 waves: known tokens are served from memory, new valid tokens are verified', async () => {
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
      flood.push(
        ...addresses.map(async (address, n) => wordFor(await ask(junk(`${wave}-${n}`), 'profile', callerAt(address)))),
      )
      cold.push(ask(issue(), 'profile', callerAt(`203.0.113.${wave % 20}`)).then(wordFor))
      for (const token of warm) {
        const answer = resolve({ ...callerAt(addresses[wave % 200] ?? ''), token, subject: 'profile' })
        if (answer instanceof Promise || answer.verdict !== 'valid') lost += 1
      }
      await sleep(8)
      clock.advance(8)
    }
    const [floodWords, coldWords] = [tally(await Promise.all(flood)), tally(await Promise.all(cold))]
    const seconds = (performance.now() - start) / 1_000
    const { verifyAccessToken } = emulator.calls.byEndpoint()
    const records = await metric('gateway_records{kind="record"}')
    print(
      `50,000 junk tokens in 250 waves, ${seconds.toFixed(1)} s: ${emulator.calls.total() - 500} calls for junk, ` +
        `${emulator.calls.maxInFlight()} in flight at most, ${lost} of 25,000 warm answers lost, ` +
        `${coldWords.valid ?? 0} of 250 new valid tokens served, ${records} of 350 valid records kept`,
    )
    expect(lost).toBe(0)
    expect(coldWords).toEqual({ valid: 250 })
    expect(records).toBe(350)
    expect(floodWords.valid).toBeUndefined()
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(64)
    expect(verifyAccessToken - 250).toBeLessThanOrEqual(mostVerifications)
    expect(emulator.calls.total() - 500).toBeLessThanOrEqual(2 * mostVerifications)
  })

  it('at once: 50 new valid tokens are verified', async () => {
    const { ask, issue, emulator } = layer()
    const start = performance.now()
    const flood = times(50_000, async (n) => wordFor(await ask(junk(n), 'profile', callerAt(addresses[n % 200] ?? ''))))
    const cold = await Promise.all(times(50, (n) => ask(issue(), 'profile', callerAt(`203.0.113.${n}`))))
    const coldMs = Math.round(performance.now() - start)
    const words = tally(await Promise.all(flood))
    const seconds = (performance.now() - start) / 1_000
    const { verifyAccessToken } = emulator.calls.byEndpoint()
    print(
      `50,000 junk tokens at once: ${emulator.calls.total() - 100} calls for them in ${seconds.toFixed(1)} s, ` +
        `50 new valid tokens served after ${coldMs} ms, ${JSON.stringify(words)}`,
    )
    expect(tally(cold.map(wordFor))).toEqual({ valid: 50 })
    expect(words.valid).toBeUndefined()
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(64)
    expect(verifyAccessToken - 50).toBeLessThanOrEqual(mostVerifications)
    expect(emulator.calls.total() - 100).toBeLessThanOrEqual(2 * mostVerifications)
  })
})
