import { expect, test } from 'vitest'
import { importantCells } from '../harness/forgetting-cells.ts'
import { runCells } from '../harness/forgetting-matrix.ts'
import { faultsIn } from '../harness/forgetting-report.ts'

/** `npm run test:long` runs the whole matrix, also with a second replica. */
test('36 pairs of a place and a way to forget: nothing is alive, nothing else is dead (G45, C1-C4)', async () => {
  const outcomes = await runCells(importantCells(), 36)
  expect(outcomes).toHaveLength(36)
  expect(faultsIn(outcomes)).toEqual([])
}, 120_000)
