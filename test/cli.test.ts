import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { checkSettings } from '../src/cli/check.ts'
import { readCommandLine } from '../src/cli/command-line.ts'
import { isTooOld, oldestNode } from '../src/cli/node-version.js'
import { readEnvFile } from '../src/config/env-file.ts'
import { runKeys } from '../src/keys/command.ts'
import { version } from '../src/version.ts'
import { project, usePrograms } from './harness/programs.ts'

const programs = usePrograms()
const cli = join(project, 'src/cli.ts')
const channel = { LINE_CHANNEL_ID: '2000000001', LINE_CHANNEL_SECRET: 'c4n4ry'.repeat(6) }
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cli-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function run(words: readonly string[], settings: NodeJS.ProcessEnv = {}, cwd = folder) {
  const started = programs.start(process.execPath, [cli, ...words], settings, cwd)
  return { code: await started.ended, out: started.out(), err: started.err() }
}

describe('the words of the command line', () => {
  const read = (line: string) => readCommandLine(line.split(' ').filter(Boolean))

  it.each(['dev', 'start', 'emulator', 'check'])('%s: is run', (command) => {
    expect(read(command)).toBe(command)
  })

  it('keys: is run with all words after it, because it reads them itself', () => {
    expect(read('keys new keys.json --alg ES256')).toBe('keys')
    expect(read('keys --help')).toBe('keys')
  })

  it.each(['--help', '-h', 'help', 'dev --help', 'start -h', 'help dev', '--port 5000 --help'])(
    '%s: the help',
    (line) => {
      expect(read(line)).toMatchObject({ code: 0, text: expect.stringContaining('COMMAND') })
    },
  )

  it.each(['--version', '-v', 'version'])('%s: the version of package.json', async (line) => {
    expect(JSON.parse(await readFile(join(project, 'package.json'), 'utf8')).version).toBe(version)
    expect(read(line)).toEqual({ code: 0, text: `${version}\n` })
  })

  it('no word: the help and exit code 2; it names all commands and fits 100 columns', () => {
    const reply = read('')
    expect(reply).toMatchObject({ code: 2 })
    const { text } = reply as { text: string }
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(100)
    for (const command of ['dev', 'start', 'emulator', 'check', 'keys new FILE', 'keys rotate FILE'])
      expect(text).toMatch(new RegExp(`^ {2}${command} {2,}\\w`, 'm'))
    expect(text).toContain('.env')
  })

  it.each([
    ['strat', 'strat: is not a command. Did you mean start?'],
    ['dve', 'dve: is not a command. Did you mean dev?'],
    ['key', 'key: is not a command. Did you mean keys?'],
    ['CHECK', 'This is not a command. Did you mean check?'],
    ['--start', '--start: is not a command. Did you mean start?'],
    ['--verison', '--verison: is not a command. Did you mean --version?'],
    ['serve', 'serve: is not a command. The commands are dev, start, emulator, check, keys'],
    ['dev --port 5000', 'from the environment, not from options. Write PORT=5000 npx line-graphql-gateway dev'],
    ['start --port', 'Write PORT=5000 npx line-graphql-gateway start'],
    ['start -p 5000', 'Write PORT=5000 npx line-graphql-gateway start'],
    ['start --redis-url=x', 'Write REDIS_URL=… npx line-graphql-gateway start'],
    ['--port 5000', 'Write PORT=5000 npx line-graphql-gateway dev'],
    ['--port=5000', 'Write PORT=5000 npx line-graphql-gateway dev'],
    ['PORT=5000 start', 'Write PORT=5000 npx line-graphql-gateway dev'],
    ['start HOST=127.0.0.1', 'Write HOST=… npx line-graphql-gateway start'],
    ['start --cache-secret-file x', 'Write CACHE_SECRET_FILE=… npx line-graphql-gateway start'],
    ['emulator --port 5000', 'Write EMULATOR_PORT=5000 npx line-graphql-gateway emulator'],
    ['dev --emulator-port 0', 'Write EMULATOR_PORT=5000 npx line-graphql-gateway dev'],
    ['-V', 'This is not a command. The commands are dev'],
    ['check production', 'Write PORT=5000 npx line-graphql-gateway check'],
  ])('%s: a hint and exit code 2', (line, hint) => {
    expect(read(line)).toMatchObject({ code: 2, text: expect.stringContaining(hint) })
    expect(read(line)).toMatchObject({ text: expect.stringContaining('--help') })
  })

  it.each(['c4n4ry', 'CACHE_SECRET=c4n4ry dev', 'dev --cache-secret c4n4ry', '--c4n4ry', 'dev c4n4ry', '-- c4n4ry'])(
    '%s: what can be a secret is not repeated',
    (line) => {
      expect(read(line)).toMatchObject({ code: 2, text: expect.not.stringMatching(/c4n4ry/i) })
    },
  )
})

