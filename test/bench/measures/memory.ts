import { join } from 'node:path'
import type { Effort } from '../effort.ts'
import { type Section, shown } from '../figures.ts'
import { cores, launch, output } from '../processes.ts'
import { spreadOf } from '../rounds.ts'
import { gatewaySettings } from '../subjects.ts'

type Result = {
  readonly bytes: number
  readonly emptyPauseMs: readonly number[]
  readonly pausesMs: readonly number[]
  readonly residentBytes: number
}

/** The memory of a million records. */
export async function measureMemory(effort: Effort): Promise<readonly Section[]> {
  const count = effort.manyTokens
  const result = await fill(count)
  const { residentBytes, emptyPauseMs, pausesMs } = result
  return [
    {
      title: `Memory: ${count.toLocaleString('en')} full records`,
      how: `Each record has a verification and a profile, and each token has its own user. The gateway’s own tiers store them. Heap and external memory are measured after forced collections. The process has ${Math.round(residentBytes / 2 ** 20)} MB of resident memory. A forced full collection of the empty process takes ${shown(spreadOf(emptyPauseMs).median)} ms. V8’s own pauses are shorter than a forced one, because it marks while the program runs.`,
      figures: [
        {
          name: 'a record, heap and external',
          value: spreadOf([Math.round(result.bytes)]),
          unit: 'B',
          // With fewer records, the memory that every process needs is too large a part.
          ...(count >= 1_000_000 && { goal: { atMost: 480, stretch: 320 } }),
        },
        { name: 'a forced full collection', value: spreadOf(pausesMs), unit: 'ms' },
      ],
    },
  ]
}

async function fill(count: number): Promise<Result> {
  const child = launch({
    script: join(import.meta.dirname, '../servers/memory.ts'),
    nodeArgs: ['--expose-gc'],
    cores: `${cores.server},${cores.load}`,
    env: {
      ...gatewaySettings('http://127.0.0.1:9'),
      CACHE_MAX_TOKENS: String(count),
      PRELOAD: String(count),
      FAILED_TOKENS_BURST: '1000000',
      LINE_MAX_CONCURRENCY: '1024',
    },
  })
  const text = /^RESULT (.*)$/m.exec(await output(child))?.[1]
  if (text === undefined) throw new Error('The memory process printed no result')
  return JSON.parse(text)
}
