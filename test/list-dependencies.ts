import { execFileSync } from 'node:child_process'
import { lstatSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readManifest } from '../src/release/lock-file.ts'
import {
  type ListedDependency,
  listedRows,
  listFile,
  machineCells,
  pathsBelow,
  productionPaths,
} from './harness/dependency-list.ts'
import { fileText } from './harness/document-facts.ts'
import { project } from './harness/programs.ts'

/**
 * `node_modules/.bin/node test/list-dependencies.ts`: writes versions, licences, sizes and dates into test/dependencies.md, and rows for new
 * dependencies. What a dependency is for stays as it is. Asks npm's registry for the dates.
 */
const { dependencies, devDependencies = {} } = readManifest(project)
const words = new Map(listedRows().map((row) => [row.name, row]))
const inProduction = productionPaths()
const head = '| package | version | licence | packages | MB | last release | what for | what else was tried |'

const text = fileText(listFile)
  .replace(/\d+ packages, \d+ MB of files/, `${inProduction.length} packages, ${megabytesOf(inProduction)} MB of files`)
  .replace(/(## Production\n\n)[\s\S]*?(\n\n|\n$)/, (_, before, after) => before + tableOf(dependencies) + after)
  .replace(/(## Development\n\n)[\s\S]*?(\n\n|\n$)/, (_, before, after) => before + tableOf(devDependencies) + after)
writeFileSync(join(project, listFile), text)

function tableOf(wanted: Readonly<Record<string, string>>): string {
  return [head, head.replace(/[^|]+/g, '---'), ...Object.keys(wanted).sort().map(rowOf)].join('\n')
}

function rowOf(name: string): string {
  const { version, license, packages } = machineCells(name)
  const { purpose = '', tried = '–' }: Partial<ListedDependency> = words.get(name) ?? {}
  const cells = [name, version, license, packages, megabytesOf(pathsBelow(name)), lastReleaseOf(name), purpose, tried]
  return `| ${cells.join(' | ')} |`
}

function lastReleaseOf(name: string): string {
  if (name === 'bundled-node') return '–'
  const fields = ['view', name, 'dist-tags.latest', 'time', '--json']
  const answer = JSON.parse(execFileSync('npm', fields, { cwd: project, encoding: 'utf8' }))
  const latest: string = answer['dist-tags.latest']
  return `${latest}, ${String(answer.time[latest]).slice(0, 10)}`
}

/** What is installed of these packages, without those inside them. Below one, with one decimal place. */
function megabytesOf(paths: readonly string[]): string {
  const megabytes = paths.reduce((sum, path) => sum + bytesBelow(join(project, path)), 0) / 1e6
  return megabytes < 1 ? megabytes.toFixed(1) : String(Math.round(megabytes))
}

function bytesBelow(folder: string): number {
  const entries = readdirOf(folder)
  return entries.reduce((sum, entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return entry.name === 'node_modules' ? sum : sum + bytesBelow(path)
    return sum + lstatSync(path).size
  }, 0)
}

/** Packages for other platforms are not installed. */
function readdirOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    return []
  }
}
