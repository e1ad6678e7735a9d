import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readLockFile, readManifest, withoutDevelopment } from './lock-file.ts'

/** Calls `use` with a folder that has this project's package.json, lock file and .npmrc without the development packages. */
export async function withProductionCopy<Result>(
  project: string,
  use: (folder: string) => Result | Promise<Result>,
): Promise<Result> {
  const { manifest, lock } = withoutDevelopment(readManifest(project), readLockFile(project))
  const parent = mkdtempSync(join(tmpdir(), 'production-'))
  // npm takes the name of the folder for the name of the package.
  const folder = join(parent, manifest.name)
  try {
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest))
    writeFileSync(join(folder, 'package-lock.json'), JSON.stringify(lock))
    copyFileSync(join(project, '.npmrc'), join(folder, '.npmrc'))
    return await use(folder)
  } finally {
    rmSync(parent, { recursive: true, force: true })
  }
}
