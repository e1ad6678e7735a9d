import { describe, expect, it } from 'vitest'
import { inBatches } from '../../src/tokens/batches.ts'
import type { Answer, Question } from '../../src/tokens/token-resolver.ts'
import { junk, noSourceLimit, oneChannel, times, useLayer, wordFor } from '../harness/token-layer.ts'

const refused: Answer = { verdict: 'invalid', reason: 'INVALID' }

it('the questions of one tick: one batch, in their order', async () => {
  const batches: string[][] = []
  const resolve = inBatches((questions) => {
    batches.push(questions.map(({ clientAddress }) => clientAddress))
    return questions.map(async () => refused)
  })
  await Promise.all(times(100, async (n) => resolve(question(n))))
  await resolve(question(100))
  expect(batches).toEqual([times(100, String), ['100']])
})

it('a question asked after a promise of the same tick: in the same batch', async () => {
  const sizes: number[] = []
  const resolve = inBatches((questions) => {
    sizes.push(questions.length)
    return questions.map(async () => refused)
  })
  const later = Promise.resolve().then(() => resolve(question(2)))
  await Promise.all([resolve(question(1)), later])
  expect(sizes).toEqual([2])
})

it('the same question again: nothing is cached, it is asked again', async () => {
  let asked = 0
  const resolve = inBatches((questions) => {
    asked += questions.length
    return questions.map(async () => refused)
  })
  const same = question(1)
  await Promise.all([resolve(same), resolve(same)])
  await resolve(same)
  expect(asked).toBe(3)
})

it('an answer resolves without waiting for the others of its batch', async () => {
  const never = new Promise<Answer>(() => {})
  const resolve = inBatches((questions) =>
    questions.map(({ clientAddress }) => (clientAddress === '0' ? never : Promise.resolve(refused))),
  )
  void resolve(question(0))
  expect(await resolve(question(1))).toBe(refused)
})

it('a question that fails: the others of its batch are answered', async () => {
  const resolve = inBatches((questions) =>
    questions.map(async ({ clientAddress }) => {
      if (clientAddress === '0') throw new TypeError('a bug')
      return refused
    }),
  )
  const [failed, answered] = await Promise.allSettled([resolve(question(0)), resolve(question(1))])
  expect(failed).toMatchObject({ status: 'rejected', reason: new TypeError('a bug') })
  expect(answered).toEqual({ status: 'fulfilled', value: refused })
})

describe('100 tokens at once', () => {
  const layer = useLayer({ ...oneChannel, ...noSourceLimit, LINE_MAX_CONCURRENCY: '7' })

  it('with LINE_MAX_CONCURRENCY 7: 7 calls in flight, and all are answered', async () => {
    const { ask, issue, emulator, answers } = layer()
    answers.hold()
    const asked = times(100, (n) => ask(n % 2 ? issue() : junk(n)))
    await answers.settled()
    expect(answers.waiting()).toBe(7)
    await answers.release()
    expect((await Promise.all(asked)).map(wordFor)).toEqual(times(100, (n) => (n % 2 ? 'valid' : 'MALFORMED')))
    expect(emulator.calls.of('verifyAccessToken')).toBe(100)
    expect(emulator.calls.maxInFlight()).toBeLessThanOrEqual(7)
  })

  it('a 500 for one of them: the other 99 are valid', async () => {
    const { ask, issue, emulator } = layer()
    emulator.faults.set('verifyAccessToken', { status: 500, times: 1 })
    const answers = await Promise.all(times(100, () => ask(issue())))
    expect(answers.filter(({ verdict }) => verdict === 'valid')).toHaveLength(99)
    expect(answers.filter(({ verdict }) => verdict === 'unknown')).toHaveLength(1)
  })
})

function question(n: number): Question {
  return { token: junk(n), subject: 'verification', clientAddress: String(n), deadline: performance.now() + 60_000 }
}
