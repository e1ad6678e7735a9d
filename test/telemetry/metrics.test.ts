import { setImmediate } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { createMetrics } from '../../src/telemetry/metrics.ts'

it('a reader of the metrics waits for few turns of the event loop: at most one for each ten milliseconds of work', async () => {
  const metrics = createMetrics()
  for (let rounds = 0; rounds < 5; rounds += 1) {
    const startedAt = performance.now()
    const turns = await turnsOf(metrics.text())
    expect(turns).toBeLessThanOrEqual((performance.now() - startedAt) / 10 + 1)
  }
})

async function turnsOf(task: Promise<unknown>): Promise<number> {
  let hasEnded = false
  const ended = task.then(() => {
    hasEnded = true
  })
  let turns = 0
  for (; !hasEnded; turns += 1) await setImmediate()
  await ended
  return turns
}
