import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { project } from '../harness/programs.ts'

it('the first connection: the methods of strings stay as fast as they were', () => {
  const program = `
    import { createClient } from './src/redis/client.ts'
    const isFast = () => %HasFastProperties(String.prototype)
    const before = isFast()
    createClient({ lazyConnect: true })
    console.log(before, isFast())
  `
  const flags = ['--allow-natives-syntax', '--disable-warning=ExperimentalWarning', '--input-type=module']
  const printed = execFileSync(process.execPath, [...flags, '--eval', program], { cwd: project, encoding: 'utf8' })
  expect(printed).toBe('true true\n')
})
