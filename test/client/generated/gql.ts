/* eslint-disable */
import * as types from './graphql.ts';



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
    "\n  query WhoAmI {\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n  }\n": typeof types.WhoAmIDocument,
    "\n  mutation Refresh($input: RefreshTokenInput!) {\n    refreshToken(input: $input) {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n  }\n": typeof types.RefreshDocument,
    "\n  query Verify($accessTokens: [String!]!) {\n    verifyAccessTokens(accessTokens: $accessTokens) {\n      active\n      reason\n    }\n  }\n": typeof types.VerifyDocument,
};
const documents: Documents = {
    "\n  query WhoAmI {\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n  }\n": types.WhoAmIDocument,
    "\n  mutation Refresh($input: RefreshTokenInput!) {\n    refreshToken(input: $input) {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n  }\n": types.RefreshDocument,
    "\n  query Verify($accessTokens: [String!]!) {\n    verifyAccessTokens(accessTokens: $accessTokens) {\n      active\n      reason\n    }\n  }\n": types.VerifyDocument,
};

/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query WhoAmI {\n    viewer {\n      id\n      displayName\n      pictureUrl(size: LARGE)\n    }\n  }\n"): typeof import('./graphql.ts').WhoAmIDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  mutation Refresh($input: RefreshTokenInput!) {\n    refreshToken(input: $input) {\n      accessToken\n      refreshToken\n      expiresAt\n    }\n  }\n"): typeof import('./graphql.ts').RefreshDocument;
/**
 * The graphql function is used to parse GraphQL queries into a document that can be used by GraphQL clients.
 */
export function graphql(source: "\n  query Verify($accessTokens: [String!]!) {\n    verifyAccessTokens(accessTokens: $accessTokens) {\n      active\n      reason\n    }\n  }\n"): typeof import('./graphql.ts').VerifyDocument;


export function graphql(source: string) {
  return (documents as any)[source] ?? {};
}
