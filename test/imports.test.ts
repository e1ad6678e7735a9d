import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const source = fileURLToPath(new URL('../src', import.meta.url))

type Import = { readonly from: string; readonly to: string; readonly onlyTypes: boolean }

/** From the street down to LINE; who stands on a stair may use what is below it, and nobody what is above. */
const stairs = ['main', 'gateway', 'server', 'schema', 'tokens', 'line']
const onTop = ['main.ts', 'dev.ts']
/** Read by all, reading no one. */
const common = ['config.ts', 'telemetry.ts', 'meters.ts']

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
        'gateway.ts -> server/server.ts',
        'schema/schema.ts -> schema/viewer.ts',
      ]),
    )
    expect(imports.filter(({ to }) => !files.includes(to))).toEqual([])
  })
})

describe('the staircase', () => {
  it('leads down only', () => {
    const upwards = imports.filter(({ from, to }) => stairOf(to) !== -1 && stairOf(from) > stairOf(to))
    expect(shown(upwards)).toEqual([])
    expect(
      imports.filter(({ from, to }) => stairOf(from) !== -1 && stairOf(from) < stairOf(to)).length,
    ).toBeGreaterThan(20)
  })

  it('has every file on a stair, or beside it for a reason', () => {
    const beside = files.filter((file) => stairOf(file) === -1 && !common.includes(file) && roomOf(file) !== 'emulator')
    expect(beside.sort()).toEqual(['dev-callback.ts', 'print-schema.ts'])
  })

  it('is not needed to read settings or to report', () => {
    expect(shown(imports.filter(({ from, to }) => common.includes(from) && !common.includes(to)))).toEqual([])
  })

  it('ends at the schema for those who only want to print it: services are types there', () => {
    const values = imports.filter(
      ({ from, to, onlyTypes }) => roomOf(from) === 'schema' && roomOf(to) !== 'schema' && !onlyTypes,
    )
    expect(shown(values)).toEqual([])
  })

  it('has no door to the emulator but that of npm run dev', () => {
    const inwards = imports.filter(({ from, to }) => roomOf(to) === 'emulator' && roomOf(from) !== 'emulator')
    const outwards = imports.filter(({ from, to }) => roomOf(from) === 'emulator' && roomOf(to) !== 'emulator')
    expect([...new Set(inwards.map(({ from }) => from))]).toEqual(['dev.ts'])
    expect(shown(outwards)).toEqual([])
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

function roomOf(file: string): string {
  return file.includes('/') ? (file.split('/')[0] ?? '') : ''
}

function stairOf(file: string): number {
  if (onTop.includes(file)) return 0
  return stairs.indexOf(roomOf(file) || file.replace(/\.ts$/, ''))
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
