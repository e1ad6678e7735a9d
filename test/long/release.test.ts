import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findYoungDependency } from '../../src/release/dependency-ages.ts'
import { readLockFile, readManifest } from '../../src/release/lock-file.ts'
import { print } from '../harness/print.ts'
import { project, usePrograms } from '../harness/programs.ts'

type Component = {
  readonly name: string
  readonly version: string
  readonly purl: string
  readonly licenses?: readonly { readonly license?: { readonly id?: string } }[]
  readonly hashes?: readonly { readonly alg: string; readonly content: string }[]
}

describe('npm run sbom', () => {
  const text = execFileSync('npm', ['run', '-s', 'sbom'], { cwd: project, encoding: 'utf8' })
  const { bomFormat, metadata, components } = JSON.parse(text) as {
    bomFormat: string
    metadata: { component: Component }
    components: Component[]
  }

  it('lists each production package of the lock file, with its licence and hash, and nothing else', () => {
    const wanted = Object.entries(readLockFile(project).packages)
      .filter(([path, { dev, link }]) => path !== '' && !dev && !link)
      .map(([path, { version, license, integrity }]) => {
        const sha512 = Buffer.from(integrity?.replace('sha512-', '') ?? '', 'base64').toString('hex')
        return [path.split('node_modules/').at(-1), version, license, sha512].join(' ')
      })
    const listed = components.map(({ name, version, licenses, hashes }) =>
      [name, version, licenses?.[0]?.license?.id, hashes?.find(({ alg }) => alg === 'SHA-512')?.content].join(' '),
    )
    expect(bomFormat).toBe('CycloneDX')
    expect(listed.sort()).toEqual([...new Set(wanted)].sort())
    print(`the SBOM: ${components.length} packages, ${Math.round(text.length / 1024)} KB`)
  })

  it('is about this version, and names no folder of this machine and no registry', () => {
    const { name, version } = readManifest(project)
    expect(metadata.component).toMatchObject({ name, version, purl: `pkg:npm/${name}@${version}` })
    expect(text).not.toContain(project)
    expect(text).not.toContain(tmpdir())
    expect(text).not.toMatch(/registry/)
  })
})

