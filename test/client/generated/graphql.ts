/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
/** A refresh token and the channel that it belongs to. */
export type RefreshTokenInput = {
  /** The ID of the LINE Login channel. Required only if this gateway has several channels. */
  channelId?: string | null | undefined;
  /** The refresh token from the last login or refresh. */
  refreshToken: string;
};

/** Why an access token is refused. */
export type TokenRefusal =
  /** It has expired. Refresh it. */
  | 'EXPIRED'
  /** LINE refuses it and gives no known reason. */
  | 'INVALID'
  /** It does not have the form of an access token. */
  | 'MALFORMED'
  /** It was revoked by the user, by you or through this gateway. */
  | 'REVOKED'
  /** It was issued for a channel that does not belong to this gateway. Never log a user in with it. */
  | 'WRONG_CHANNEL';

export type WhoAmIQueryVariables = Exact<{ [key: string]: never; }>;


export type WhoAmIQuery = { viewer: { id: string, displayName: string, pictureUrl: string | null } | null };

export type RefreshMutationVariables = Exact<{
  input: RefreshTokenInput;
}>;


export type RefreshMutation = { refreshToken: { accessToken: string, refreshToken: string | null, expiresAt: string } | null };

export type VerifyQueryVariables = Exact<{
  accessTokens: Array<string> | string;
}>;


export type VerifyQuery = { verifyAccessTokens: Array<{ active: boolean, reason: TokenRefusal | null } | null> | null };

export class TypedDocumentString<TResult, TVariables>
  extends String
  implements DocumentTypeDecoration<TResult, TVariables>
{
  __apiType?: NonNullable<DocumentTypeDecoration<TResult, TVariables>['__apiType']>;
  private value: string;
  public __meta__?: Record<string, any> | undefined;

  constructor(value: string, __meta__?: Record<string, any> | undefined) {
    super(value);
    this.value = value;
    this.__meta__ = __meta__;
  }

  override toString(): string & DocumentTypeDecoration<TResult, TVariables> {
    return this.value;
  }
}

export const WhoAmIDocument = new TypedDocumentString(`
    query WhoAmI {
  viewer {
    id
    displayName
    pictureUrl(size: LARGE)
  }
}
    `) as unknown as TypedDocumentString<WhoAmIQuery, WhoAmIQueryVariables>;
export const RefreshDocument = new TypedDocumentString(`
    mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) {
    accessToken
    refreshToken
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<RefreshMutation, RefreshMutationVariables>;
export const VerifyDocument = new TypedDocumentString(`
    query Verify($accessTokens: [String!]!) {
  verifyAccessTokens(accessTokens: $accessTokens) {
    active
    reason
  }
}
    `) as unknown as TypedDocumentString<VerifyQuery, VerifyQueryVariables>;