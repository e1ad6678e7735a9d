import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const source = fileURLToPath(new URL('../src', import.meta.url))

type Import = { readonly from: string; readonly to: string; readonly onlyTypes: boolean }

/**
 * The staircase, from the process down to LINE. A file may import from its own room and from rooms further down, never from
 * a room further up.
 */
const staircase = ['main', 'gateway', 'server', 'endpoints', 'graphql', 'schema', 'login', 'tokens', 'line']
/** `dev/` stands beside `main.ts`: both start a gateway. */
const besideMain = ['dev']
/** Used by the rooms of the staircase, and using none of them. */
const shared = ['config', 'http', 'telemetry']
/** The emulator has a staircase of its own. It shares nothing with the gateway, so both cannot share one mistake about LINE. */
const emulatorStaircase = [
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

const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
const imports = files.flatMap((file) => importsIn(file, readFileSync(join(source, file), 'utf8')))
const shown = (some: readonly Import[]) => some.map(({ from, to }) => `${from} -> ${to}`)

describe('imports', () => {
  it('are all found, in whatever way they are written', () => {
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

  it('are those of this project', () => {
    expect(shown(imports)).toEqual(
      expect.arrayContaining([
        'main.ts -> gateway.ts',
        'gateway.ts -> server.ts',
        'schema/schema.ts -> schema/viewer.ts',
        'emulator/routes.ts -> emulator/endpoints/token.ts',
      ]),
    )
    expect(imports.filter(({ to }) => !files.includes(to))).toEqual([])
  })
})

describe('the staircase', () => {
  it('is walked down only', () => {
    const steps = imports.filter(({ from, to }) => stepOf(from) !== -1 && stepOf(to) !== -1)
    expect(shown(steps.filter(({ from, to }) => stepOf(from) > stepOf(to)))).toEqual([])
    expect(steps.filter(({ from, to }) => stepOf(from) < stepOf(to)).length).toBeGreaterThan(20)
  })

  it('has a place for every file', () => {
    const rooms = new Set(files.filter((file) => stepOf(file) === -1).map(roomOf))
    expect([...rooms].sort()).toEqual([...shared, 'emulator', 'print-schema'].sort())
  })

  it.each(shared)('%s imports no room', (room) => {
    const outwards = imports.filter(({ from, to }) => roomOf(from) === room && !shared.includes(roomOf(to)))
    expect(shown(outwards)).toEqual([])
  })

  it('ends at the schema for a program that only prints it: services are imported as types there', () => {
    const values = imports.filter(
      ({ from, to, onlyTypes }) => roomOf(from) === 'schema' && roomOf(to) !== 'schema' && !onlyTypes,
    )
    expect(shown(values)).toEqual([])
  })

  it('has no circle, though only of types', () => {
    expect(circleIn(imports)).toEqual([])
    const made = [
      ['a', 'b'],
      ['b', 'c'],
      ['c', 'a'],
    ].map(([from = '', to = '']) => ({ from, to, onlyTypes: false }))
    expect(circleIn(made)).toEqual(['a', 'b', 'c', 'a'])
  })
})

describe('the emulator', () => {
  it('imports nothing of the gateway, and only dev/ imports it', () => {
    const inwards = imports.filter(({ from, to }) => roomOf(to) === 'emulator' && roomOf(from) !== 'emulator')
    const outwards = imports.filter(({ from, to }) => roomOf(from) === 'emulator' && roomOf(to) !== 'emulator')
    expect([...new Set(inwards.map(({ from }) => roomOf(from)))]).toEqual(['dev'])
    expect(shown(outwards)).toEqual([])
  })

  it('has a staircase of its own, walked down only', () => {
    const own = imports.filter(({ from }) => roomOf(from) === 'emulator')
    const beside = new Set(own.map(({ from }) => emulatorRoomOf(from)).filter((room) => emulatorStepOf(room) === -1))
    const upwards = own.filter(
      ({ from, to }) => emulatorStepOf(emulatorRoomOf(from)) > emulatorStepOf(emulatorRoomOf(to)),
    )
    expect([...beside]).toEqual([])
    expect(shown(upwards)).toEqual([])
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

/** The folder below `src`, or the file beside the folders. `config/` belongs to `config.ts`. */
function roomOf(file: string): string {
  return (file.split('/')[0] ?? '').replace(/\.ts$/, '')
}

function stepOf(file: string): number {
  return besideMain.includes(roomOf(file)) ? 0 : staircase.indexOf(roomOf(file))
}

function emulatorRoomOf(file: string): string {
  return roomOf(file.split('/').slice(1).join('/'))
}

function emulatorStepOf(room: string): number {
  return emulatorStaircase.indexOf(room)
}

function circleIn(all: readonly Import[]): readonly string[] {
  const done = new Set<string>()
  for (const { from } of all) {
    const circle = walk(from, [])
    if (circle.length > 0) return circle
  }
  return []

  function walk(file: string, path: readonly string[]): readonly string[] {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file]
    if (done.has(file)) return []
    for (const { from, to } of all) {
      const circle = from === file ? walk(to, [...path, file]) : []
      if (circle.length > 0) return circle
    }
    done.add(file)
    return []
  }
}
