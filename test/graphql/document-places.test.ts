import { type ASTNode, getLocation, parse, Source, visit } from 'graphql'
import { expect, it } from 'vitest'
import { dropText, placesOf } from '../../src/graphql/document-places.ts'

const texts = [
  '{ viewer { id } }',
  '\r\n\n  query A(\r$a: Boolean = true # why\n) {\n\r viewer { ...F @skip(if: $a) } }\nfragment F on Viewer { id }',
  'mutation { revokeToken(input: { accessToken: """\n a\n  b """ }) { revoked } }\n'.repeat(3),
]

it.each(texts)('%j: each node keeps its line and column, and nothing of the text (D15)', (text) => {
  const expected: unknown[] = []
  visit(parse(text), { enter: ({ loc }) => void expected.push(getLocation(new Source(text), loc?.start ?? 0)) })
  const nodes: ASTNode[] = []
  visit(dropText(parse(text)), { enter: (node) => void nodes.push(node) })
  // The document itself starts at the start of the text and not at its first token.
  expect(nodes.slice(1).flatMap((node) => placesOf([node]))).toEqual(expected.slice(1))
  for (const { loc } of nodes) {
    expect(loc?.startToken).toBeUndefined()
    expect(loc?.source.body).toBe('')
  }
})

it('an error with hundreds of nodes: has the places of the first two (D19)', () => {
  const { definitions } = dropText(parse('{ a } '.repeat(300)))
  expect(placesOf(definitions)).toEqual([
    { line: 1, column: 1 },
    { line: 1, column: 7 },
  ])
  expect(placesOf([])).toBeUndefined()
  expect(placesOf(undefined)).toBeUndefined()
})
