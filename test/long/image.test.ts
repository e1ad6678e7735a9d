import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { buildContext } from '../harness/build-context.ts'
import { web } from '../harness/channels.ts'
import { freePort } from '../harness/free-port.ts'
import { buildImage, firstProcessOf, type Image, startContainer, whyNoContainers } from '../harness/image.ts'
import { print } from '../harness/print.ts'
import type { Program } from '../harness/programs.ts'
import { describeWithRedis, useRedis } from '../harness/redis.ts'
import { describeWithPackages, installPackages } from '../harness/test-packages.ts'
import { ask, childrenOf } from '../harness/workers.ts'

/** There is no Docker engine here: the Dockerfile is carried out in a folder, and the result runs in a container of our own. */
const packages = await installPackages('test/long/deploy-files')

describeWithPackages(packages, 'the parser of the Dockerfile', 'the image', (folder) => {
  let image: Image
  beforeAll(() => {
    image = buildImage(folder)
  }, 300_000)
  afterAll(() => {
    image?.remove()
    rmSync(folder, { recursive: true, force: true })
  })

  it('has the programs and the packages of production, and nothing else', () => {
    const app = join(image.root, image.workdir)
    expect(readdirSync(app).sort()).toEqual(['LICENSE', 'dist', 'node_modules', 'package.json'])
    const files = readdirSync(image.root, { recursive: true, encoding: 'utf8' })
    const ours = files.filter((file) => !file.includes('node_modules/'))
    expect(ours.filter((file) => /(?<!\.d)\.ts$|\.test\.|(^|\/)\.(env|git)\b/.test(file))).toEqual([])
    const { devDependencies, dependencies } = JSON.parse(readFileSync(join(app, 'package.json'), 'utf8'))
    const installed = readdirSync(join(app, 'node_modules'))
    expect(installed).toEqual(expect.arrayContaining(Object.keys(dependencies).map((name) => name.split('/')[0])))
    const unwanted = [...Object.keys(devDependencies).filter((name) => !name.startsWith('@')), 'bin/node']
    expect(installed.filter((name) => unwanted.includes(name) || name.startsWith('node-'))).toEqual([])
    expect(files.filter((file) => /(^|\/)bin\/node(\.exe)?$/.test(file))).toEqual([])
    const size = execFileSync('du', ['-sm', '--apparent-size', app], { encoding: 'utf8' }).split('\t')[0]
    print(`the image's own files: ${size} MB, ${files.length} files`)
  })

  it('its user can read every file, and write none', () => {
    const modeOf = (path: string) => statSync(join(image.root, path)).mode
    const paths = readdirSync(image.root, { recursive: true, encoding: 'utf8' })
    const needed = (mode: number) => ((mode & 0o170000) === 0o040000 ? 0o005 : 0o004)
    const wrong = paths.filter((path) => (modeOf(path) & (needed(modeOf(path)) | 0o002)) !== needed(modeOf(path)))
    expect(wrong).toEqual([])
    expect(image.env).toEqual({ NODE_ENV: 'production' })
  })

  it('a COPY of what is not there: fails, as with docker', () => {
    const text = 'FROM node:1 AS one\nWORKDIR /app\n'
    expect(() => buildImage(folder, `${text}COPY test/ test/`)).toThrow('COPY test/: not in the build context')
    expect(() => buildImage(folder, `${text}COPY nothing ./`)).toThrow('ENOENT')
    expect(() => buildImage(folder, `${text}COPY --from=two /app /app`)).toThrow('no such stage')
    expect(() => buildImage(folder, `${text}COPY src/ src/\nRUN npm ci`)).toThrow('no lock file')
  })

  it('.dockerignore: leaves out secrets, the history, packages and what was built here', () => {
    const { has } = buildContext(folder)
    const secret = [
      '.env',
      '.env.local',
      '.git/config',
      'keys/signing.json',
      'signing.json',
      'test/deploy/secrets/redis-url',
    ]
    expect([...secret, 'node_modules/graphql/package.json', 'dist/main.js', 'test/main.test.ts'].filter(has)).toEqual(
      [],
    )
    expect(['package.json', 'package-lock.json', '.npmrc', 'src/main.ts'].every(has)).toBe(true)
  })

  const reason = whyNoContainers()
  if (reason !== undefined) process.stderr.write(`${reason}: skipped running the image\n`)
  describe.skipIf(reason !== undefined)('read-only, as PID 1, as another user than root', () => {
    const started: Program[] = []
    let emulator: Emulator
    beforeEach(async () => {
      emulator = await startEmulator({ channels: [web] })
    })
    afterEach(async () => {
      for (const program of started.splice(0)) {
        program.kill('SIGKILL')
        await program.ended
      }
      await emulator.close()
    })

    it('no process can write, and there is no shell and no npm', async () => {
      const script = `
        const { accessSync, constants } = require('fs')
        const canWrite = (path) => { try { accessSync(path, constants.W_OK); return true } catch { return false } }
        const paths = ['/', '/app', '/app/dist', '/app/dist/main.js', '/app/node_modules', '/tmp'].filter(canWrite)
        const shell = require('child_process').spawnSync('sh').error?.code
        console.log(JSON.stringify({ paths, shell, uid: process.getuid(), groups: process.getgroups(), pid: process.pid }))
      `
      const program = run({}, ['node', '-e', script])
      const found = JSON.parse(await program.printed(/(.+)\n/))
      expect(found).toEqual({ paths: [], shell: 'ENOENT', uid: 1000, groups: [1000], pid: 1 })
      expect(image.user).toBe('1000')
    })

    it('serves the viewer; the health check says so; SIGTERM: exit code 0', async () => {
      const { program, port, url, ms } = await start({})
      expect(await ask(url, emulator.issueTokens().accessToken)).toBe('Sakura Tanaka')
      expect(await isHealthy(port)).toBe(0)
      print(`the image: listening after ${ms} ms, ${residentMb(program)} MB resident at idle`)
      process.kill(firstProcessOf(program), 'SIGTERM')
      expect(await program.ended).toBe(0)
      expect(await isHealthy(port)).toBe(1)
      expect(program.err()).toBe('')
    })

    it('a wrong setting: named, exit code 1', async () => {
      const program = run({ PORT: 'x' })
      expect(await program.ended).toBe(1)
      expect(program.err()).toContain('PORT: must be')
    })

    describeWithRedis('WORKERS', () => {
      const servers = useRedis()

      it('two workers serve; SIGTERM to PID 1 ends all with exit code 0', async () => {
        const redis = await servers.start()
        const shared = { REDIS_URL: redis.url, CACHE_SECRET: 'a secret of thirty-two characters' }
        const { program, url, port, ms } = await start({ ...shared, WORKERS: '2' })
        expect(await ask(url, emulator.issueTokens().accessToken)).toBe('Sakura Tanaka')
        expect(await isHealthy(port)).toBe(0)
        print(`the image with WORKERS=2: listening after ${ms} ms, ${residentMb(program)} MB resident at idle`)
        process.kill(firstProcessOf(program), 'SIGTERM')
        expect(await program.ended).toBe(0)
      })
    })

    async function start(settings: NodeJS.ProcessEnv) {
      const port = await freePort()
      const startedAt = performance.now()
      const program = run({
        LINE_CHANNEL_ID: web.id,
        LINE_CHANNEL_SECRET: web.secret,
        LINE_API_URL: emulator.url,
        LINE_ACCESS_URL: emulator.url,
        LINE_TIMEOUT_MS: '60000',
        PORT: `${port}`,
        SHUTDOWN_DELAY_SECONDS: '0',
        ...settings,
      })
      await program.printed(/"listening"/)
      const ms = Math.round(performance.now() - startedAt)
      return { program, port, url: `http://127.0.0.1:${port}`, ms }
    }

    function isHealthy(port: number): Promise<number | null> {
      return run({ PORT: `${port}` }, image.healthcheck).ended
    }

    function run(...what: [settings: NodeJS.ProcessEnv, command?: readonly string[]]): Program {
      const program = startContainer(image, ...what)
      started.push(program)
      return program
    }
  })
})

/** Of the first process and its workers. */
function residentMb(program: Program): number {
  const first = firstProcessOf(program)
  const workers = childrenOf({ process: { pid: first } })
  const kb = [first, ...workers].map((pid) =>
    Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]),
  )
  return Math.round(kb.reduce((sum, one) => sum + one, 0) / 1024)
}
