import { join } from 'node:path'
import { expect } from 'vitest'
import { type Program, project } from './programs.ts'

/** Arguments of Node for a program of which `longestTurnOf` asks. */
export const turnWatch = ['--import', join(project, 'test/harness/turn-watch.ts')]

/** The most processor time that one turn of the program's event loop took since the last call (ms). */
export async function longestTurnOf(program: Program): Promise<number> {
  const printed = () => [...program.out().matchAll(/longest turn: (\d+) ms\n/g)].map(([, ms]) => Number(ms))
  const before = printed().length
  program.kill('SIGUSR2')
  await expect.poll(() => printed().length, { timeout: 60_000 }).toBeGreaterThan(before)
  return printed().at(-1) ?? Number.NaN
}
