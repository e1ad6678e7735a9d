import { join } from 'node:path'
import { expect } from 'vitest'
import { type Program, project } from './programs.ts'

/** Arguments of Node for a program that `longestTurnOf` watches. */
export const turnWatch = ['--import', join(project, 'test/harness/turn-watch.ts')]

export type LongestTurn = {
  /** Its part of the processor time that all turns took. A fast machine has the same as a slow one. */
  readonly share: number
  readonly text: string
}

/** The turn of the program's event loop that took the most processor time since the last call. */
export async function longestTurnOf(program: Program): Promise<LongestTurn> {
  const printed = () => [...program.out().matchAll(/longest turn: (\d+) of (\d+) ms\n/g)]
  const before = printed().length
  program.kill('SIGUSR2')
  await expect.poll(() => printed().length, { timeout: 60_000 }).toBeGreaterThan(before)
  const [, ms, ofMs] = printed().at(-1) ?? []
  return {
    share: Number(ms) / Number(ofMs),
    text: `the longest turn of the event loop took ${ms} of ${ofMs} ms of processor time`,
  }
}
