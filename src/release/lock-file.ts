import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What this folder reads of `package.json`. */
export type Manifest = {
  readonly name: string
  readonly version: string
  readonly engines: { readonly node: string }
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>>
}

/** One package of `package-lock.json`. */
export type LockedPackage = {
  readonly version?: string
  readonly license?: string
  readonly integrity?: string
  readonly resolved?: string
  readonly link?: boolean
  readonly dev?: boolean
  readonly hasInstallScript?: boolean
  readonly engines?: { readonly node?: string }
  readonly dependencies?: Readonly<Record<string, string>>
  readonly devDependencies?: Readonly<Record<string, string>> | undefined
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly peerDependencies?: Readonly<Record<string, string>>
}

export type LockFile = { readonly packages: Readonly<Record<string, LockedPackage>> }

export function readManifest(project: string): Manifest {
  return JSON.parse(readFileSync(join(project, 'package.json'), 'utf8'))
}

export function readLockFile(project: string): LockFile {
  return JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'))
}

/** The two files without all development packages: what a production install installs, and nothing else. */
export function withoutDevelopment(manifest: Manifest, lock: LockFile): { manifest: Manifest; lock: LockFile } {
  const { devDependencies: _, ...production } = manifest
  const { '': root, ...packages } = lock.packages
  const ofProduction = Object.entries(packages).filter(([, { dev, link }]) => !(dev || link))
  const withoutOthers = { ...root, devDependencies: undefined }
  return {
    manifest: production,
    lock: { ...lock, packages: { '': withoutOthers, ...Object.fromEntries(ofProduction) } },
  }
}
