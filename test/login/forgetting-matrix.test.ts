import { expect, test } from 'vitest'
import { importantCells, importantCellsOfTwo } from '../harness/forgetting-cells.ts'
import { runCells } from '../harness/forgetting-matrix.ts'
import { faultsIn } from '../harness/forgetting-report.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'

/** `npm run test:long` runs the whole matrix. */
test('36 pairs of a place and a way to forget: nothing is alive, nothing else is dead (G45, C1-C4)', async () => {
  const outcomes = await runCells(importantCells(), 36)
  expect(outcomes).toHaveLength(36)
  expect(faultsIn(outcomes)).toEqual([])
}, 120_000)

describeWithRedis('every fourth pair on another replica', () => {
  const { start } = useRedis()

  test('nothing is alive on another replica than the one that forgot it, nothing else is dead (G45)', async () => {
    const cells = importantCellsOfTwo().filter((_, n) => n % 4 === 0)
    const outcomes = await runCells(cells, 9, await start('--databases', '9'))
    expect(outcomes).toHaveLength(9)
    expect(faultsIn(outcomes)).toEqual([])
  }, 120_000)
})
