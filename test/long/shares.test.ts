import { describe, expect, it } from 'vitest'
import { shareOf } from '../../src/tokens/shares.ts'
import type { Caller } from '../../src/tokens/token-resolver.ts'
import { print } from '../harness/print.ts'
import {
  callerAt,
  junk,
  type Layer,
  oneChannel,
  type Token,
  tally,
  times,
  useLayer,
  wordFor,
} from '../harness/token-layer.ts'

/** LINE takes 50 ms and has 64 places. One caller with a share sends junk as fast as it can. */
describe('junk of 4,000 tokens from one caller with a share', () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '20000' })

  it('honest addresses look up their cold tokens as fast as without it, and none is refused', async () => {
    const { issue, ask, emulator } = layer()
    emulator.faults.set('*', { latencyMs: 50 })
    const alone = await honest(0)
    const sent = { junk: 0, words: [] as string[] }
    const sender = async () => {
      while (sent.junk < 4_000) {
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
    expect(sent.words).toHaveLength(4_000)

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

/** LINE takes 200 ms and has 64 places. An operation has 4 s, as with the default LINE_TIMEOUT_MS. */
describe('60 good cold tokens through a share, 20 a second, beside 400 junk requests in flight through it', () => {
  const layer = useLayer({ ...oneChannel, CACHE_MAX_TOKENS: '20000' })
  const inTime = (clientAddress: string) => ({ ...callerAt(clientAddress), deadline: performance.now() + 4_000 })

  it('an address that asks for the same tokens meanwhile: all are valid', async () => {
    const words = await besideJunk(layer(), [shareOf('service')], async (token, n) => {
      const inShare = identified(layer(), token, inTime(shareOf('service')))
      await new Promise((resolve) => setTimeout(resolve, 10))
      const outside = await identified(layer(), token, {
        ...inTime(`192.0.2.${n}`),
        deadline: performance.now() + 60_000,
      })
      await inShare
      return outside
    })
    print(`the same tokens from addresses: ${JSON.stringify(words)}`)
    expect(words).toEqual({ valid: 60 })
  })

  it('some are answered, and no good one is refused', async () => {
    const words = await besideJunk(layer(), [shareOf('service')], (token) =>
      identified(layer(), token, inTime(shareOf('service'))),
    )
    print(`good tokens through the share itself: ${JSON.stringify(words)}`)
    expect(words.valid).toBeGreaterThan(0)
    expect((words.valid ?? 0) + (words.LINE_UNAVAILABLE ?? 0)).toBe(60)
  })

  it('through another share, while four others send the junk: all are valid', async () => {
    const senders = times(4, (n) => shareOf(`sender ${n}`))
    const words = await besideJunk(layer(), senders, (token) =>
      identified(layer(), token, { ...inTime(shareOf('quiet')), deadline: performance.now() + 60_000 }),
    )
    print(`good tokens through another share: ${JSON.stringify(words)}`)
    expect(words).toEqual({ valid: 60 })
  })

  async function besideJunk(
    { ask, issue, emulator }: Layer,
    senders: readonly string[],
    lookUp: (token: Token, n: number) => Promise<string>,
  ) {
    emulator.faults.set('*', { latencyMs: 200 })
    let sent = 0
    let isOver = false
    const loops = senders.flatMap((sender) =>
      times(400, async () => {
        while (!isOver) await ask(junk(sent++), 'verification', inTime(sender))
      }),
    )
    await new Promise((resolve) => setTimeout(resolve, 1_500))
    const good = times(60, async (n) => {
      await new Promise((resolve) => setTimeout(resolve, n * 50))
      return lookUp(issue(), n)
    })
    const words = tally(await Promise.all(good))
    print(`at most ${emulator.calls.maxInFlight()} of 64 calls at once`)
    isOver = true
    await Promise.all(loops)
    return words
  }

  async function identified({ credentials }: Layer, token: Token, caller: Caller): Promise<string> {
    const identity = await credentials.identify(token, caller)
    if (identity.verdict === 'invalid') return identity.reason
    return identity.verdict === 'unknown' ? identity.outage.code : identity.verdict
  }
})
