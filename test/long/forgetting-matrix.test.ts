import { expect, test } from 'vitest'
import { acts, allCells, lines, origins, places } from '../harness/forgetting-cells.ts'
import { runCells } from '../harness/forgetting-matrix.ts'
import { faultsIn, openTableOf, tableOf } from '../harness/forgetting-report.ts'
import { print } from '../harness/print.ts'

/** Most of a cell's time passes while it waits for LINE or for the clock. */
const atOnce = 60

test('every session, in every place, after every way to forget it: nothing is alive, nothing else is dead (G45, C1-C4)', async () => {
  const startedAt = performance.now()
  const outcomes = await runCells(allCells(), atOnce)
  const seconds = ((performance.now() - startedAt) / 1_000).toFixed(0)
  print(`forgetting matrix: ${outcomes.length} cells in ${seconds} s\n${tableOf(outcomes)}`)
  print(`where the contract leaves it open\n${openTableOf(outcomes)}`)
  expect(outcomes).toHaveLength(origins.length * places.length * acts.length * lines.length)
  expect(faultsIn(outcomes)).toEqual([])
})
