import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { buildSchema, type OperationDefinitionNode, parse, print, validate } from 'graphql'
import { describe, expect, it } from 'vitest'
import * as operations from './operations.ts'

const root = join(import.meta.dirname, '../..')
const document = parse(readFileSync(join(root, 'test/recipes/operations.graphql'), 'utf8'))
const nameOf = ({ name }: OperationDefinitionNode) => name?.value ?? ''

describe('operations.graphql', () => {
  it('all operations are valid for schema.graphql', () => {
    expect(validate(buildSchema(readFileSync(join(root, 'schema.graphql'), 'utf8')), document)).toEqual([])
  })

  it('the typed documents are the same operations', () => {
    const written = document.definitions.filter((definition) => definition.kind === 'OperationDefinition')
    const typed = Object.entries(operations).map(([name, text]) => [name, print(parse(text.toString()))])
    expect(Object.fromEntries(typed)).toEqual(
      Object.fromEntries(written.map((operation) => [nameOf(operation), print(operation)])),
    )
  })
})
