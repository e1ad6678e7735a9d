import { type LockedPackage, readLockFile } from '../../src/release/lock-file.ts'
import { fileText } from './document-facts.ts'
import { project } from './programs.ts'

export const listFile = 'test/dependencies.md'

/** A row of test/dependencies.md. The cells of a machine come first, then the words of a maintainer. */
export type ListedDependency = {
  readonly name: string
  readonly version: string
  readonly license: string
  readonly packages: string
  readonly megabytes: string
  readonly lastRelease: string
  readonly purpose: string
  readonly tried: string
}

const { packages } = readLockFile(project)

export function listedRows(): ListedDependency[] {
  const rows = fileText(listFile)
    .split('\n')
    .filter((line) => /^\| [@a-z]/.test(line) && !line.startsWith('| package |'))
  return rows.map((line) => {
    const [
      name = '',
      version = '',
      license = '',
      count = '',
      megabytes = '',
      lastRelease = '',
      purpose = '',
      tried = '',
    ] = line.slice(2, -2).split(' | ')
    return { name, version, license, packages: count, megabytes, lastRelease, purpose, tried }
  })
}

/** The cells that the lock file knows. */
export function machineCells(name: string): Pick<ListedDependency, 'version' | 'license' | 'packages'> {
  const { version = '', license = '–' } = packages[pathOf(name)] ?? {}
  return { version, license, packages: String(pathsBelow(name).length) }
}

/** The places of a dependency and of all that it brings. Its peers count for those who declare them. */
export function pathsBelow(name: string): string[] {
  const found = new Set<string>()
  visit(pathOf(name))
  return [...found]

  function visit(path: string): void {
    const locked = packages[path]
    if (locked === undefined || found.has(path)) return
    found.add(path)
    for (const next of namesIn(locked)) visit(nearest(path, next))
  }
}

export function productionPaths(): string[] {
  return Object.keys(packages).filter((path) => path !== '' && !packages[path]?.dev && !packages[path]?.link)
}

function pathOf(name: string): string {
  const path = `node_modules/${name}`
  return packages[path]?.link ? (packages[path].resolved ?? path) : path
}

function namesIn({ dependencies, optionalDependencies }: LockedPackage): string[] {
  return Object.keys({ ...dependencies, ...optionalDependencies })
}

/** Where Node finds a package that is imported from `path`. */
function nearest(path: string, name: string): string {
  for (let folder = path; folder !== ''; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const candidate = `${folder}/node_modules/${name}`
    if (packages[candidate] !== undefined) return candidate
  }
  return `node_modules/${name}`
}
