import type { GraphQLError } from 'graphql'
import { describe, expect, it } from 'vitest'
import { createOperations, type Operations } from '../../src/graphql/operations.ts'
import { schema } from '../../src/schema/schema.ts'

const create = () => createOperations(schema, { introspection: false })
const codeOf = (text: string) => errorsIn(text)[0]?.extensions.code
const documentOf = (operations: Operations, text: string) => operations.prepare(text, undefined).document

function errorsIn(text: string, operations = create(), operationName?: string): readonly GraphQLError[] {
  try {
    operations.prepare(text, operationName)
  } catch (error) {
    if (error instanceof AggregateError) return error.errors
    throw error
  }
  return []
}

describe('a document', () => {
  it('is parsed and validated once, also if a different operation of it is requested', () => {
    const operations = create()
    const text = 'query A { viewer { id } } query B { viewer { displayName } }'
    const first = operations.prepare(text, 'A')
    expect(operations.prepare(text, 'A')).toBe(first)
    expect(operations.prepare(text, 'B').document).toBe(first.document)
    expect(operations.prepare(text, 'B').operation).not.toBe(first.operation)
    expect(operations.prepare(`${text} `, 'A').document).not.toBe(first.document)
  })

  it('that is invalid: not kept, so it cannot evict valid ones', () => {
    const operations = create()
    const first = documentOf(operations, '{ viewer { id } }')
    for (let n = 0; n < 1_100; n++) errorsIn(`{ nonsense${n} }`, operations)
    expect(documentOf(operations, '{ viewer { id } }')).toBe(first)
  })

  it('is evicted after many others, by their total size, not by their number', () => {
    const operations = create()
    const first = documentOf(operations, '{ viewer { id } }')
    for (let n = 0; n < 49; n++) documentOf(operations, `{ viewer { a${n}: id } }${' '.repeat(9_900)}`)
    expect(documentOf(operations, '{ viewer { id } }')).toBe(first)
    for (let n = 0; n < 60; n++) documentOf(operations, `{ viewer { b${n}: id } }${' '.repeat(9_900)}`)
    expect(documentOf(operations, '{ viewer { id } }')).not.toBe(first)
  })
})

describe('a document that may hold a credential', () => {
  const twice = (text: string) => {
    const operations = create()
    return [documentOf(operations, text), documentOf(operations, text)]
  }
  const word = '0123456789abcdefghij'

  it.each([
    '{ verifyAccessToken(accessToken: "x") { active } }',
    '{ verifyAccessToken(accessToken: """x""") { active } }',
    'query ($token: String! = "x") { verifyAccessToken(accessToken: $token) { active } }',
    '{ viewer { id } } # a comment',
    `{ viewer { a${word}: id } }`,
    `query A${word} { viewer { id } }`,
    `query ($a${word}: PictureSize) { viewer { pictureUrl(size: $a${word}) } }`,
    `mutation { refreshToken(input: { refreshToken: "x", channelId: 12345678901234567890 }) { tokenType } }`,
  ])('%s: prepared each time and never kept (D15)', (text) => {
    const [first, second] = twice(text)
    expect(second).not.toBe(first)
  })

  it.each([
    'query ($token: String!, $size: PictureSize = LARGE) { verifyAccessToken(accessToken: $token) { viewer { pictureUrl(size: $size) } } }',
    'query ViewerOfTheHomePageWithItsPictureAndFriendship { viewer { id accessToken { expiresAt } } }',
    'query GetViewerV2 { v1: viewer { id } }',
    'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { tokenType } }',
  ])('not %s: kept (D15)', (text) => {
    const [first, second] = twice(text)
    expect(second).toBe(first)
  })
})

