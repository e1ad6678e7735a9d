import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { version } from '../../src/version.ts'
import { web } from '../harness/channels.ts'
import { curlsIn } from '../harness/curl.ts'
import {
  describeWithPackage,
  filesBelow,
  installPackage,
  makeFolder,
  packProject,
  userPath,
  writeProgram,
} from '../harness/installed-package.ts'
import { print } from '../harness/print.ts'
import { project, usePrograms } from '../harness/programs.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import { ask, childrenOf } from '../harness/workers.ts'

const statusBefore = gitStatus()
const packFolder = makeFolder()
const tarball = await packProject(packFolder)
const statusAfter = gitStatus()
const installed = await installPackage(tarball)

afterAll(() => {
  rmSync(packFolder, { recursive: true })
  if (installed) rmSync(installed.folder, { recursive: true, force: true })
})

/** Nothing of the network can be reached: neither the registry, if npx asks it, nor LINE. */
const offline = {
  npm_config_offline: 'true',
  npm_config_registry: 'http://127.0.0.1:1',
  HTTPS_PROXY: 'http://127.0.0.1:1',
  HTTP_PROXY: 'http://127.0.0.1:1',
}
/** A user has no compile cache of the tests. */
const user = { PATH: userPath, NODE_DISABLE_COMPILE_CACHE: '1' }
const listening = /"url":"(http:[^"]+)".*"listening"/

