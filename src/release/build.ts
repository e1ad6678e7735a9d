import { execFileSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'

/**
 * `npm run build`: writes `dist/`, or the folder that is named, anew: the programs and the library as JavaScript with types.
 * Node strips no types below node_modules.
 */
const project = join(import.meta.dirname, '../..')
const dist = resolve(process.argv[2] ?? join(project, 'dist'))
/** What the programs need besides the modules that tsc writes. */
const others = ['dev/pages', 'emulator/pages', 'cli/node-version.js']

rmSync(dist, { recursive: true, force: true })
const compile = [join(project, 'node_modules/typescript/bin/tsc'), '-p', import.meta.dirname, '--outDir', dist]
execFileSync(process.execPath, compile, { stdio: 'inherit' })
for (const path of others) cpSync(join(project, 'src', path), join(dist, path), { recursive: true })
