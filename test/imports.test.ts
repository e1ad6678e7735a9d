import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const source = fileURLToPath(new URL('../src', import.meta.url))

type Import = { readonly from: string; readonly to: string; readonly onlyTypes: boolean }

/**
 * The layers, from the process down to LINE. Each one is a folder or a file of `src/`. A file imports from its own layer
 * and from lower layers, never from a higher one.
 */
const layers = [
  'main',
  'production',
  'cluster',
  'gateway',
  'services',
  'server',
  'drain',
  'endpoints',
  'graphql',
  'schema',
  'login',
  'tokens',
  'line',
]
/** `cli`, `dev/` and `keys` are in the top layer, like `main.ts`: each one is a program. `index` is the library. */
const besideMain = ['cli', 'dev', 'index', 'keys']
/** The layers use these. These use no layer. */
const shared = ['clock', 'config', 'http', 'redis', 'signals', 'telemetry', 'version']
/** The layers of the emulator. It shares no code with the gateway, so that both cannot have the same mistake about LINE. */
const emulatorLayers = [
  'main',
  'emulator',
  'server',
  'control',
  'routes',
  'endpoints',
  'login',
  'platform',
  'http',
  'random-text',
  'port',
]

/** The JavaScript of pages is for browsers. */
const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) =>
  /\.ts$|^cli\/.*\.js$/.test(file),
)
const imports = files.flatMap((file) => importsIn(file, readFileSync(join(source, file), 'utf8')))
const textsOf = (some: readonly Import[]) => some.map(({ from, to }) => `${from} -> ${to}`)

describe('imports', () => {
  it('every form of an import: found', () => {
    const text = `
      import a from './a.ts'
      import { b, type B } from '../tokens/b.ts'
      import {
        c,
        d
      } from "./c.ts"
      import type { E } from './e.ts'
      import { type F, type G } from './f.ts'
      import './g.ts'
      export { h } from './h.ts'
      export type { I } from './i.ts'
      export * from './j.ts'
      const k = await import('./k.ts')
      import { l } from 'graphql'
    `
    const found = importsIn('server/x.ts', text)
    expect(found.map(({ to }) => to)).toEqual(
      ['a', '../tokens/b', 'c', 'e', 'f', 'g', 'h', 'i', 'j', 'k'].map((name) => join('server', `${name}.ts`)),
    )
    expect(found.filter(({ onlyTypes }) => onlyTypes).map(({ to }) => to)).toEqual([
      'server/e.ts',
      'server/f.ts',
      'server/i.ts',
    ])
  })

  it('the imports of this project: found, and each one names a file', () => {
    expect(textsOf(imports)).toEqual(
      expect.arrayContaining([
        'production.ts -> gateway.ts',
        'gateway.ts -> server.ts',
        'schema/schema.ts -> schema/viewer.ts',
        'emulator/routes.ts -> emulator/endpoints/token.ts',
      ]),
    )
    expect(imports.filter(({ to }) => !files.includes(to))).toEqual([])
  })
})

it('ioredis: loaded only by the first connection, because a process without Redis has no need of it', () => {
  const loading = /^import (?!type )[^'"]*['"]ioredis['"]|\('ioredis'\)(?=\s*as)/m
  expect(files.filter((file) => loading.test(readFileSync(join(source, file), 'utf8')))).toEqual(['redis/client.ts'])
})

describe('the layers', () => {
  it('a file imports nothing from a higher layer', () => {
    const between = imports.filter(({ from, to }) => layerOf(from) !== -1 && layerOf(to) !== -1)
    expect(textsOf(between.filter(({ from, to }) => layerOf(from) > layerOf(to)))).toEqual([])
    expect(between.filter(({ from, to }) => layerOf(from) < layerOf(to)).length).toBeGreaterThan(20)
  })

  it('every file: in a layer, shared, or one of the three exceptions', () => {
    const others = new Set(files.filter((file) => layerOf(file) === -1).map(folderOf))
    expect([...others].sort()).toEqual([...shared, 'emulator', 'print-schema', 'release'].sort())
  })

  it.each(shared)('%s: imports no layer', (folder) => {
    const outwards = imports.filter(({ from, to }) => folderOf(from) === folder && !shared.includes(folderOf(to)))
    expect(textsOf(outwards)).toEqual([])
  })

  it('schema/: imports only types from the services, so that the schema can be printed without them', () => {
    const services = ['login', 'tokens', 'line']
    const values = imports.filter(
      ({ from, to, onlyTypes }) => folderOf(from) === 'schema' && services.includes(folderOf(to)) && !onlyTypes,
    )
    expect(textsOf(values)).toEqual([])
  })

  it('no import cycle, not even of types', () => {
    expect(cycleIn(imports)).toEqual([])
    const cycle = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ].map(([from = '', to = '']) => ({ from, to, onlyTypes: false }))
    expect(cycleIn(cycle)).toEqual(['a', 'b', 'c', 'a'])
  })
})

