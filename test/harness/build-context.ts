import { chmodSync, cpSync, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, normalize } from 'node:path'
import { project } from './programs.ts'

/**
 * What `docker build` gets of this project: all but the files that `.dockerignore` names. Only their owner can read them, as in a
 * clone that was made with umask 077.
 */
export function buildContext(packages: string) {
  const dockerignore = createRequire(join(packages, 'package.json'))('@balena/dockerignore')
  const rules = dockerignore().add(readFileSync(join(project, '.dockerignore'), 'utf8'))
  return { has, copy }

  function has(path: string): boolean {
    return !rules.ignores(path)
  }

  /** Copies a file, or the files of a folder. Throws if there is none, as docker does. */
  function copy(source: string, target: string): void {
    const from = normalize(source).replace(/\/$/, '')
    const isFolder = statSync(join(project, from)).isDirectory()
    const below = isFolder ? readdirSync(join(project, from), { recursive: true, encoding: 'utf8' }) : ['']
    const files = below.map((name) => [join(from, name), join(target, name)] as const).filter(([path]) => isFile(path))
    if (files.length === 0) throw new Error(`COPY ${source}: not in the build context`)
    for (const [path, to] of files) {
      mkdirSync(dirname(to), { recursive: true })
      cpSync(join(project, path), to)
      chmodSync(to, 0o600)
    }
  }

  function isFile(path: string): boolean {
    return statSync(join(project, path)).isFile() && has(path)
  }
}
