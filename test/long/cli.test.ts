import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { afterAll, describe, expect, it, test } from 'vitest'
import { isTooOld, oldestNode } from '../../src/cli/node-version.js'
import { buildThisTree } from '../harness/builds.ts'
import { project, usePrograms } from '../harness/programs.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { ask, childrenOf, useWorkers } from '../harness/workers.ts'

/** The command of the package as `npm run build` makes it, behind a link as npm makes one. */
const build = buildThisTree()
const folder = dirname(dirname(build.main))
const bin = join(folder, 'bin/line-graphql-gateway')
mkdirSync(dirname(bin))
symlinkSync('../dist/cli.js', bin)
afterAll(build.remove)

describeWithRedis('start with WORKERS=2', () => {
  const workers = useWorkers(() => [bin, 'start'])

  test('both processes answer, each runs the command again, SIGTERM ends all with 0', async () => {
    const { program, url, metric } = await workers.start()
    const token = workers.issueToken()
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(url, token)))
    expect(new Set(answers)).toEqual(new Set(['Sakura Tanaka']))
    // The numbers of a worker that answers late are those of the last time.
    await expect.poll(() => metric('gateway_records{kind="record"}'), { timeout: 30_000 }).toBe(2)
    expect(childrenOf(program)).toHaveLength(2)
    program.kill()
    expect(await program.ended).toBe(0)
    expect(program.out()).toMatch(/"draining"[\s\S]*"closed"/)
    expect(program.err()).toBe('')
  })
})

const programs = usePrograms()
const settings = { LINE_CHANNEL_ID: '2000000001', LINE_CHANNEL_SECRET: 'x', PORT: '0', SHUTDOWN_DELAY_SECONDS: '0' }

describe('check', () => {
  it('its reader is gone: the exit code is still that of the settings', async () => {
    const script = `{ ${process.execPath} ${bin} check; echo "exit code $?" >&2; } | true`
    const program = programs.start('sh', ['-c', script], settings, folder)
    await program.ended
    expect(program.err()).toBe('exit code 0\n')
  })
})

describe('a signal while it starts', () => {
  /** Sends the signal when the module of the settings is loaded. */
  const early = `import { registerHooks } from 'node:module'
    registerHooks({ load(url, context, next) {
      if (url.endsWith('/dist/config.js')) process.kill(process.pid, 'SIGTERM')
      return next(url, context)
    } })`

  it('start ends with 0: as the first process of a container it would not hear a signal without a listener', async () => {
    const words = ['--import', `data:text/javascript,${encodeURIComponent(early)}`, build.main]
    const program = programs.start(process.execPath, words, settings, folder)
    expect(await program.ended).toBe(0)
    expect(program.err()).toBe('')
  })
})

const oldNode = findOldNode()
if (oldNode === undefined) process.stderr.write(`no Node older than ${oldestNode} is installed: skipped an old Node\n`)

describe.skipIf(oldNode === undefined)(`an old Node${oldNode === undefined ? ': none is installed' : ''}`, () => {
  it.each(['dev', 'start', 'check', '--help'])(
    '%s: which Node is needed, where to get it, exit code 1',
    async (word) => {
      const program = programs.start(String(oldNode), [bin, word], {}, folder)
      expect(await program.ended).toBe(1)
      expect(program.out()).toBe('')
      expect(program.err()).toMatch(/^line-graphql-gateway needs Node\.js [\d.]+ or newer, and this is [\d.]+\. .*\n$/)
      expect(program.err()).toContain(`Node.js ${oldestNode} or newer`)
      expect(program.err()).toContain('https://nodejs.org')
    },
  )

  const { scripts } = JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))

  it.each(['dev', 'start', 'emulator', 'keys', 'build', 'test', 'test:long'])(
    'npm run %s in a clone before npm ci: how to get a newer one, exit code 1',
    async (name) => {
      const env = { PATH: `${dirname(String(oldNode))}:/bin` }
      const program = programs.start('sh', ['-c', scripts[name]], env, project)
      expect(await program.ended).toBe(1)
      expect(program.err()).toMatch(
        /^Node\.js [\d.]+ or newer is needed, and this is [\d.]+\. .*(npm ci|nodejs\.org).*\n$/,
      )
    },
  )
})

/** A `node` of the machine that this package does not run on. npm puts those of packages first in PATH. */
function findOldNode(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter).filter((one) => !one.includes('node_modules'))
  return folders.map((one) => join(one, 'node')).find((path) => isTooOld(versionOf(path)))
}

/** Of a path where no Node is, a new one. */
function versionOf(path: string): string {
  try {
    return execFileSync(path, ['--version'], { encoding: 'utf8', stdio: 'pipe' }).trim().slice(1)
  } catch {
    return oldestNode
  }
}
