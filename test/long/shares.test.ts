import { describe, expect, it } from 'vitest'
import { shareOf } from '../../src/tokens/shares.ts'
import { print } from '../harness/print.ts'
import { callerAt, junk, oneChannel, tally, times, useLayer, wordFor } from '../harness/token-layer.ts'

/** LINE takes 50 ms and has 64 places. One caller with a share sends junk as fast as it can. */
describe('junk of 10,000 tokens from one caller with a share', () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '20000' })

  it('honest addresses look up their cold tokens as fast as without it, and none is refused', async () => {
    const { issue, ask, emulator } = layer()
    emulator.faults.set('*', { latencyMs: 50 })
    const alone = await honest(0)
    const sent = { junk: 0, words: [] as string[] }
    const sender = async () => {
      while (sent.junk < 10_000) {
        sent.junk += 1
        const caller = { ...callerAt(shareOf('service')), deadline: performance.now() + 4_000 }
        sent.words.push(wordFor(await ask(junk(sent.junk), 'verification', caller)))
      }
    }
    const senders = times(1_000, sender)
    const beside = await honest(1)
    await Promise.all(senders)
    print(`without junk: ${alone.text}`)
    print(`with junk: ${beside.text}; the junk, ${sent.junk} tokens: ${JSON.stringify(tally(sent.words))}`)
    expect([alone.words, beside.words]).toEqual([{ valid: 200 }, { valid: 200 }])
    expect(tally(sent.words)).not.toHaveProperty('RATE_LIMITED')
    expect(sent.words).toHaveLength(10_000)

    /** 200 addresses, 10 at a time. */
    async function honest(round: number) {
      const tokens = times(200, () => issue())
      const ms: number[] = []
      const words: string[] = []
      const lookUp = async (n: number) => {
        for (let place = n; place < tokens.length; place += 10) {
          const start = performance.now()
          const caller = { ...callerAt(`192.0.${round}.${place}`), deadline: start + 60_000 }
          words.push(wordFor(await ask(tokens[place] ?? junk(place), 'profile', caller)))
          ms.push(performance.now() - start)
        }
      }
      await Promise.all(times(10, lookUp))
      ms.sort((a, b) => a - b)
      const text = `median ${ms[100]?.toFixed(0)} ms, slowest ${ms.at(-1)?.toFixed(0)} ms`
      return { words: tally(words), text }
    }
  })
})
