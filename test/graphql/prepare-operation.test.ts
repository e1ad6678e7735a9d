import type { GraphQLError } from 'graphql'
import { describe, expect, it } from 'vitest'
import type { Params } from '../../src/graphql/params.ts'
import { createPrepareOperation } from '../../src/graphql/prepare-operation.ts'
import { schema } from '../../src/schema/schema.ts'

const prepareOperation = createPrepareOperation(schema, { introspection: true })

function errorsOf(params: Params, method: 'GET' | 'POST' = 'POST'): readonly GraphQLError[] {
  try {
    prepareOperation(params, method)
  } catch (error) {
    if (error instanceof AggregateError) return error.errors
    throw error
  }
  return []
}

const refresh = 'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { tokenType } }'
const verifyMany = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { active } }'
const picture =
  'query ($size: PictureSize = LARGE, $with: Boolean = true) { viewer { pictureUrl(size: $size) @include(if: $with) } }'
const secret = 'eyJhbGciOiJIUzI1NiJ9'

describe('GET', () => {
  it.each(['{ viewer { id } }', 'query A { __schema { queryType { name } } }'])('%s: allowed', (query) => {
    expect(errorsOf({ query }, 'GET')).toEqual([])
  })

  it.each([
    'mutation { logout { revoked } }',
    'mutation { startLogin(input: { redirectUri: "https://a.example" }) { state } }',
    '{ verifyAccessToken(accessToken: "x") { active } }',
    '{ harmless: verifyAccessTokens(accessTokens: ["x"]) { active } }',
    '{ verifyIdToken(input: { idToken: "x" }) { sub } }',
    '{ ...F } fragment F on Query { ... { verifyAccessToken(accessToken: "x") { active } } }',
  ])('%s: status 405, because it is a mutation or has a credential', (query) => {
    const [error] = errorsOf({ query }, 'GET')
    expect(error?.extensions).toMatchObject({ code: 'BAD_REQUEST', http: { status: 405, headers: { allow: 'POST' } } })
    expect(errorsOf({ query }, 'POST')).toEqual([])
  })

  it('only the operation that operationName names must be allowed', () => {
    const query = 'query A { viewer { id } } mutation B { logout { revoked } }'
    expect(errorsOf({ query, operationName: 'A' }, 'GET')).toEqual([])
    expect(errorsOf({ query, operationName: 'B' }, 'GET')).toHaveLength(1)
  })
})

describe('variables', () => {
  it.each<[string, Record<string, unknown> | undefined]>([
    [refresh, { input: { refreshToken: 'x' } }],
    [refresh, { input: { refreshToken: 'x', channelId: null }, unused: secret }],
    [refresh, { input: { refreshToken: 'x', channelId: 7 } }],
    [verifyMany, { tokens: ['x'] }],
    [verifyMany, { tokens: 'x' }],
    [verifyMany, { tokens: [] }],
    [picture, undefined],
    [picture, { size: null }],
  ])('%s %j: valid', (query, variables) => {
    expect(errorsOf({ query, variables })).toEqual([])
  })

  it.each<[string, Record<string, unknown>, string, string]>([
    [refresh, {}, '$input is required', 'input'],
    [refresh, { input: null }, '$input is required', 'input'],
    [refresh, { input: secret }, '$input must be a RefreshTokenInput object', 'input'],
    [refresh, { input: {} }, '$input.refreshToken is required', 'refreshToken'],
    [refresh, { input: { refreshToken: [secret] } }, '$input.refreshToken must be a String', 'refreshToken'],
    [refresh, { input: { refreshToken: { secret } } }, '$input.refreshToken must be a String', 'refreshToken'],
    [
      refresh,
      { input: { refreshToken: 'x', [secret]: 1 } },
      '$input has a field that RefreshTokenInput does not have',
      'input',
    ],
    [
      refresh,
      { input: { refreshToken: 'x', channelId: secret.split('') } },
      '$input.channelId must be an ID',
      'channelId',
    ],
    [verifyMany, { tokens: [secret, 7] }, '$tokens[1] must be a String', 'tokens'],
    [verifyMany, { tokens: [secret, null] }, '$tokens[1] is required', 'tokens'],
    [picture, { size: secret }, '$size must be a PictureSize', 'size'],
    [picture, { with: null }, '', ''],
  ])('%s %j: the error names the argument and does not quote the value', (query, variables, message, argument) => {
    const errors = errorsOf({ query, variables })
    if (message === '') return expect(JSON.stringify(errors)).not.toContain(secret)
    expect(errors).toHaveLength(1)
    expect(errors[0]?.message).toBe(message)
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', argument, http: { status: 400 } })
    expect(JSON.stringify(errors)).not.toContain(secret)
  })

  it('named like a property of every object: read from the request only', () => {
    const query =
      'query ($constructor: Boolean!, $toString: String) { viewer { id @include(if: $constructor) } a: verifyAccessToken(accessToken: "x") { active } }'
    expect(errorsOf({ query: query.replace(', $toString: String', ''), variables: {} })[0]?.message).toBe(
      '$constructor is required',
    )
  })
})
