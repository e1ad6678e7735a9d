import { execFile } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { describe } from 'vitest'
import { project } from './programs.ts'
import { isUnreachable } from './test-packages.ts'

const run = promisify(execFile)

/** The tarball that `npm pack` makes. */
export type Tarball = {
  readonly path: string
  /** The packed files, as paths in the package. */
  readonly files: readonly string[]
  /** Of the tarball, and of its files, in bytes. */
  readonly size: number
  readonly unpackedSize: number
}

/** The tarball, installed by npm in an empty folder. */
export type InstalledPackage = {
  readonly folder: string
  /** The file that npm links the command to. */
  readonly command: string
  /** The paths of the installed packages, and whether each one has install scripts. */
  readonly packages: readonly { readonly path: string; readonly hasInstallScript: boolean }[]
  readonly seconds: number
}

/**
 * PATH for a user with the Node of the tests: without the programs of this project, which npm puts into the PATH of its
 * scripts.
 */
export const userPath = [
  dirname(process.execPath),
  ...(process.env.PATH ?? '').split(delimiter).filter((folder) => !folder.includes('node_modules')),
].join(delimiter)

/**
 * npm gives its own settings to the scripts that it runs, and those would reach the npm in here. So it gets only PATH, HOME and
 * the way to the registry.
 */
const environment = {
  PATH: userPath,
  ...Object.fromEntries(
    Object.entries(process.env).filter(([name]) => /^(home|node_extra_ca_certs|(https?|no)_proxy)$/i.test(name)),
  ),
}

/** Builds the package in the project, and packs it into a folder. */
export async function packProject(folder: string): Promise<Tarball> {
  await run('npm', ['run', '-s', 'build'], { cwd: project, env: environment })
  const { stdout } = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: project,
    env: environment,
  })
  const [{ filename, files, size, unpackedSize }] = Object.values(JSON.parse(stdout)) as [PackReport]
  return { path: join(folder, filename), files: files.map(({ path }) => path).sort(), size, unpackedSize }
}

type PackReport = {
  readonly filename: string
  readonly files: readonly { readonly path: string }[]
  readonly size: number
  readonly unpackedSize: number
}

/** Installs it in an empty folder. `undefined`: no registry can be reached. */
export async function installPackage({ path }: Tarball): Promise<InstalledPackage | undefined> {
  const folder = makeFolder()
  const startedAt = performance.now()
  try {
    const options = ['--no-audit', '--no-fund', '--prefer-offline', '--fetch-retries=1', '--fetch-timeout=60000']
    await run('npm', ['install', path, ...options], { cwd: folder, env: environment })
  } catch (error) {
    rmSync(folder, { recursive: true })
    if (isUnreachable(error)) return undefined
    throw error
  }
  const seconds = (performance.now() - startedAt) / 1_000
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules/.package-lock.json'), 'utf8'))
  const packages = Object.entries<{ hasInstallScript?: boolean }>(lock.packages).map(
    ([name, { hasInstallScript = false }]) => ({ path: name, hasInstallScript }),
  )
  return { folder, command: join(folder, 'node_modules/.bin/line-graphql-gateway'), packages, seconds }
}

/** Tests with the installed package. Where no registry can be reached they are skipped, and the output gives the reason. */
export function describeWithPackage(
  installed: InstalledPackage | undefined,
  subject: string,
  tests: (installed: InstalledPackage) => void,
): void {
  if (installed !== undefined) return void describe(subject, () => tests(installed))
  const reason = `the dependencies of the package cannot be installed: skipped ${subject}`
  process.stderr.write(`${reason}\n`)
  describe.skip(reason, () => {})
}

/** An empty folder outside the project. */
export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'package-'))
}

/** The files below a folder, as paths with `/`. */
export function filesBelow(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
}

/** Writes a file of a program into the folder, and returns its path. */
export function writeProgram(folder: string, name: string, text: string): string {
  const path = join(folder, name)
  writeFileSync(path, text)
  return path
}