describe('the map in CONTRIBUTING.md', () => {
  it('names every folder and file of src/, and nothing else', () => {
    const document = readFileSync(join(source, '../CONTRIBUTING.md'), 'utf8')
    const named = [...document.matchAll(/^src\/(\S+)/gm)].map(([, name = '']) => folderOf(name))
    expect(named.sort()).toEqual([...new Set(files.map(folderOf))].sort())
  })
})

describe('the emulator', () => {
  it('imports nothing of the gateway but signals.ts, which knows nothing about LINE; only dev/ and cli import it', () => {
    const inwards = imports.filter(({ from, to }) => folderOf(to) === 'emulator' && folderOf(from) !== 'emulator')
    const outwards = imports.filter(({ from, to }) => folderOf(from) === 'emulator' && folderOf(to) !== 'emulator')
    expect([...new Set(inwards.map(({ from }) => folderOf(from)))].sort()).toEqual(['cli', 'dev'])
    expect(textsOf(outwards)).toEqual(['emulator/main.ts -> signals.ts'])
  })

  it('has its own layers; a file imports nothing from a higher one', () => {
    const own = imports.filter(({ from, to }) => folderOf(from) === 'emulator' && folderOf(to) === 'emulator')
    const others = new Set(own.map(({ from }) => emulatorFolderOf(from)).filter((name) => emulatorLayerOf(name) === -1))
    const upwards = own.filter(
      ({ from, to }) => emulatorLayerOf(emulatorFolderOf(from)) > emulatorLayerOf(emulatorFolderOf(to)),
    )
    expect([...others]).toEqual([])
    expect(textsOf(upwards)).toEqual([])
  })
})

function importsIn(file: string, text: string): Import[] {
  const statement =
    /(?:^|\n)\s*(?:import|export)\s+([^'"`;]*?from\s*)?['"](\.[^'"]+)['"]|import\(\s*['"](\.[^'"]+)['"]\s*\)/g
  return [...text.matchAll(statement)].map(([, clause = '', path, dynamic]) => ({
    from: file,
    to: relative(source, join(source, dirname(file), path ?? dynamic ?? '')),
    onlyTypes: isOnlyTypes(clause),
  }))
}

function isOnlyTypes(clause: string): boolean {
  if (/^type\s/.test(clause)) return true
  const names = /^\{([^}]*)\}/
    .exec(clause)?.[1]
    ?.split(',')
    .filter((name) => name.trim() !== '')
  return names?.every((name) => /^\s*type\s/.test(name)) ?? false
}

/** The folder of a file in `src/`, or the name of a file that is in no folder. So `config/` and `config.ts` are one. */
function folderOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '')
}

function layerOf(file: string): number {
  return besideMain.includes(folderOf(file)) ? 0 : layers.indexOf(folderOf(file))
}

function emulatorFolderOf(file: string): string {
  return folderOf(file.split('/').slice(1).join('/'))
}

function emulatorLayerOf(name: string): number {
  return emulatorLayers.indexOf(name)
}

function cycleIn(all: readonly Import[]): readonly string[] {
  const done = new Set<string>()
  for (const { from } of all) {
    const cycle = walk(from, [])
    if (cycle.length > 0) return cycle
  }
  return []

  function walk(file: string, path: readonly string[]): readonly string[] {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const { from, to } of all) {
      const cycle = from === file ? walk(to, [...path, file]) : []
      if (cycle.length > 0) return cycle
    }
    done.add(file)
    return []
  }
}
