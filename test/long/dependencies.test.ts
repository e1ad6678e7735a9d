import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findYoungDependency } from '../../src/release/dependency-ages.ts'
import { readLockFile, readManifest } from '../../src/release/lock-file.ts'
import { print } from '../harness/print.ts'
import { project } from '../harness/programs.ts'

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

function integrityOf(content: Buffer): string {
  return `sha512-${createHash('sha512').update(content).digest('base64')}`
}

function originOf(server: Server): string {
  const address = server.address()
  return `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`
}
