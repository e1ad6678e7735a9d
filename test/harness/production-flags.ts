import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { project } from './programs.ts'

/** V8's flags of `npm start`: they decide how much memory garbage may fill. */
export function productionFlags(): string[] {
  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
  return scripts.start.split(' ').filter((word: string) => word.startsWith('--'))
}