describe('check', () => {
  it('right settings: says so, with the warnings', () => {
    const env = { ...channel, LINE_CHANEL_TYPE: 'web' }
    const warning = 'LINE_CHANEL_TYPE: is not a setting and is ignored: did you mean LINE_CHANNEL_TYPE?'
    const text = `The settings are right.\nWarnings:\n  .env: odd\n  ${warning}\n`
    expect(checkSettings(env, ['.env: odd'])).toEqual({ code: 0, text })
    expect(checkSettings(channel, [])).toEqual({ code: 0, text: 'The settings are right.\n' })
  })

  it('NODE_ENV=development: says that production needs more', () => {
    const { code, text } = checkSettings({ ...channel, NODE_ENV: 'development' }, [])
    expect([code, text]).toEqual([0, expect.stringMatching(/^ {2}NODE_ENV: /m)])
  })

  it('wrong settings: all at once, the file of the keys too, and no value', () => {
    const env = { ...channel, PORT: 'c4n4ry', WORKERS: '2', SIGNING_KEYS_FILE: '/nowhere/c4n4ry.json' }
    const { code, text } = checkSettings(env, ['.env: odd'])
    expect(code).toBe(1)
    for (const name of ['PORT', 'WORKERS', 'SIGNING_KEYS_FILE', 'PUBLIC_URL']) expect(text).toContain(`\n  ${name}: `)
    expect(text).toContain('\n.env: odd\n')
    expect(text).not.toContain('c4n4ry')
  })

  it('the program: reads .env and the files of NAME_FILE; exit code 0 and nothing on standard error', async () => {
    await writeFile(join(folder, 'secret'), channel.LINE_CHANNEL_SECRET)
    // The first character is a byte order mark, as some editors on Windows write it.
    await writeFile(
      join(folder, '.env'),
      '\uFEFFLINE_CHANNEL_ID=2000000001\nLINE_CHANNEL_SECRET_FILE=secret\nPORT=c4n4ry\n',
    )
    // PORT=1 would need root: nothing is opened.
    expect(await run(['check'], { PORT: '1' })).toEqual({ code: 0, out: 'The settings are right.\n', err: '' })
  })

  it('.env in UTF-16, as `>` of PowerShell writes it: a warning that says so', async () => {
    const file = join(folder, 'utf-16.env')
    await writeFile(file, Buffer.from('\uFEFFPORT=5000\r\n', 'utf16le'))
    expect(readEnvFile(file)).toEqual(['.env: is not UTF-8 text and is ignored'])
  })

  it('the program, where .env is a folder: the problems and that on standard error, exit code 1', async () => {
    const other = join(folder, 'other')
    await mkdir(join(other, '.env'), { recursive: true })
    const { code, out, err } = await run(['check'], {}, other)
    expect([code, out]).toEqual([1, ''])
    expect(err).toMatch(/^These settings.*\n {2}LINE_CHANNEL_ID: /)
    expect(err).toMatch(/\n\.env: cannot be read and is ignored\n$/)
  })
})

describe('keys', () => {
  it('makes the file in the working folder, also where npm has another one (npx)', async () => {
    const env = { INIT_CWD: project, npm_lifecycle_event: 'npx' }
    const { code, out } = await run(['keys', 'new', 'keys.json', '--alg', 'ES256'], env)
    expect([code, out]).toEqual([0, expect.stringContaining('made, with one ES256 key')])
    expect(JSON.parse(await readFile(join(folder, 'keys.json'), 'utf8')).keys).toHaveLength(1)
  })

  it.each([
    ['npm run keys', '-- ', 'npm run keys new FILE [-- --alg ES256]'],
    ['npx line-graphql-gateway keys', '', 'npx line-graphql-gateway keys new FILE [--alg ES256]'],
  ] as const)('%s: its usage is what the user has to type', async (command, dashes, usage) => {
    const write = vi.spyOn(process.stdout, 'write').mockReturnValue(true)
    const code = await runKeys(['--help'], { command, dashes, folder })
    const [[text]] = write.mock.calls as [[string]]
    write.mockRestore()
    expect(code).toBe(0)
    expect(text).toContain(`\n  ${usage}\n`)
    expect(Math.max(...text.split('\n').map(({ length }) => length))).toBeLessThanOrEqual(100)
  })
})

describe('an old Node', () => {
  it('is what engines of package.json exclude', async () => {
    const { engines } = JSON.parse(await readFile(join(project, 'package.json'), 'utf8'))
    expect(engines.node).toBe(`>=${oldestNode}`)
    const [major = 0, minor = 0] = oldestNode.split('.').map(Number)
    const old = ['8.17.0', `${major - 1}.99.9`, `${major}.${minor - 1}.9`]
    const newer = [`${major}.${minor}.0`, `${major}.${minor + 1}.0`, `${major + 1}.0.0`, '100.0.0']
    expect([...old, ...newer].filter(isTooOld)).toEqual(old)
  })

  /** `src/cli/check-node.js` has no types. */
  type AdviceFor = (version: string, platform: string, arch: string, musl: boolean) => string

  it('in a clone: npm ci only where npm has a Node for the platform, otherwise where to get one', async () => {
    const { adviceFor } = (await import(join(project, 'src/cli/check-node.js'))) as { adviceFor: AdviceFor }
    const withNode = ['linux x64', 'linux arm64', 'darwin x64', 'darwin arm64', 'win32 x64']
    const without = ['win32 arm64', 'linux arm', 'linux riscv64', 'freebsd x64', 'linux x64 musl', 'linux arm64 musl']
    for (const system of [...withNode, ...without]) {
      const [platform = '', arch = '', libc] = system.split(' ')
      const advice = adviceFor('20.20.2', platform, arch, libc === 'musl')
      expect(advice).toContain(`Node.js ${oldestNode} or newer is needed, and this is 20.20.2.`)
      expect([system, advice.includes('npm ci')]).toEqual([system, withNode.includes(system)])
      expect([system, advice.includes('https://nodejs.org')]).toEqual([system, without.includes(system)])
    }
  })

  it('the Node for Linux needs glibc: npm must not install it on Alpine', async () => {
    const { packages } = JSON.parse(await readFile(join(project, 'package-lock.json'), 'utf8'))
    for (const arch of ['x64', 'arm64']) expect(packages[`node_modules/node-linux-${arch}`].libc).toEqual(['glibc'])
  })
})
