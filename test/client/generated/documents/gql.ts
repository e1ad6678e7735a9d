/* eslint-disable */
import * as types from './graphql.ts';
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';

/**
 * Map of all GraphQL operations in the project.
 *
 * This map has several performance disadvantages:
 * 1. It is not tree-shakeable, so it will include all operations in the project.
 * 2. It is not minifiable, so the string of a GraphQL query will be multiple times inside the bundle.
 * 3. It does not support dead code elimination, so it will add unused operations.
 *
 * Therefore it is highly recommended to use the babel or swc plugin for production.
 * Learn more about it here: https://the-guild.dev/graphql/codegen/plugins/presets/preset-client#reducing-bundle-size
 */
type Documents = {
    "query Viewer {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n  }\n}\n\nquery ViewerWithAccessToken {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n    statusMessage\n    isFriend\n    accessToken {\n      channelId\n      scopes\n      expiresAt\n    }\n  }\n}\n\nquery ApiToken($audience: String) {\n  viewer {\n    apiToken(audience: $audience) {\n      token\n      expiresAt\n    }\n  }\n}\n\nmutation StartLogin($input: StartLoginInput!) {\n  startLogin(input: $input) {\n    authorizationUrl\n    state\n    nonce\n    codeVerifier\n    redirectUri\n  }\n}\n\nmutation ExchangeLogin($input: ExchangeLoginInput!) {\n  exchangeLogin(input: $input) {\n    tokens {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n    idTokenClaims {\n      sub\n      email\n    }\n  }\n}\n\nmutation Refresh($input: RefreshTokenInput!) {\n  refreshToken(input: $input) {\n    accessToken\n    refreshToken\n    expiresAt\n  }\n}\n\nmutation Logout($input: LogoutInput) {\n  logout(input: $input) {\n    revoked\n  }\n}\n\nmutation Deauthorize {\n  deauthorize {\n    deauthorized\n  }\n}\n\nquery VerifyAccessTokens($accessTokens: [String!]!) {\n  verifyAccessTokens(accessTokens: $accessTokens) {\n    active\n    reason\n    channelId\n    scopes\n    expiresAt\n  }\n}\n\nquery VerifyIdToken($input: VerifyIdTokenInput!) {\n  verifyIdToken(input: $input) {\n    sub\n    name\n    picture\n    email\n    exp\n  }\n}": typeof types.ViewerDocument,
};
const documents: Documents = {
    "query Viewer {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n  }\n}\n\nquery ViewerWithAccessToken {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n    statusMessage\n    isFriend\n    accessToken {\n      channelId\n      scopes\n      expiresAt\n    }\n  }\n}\n\nquery ApiToken($audience: String) {\n  viewer {\n    apiToken(audience: $audience) {\n      token\n      expiresAt\n    }\n  }\n}\n\nmutation StartLogin($input: StartLoginInput!) {\n  startLogin(input: $input) {\n    authorizationUrl\n    state\n    nonce\n    codeVerifier\n    redirectUri\n  }\n}\n\nmutation ExchangeLogin($input: ExchangeLoginInput!) {\n  exchangeLogin(input: $input) {\n    tokens {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n    idTokenClaims {\n      sub\n      email\n    }\n  }\n}\n\nmutation Refresh($input: RefreshTokenInput!) {\n  refreshToken(input: $input) {\n    accessToken\n    refreshToken\n    expiresAt\n  }\n}\n\nmutation Logout($input: LogoutInput) {\n  logout(input: $input) {\n    revoked\n  }\n}\n\nmutation Deauthorize {\n  deauthorize {\n    deauthorized\n  }\n}\n\nquery VerifyAccessTokens($accessTokens: [String!]!) {\n  verifyAccessTokens(accessTokens: $accessTokens) {\n    active\n    reason\n    channelId\n    scopes\n    expiresAt\n  }\n}\n\nquery VerifyIdToken($input: VerifyIdTokenInput!) {\n  verifyIdToken(input: $input) {\n    sub\n    name\n    picture\n    email\n    exp\n  }\n}": types.ViewerDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 *
 *
 * @example
 * ```ts
 * const query = graphql(`query GetUser($id: ID!) { user(id: $id) { name } }`);
 * ```
 *
 * The query argument is unknown!
 * Please regenerate the types.
 */
export function graphql(source: string): unknown;

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "query Viewer {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n  }\n}\n\nquery ViewerWithAccessToken {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n    statusMessage\n    isFriend\n    accessToken {\n      channelId\n      scopes\n      expiresAt\n    }\n  }\n}\n\nquery ApiToken($audience: String) {\n  viewer {\n    apiToken(audience: $audience) {\n      token\n      expiresAt\n    }\n  }\n}\n\nmutation StartLogin($input: StartLoginInput!) {\n  startLogin(input: $input) {\n    authorizationUrl\n    state\n    nonce\n    codeVerifier\n    redirectUri\n  }\n}\n\nmutation ExchangeLogin($input: ExchangeLoginInput!) {\n  exchangeLogin(input: $input) {\n    tokens {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n    idTokenClaims {\n      sub\n      email\n    }\n  }\n}\n\nmutation Refresh($input: RefreshTokenInput!) {\n  refreshToken(input: $input) {\n    accessToken\n    refreshToken\n    expiresAt\n  }\n}\n\nmutation Logout($input: LogoutInput) {\n  logout(input: $input) {\n    revoked\n  }\n}\n\nmutation Deauthorize {\n  deauthorize {\n    deauthorized\n  }\n}\n\nquery VerifyAccessTokens($accessTokens: [String!]!) {\n  verifyAccessTokens(accessTokens: $accessTokens) {\n    active\n    reason\n    channelId\n    scopes\n    expiresAt\n  }\n}\n\nquery VerifyIdToken($input: VerifyIdTokenInput!) {\n  verifyIdToken(input: $input) {\n    sub\n    name\n    picture\n    email\n    exp\n  }\n}"): (typeof documents)["query Viewer {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n  }\n}\n\nquery ViewerWithAccessToken {\n  viewer {\n    id\n    displayName\n    pictureUrl(size: LARGE)\n    statusMessage\n    isFriend\n    accessToken {\n      channelId\n      scopes\n      expiresAt\n    }\n  }\n}\n\nquery ApiToken($audience: String) {\n  viewer {\n    apiToken(audience: $audience) {\n      token\n      expiresAt\n    }\n  }\n}\n\nmutation StartLogin($input: StartLoginInput!) {\n  startLogin(input: $input) {\n    authorizationUrl\n    state\n    nonce\n    codeVerifier\n    redirectUri\n  }\n}\n\nmutation ExchangeLogin($input: ExchangeLoginInput!) {\n  exchangeLogin(input: $input) {\n    tokens {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n    idTokenClaims {\n      sub\n      email\n    }\n  }\n}\n\nmutation Refresh($input: RefreshTokenInput!) {\n  refreshToken(input: $input) {\n    accessToken\n    refreshToken\n    expiresAt\n  }\n}\n\nmutation Logout($input: LogoutInput) {\n  logout(input: $input) {\n    revoked\n  }\n}\n\nmutation Deauthorize {\n  deauthorize {\n    deauthorized\n  }\n}\n\nquery VerifyAccessTokens($accessTokens: [String!]!) {\n  verifyAccessTokens(accessTokens: $accessTokens) {\n    active\n    reason\n    channelId\n    scopes\n    expiresAt\n  }\n}\n\nquery VerifyIdToken($input: VerifyIdTokenInput!) {\n  verifyIdToken(input: $input) {\n    sub\n    name\n    picture\n    email\n    exp\n  }\n}"];

export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}

export type DocumentType<TDocumentNode extends DocumentNode<any, any>> = TDocumentNode extends DocumentNode<  infer TType,  any>  ? TType  : never;