describe('findYoungDependency', () => {
  const now = Date.now()
  const daysAgo = (days: number) => new Date(now - days * 24 * 3_600_000).toISOString()
  const home = mkdtempSync(join(tmpdir(), 'ages-'))
  const packed = join(home, 'leaf')
  let tarball: Buffer
  let registry: Server
  let publishedAt = ''

  beforeAll(async () => {
    mkdirSync(packed)
    writeFileSync(join(packed, 'package.json'), '{"name":"leaf","version":"1.0.0"}')
    execFileSync('npm', ['pack', '--pack-destination', home], { cwd: packed, stdio: 'ignore' })
    tarball = readFileSync(join(home, 'leaf-1.0.0.tgz'))
    registry = createServer(({ url }, response) => {
      response.end(url?.endsWith('.tgz') ? tarball : JSON.stringify(answer()))
    })
    await new Promise<void>((resolve) => registry.listen(0, '127.0.0.1', resolve))
    writeProject()
  })
  afterAll(() => {
    registry.close()
    rmSync(home, { recursive: true, force: true })
  })

  it('a package that is 8 days old: nothing is found', async () => {
    publishedAt = daysAgo(8)
    expect(await find()).toBeUndefined()
  })

  it('a package that is 6 days old: named', async () => {
    publishedAt = daysAgo(6)
    expect(await find()).toContain('leaf@1.0.0')
  })

  it('no registry: an error, not an answer', async () => {
    const env = { ...environment(), npm_config_registry: 'http://127.0.0.1:9', npm_config_fetch_retries: '0' }
    await expect(findYoungDependency(home, { now, env })).rejects.toThrow('could not install')
  })

  /** A new cache, because npm keeps answers of the registry. */
  function find(): Promise<string | undefined> {
    return findYoungDependency(home, { now, env: environment() })
  }

  function environment(): NodeJS.ProcessEnv {
    const npm_config_cache = mkdtempSync(join(home, 'cache-'))
    return { ...process.env, npm_config_registry: originOf(registry), npm_config_cache }
  }

  function answer() {
    const dist = { tarball: `${originOf(registry)}/leaf/-/leaf-1.0.0.tgz`, integrity: integrityOf(tarball) }
    const versions = { '1.0.0': { name: 'leaf', version: '1.0.0', dist } }
    return { name: 'leaf', 'dist-tags': { latest: '1.0.0' }, versions, time: { '1.0.0': publishedAt } }
  }

  function writeProject(): void {
    const manifest = { name: 'app', version: '1.0.0', dependencies: { leaf: '1.0.0' } }
    const leaf = { version: '1.0.0', integrity: integrityOf(tarball), license: 'MIT' }
    const lock = { lockfileVersion: 3, packages: { '': manifest, 'node_modules/leaf': leaf } }
    writeFileSync(join(home, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(home, 'package-lock.json'), JSON.stringify(lock))
    copyFileSync(join(project, '.npmrc'), join(home, '.npmrc'))
  }
})

describe('npm run release', () => {
  const programs = usePrograms()
  const home = mkdtempSync(join(tmpdir(), 'a-release-'))
  const folder = join(home, 'project')
  const temporary = join(home, 'tmp')
  const made = ['line-graphql-gateway-1.1.0.cdx.json', 'line-graphql-gateway-1.1.0.tgz']
  const steps = ['ci', 'ci --before', 'test', 'run check', 'run test:long', 'run build', 'pack', 'run -s sbom']

  beforeAll(() => {
    for (const one of [join(home, 'bin'), temporary]) mkdirSync(one)
    writeFileSync(join(home, 'bin/npm'), standIn, { mode: 0o755 })
    for (const part of ['src/release', 'src/version.ts', '.npmrc', '.gitignore'])
      cpSync(join(project, part), join(folder, part), { recursive: true })
    mkdirSync(join(folder, 'test/schema-changes'), { recursive: true })
    const manifest = '{ "name": "line-graphql-gateway", "version": "1.1.0", "type": "module" }'
    const changelog = '## [Unreleased]\n\n## [1.1.0] - 2026-02-28\n\n### Added\n\n- One.\n'
    const files = {
      'package.json': manifest,
      'package-lock.json': `{ "version": "1.1.0", "packages": { "": ${manifest} } }`,
      'CHANGELOG.md': changelog,
      'schema.graphql': '',
      'test/schema-changes/released.graphql': '',
      'test/schema-changes/accepted.json': '[]\n',
    }
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
    git('init', '--quiet')
    git('add', '.')
    git('-c', 'user.name=a', '-c', 'user.email=a@b.example', 'commit', '--quiet', '--message=One')
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  it('each step runs once, in this order; the two files are made, and no other', async () => {
    const { code, ran, out, files } = await release({})
    expect({ code, ran, files }).toEqual({ code: 0, ran: steps, files: made })
    expect(out).toContain(`git tag -a v1.1.0 -m v1.1.0 ${git('rev-parse', '--short=12', 'HEAD').trim()}`)
    expect(out).not.toContain('Left out')
  })

  it('a rehearsal: says what was left out, and not how to publish', async () => {
    const { code, ran, out } = await release({}, ['--skip-long'])
    expect({ code, ran }).toEqual({ code: 0, ran: steps.filter((step) => step !== 'run test:long') })
    expect(out).toContain('Left out: the long tests\n')
    expect(out).not.toContain('npm publish')
  })

  it.each(['ci', 'test', 'run -s sbom'])(
    'npm %s fails: it stops there, and leaves no file of an earlier run',
    async (step) => {
      for (const file of made) writeFileSync(join(folder, file), 'of an earlier run')
      const { code, ran, err, files } = await release({ FAILS: step })
      expect({ code, ran, files }).toEqual({ code: 1, ran: steps.slice(0, steps.indexOf(step) + 1), files: [] })
      expect(err).toContain(`npm ${step} has failed: nothing is released\n`)
    },
  )

  it('a package that is too young: it stops before the tests', async () => {
    const { code, ran, err } = await release({ FAILS: 'ci --before', SAYS: 'No matching version found for leaf@1.0.0' })
    expect({ code, ran }).toEqual({ code: 1, ran: steps.slice(0, 2) })
    expect(err).toContain('younger than 7 days. No matching version found for leaf@1.0.0')
  })

  it('no answer of the registry about ages: it goes on, and says so at the end', async () => {
    const { code, ran, out } = await release({ FAILS: 'ci --before', SAYS: 'getaddrinfo ENOTFOUND' })
    expect({ code, ran }).toEqual({ code: 0, ran: steps })
    expect(out).toMatch(/Left out: the ages of the production packages: .*ENOTFOUND/)
  })

  it('a step changes a file that git knows: the file is named', async () => {
    const { code, err, files } = await release({ CHANGES: 'schema.graphql' })
    expect({ code, files }).toEqual({ code: 1, files: [] })
    expect(err).toContain(' M schema.graphql')
  })

  it('a signal while a step runs: the step ends too, and nothing is left', async () => {
    const program = start({ HANGS: 'test' })
    await program.printed(/> npm test\n(hangs)/)
    program.kill('SIGTERM')
    expect(await program.ended).toBe(1)
    expect(program.err()).toContain('Stopped: nothing is released')
    expect(readdirSync(temporary)).toEqual([])
  })

  it('an unknown option: named, and nothing runs', async () => {
    const { code, ran, err } = await release({}, ['--skip-log'])
    expect({ code, ran }).toEqual({ code: 1, ran: [] })
    expect(err).toMatch(/^Unknown option '--skip-log'.*\n$/)
  })

  async function release(settings: NodeJS.ProcessEnv, options: readonly string[] = []) {
    rmSync(join(home, 'ran'), { force: true })
    const program = start(settings, options)
    const code = await program.ended
    const ran = existsSync(join(home, 'ran')) ? readFileSync(join(home, 'ran'), 'utf8').trim().split('\n') : []
    const files = readdirSync(folder).filter((name) => name.startsWith('line-graphql-gateway-'))
    expect(readdirSync(temporary)).toEqual([])
    return { code, ran, out: program.out(), err: program.err(), files }
  }

  function start(settings: NodeJS.ProcessEnv, options: readonly string[] = []) {
    const PATH = [join(home, 'bin'), process.env.PATH].join(delimiter)
    const env = { PATH, TMPDIR: temporary, RAN: join(home, 'ran'), ...settings }
    return programs.start(process.execPath, ['src/release/release.ts', ...options], env, folder)
  }

  function git(...words: readonly string[]): string {
    return execFileSync('git', words, { cwd: folder, encoding: 'utf8' })
  }
})

/** In place of npm: notes what it should run, and fails, hangs or changes a file where a test wants it. */
const standIn = `#!/bin/sh
step=$(echo "$*" | sed 's/ --before.*/ --before/')
echo "$step" >> "$RAN"
if [ "$step" = "$FAILS" ]; then echo "$SAYS" >&2; exit 1; fi
if [ "$step" = "$HANGS" ]; then echo hangs; sleep 600; fi
case $step in
  pack) echo tarball > line-graphql-gateway-1.1.0.tgz ;;
  'run -s sbom') echo '{}' ;;
  'run build') if [ -n "$CHANGES" ]; then echo changed > "$CHANGES"; fi ;;
esac
`

function integrityOf(content: Buffer): string {
  return `sha512-${createHash('sha512').update(content).digest('base64')}`
}

function originOf(server: Server): string {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
