import { parse } from 'graphql'
import { describe, expect, it } from 'vitest'
import { limitOfDocument, limitOfText } from '../../src/graphql/limits.ts'

const limitOf = (text: string) => limitOfText(text) ?? limitOfDocument(parse(text))
const repeat = (count: number, make: (n: number) => string) =>
  Array.from({ length: count }, (_, n) => make(n)).join(' ')

/** This many nested selections. The innermost one is a leaf. */
const nested = (levels: number, field = 'a'): string =>
  levels <= 1 ? field : `${field} { ${nested(levels - 1, field)} }`

describe('a limit: as many as allowed pass, one more is refused', () => {
  it.each([
    ['characters', (n: number) => `{ a }${' '.repeat(n - 5)}`, 10_000],
    ['tokens', (n: number) => `{ a(in: [${repeat(n - 9, () => '1')}]) }`, 1_000],
    ['nodes', (n: number) => `{ a { ${repeat(n - 1, (i) => `f${i}`)} } }`, 500],
    ['levels', (n: number) => `{ ${nested(n)} }`, 10],
    ['aliases', (n: number) => `{ a { ${repeat(n, (i) => `x${i}: f`)} } }`, 15],
    ['root fields', (n: number) => `{ ${repeat(n, (i) => `f${i}`)} }`, 15],
    ['directives in one place', (n: number) => `{ a ${repeat(n, () => '@d')} }`, 10],
  ])('%s', (name, make, most) => {
    expect(limitOf(make(most))).toBeUndefined()
    expect(limitOf(make(most + 1))).toBe(`The operation has more than ${most} ${name}`)
  })
})

describe('counts towards a limit', () => {
  it.each([
    [
      'fields in a fragment, each time it is spread',
      `{ a { ...F } b { ...F } } fragment F on T { ${repeat(250, (i) => `f${i}`)} }`,
      'nodes',
    ],
    ['fragments in fragments', doubling(12), 'nodes'],
    ['depth in a fragment', `{ ${'a { '.repeat(6)}...F${' }'.repeat(6)} } fragment F on T { ${nested(5)} }`, 'levels'],
    [
      'depth in a fragment with the name of an introspection field',
      `{ a { ...__schema } } fragment __schema on T { ${nested(10)} }`,
      'levels',
    ],
    [
      'depth below a nested field with the name of an introspection field',
      `{ a { __schema { ${nested(9)} } } }`,
      'levels',
    ],
    ['depth below an alias with the name of an introspection field', `{ __schema: a { ${nested(10)} } }`, 'levels'],
    ['depth in inline fragments', `{ ${'... { a { '.repeat(10)}a${' } }'.repeat(10)} }`, 'levels'],
    [
      'root fields in inline fragments',
      `{ ... { ${repeat(8, (i) => `f${i}`)} } ... { ${repeat(8, (i) => `g${i}`)} } }`,
      'root fields',
    ],
    ['root fields in a fragment', `{ ...F } fragment F on Q { ${repeat(16, (i) => `f${i}`)} }`, 'root fields'],
    ['aliases in a fragment', `{ a { ...F } } fragment F on T { ${repeat(16, (i) => `x${i}: f`)} }`, 'aliases'],
    ['a second operation', `query A { a } query B { ${repeat(16, (i) => `f${i}`)} }`, 'root fields'],
    ['directives of an operation', `query ${repeat(11, () => '@d')} { a }`, 'directives'],
    ['directives of a variable', `query ($v: Int ${repeat(11, () => '@d')}) { a }`, 'directives'],
    ['directives of an unused fragment', `{ a } fragment F on T ${repeat(11, () => '@d')} { a }`, 'directives'],
    ['directives of a spread', `{ ...F ${repeat(11, () => '@d')} } fragment F on T { a }`, 'directives'],
    ['directives of an inline fragment', `{ ... ${repeat(11, () => '@d')} { a } }`, 'directives'],
    ['a fragment that spreads itself', '{ a { ...F } } fragment F on T { a ...F }', 'nodes'],
    ['fragments that spread each other', '{ ...A } fragment A on T { ...B } fragment B on T { ...A }', 'nodes'],
    ['a fragment that nests itself', '{ ...F } fragment F on T { a { ...F } }', 'levels'],
    ['endless introspection', '{ __schema { ...F } } fragment F on T { a { ...F } }', 'nodes'],
  ])('%s', (_, text, limit) => {
    expect(limitOf(text)).toContain(limit)
  })

  it('duplicate fields', () => {
    expect(limitOf(`{ ${repeat(400, () => 'a')} }`)).toContain('root fields')
    expect(limitOf(`{ a { ${repeat(600, () => 'b')} } }`)).toContain('nodes')
  })
})

it('introspection at the depth that tools use: allowed', () => {
  expect(
    limitOf(`{ __schema { types { ${nested(14, 'ofType')} } } __type { ${nested(12, 'ofType')} } }`),
  ).toBeUndefined()
})

it('a text that cannot be lexed: no limit is reported, the parser refuses it', () => {
  expect(limitOfText('{ a(b: "')).toBeUndefined()
})

/** 2^depth fields, in a text that grows by one line per level. */
function doubling(depth: number): string {
  const levels = repeat(depth, (n) => `fragment F${n} on T { ...F${n + 1} ...F${n + 1} }`)
  return `{ a { ...F0 } } ${levels} fragment F${depth} on T { a }`
}
