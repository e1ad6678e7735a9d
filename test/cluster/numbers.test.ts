import type { Worker } from 'node:cluster'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { createNumbersReader } from '../../src/cluster/numbers.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { metricValue } from '../harness/metric-value.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }))
afterEach(() => void vi.useRealTimers())

function begin() {
  const reader = createNumbersReader(createSilentTelemetry())
  return { one: join(1), other: join(2), readers, silent, readSilent }

  function join(id: number) {
    const telemetry = createSilentTelemetry()
    const questions: unknown[] = []
    const send = vi.fn((message: unknown) => questions.push(message))
    const worker = { id, send } as unknown as Worker
    reader.join(worker)
    return {
      questions,
      send,
      count: () => telemetry.count('gateway_unexpected_errors_total'),
      answer: async () => reader.keep(worker, await telemetry.numbers()),
      end: () => reader.lose(worker),
    }
  }

  /** What readers who come now see, in the order in which they see it. */
  function readers(seen: number[]): Promise<void> {
    return reader.write().then(({ text }) => void seen.push(metricValue(text, 'gateway_unexpected_errors_total')))
  }

  function readSilent(): Promise<number> {
    return reader.write().then(({ text }) => metricValue(text, 'gateway_workers_silent'))
  }

  async function silent(): Promise<number> {
    const end = readSilent()
    await vi.advanceTimersByTimeAsync(2_000)
    return end
  }
}

it('a reader who comes during a round sees what was counted before it came', async () => {
  const { one, other, readers } = begin()
  const seen: number[] = []
  const first = readers(seen)
  await vi.advanceTimersByTimeAsync(0)
  await one.answer()
  one.count()
  const [second, third] = [readers(seen), readers(seen)]
  await other.answer()
  await first
  expect(seen).toEqual([0])
  await vi.advanceTimersByTimeAsync(0)
  await Promise.all([one.answer(), other.answer(), second, third])
  expect(seen).toEqual([0, 1, 1])
  expect(one.questions.length).toBe(2)
})

it('workers that hung: their answer to an old question is no answer to a new one, and they never have two', async () => {
  const { one, other, readers, silent } = begin()
  const seen: number[] = []
  const early = readers(seen)
  await vi.advanceTimersByTimeAsync(0)
  await one.answer()
  await vi.advanceTimersByTimeAsync(1_000)
  await early
  expect(await silent()).toBe(2)
  expect(other.questions.length).toBe(1)

  const late = readers(seen)
  await vi.advanceTimersByTimeAsync(0)
  await other.answer()
  other.count()
  await one.answer()
  await vi.advanceTimersByTimeAsync(0)
  expect([seen, other.questions.length, one.questions.length]).toEqual([[0], 2, 3])
  await Promise.all([one.answer(), other.answer(), late])
  expect(seen).toEqual([0, 1])
})

it('a worker that ends while it is asked holds up nobody', async () => {
  const { one, other, readers } = begin()
  const seen: number[] = []
  one.count()
  const end = readers(seen)
  await vi.advanceTimersByTimeAsync(0)
  await one.answer()
  other.end()
  await end
  expect(seen).toEqual([1])
})

it('two readers at nearly the same time: a worker that was just asked again is not silent', async () => {
  const { one, other, readSilent } = begin()
  const first = readSilent()
  await vi.advanceTimersByTimeAsync(0)
  const second = readSilent()
  await Promise.all([one.answer(), other.answer()])
  expect(await first).toBe(0)
  expect([one.questions.length, other.questions.length]).toEqual([2, 2])
  await Promise.all([one.answer(), other.answer()])
  expect(await second).toBe(0)
})

it('an unexpected error in one round: the next reader gets the numbers', async () => {
  const { one, other, readers } = begin()
  one.send.mockImplementationOnce(() => {
    throw new TypeError('a bug')
  })
  const seen: number[] = []
  await readers(seen)
  const next = readers(seen)
  await vi.advanceTimersByTimeAsync(0)
  one.count()
  await Promise.all([one.answer(), other.answer()])
  await next
  // The error is counted in the primary process.
  expect(seen).toEqual([1, 2])
})
