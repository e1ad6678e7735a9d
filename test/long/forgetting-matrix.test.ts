import { afterAll, expect, test } from 'vitest'
import { acts, allCells, type Cell, lines, origins, places, quarterOfTwo } from '../harness/forgetting-cells.ts'
import { type Outcome, runCells } from '../harness/forgetting-matrix.ts'
import { faultsIn, openTableOf, tableOf } from '../harness/forgetting-report.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis, type RedisServer, startRedis } from '../harness/redis.ts'

/** Most of a cell's time passes while it waits for LINE or for the clock. Two replicas need more of the machine. */
const atOnce = 60
const atOnceOfTwo = 30

test('every session, in every place, after every way to forget it: nothing is alive, nothing else is dead (G45, C1-C4)', async () => {
  const outcomes = await runAndPrint('forgetting matrix', allCells(), atOnce)
  expect(outcomes).toHaveLength(origins.length * places.length * acts.length * lines.length)
  expect(faultsIn(outcomes)).toEqual([])
})

describeWithRedis('the forgetting matrix on another replica', () => {
  let redis: RedisServer | undefined
  afterAll(() => redis?.close())

  test('all that, used on another replica: nothing is alive, nothing else is dead (G45, C1-C4)', async () => {
    // All of the quarter take four minutes. This part has each value of each dimension.
    const cells = quarterOfTwo().filter((_, n) => n % 5 === 0)
    redis = await startRedis('--databases', `${cells.length}`)
    const outcomes = await runAndPrint('on another replica', cells, atOnceOfTwo, redis)
    expect(faultsIn(outcomes)).toEqual([])
  })
})

async function runAndPrint(
  what: string,
  cells: readonly Cell[],
  together: number,
  redis?: RedisServer,
): Promise<readonly Outcome[]> {
  const startedAt = performance.now()
  const outcomes = await runCells(cells, together, redis)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  print(`${what}: ${outcomes.length} cells in ${seconds} s\n${tableOf(outcomes)}`)
  print(`${what}, where the contract leaves it open\n${openTableOf(outcomes)}`)
  return outcomes
}
