import fc from 'fast-check'
import { buildSchema, type GraphQLInputType, isInputType, validateInputValue } from 'graphql'
import { describe, expect, it } from 'vitest'
import { findInputFault } from '../../src/graphql/input-faults.ts'
import { runsOf } from '../harness/in-full.ts'

const schema = buildSchema(`
  enum Size { LARGE SMALL }
  input Inner { size: Size, weights: [Float!], id: ID }
  input Outer { name: String!, count: Int = 1, must: Int! = 2, inner: Inner, inners: [[Inner!]]!, yes: Boolean }
  type Query { a(outer: Outer): Int }
`)

function typeNamed(name: string): GraphQLInputType {
  const type = schema.getType(name)
  if (!isInputType(type)) throw new TypeError(`no input type ${name}`)
  return type
}

const faultIn = (value: unknown, name = 'Outer') =>
  findInputFault(value, typeNamed(name), { path: 'input', argument: 'input' })

const good = { name: 'n', inners: [] }

describe('an invalid value: the fault has its path and problem', () => {
  it.each([
    [{ ...good, name: 7 }, 'input.name', 'name', 'must be a String'],
    [{ inners: [] }, 'input.name', 'name', 'is required'],
    [{ ...good, name: null }, 'input.name', 'name', 'is required'],
    [{ name: 'n' }, 'input.inners', 'inners', 'is required'],
    [{ ...good, must: null }, 'input.must', 'must', 'is required'],
    [{ ...good, count: 1.5 }, 'input.count', 'count', 'must be an Int'],
    [{ ...good, count: 2 ** 31 }, 'input.count', 'count', 'must be an Int'],
    [{ ...good, yes: 'true' }, 'input.yes', 'yes', 'must be a Boolean'],
    [{ ...good, inner: { size: 'HUGE' } }, 'input.inner.size', 'size', 'must be a Size'],
    [{ ...good, inner: { size: 1 } }, 'input.inner.size', 'size', 'must be a Size'],
    [{ ...good, inner: { id: {} } }, 'input.inner.id', 'id', 'must be an ID'],
    [{ ...good, inner: { weights: [1, null] } }, 'input.inner.weights[1]', 'weights', 'is required'],
    [
      { ...good, inners: [[{}], [{}, { weights: ['x'] }]] },
      'input.inners[1][1].weights[0]',
      'weights',
      'must be a Float',
    ],
    [{ ...good, inner: 'text' }, 'input.inner', 'inner', 'must be an Inner object'],
    [{ ...good, inner: [] }, 'input.inner', 'inner', 'must be an Inner object'],
    [{ ...good, secretName: 1 }, 'input', 'input', 'has a field that Outer does not have'],
    [[], 'input', 'input', 'must be an Outer object'],
  ])('%j: %s', (value, path, argument, problem) => {
    expect(faultIn(value)).toEqual({ path, argument, problem })
  })

  it('never quotes the value', () => {
    const secret = 'eyJhbGciOiJIUzI1NiJ9'
    const everywhere = [secret, { [secret]: 1 }, { ...good, [secret]: secret }, { ...good, inner: { size: secret } }]
    expect(JSON.stringify(everywhere.map((value) => faultIn(value)))).not.toContain(secret)
  })
})

describe('a valid value: no fault', () => {
  it.each([
    undefined,
    null,
    good,
    { ...good, count: null, inner: null, yes: null },
    { ...good, inner: { size: 'LARGE', weights: [1, 2.5], id: 7 } },
    { ...good, inner: { weights: 3 } },
    { ...good, inners: { id: 'one item counts as a list of one' } },
  ])('%j', (value) => {
    expect(faultIn(value)).toBeUndefined()
  })
})

it('any value: a fault exactly where graphql-js finds one', () => {
  const leaf = fc.oneof(
    fc.constantFrom(null, undefined, 'LARGE', 'HUGE', '', 0, 1, -1, 1.5, 2 ** 31, 1e308, Number.NaN, true, false),
    fc.string(),
    fc.double(),
  )
  const inner = fc.record(
    { size: leaf, weights: fc.oneof(leaf, fc.array(leaf)), id: leaf, other: leaf },
    { requiredKeys: [] },
  )
  const outer = fc.record(
    {
      name: leaf,
      count: leaf,
      must: leaf,
      yes: leaf,
      inner: fc.oneof(leaf, inner, fc.array(inner)),
      inners: fc.oneof(leaf, inner, fc.array(fc.oneof(leaf, inner, fc.array(fc.oneof(leaf, inner))))),
      __proto__: leaf,
    },
    { requiredKeys: [] },
  )
  const value = fc.oneof({ weight: 4, arbitrary: outer }, { weight: 1, arbitrary: fc.jsonValue() }, leaf)
  fc.assert(
    fc.property(value, fc.constantFrom('Outer', 'Inner', 'Size', 'Int', 'ID'), (given, name) => {
      let graphqlFault = false
      validateInputValue(given, typeNamed(name), () => {
        graphqlFault = true
      })
      expect(faultIn(given, name) !== undefined).toBe(graphqlFault)
    }),
    { numRuns: runsOf({ part: 1_000, full: 5_000 }) },
  )
})
