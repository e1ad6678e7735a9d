import fc from 'fast-check'
import { buildSchema, parse, ValuesOfCorrectTypeRule, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import { NamedValuesRule } from '../../src/graphql/named-values-rule.ts'

const schema = buildSchema(`
  enum Size { LARGE SMALL }
  input Inner { size: Size, weights: [Float!] }
  input Outer { name: String!, count: Int, inner: Inner }
  input One @oneOf { a: String, b: Int }
  type Query { a(outer: Outer, size: Size, ids: [ID!], text: String, must: Int!, one: One): Int, b: Int }
`)

const messagesOf = (query: string) =>
  validate(schema, parse(query), [NamedValuesRule], { maxErrors: 5, hideSuggestions: true }).map(
    ({ message }) => message,
  )

describe('an invalid literal', () => {
  it.each([
    ['{ a(size: "SECRET") }', 'size must be a Size'],
    ['{ a(size: SECRET) }', 'size must be a Size'],
    ['{ a(text: 12345) }', 'text must be a String'],
    ['{ a(text: "fine", size: SECRET) }', 'size must be a Size'],
    ['{ a(text: SECRET) }', 'text is not valid'],
    ['{ a(text: ["SECRET"]) }', 'text must be a String'],
    ['{ a(must: null) }', 'must is required'],
    ['{ a(outer: { name: 7 }) }', 'outer.name must be a String'],
    ['{ a(outer: { count: 1 }) }', 'outer.name is required'],
    ['{ a(outer: { name: "n", SECRET: "SECRET" }) }', 'outer has a field that Outer does not have'],
    ['{ a(outer: { name: "n", inner: { weights: [1, "SECRET"] } }) }', 'outer.inner.weights[1] must be a Float'],
    ['{ a(outer: "SECRET") }', 'outer must be an Outer object'],
    ['query ($v: Int = "SECRET") { a(must: $v) }', '$v must be an Int'],
    ['query ($v: Outer = { name: 7, SECRET: 1 }) { a(outer: $v) }', '$v.name must be a String'],
    ['{ b @skip(if: "SECRET") }', 'if must be a Boolean'],
  ])('%s: "%s", the value is not quoted', (query, message) => {
    expect(messagesOf(query)[0]).toBe(message)
    expect(messagesOf(query).join()).not.toMatch(/SECRET|12345/)
  })

  it.each(['{ a(one: { a: "SECRET", b: 1 }) }', '{ a(one: {}) }', '{ a(one: { a: null }) }', '{ a(ids: [1.5]) }'])(
    '%s: an error without the value, although we have no message of our own for it',
    (query) => {
      expect(messagesOf(query).length).toBeGreaterThan(0)
      expect(messagesOf(query).join()).not.toMatch(/SECRET|1\.5/)
    },
  )

  it('has its location in the document', () => {
    const [error] = validate(schema, parse('{\n  a(size: HUGE)\n}'), [NamedValuesRule])
    expect(error?.locations).toEqual([{ line: 2, column: 11 }])
  })
})

it('any literal: as many errors as graphql-js, none quotes the value', () => {
  const leaf = fc.constantFrom('1', '-7', '1.5', '"SECRET"', 'SECRET', 'LARGE', 'true', 'null', '"""SECRET"""', '1e999')
  const list = fc.array(leaf, { maxLength: 3 }).map((items) => `[${items.join(', ')}]`)
  const inner = fc
    .record({ size: leaf, weights: fc.oneof(leaf, list), SECRET: leaf }, { requiredKeys: [] })
    .map(literal)
  const outer = fc
    .record({ name: leaf, count: leaf, inner: fc.oneof(leaf, list, inner), SECRET: leaf }, { requiredKeys: [] })
    .map(literal)
  const one = fc.record({ a: leaf, b: leaf }, { requiredKeys: [] }).map(literal)
  const argument = fc.constantFrom('outer', 'size', 'ids', 'text', 'must', 'one')
  fc.assert(
    fc.property(argument, fc.oneof(outer, inner, one, list, leaf), (name, value) => {
      const document = parse(`{ a(${name}: ${value}) }`)
      const ourErrors = validate(schema, document, [NamedValuesRule])
      const graphqlErrors = validate(schema, document, [ValuesOfCorrectTypeRule])
      expect(ourErrors.length).toBe(graphqlErrors.length)
      expect(ourErrors.map(({ message }) => message).join()).not.toMatch(/SECRET|LARGE|1e999|1\.5|-7/)
    }),
    { numRuns: 500 },
  )
})

function literal(fields: Record<string, string | undefined>): string {
  const given = Object.entries(fields).map(([name, value]) => `${name}: ${value}`)
  return `{ ${given.join(', ')} }`
}