describe('an invalid document', () => {
  it.each([
    ['', 'GRAPHQL_PARSE_FAILED'],
    ['{', 'GRAPHQL_PARSE_FAILED'],
    ['{ viewer { id } } }', 'GRAPHQL_PARSE_FAILED'],
    ['{ viewer }', 'GRAPHQL_VALIDATION_FAILED'],
    ['{ nobody }', 'GRAPHQL_VALIDATION_FAILED'],
    ['subscription { viewer { id } }', 'GRAPHQL_VALIDATION_FAILED'],
    ['type Query { a: Int }', 'GRAPHQL_VALIDATION_FAILED'],
    ['query A { __typename } query A { __typename }', 'GRAPHQL_VALIDATION_FAILED'],
    [`{ ${'a '.repeat(20)} }`, 'OPERATION_TOO_COMPLEX'],
  ])('%j: %s', (text, code) => {
    expect(codeOf(text)).toBe(code)
  })

  it('with a syntax error: the message has the position and no text of the document', () => {
    const [error] = errorsIn('{\n  viewer(token: eyJhbGciOiJIUzI1NiJ9.secret { id }')
    expect(error?.message).toBe('Syntax error at line 2, column 37')
    expect(JSON.stringify(error)).not.toContain('secret')
  })

  it('with an unknown name: the message quotes it, unless it is as long as a credential', () => {
    const [error] = errorsIn('{ viewer { displyName } }')
    expect(error?.message).toContain('"displyName"')
    const long = 'eyJhbGciOiJIUzI1NiJ9eyJzdWIi'
    const everywhere = [
      `{ viewer { ${long} } }`,
      `{ viewer { pictureUrl(${long}: LARGE) } }`,
      `{ viewer { ...${long} } }`,
      `{ viewer { id @${long} } }`,
      `{ viewer { id @skip(if: $${long}) } }`,
      `query ($${long}: String) { viewer { id } }`,
      `query ($a: ${long}) { viewer { id } }`,
      `query ${long} { viewer { id } } query ${long} { viewer { id } }`,
      `{ viewer { ${long}: id ${long}: displayName } }`,
    ]
    for (const text of everywhere) {
      expect(errorsIn(text).length).toBeGreaterThan(0)
      expect(JSON.stringify(errorsIn(text))).not.toContain(long)
    }
  })

  it('with many errors: five are returned', () => {
    const errors = errorsIn(`{ viewer { ${Array.from({ length: 200 }, (_, n) => `no${n}`).join(' ')} } }`)
    expect(errors).toHaveLength(5)
  })

  it('with a wrong name: the message suggests no other name', () => {
    const text = JSON.stringify([
      ...errorsIn('{ viewr { id } }'),
      ...errorsIn('{ viewer { displayNam } }'),
      ...errorsIn('{ viewer { pictureUrl(siz: LARGE) } }'),
      ...errorsIn('{ viewer { pictureUrl(size: LARG) } }'),
      ...errorsIn('query ($a: RefreshTokenInpu!) { viewer { id } }'),
      ...errorsIn('mutation { refreshToken(input: { refreshToke: "x", refreshToken: "y" }) { tokenType } }'),
    ])
    expect(text).not.toMatch(/did you mean/i)
    expect(text).not.toContain('"viewer"')
  })
})

describe('introspection', () => {
  const queries = ['{ __schema { queryType { name } } }', '{ __type(name: "Viewer") { name } }']

  it.each(queries)('off, %s: refused', (text) => {
    expect(codeOf(text)).toBe('GRAPHQL_VALIDATION_FAILED')
  })

  it.each(queries)('on, %s: allowed', (text) => {
    expect(errorsIn(text, createOperations(schema, { introspection: true }))).toEqual([])
  })

  it('off, __typename: allowed, because clients select it everywhere', () => {
    expect(errorsIn('{ __typename viewer { __typename } }')).toEqual([])
  })
})

describe('an operation', () => {
  const prepared = (text: string, name?: string) => {
    const { kind, fields } = create().prepare(text, name)
    return { kind, fields }
  }

  it('has its kind and the names of its root fields, without their aliases', () => {
    expect(prepared('{ b: viewer { id } a: verifyAccessToken(accessToken: "x") { active } c: viewer { id } }')).toEqual(
      {
        kind: 'query',
        fields: ['verifyAccessToken', 'viewer'],
      },
    )
    expect(prepared('mutation { x: logout { revoked } }')).toEqual({ kind: 'mutation', fields: ['logout'] })
  })

  it('with fragments: the root fields in them are included', () => {
    const text =
      '{ ...F ... { __typename } } fragment F on Query { ... on Query { ...G } } fragment G on Query { viewer { id } }'
    expect(prepared(text)).toEqual({ kind: 'query', fields: ['__typename', 'viewer'] })
  })

  it('knows the root field of each response key, also in fragments', () => {
    const text = '{ a: viewer { id } viewer: __typename ...F } fragment F on Query { b: viewer { id } __typename }'
    expect(Object.fromEntries(create().prepare(text, undefined).fieldOf)).toEqual({
      a: 'viewer',
      viewer: '__typename',
      b: 'viewer',
      __typename: '__typename',
    })
  })

  it('is the one that operationName names', () => {
    expect(prepared('query A { __typename } mutation B { logout { revoked } }', 'B')).toMatchObject({
      kind: 'mutation',
    })
  })

  it.each([
    ['query A { __typename } query B { __typename }', undefined],
    ['query A { __typename } query B { __typename }', 'C'],
    ['{ __typename }', 'A'],
    ['{ viewer { ...F } } fragment F on Viewer { id }', 'F'],
  ])('%s with operationName %s: BAD_REQUEST', (text, name) => {
    expect(errorsIn(text, create(), name).map(({ extensions }) => extensions.code)).toEqual(['BAD_REQUEST'])
  })
})
