import { createClock } from '../../../src/clock.ts'
import { readConfig } from '../../../src/config.ts'
import { createServices } from '../../../src/services.ts'
import { createSilentTelemetry } from '../../../src/telemetry/telemetry.ts'
import { tokenAt } from '../tokens.ts'
import { FakeLine } from './fake-line.ts'

/**
 * Fills the gateway's own tiers, wired as in production, with `PRELOAD` full records (verification and profile). Prints
 * the bytes of one record after forced collections. Needs --expose-gc.
 */
const count = Number(process.env.PRELOAD)
const gc = globalThis.gc
if (gc === undefined) throw new Error('--expose-gc is needed')

const emptyBytes = liveBytes()
const emptyPauseMs = pauses()
const services = createServices(readConfig(process.env), {
  dispatcher: new FakeLine(),
  clock: createClock(),
  telemetry: createSilentTelemetry(),
})
let next = 0
await Promise.all(Array.from({ length: 64 }, fill))
const bytes = (liveBytes() - emptyBytes) / count
const pausesMs = pauses()
process.stdout.write(
  `RESULT ${JSON.stringify({ bytes, emptyPauseMs, pausesMs, residentBytes: process.memoryUsage.rss() })}\n`,
)
// Uses the services once more, so that they were not collected before the measurement.
const answer = services.resolve({ ...question(0) })
if (answer instanceof Promise || answer.verdict !== 'valid') throw new Error('the first record is not in memory')
process.exit()

async function fill(): Promise<void> {
  while (next < count) {
    const answer = await services.resolve(question(next++))
    if (answer.verdict !== 'valid') throw new Error('a token was not valid')
  }
}

function question(number: number) {
  const token = services.toAccessToken(tokenAt(number))
  if (token === undefined) throw new Error('not a token')
  return { token, subject: 'profile', clientAddress: '127.0.0.1', deadline: performance.now() + 60_000 } as const
}

function liveBytes(): number {
  for (let turn = 0; turn < 3; turn++) gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The times of five full, forced collections (ms). The program stops during each. */
function pauses(): number[] {
  return Array.from({ length: 5 }, () => {
    const startedAt = performance.now()
    gc?.()
    return performance.now() - startedAt
  })
}
