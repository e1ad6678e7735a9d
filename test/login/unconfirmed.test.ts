import { describe, expect, it } from 'vitest'
import { LineUnavailable } from '../../src/line/errors.ts'
import type { RevocationCalls, RevocationJob } from '../../src/login/revocation-calls.ts'
import { createUnconfirmed } from '../../src/login/unconfirmed.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { native, web } from '../harness/channels.ts'
import { metricValue } from '../harness/metric-value.ts'

const SECOND = 1_000

function jobOf(key: string, more: Partial<RevocationJob> = {}): RevocationJob {
  return { kind: 'access token', key, raw: `secret of ${key}`, channel: web, forMs: 86_400_000, ...more }
}

/** A queue in front of a LINE that the test breaks and repairs. Its answers come in the next turn. */
function queueInFrontOfLine(limits: { readonly most?: number } = {}) {
  let time = 0
  let underWay = 0
  const line = {
    isDown: true,
    never: new Set<string>(),
    mostAtOnce: 0,
    isLeaving: false,
    isBroken: false,
    isUnreadable: false,
  }
  const sent: string[] = []
  const givenUp: string[] = []
  const lines: string[] = []
  const calls: RevocationCalls = {
    send,
    named: async (job) => job,
    userOf: async () => undefined,
    giveUp: ({ key }) => void givenUp.push(key),
  }
  const telemetry = createTelemetry({ logLevel: 'info', destination: { write: (text) => void lines.push(text) } })
  const queue = createUnconfirmed({
    calls,
    mustWait: ({ kind }) => {
      if (line.isUnreadable && kind === 'session') throw new TypeError('a bug')
      return kind === 'session' && line.isLeaving
    },
    steady: () => time,
    telemetry,
    attemptMs: SECOND,
    ...limits,
  })

  return { queue, line, sent, givenUp, givenUpFor, lines, pass }

  async function givenUpFor(...reasons: readonly string[]) {
    const { text } = await telemetry.metrics()
    return reasons.map((reason) => metricValue(text, `gateway_unconfirmed_given_up_total{reason="${reason}"}`))
  }

  async function send({ key, raw }: RevocationJob) {
    expect(raw).toBe(`secret of ${key}`)
    sent.push(key)
    underWay += 1
    line.mostAtOnce = Math.max(line.mostAtOnce, underWay)
    await nextTurn()
    underWay -= 1
    if (line.isBroken) throw new TypeError(`it has ${raw.replaceAll(' ', '-')}`)
    if (line.isDown || line.never.has(key)) throw new LineUnavailable('down')
    return { status: 200, body: undefined, lineRequestId: undefined }
  }

  /** Time passes second by second. */
  async function pass(seconds: number) {
    for (let second = 0; second < seconds; second += 1) {
      time += SECOND
      queue.run()
      for (let turn = 0; turn < 3 || underWay > 0; turn += 1) await nextTurn()
    }
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

describe('a revocation that LINE has not confirmed', () => {
  it('an attempt that ends with an unexpected error: a log line without its secrets, and it is tried again', async () => {
    const { queue, line, lines, pass } = queueInFrontOfLine()
    queue.add(jobOf('abcdef'))
    line.isBroken = true
    await pass(5)
    expect(lines.join('')).toMatch(/"where":"unconfirmed revocation".*"message":"it has \[redacted\]"/)
    expect(lines.join('')).not.toContain('secret-of')
    expect(queue.size()).toBe(1)
    Object.assign(line, { isBroken: false, isDown: false })
    await pass(20)
    expect(queue.size()).toBe(0)
  })

  it('an unexpected error when an attempt has ended, while the next one is chosen: a log line', async () => {
    const { queue, line, lines, sent, pass } = queueInFrontOfLine()
    queue.add(jobOf('a'))
    line.isDown = false
    const passing = pass(1)
    queue.add(jobOf('b', { kind: 'session' }))
    line.isUnreadable = true
    await passing
    expect(lines.join('')).toMatch(/"where":"unconfirmed revocation".*"message":"a bug"/)
    line.isUnreadable = false
    await pass(20)
    expect([sent, queue.size()]).toEqual([['a', 'b'], 0])
  })

  it('is tried again after 1, 2, 4, 8, 10, 10 seconds, until LINE answers', async () => {
    const { queue, line, sent, pass } = queueInFrontOfLine()
    queue.add(jobOf('a'))
    const triedAt: number[] = []
    for (let second = 1; second <= 40; second += 1) {
      const before = sent.length
      await pass(1)
      if (sent.length > before) triedAt.push(second)
    }
    expect(triedAt).toEqual([1, 3, 7, 15, 25, 35])
    line.isDown = false
    await pass(10)
    expect([queue.size(), sent.length]).toEqual([0, 7])
    await pass(60)
    expect(sent.length).toBe(7)
  })

  it('200 of them, after a long outage: four attempts a second at most, then all within 12 seconds', async () => {
    const { queue, line, sent, pass } = queueInFrontOfLine()
    for (let n = 0; n < 200; n += 1) queue.add(jobOf(String(n)))
    await pass(120)
    expect(sent.length).toBeLessThanOrEqual(4 * 120)
    line.isDown = false
    line.mostAtOnce = 0
    await pass(12)
    expect(queue.size()).toBe(0)
    expect(line.mostAtOnce).toBe(16)
  })

  it('one that LINE never answers does not stop the others', async () => {
    const { queue, line, pass } = queueInFrontOfLine()
    for (const key of ['poison 1', 'poison 2', 'poison 3', 'poison 4']) {
      line.never.add(key)
      queue.add(jobOf(key))
    }
    for (let n = 0; n < 50; n += 1) queue.add(jobOf(String(n)))
    line.isDown = false
    await pass(20)
    expect(queue.size()).toBe(4)
  })

  it('200 of another channel or kind that fail for ever do not delay it (D17)', async () => {
    const { queue, line, pass } = queueInFrontOfLine()
    for (let n = 0; n < 200; n += 1) {
      line.never.add(`a ${n}`).add(`b ${n}`)
      queue.add(jobOf(`a ${n}`, { channel: native }))
      queue.add(jobOf(`b ${n}`, { kind: 'user', userId: 'U1' }))
    }
    for (let n = 0; n < 20; n += 1) queue.add(jobOf(String(n)))
    await pass(60)
    line.isDown = false
    await pass(11)
    expect(queue.size()).toBe(400)
  })

  it('of a token whose user leaves: after the departure, for which LINE must still accept the token', async () => {
    const { queue, line, sent, pass } = queueInFrontOfLine()
    queue.add(jobOf('a'))
    queue.add(jobOf('refresh', { kind: 'session', accessKey: 'a' }))
    queue.add(jobOf('a', { kind: 'user', userId: 'U1' }))
    line.never.add('a')
    line.isDown = false
    await pass(5)
    expect(new Set(sent)).toEqual(new Set(['a']))
    expect(queue.size()).toBe(3)
    line.never.clear()
    await pass(20)
    expect(queue.size()).toBe(0)
    expect(sent.slice(-2).sort()).toEqual(['a', 'refresh'])
  })

  it('of a token whose user leaves by another process: not tried before LINE has heard of that', async () => {
    const { queue, line, sent, pass } = queueInFrontOfLine()
    Object.assign(line, { isDown: false, isLeaving: true })
    for (const key of ['a', 'b', 'c', 'd', 'e']) queue.add(jobOf(key, { kind: 'session' }))
    queue.add(jobOf('other'))
    await pass(20)
    expect(sent).toEqual(['other'])
    line.isLeaving = false
    await pass(2)
    expect([queue.size(), sent.length]).toEqual([0, 6])
  })

  it('added twice: one entry; confirmed by the caller: gone', () => {
    const { queue } = queueInFrontOfLine()
    for (let n = 0; n < 2; n += 1) queue.add(jobOf('a'))
    queue.add(jobOf('a', { kind: 'user', userId: 'U1' }))
    expect(queue.size()).toBe(2)
    expect(queue.find({ kind: 'user', key: 'a' })).toMatchObject({ userId: 'U1' })
    queue.remove({ kind: 'user', key: 'a' })
    expect([queue.size(), queue.find({ kind: 'user', key: 'a' })]).toEqual([1, undefined])
  })

  it('whose token has expired: given up, with a log line that has the count', async () => {
    const { queue, givenUp, givenUpFor, lines, pass } = queueInFrontOfLine()
    queue.add(jobOf('short', { forMs: 5 * SECOND }))
    queue.add(jobOf('long'))
    await pass(5)
    expect([givenUp, queue.size(), await givenUpFor('expired')]).toEqual([['short'], 1, [1]])
    expect(lines.map((line) => JSON.parse(line))).toMatchObject([{ count: 1, why: 'their tokens have expired' }])
  })

  it('one more than the limit: given up at once; the end of the process: all are given up', async () => {
    const { queue, givenUp, givenUpFor, lines } = queueInFrontOfLine({ most: 100 })
    for (let n = 0; n < 101; n += 1) queue.add(jobOf(String(n)))
    expect([queue.size(), givenUp]).toEqual([100, ['100']])
    queue.close()
    expect([queue.size(), givenUp.length]).toEqual([0, 101])
    expect(await givenUpFor('full', 'end', 'expired')).toEqual([1, 100, 0])
    expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ count: 100, why: 'the process ends' })
    expect(lines.join()).not.toContain('secret of')
  })

  it('its token is encrypted while it waits', () => {
    const { queue } = queueInFrontOfLine()
    queue.add(jobOf('a'))
    expect(JSON.stringify(queue.find({ kind: 'access token', key: 'a' }))).not.toContain('secret of')
  })
})