describe('the tarball', () => {
  it('its files: the compiled source with types and pages, the schema, the documents, and nothing else', () => {
    const [inDist, others] = [tarball.files.filter(isInDist), tarball.files.filter((file) => !isInDist(file))]
    expect(others).toEqual(['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json', 'schema.graphql'])
    const onlyHere = /^(?:release\/|print-schema|cli\/check-node)|\.d\.ts$/
    const source = filesBelow(join(project, 'src')).filter((file) => !onlyHere.test(file))
    expect(source.filter((file) => /\bpages\//.test(file)).length).toBeGreaterThan(20)
    const built = source.flatMap((file) =>
      file.endsWith('.ts') ? [file.replace(/ts$/, 'js'), file.replace(/ts$/, 'd.ts')] : [file],
    )
    expect(inDist).toEqual(built.map((file) => `dist/${file}`).sort())
    print(`tarball: ${kB(tarball.size)}, ${tarball.files.length} files of ${kB(tarball.unpackedSize)}`)
  })

  it('to build and to pack it: git sees no change', () => {
    expect(statusAfter).toBe(statusBefore)
  })
})

describeWithPackage(installed, 'the package in an empty folder', ({ folder, command, packages, seconds }) => {
  const programs = usePrograms()
  const start = (words: readonly string[], settings: NodeJS.ProcessEnv = {}) =>
    programs.start(command, words, { ...user, ...settings }, folder)
  let emulator: Emulator
  let production: NodeJS.ProcessEnv
  beforeAll(async () => {
    emulator = await startEmulator({ channels: [web] })
    production = {
      LINE_CHANNEL_ID: web.id,
      LINE_CHANNEL_SECRET: web.secret,
      LINE_API_URL: emulator.url,
      LINE_ACCESS_URL: emulator.url,
      LINE_TIMEOUT_MS: '60000',
      HOST: '127.0.0.1',
      PORT: '0',
      SHUTDOWN_DELAY_SECONDS: '0',
    }
  })
  afterAll(() => emulator.close())

  it('the installation: no second Node, and no package with install scripts', () => {
    expect(packages.filter(({ hasInstallScript }) => hasInstallScript)).toEqual([])
    expect(packages.filter(({ path }) => /node_modules\/(node|bundled-node|node-[^/]+)$/.test(path))).toEqual([])
    expect(existsSync(join(folder, 'node_modules/.bin/node'))).toBe(false)
    const sizes = filesBelow(join(folder, 'node_modules')).map(
      (file) => statSync(join(folder, 'node_modules', file)).size,
    )
    const size = sizes.reduce((sum, bytes) => sum + bytes, 0)
    print(`installation: ${packages.length} packages, ${kB(size)}, ${seconds.toFixed(1)} s`)
  })

  it('npx line-graphql-gateway dev, without a network: the printed curl is answered, and the pages load', async () => {
    const startedAt = performance.now()
    const settings = { ...user, ...offline, PORT: '0', EMULATOR_PORT: '0' }
    const program = programs.start('npx', ['line-graphql-gateway', 'dev'], settings, folder)
    const [curl] = curlsIn(await program.printed(/(curl [\s\S]+?\n)\n/))
    const answer = await fetch(curl?.request({}) ?? '')
    expect(await answer.json()).toEqual({ data: { viewer: { displayName: 'Sakura Tanaka' } } })
    const elapsed = performance.now() - startedAt
    print(`npx line-graphql-gateway dev: the first answer after ${(elapsed / 1_000).toFixed(1)} s`)

    expect(program.out()).toContain(`LINE GraphQL Gateway ${version} `)
    for (const name of ['GraphiQL', 'Demo page', 'LINE emulator'])
      await loadPage(await program.printed(new RegExp(`${name} +(http:\\S+)`)))
    program.killGroup('SIGINT')
    await program.ended
  })

  it('check: exit code 1 and the name of each wrong setting, without its value; 0 if all are right', async () => {
    const wrong = start(['check'], { LINE_CHANNEL_ID: 'canary', PORT: '65536', REDIS_URL: 'http://canary.example' })
    expect(await wrong.ended).toBe(1)
    for (const name of ['LINE_CHANNEL_ID', 'LINE_CHANNEL_SECRET', 'PORT', 'REDIS_URL', 'CACHE_SECRET'])
      expect(wrong.err()).toContain(`${name}: `)
    expect(wrong.out() + wrong.err()).not.toMatch(/canary|65536/)
    const right = start(['check'], production)
    expect(await right.ended, right.err()).toBe(0)
  })

  it('start: it serves, its first line has the version, and SIGTERM to the program ends it with 0', async () => {
    const startedAt = performance.now()
    const program = start(['start'], production)
    const url = await program.printed(listening)
    const readyMs = performance.now() - startedAt
    expect(program.out()).toContain(`"version":"${version}"`)
    const processes = [program.process.pid ?? 0, ...childrenOf(program)]
    print(`start: listens after ${(readyMs / 1_000).toFixed(1)} s, ${residentMb(processes)} MB resident when idle`)
    expect(await ask(url, emulator.issueTokens().accessToken)).toBe('Sakura Tanaka')
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
    expect(program.err()).toBe('')
  })

  it('emulator: it serves, and SIGTERM ends it with 0', async () => {
    const program = start(['emulator'], { EMULATOR_PORT: '0' })
    await loadPage(await program.printed(/LINE emulator: (http:\S+)/))
    program.kill('SIGTERM')
    expect(await program.ended).toBe(0)
  })

  it('keys new FILE: a file for its owner only, and never one that exists', async () => {
    const file = join(folder, 'signing.json')
    expect(await start(['keys', 'new', file]).ended).toBe(0)
    expect(statSync(file).mode & 0o777).toBe(0o600)
    const text = readFileSync(file, 'utf8')
    expect(await start(['keys', 'new', file]).ended).toBe(1)
    expect(readFileSync(file, 'utf8')).toBe(text)
  })

  it('--version: the version of the package', async () => {
    const program = start(['--version'])
    expect(await program.ended).toBe(0)
    expect(program.out().trim()).toBe(version)
  })

  it('the program of the README that embeds the gateway: it serves, and ends by itself after SIGTERM', async () => {
    const path = writeProgram(folder, 'embed.mjs', readFileSync(join(project, 'test/recipes/embed.mjs'), 'utf8'))
    const program = programs.start(process.execPath, [path], { ...user, ...production }, folder)
    const url = await program.printed(/(http:\S+)\/graphql\n/)
    expect(await ask(url, emulator.issueTokens().accessToken)).toBe('Sakura Tanaka')
    program.kill('SIGTERM')
    expect(await program.ended, program.err()).toBe(0)
  })

  it('a program whose port is in use: it gets the error, and nothing keeps it running, with Redis away too', async () => {
    const path = writeProgram(folder, 'in-use.mjs', inUse)
    const { port } = new URL(emulator.url)
    const settings = { ...user, ...production, PORT: port, ...shared, REDIS_URL: 'redis://127.0.0.1:1' }
    const program = programs.start(process.execPath, [path], settings, folder)
    await program.printed(/EADDRINUSE/)
    expect(await program.ended, program.err()).toBe(0)
  }, 60_000)

  it.each([
    ['nodenext', 'nodenext'],
    ['esnext', 'bundler'],
  ])(
    'types, with module %s and moduleResolution %s: right uses compile, and wrong ones do not',
    (module, resolution) => {
      writeProgram(folder, 'consumer.mts', consumer)
      const compilerOptions = {
        ...{ module, moduleResolution: resolution, target: 'es2024', lib: ['es2024'], types: [], noEmit: true },
        ...{ strict: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
      }
      writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['consumer.mts'] }))
      expect(() => execFileSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' })).not.toThrow()
    },
  )

  describeWithRedis('start with workers', () => {
    const servers = useRedis()

    it('WORKERS=2: both are programs of the package, and SIGTERM ends all with 0', async () => {
      const { url: redis } = await servers.start()
      const program = start(['start'], { ...production, ...shared, REDIS_URL: redis, WORKERS: '2' })
      const url = await program.printed(listening)
      expect(program.out()).toContain(`"version":"${version}"`)
      const token = emulator.issueTokens().accessToken
      for (let n = 0; n < 4; n += 1) expect(await ask(url, token)).toBe('Sakura Tanaka')
      program.kill('SIGTERM')
      expect(await program.ended).toBe(0)
      expect(program.err()).toBe('')
    })
  })
})

const shared = { CACHE_SECRET: 'a secret of thirty-two characters' }
const inUse = `
import { createGateway } from 'line-graphql-gateway'
createGateway().catch(({ code }) => console.log(code))
`

const tsc = join(project, 'node_modules/typescript/bin/tsc')

/** `any` would hide what is not resolved: then the comments would be errors, because nothing below them is one. */
const consumer = `
import { ConfigError, createGateway, type Gateway, type GatewayOptions, type Settings } from 'line-graphql-gateway'
const settings: Settings = { LINE_CHANNEL_ID: '1', PORT: 0, GRAPHIQL: true, HOST: undefined }
const options: GatewayOptions = { log: { write: (line: string) => line.length } }
const gateway: Gateway = await createGateway(settings, options)
const url: string = gateway.url
const metricsUrl: string | undefined = gateway.metricsUrl
await gateway.close()
// @ts-expect-error
gateway.uri
// @ts-expect-error
const notText: number = gateway.url
// @ts-expect-error
await createGateway({ LINE_CHANNELS: [] })
// @ts-expect-error
await createGateway({}, { logger: options.log })
const problems: readonly string[] = new ConfigError([]).problems
// @ts-expect-error
new ConfigError([]).warnings
export { metricsUrl, notText, problems, url }
`

/** The page and the files that it names are there. */
async function loadPage(url: string): Promise<void> {
  const page = await textOf(url, { accept: 'text/html' })
  const html = page.replace(/(<script\b[^>]*>)[\s\S]*?<\/script>/g, '$1')
  const names = [...html.matchAll(/<(?:script|link|img)\b[^>]*? (?:src|href)="([^"]+)"/g)].map(([, name = '']) => name)
  for (const name of names.filter((one) => !one.startsWith('data:'))) await textOf(new URL(name, url).href)
}

async function textOf(url: string, headers: Record<string, string> = {}): Promise<string> {
  const answer = await fetch(url, { headers })
  const text = await answer.text()
  expect({ url, status: answer.status }).toEqual({ url, status: 200 })
  return text
}

/** `undefined`: this is not a clone, or there is no git. */
function gitStatus(): string | undefined {
  try {
    return execFileSync('git', ['status', '--porcelain'], { cwd: project, encoding: 'utf8', stdio: 'pipe' })
  } catch {
    return undefined
  }
}

function residentMb(pids: readonly number[]): string {
  const pages = execFileSync('ps', ['-o', 'rss=', '-p', pids.join()], { encoding: 'utf8' })
  const total = pages
    .trim()
    .split(/\s+/)
    .reduce((sum, kilobytes) => sum + Number(kilobytes), 0)
  return (total / 1024).toFixed(0)
}

const isInDist = (file: string) => file.startsWith('dist/')
const kB = (bytes: number) => `${Math.round(bytes / 1000).toLocaleString('en')} kB`
