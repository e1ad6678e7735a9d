import fc from 'fast-check'
import { expect, it, vi } from 'vitest'
import type { Fault } from '../../src/emulator/emulator.ts'
import type { MemoryTier } from '../../src/tokens/memory-tier.ts'
import { readingNames } from '../../src/tokens/readings.ts'
import type { Subject } from '../../src/tokens/record.ts'
import { noSourceLimit, oneChannel, useLayer } from '../harness/token-layer.ts'
import { CACHE_TOKENS, createOracle, type Line, type Step } from './oracle.ts'
import { HOUR, MINUTE, SECOND } from './truths.ts'

const asking = step('ask', { token: tokens(), subject: subjects(), times: of(1, 1, 3) })
const revoking = [
  { weight: 2, arbitrary: step('revoke', { token: tokens() }) },
  { weight: 2, arbitrary: step('revoke refresh', { token: tokens() }) },
  { weight: 2, arbitrary: step('log out', { token: tokens() }) },
  { weight: 3, arbitrary: step('deauthorize', { token: tokens() }) },
]

const oneStep = fc.oneof(
  ...revoking,
  { weight: 16, arbitrary: asking },
  { weight: 4, arbitrary: step('deliver one', { place: fc.nat(5) }) },
  { weight: 5, arbitrary: step('deliver all', { newestFirst: fc.boolean() }) },
  {
    weight: 4,
    arbitrary: step('advance', { ms: of(SECOND, 31 * SECOND, 6 * MINUTE, 11 * MINUTE, HOUR, 4 * HOUR) }),
  },
  { weight: 1, arbitrary: step('suspend', { ms: of(SECOND, 31 * SECOND, 6 * MINUTE, HOUR, 5 * HOUR) }) },
  {
    weight: 2,
    arbitrary: step('set the clock', {
      toMs: of(-2 * HOUR, -10 * SECOND, 0, 0, 10 * SECOND, 10 * MINUTE, 2 * HOUR),
    }),
  },
  { weight: 2, arbitrary: step('break LINE', {}) },
  { weight: 2, arbitrary: step('repair LINE', {}) },
  { weight: 1, arbitrary: step('recover', {}) },
  { weight: 1, arbitrary: step('evict', {}) },
  { weight: 2, arbitrary: step('log in', { user: fc.nat(1), openid: fc.boolean() }) },
  { weight: 2, arbitrary: step('revoke at LINE', { token: tokens() }) },
  { weight: 1, arbitrary: step('expire at LINE', { token: tokens() }) },
  { weight: 2, arbitrary: step('refresh', { token: tokens() }) },
)

/** A revocation in an outage of LINE, and what is believed before LINE is told. */
const outage = fc.tuple(
  asking,
  step('deliver all', { newestFirst: fc.boolean() }),
  step('break LINE', {}),
  fc.oneof(...revoking),
  step('deliver all', { newestFirst: fc.boolean() }),
  step('repair LINE', {}),
)

const steps = fc
  .array(fc.oneof({ weight: 12, arbitrary: oneStep.map((one) => [one]) }, { weight: 1, arbitrary: outage }), {
    minLength: 1,
    maxLength: 30,
    size: 'max',
  })
  .map((scenes): readonly Step[] => scenes.flat())

const breakages: readonly Fault[] = [
  { status: 503 },
  { reset: true },
  { status: 429, headers: { 'retry-after': '2' } },
  { status: 400, body: '<html>Bad Request</html>' },
  { commitThenReset: true },
]

const lines: fc.Arbitrary<Line> = fc.record({
  breakage: fc.constantFrom(...breakages),
  refreshToken: fc.constantFrom('same', 'omit', 'rotate'),
  tickMs: of(0, 1),
})

/** Those of callers, of `revocation` and of `refresher`. */
const questions = vi.hoisted(() => ({ asked: 0 }))
vi.mock('../../src/tokens/memory-tier.ts', async (importOriginal) => {
  const { rememberInMemory } = await importOriginal<typeof import('../../src/tokens/memory-tier.ts')>()
  return { rememberInMemory: (...given: Parameters<typeof rememberInMemory>) => counted(rememberInMemory(...given)) }
})

function counted(memory: MemoryTier): MemoryTier {
  const resolve: MemoryTier['resolve'] = (question) => {
    questions.asked += 1
    return memory.resolve(question)
  }
  return { ...memory, resolve }
}

const layer = useLayer({ ...oneChannel, ...noSourceLimit, CACHE_MAX_TOKENS: String(CACHE_TOKENS) })

it('the token layer: random sequences of steps, no answer contradicts the oracle', {
  timeout: 600_000,
}, async () => {
  const counts = { runs: 0, answers: 0, valid: 0, invalid: 0, unknown: 0, calls: 0 }
  await fc.assert(
    fc.asyncProperty(steps, lines, async (taken, line) => {
      const oracle = createOracle(layer(), line)
      try {
        for (const one of taken) await oracle.take(one)
        await oracle.finish()
      } finally {
        await oracle.cleanUp()
      }
      counts.runs += 1
      counts.calls += layer().emulator.calls.total()
      for (const verdict of oracle.verdicts) {
        counts.answers += 1
        counts[verdict] += 1
      }
    }),
    // MODEL_RUNS=10000 takes three to four minutes. Each MODEL_SEED gives other steps.
    { numRuns: Number(process.env.MODEL_RUNS ?? 75), seed: Number(process.env.MODEL_SEED ?? 1) },
  )
  const ends = Object.values(layer().lookUps())
  expect(ends.reduce((sum, count) => sum + count)).toBe(questions.asked)
  process.stdout.write(`model: ${JSON.stringify(counts)}\n`)
  expect(Math.min(counts.valid, counts.invalid, counts.unknown)).toBeGreaterThan(counts.runs / 3)
})

function step<Name extends Step['do'], Rest extends Record<string, unknown>>(
  name: Name,
  rest: { [Key in keyof Rest]: fc.Arbitrary<Rest[Key]> },
): fc.Arbitrary<Extract<Step, { readonly do: Name }>> {
  return fc.record({ do: fc.constant(name), ...rest }) as unknown as fc.Arbitrary<Extract<Step, { readonly do: Name }>>
}

/** The first ones, or those that were issued last. */
function tokens(): fc.Arbitrary<number> {
  return fc.oneof({ weight: 4, arbitrary: fc.nat(4) }, { weight: 1, arbitrary: of(-1, -2) })
}

function subjects(): fc.Arbitrary<Subject> {
  return fc.constantFrom('verification', ...readingNames)
}

function of(...values: number[]): fc.Arbitrary<number> {
  return fc.constantFrom(...values)
}
