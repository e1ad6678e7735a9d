import { readFileSync } from 'node:fs'
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLNamedType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isObjectType,
  isSpecifiedScalarType,
  lexicographicSortSchema,
  printSchema,
} from 'graphql'
import { describe, expect, it } from 'vitest'
import { schema } from '../../src/schema/schema.ts'

it('schema.graphql equals the schema of the code', () => {
  const written = readFileSync(new URL('../../schema.graphql', import.meta.url), 'utf8')
  expect(written).toBe(`${printSchema(lexicographicSortSchema(schema))}\n`)
})

/** Clients depend on these names, types and nullabilities. A change can break them. */
const contract = buildSchema(`
  scalar DateTime
  type Query {
    viewer: Viewer
    verifyAccessToken(accessToken: String!): AccessTokenVerification
    verifyAccessTokens(accessTokens: [String!]!): [AccessTokenVerification]
    verifyIdToken(input: VerifyIdTokenInput!): IdTokenClaims
  }
  type Mutation {
    startLogin(input: StartLoginInput!): LoginRequest
    exchangeLogin(input: ExchangeLoginInput!): LoginPayload
    refreshToken(input: RefreshTokenInput!): TokenSet
    revokeToken(input: RevokeTokenInput!): RevokeTokenPayload
    logout(input: LogoutInput): LogoutPayload
    deauthorize: DeauthorizePayload
  }
  type Viewer {
    id: ID!
    displayName: String!
    pictureUrl(size: PictureSize = ORIGINAL): String
    statusMessage: String
    isFriend: Boolean
    accessToken: AccessToken
    apiToken(audience: String): ApiToken
  }
  type ApiToken { token: String! tokenType: String! audience: String! expiresIn: Int! expiresAt: DateTime! }
  enum PictureSize { ORIGINAL LARGE SMALL }
  type AccessToken { channelId: ID! scopes: [String!]! expiresAt: DateTime! expiresIn: Int! verifiedAt: DateTime! }
  type TokenSet {
    accessToken: String!
    tokenType: String!
    expiresIn: Int!
    expiresAt: DateTime!
    refreshToken: String
    scopes: [String!]!
  }
  type LoginRequest { authorizationUrl: String! state: String! nonce: String! codeVerifier: String! redirectUri: String! channelId: ID! }
  type LoginPayload { tokens: TokenSet! viewer: Viewer idToken: String idTokenClaims: IdTokenClaims }
  type IdTokenClaims {
    iss: String! sub: ID! aud: ID! exp: DateTime! iat: DateTime! authTime: DateTime nonce: String amr: [String!]
    name: String picture: String email: String
  }
  type AccessTokenVerification {
    active: Boolean!
    reason: TokenRefusal
    channelId: ID scopes: [String!] expiresAt: DateTime expiresIn: Int verifiedAt: DateTime
    viewer: Viewer
  }
  enum TokenRefusal { MALFORMED EXPIRED REVOKED WRONG_CHANNEL INVALID }
  input StartLoginInput {
    redirectUri: String! scopes: [String!] = ["profile", "openid"] channelId: ID prompt: LoginPrompt botPrompt: BotPrompt
    maxAge: Int uiLocales: [String!] initialAmrDisplay: String switchAmr: Boolean disableAutoLogin: Boolean
    disableIosAutoLogin: Boolean responseMode: ResponseMode
  }
  enum LoginPrompt { CONSENT NONE LOGIN }
  enum BotPrompt { NORMAL AGGRESSIVE }
  enum ResponseMode { QUERY FORM_POST }
  input ExchangeLoginInput { code: String! redirectUri: String! codeVerifier: String nonce: String channelId: ID }
  input RefreshTokenInput { refreshToken: String! channelId: ID }
  input RevokeTokenInput { accessToken: String refreshToken: String channelId: ID }
  input LogoutInput { refreshToken: String }
  input VerifyIdTokenInput { idToken: String! nonce: String channelId: ID }
  type RevokeTokenPayload { revoked: Boolean! }
  type LogoutPayload { revoked: Boolean! }
  type DeauthorizePayload { deauthorized: Boolean! }
`)

it('the schema has exactly the names and types of the contract', () => {
  const bare = (text: GraphQLSchema) => printSchema(lexicographicSortSchema(withoutDescriptions(text)))
  expect(bare(schema)).toBe(bare(contract))
})

describe('has a description of at least three words', () => {
  const described = ownTypes(schema).flatMap(partsOf)

  it('types, fields, arguments and enum values are all tested', () => {
    const names = described.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining([
        'Viewer',
        'Viewer.displayName',
        'Viewer.pictureUrl(size:)',
        'PictureSize.LARGE',
        'StartLoginInput',
        'StartLoginInput.maxAge',
        'Query.verifyAccessTokens(accessTokens:)',
        'DateTime',
      ]),
    )
    expect(names.length).toBeGreaterThan(120)
  })

  it.each(described)('$name', ({ description }) => {
    expect(description.split(/\s+/).length).toBeGreaterThan(2)
    expect(description).toMatch(/^[A-Z0-9`].*\.$/s)
  })
})

type Part = { readonly name: string; readonly description: string }

function ownTypes(of: GraphQLSchema): GraphQLNamedType[] {
  return Object.values(of.getTypeMap()).filter((type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type))
}

function partsOf(type: GraphQLNamedType): Part[] {
  return [part(type.name, type), ...membersOf(type)]
}

function membersOf(type: GraphQLNamedType): Part[] {
  if (isEnumType(type)) return type.getValues().map((value) => part(`${type.name}.${value.name}`, value))
  if (isInputObjectType(type))
    return Object.values(type.getFields()).map((field) => part(`${type.name}.${field.name}`, field))
  if (!isObjectType(type)) return []
  return Object.values(type.getFields()).flatMap((field) => [
    part(`${type.name}.${field.name}`, field),
    ...field.args.map((argument: GraphQLArgument) => part(`${type.name}.${field.name}(${argument.name}:)`, argument)),
  ])
}

function part(name: string, { description }: { readonly description?: string | null | undefined }): Part {
  return { name, description: description ?? '' }
}

function withoutDescriptions(of: GraphQLSchema): GraphQLSchema {
  return buildSchema(printSchema(of).replace(/"""[\s\S]*?"""\n?/g, ''))
}
