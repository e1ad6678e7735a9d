import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { project } from './programs.ts'

/** A version of the gateway, ready to run. */
export type Build = {
  readonly version: string
  /** The file that `start` runs: `dist/main.js`, or `src/main.ts` of a clone. */
  readonly main: string
  remove(): void
}

/** What `npm run build` makes of this tree, in a folder outside of it. `npm run build` itself writes `dist/` here. */
export function buildThisTree(): Build {
  const folder = mkdtempSync(join(tmpdir(), 'build-'))
  const at = (path: string) => join(project, path)
  execFileSync(process.execPath, [at('src/release/build.ts'), join(folder, 'dist')], { stdio: 'inherit' })
  cpSync(at('package.json'), join(folder, 'package.json'))
  symlinkSync(at('node_modules'), join(folder, 'node_modules'))
  return buildIn(folder)
}

/** The same code as a release with another version. */
export function asVersion(version: string, { main }: Build): Build {
  const folder = mkdtempSync(join(tmpdir(), 'build-'))
  cpSync(join(main, '../..'), folder, { recursive: true, verbatimSymlinks: true })
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  writeFileSync(join(folder, 'package.json'), JSON.stringify({ ...manifest, version }))
  return buildIn(folder)
}

/** A clone or an installed package of another version, with its node_modules. It is not removed. */
export function buildAt(folder: string): Build {
  return { ...buildIn(folder), remove: () => {} }
}

function buildIn(folder: string): Build {
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const built = join(folder, 'dist/main.js')
  const main = existsSync(built) ? built : join(folder, 'src/main.ts')
  return { version, main, remove: () => rmSync(folder, { recursive: true, force: true }) }
}
