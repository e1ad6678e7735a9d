/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { TypedDocumentNode as DocumentNode } from '@graphql-typed-document-node/core';
/** How LINE offers to add the linked LINE Official Account as a friend. */
export type BotPrompt =
  /** A separate screen after the consent screen. */
  | 'AGGRESSIVE'
  /** An option on the consent screen. */
  | 'NORMAL';

/** The code that LINE returned, and the values that you stored from `startLogin`. Compare `state` before you send them. */
export type ExchangeLoginInput = {
  /** The ID of the LINE Login channel. Required only if this gateway has several channels. */
  channelId?: string | null | undefined;
  /** The `code` that LINE returned to the redirect URI. Valid for ten minutes and only once. */
  code: string;
  /** The code verifier of the login. Required if `startLogin` created it. */
  codeVerifier?: string | null | undefined;
  /** The nonce of the login. The ID token must contain the same one. Required if `startLogin` created it and the login has the scope `openid`. Leave it out for a login without that scope: LINE returns no ID token then, so the nonce is wrong. */
  nonce?: string | null | undefined;
  /** The redirect URI of the login, exactly as `startLogin` got it. */
  redirectUri: string;
};

/** Forces a screen of LINE, or forbids all screens. */
export type LoginPrompt =
  /** Shows the consent screen, even if the user granted all scopes before. */
  | 'CONSENT'
  /** Shows the login screen, even if the user is logged in. Disables auto login. */
  | 'LOGIN'
  /** Shows no screen. If LINE needs one, the login fails with `LOGIN_REQUIRED` or `INTERACTION_REQUIRED`. */
  | 'NONE';

/** What `logout` revokes in addition to the Bearer token. */
export type LogoutInput = {
  /** The refresh token of the session. Without it, the session can still be refreshed. */
  refreshToken?: string | null | undefined;
};

/** A refresh token and the channel that it belongs to. */
export type RefreshTokenInput = {
  /** The ID of the LINE Login channel. Required only if this gateway has several channels. */
  channelId?: string | null | undefined;
  /** The refresh token from the last login or refresh. */
  refreshToken: string;
};

/** How LINE returns the code. */
export type ResponseMode =
  /** As a form that the browser posts to the redirect URI. */
  | 'FORM_POST'
  /** In the query of the redirect URI. */
  | 'QUERY';

/** The settings of a login: where it returns to, which scopes it requests and which screens LINE shows. */
export type StartLoginInput = {
  /** How LINE offers to add the linked LINE Official Account as a friend. */
  botPrompt?: BotPrompt | null | undefined;
  /** The ID of the LINE Login channel. Required only if this gateway has several channels. */
  channelId?: string | null | undefined;
  /** Disables auto login. Set it to start again after a login came back with a wrong `state`: inside the LINE app this is usually a failed auto login, and its code cannot be used. `startLogin` creates a new `state`. */
  disableAutoLogin?: boolean | null | undefined;
  /** Disables auto login on iOS only. Prefer `disableAutoLogin`, which is newer. */
  disableIosAutoLogin?: boolean | null | undefined;
  /** The login method that LINE shows first: `lineqr` for the QR code. */
  initialAmrDisplay?: string | null | undefined;
  /** The maximum number of seconds since the user last authenticated. The ID token then contains `authTime`. */
  maxAge?: number | null | undefined;
  /** Forces a screen of LINE, or forbids all screens. */
  prompt?: LoginPrompt | null | undefined;
  /** The URL that LINE sends the user back to. It must be registered as a callback URL of the channel. */
  redirectUri: string;
  /** How LINE returns the code. The default is `QUERY`. */
  responseMode?: ResponseMode | null | undefined;
  /** The scopes to request. At least `profile` or `openid` is required. `email` needs `openid`, and the channel must have permission for it. */
  scopes?: Array<string> | null | undefined;
  /** Whether the user can switch to another login method. The default is `true`. */
  switchAmr?: boolean | null | undefined;
  /** The languages for LINE's screens, the preferred one first, as language tags such as `ja` or `en-GB`. */
  uiLocales?: Array<string> | null | undefined;
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

/** An ID token, and the values that its client stored from the login. */
export type VerifyIdTokenInput = {
  /** The ID of the LINE Login channel that the token must be issued for. Without it, any channel of this gateway is accepted. */
  channelId?: string | null | undefined;
  /** The ID token as LINE issued it: a JWT signed with HS256 or ES256, of at most 8,192 characters. */
  idToken: string;
  /** The nonce of the login. The ID token must contain the same one. Required if `startLogin` created it. It is only compared, so the same ID token can be checked again. */
  nonce?: string | null | undefined;
};

export type ViewerQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerQuery = { viewer: { id: string, displayName: string, pictureUrl: string | null } | null };

export type ViewerWithAccessTokenQueryVariables = Exact<{ [key: string]: never; }>;


export type ViewerWithAccessTokenQuery = { viewer: { id: string, displayName: string, pictureUrl: string | null, statusMessage: string | null, isFriend: boolean | null, accessToken: { channelId: string, scopes: Array<string>, expiresAt: string } | null } | null };

export type ApiTokenQueryVariables = Exact<{
  audience?: string | null | undefined;
}>;


export type ApiTokenQuery = { viewer: { apiToken: { token: string, expiresAt: string } | null } | null };

export type StartLoginMutationVariables = Exact<{
  input: StartLoginInput;
}>;


export type StartLoginMutation = { startLogin: { authorizationUrl: string, state: string, nonce: string, codeVerifier: string, redirectUri: string } | null };

export type ExchangeLoginMutationVariables = Exact<{
  input: ExchangeLoginInput;
}>;


export type ExchangeLoginMutation = { exchangeLogin: { tokens: { accessToken: string, refreshToken: string | null, expiresAt: string }, viewer: { id: string, displayName: string, pictureUrl: string | null } | null, idTokenClaims: { sub: string, email: string | null } | null } | null };

export type RefreshMutationVariables = Exact<{
  input: RefreshTokenInput;
}>;


export type RefreshMutation = { refreshToken: { accessToken: string, refreshToken: string | null, expiresAt: string } | null };

export type LogoutMutationVariables = Exact<{
  input?: LogoutInput | null | undefined;
}>;


export type LogoutMutation = { logout: { revoked: boolean } | null };

export type DeauthorizeMutationVariables = Exact<{ [key: string]: never; }>;


export type DeauthorizeMutation = { deauthorize: { deauthorized: boolean } | null };

export type VerifyAccessTokensQueryVariables = Exact<{
  accessTokens: Array<string> | string;
}>;


export type VerifyAccessTokensQuery = { verifyAccessTokens: Array<{ active: boolean, reason: TokenRefusal | null, channelId: string | null, scopes: Array<string> | null, expiresAt: string | null } | null> | null };

export type VerifyIdTokenQueryVariables = Exact<{
  input: VerifyIdTokenInput;
}>;


export type VerifyIdTokenQuery = { verifyIdToken: { sub: string, name: string | null, picture: string | null, email: string | null, exp: string } | null };


export const ViewerDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"Viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"displayName"}},{"kind":"Field","name":{"kind":"Name","value":"pictureUrl"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"size"},"value":{"kind":"EnumValue","value":"LARGE"}}]}]}}]}}]} as unknown as DocumentNode<ViewerQuery, ViewerQueryVariables>;
export const ViewerWithAccessTokenDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"ViewerWithAccessToken"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"displayName"}},{"kind":"Field","name":{"kind":"Name","value":"pictureUrl"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"size"},"value":{"kind":"EnumValue","value":"LARGE"}}]},{"kind":"Field","name":{"kind":"Name","value":"statusMessage"}},{"kind":"Field","name":{"kind":"Name","value":"isFriend"}},{"kind":"Field","name":{"kind":"Name","value":"accessToken"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"channelId"}},{"kind":"Field","name":{"kind":"Name","value":"scopes"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}}]}}]}}]} as unknown as DocumentNode<ViewerWithAccessTokenQuery, ViewerWithAccessTokenQueryVariables>;
export const ApiTokenDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"ApiToken"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"audience"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"apiToken"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"audience"},"value":{"kind":"Variable","name":{"kind":"Name","value":"audience"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"token"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}}]}}]}}]} as unknown as DocumentNode<ApiTokenQuery, ApiTokenQueryVariables>;
export const StartLoginDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"StartLogin"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"StartLoginInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"startLogin"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"authorizationUrl"}},{"kind":"Field","name":{"kind":"Name","value":"state"}},{"kind":"Field","name":{"kind":"Name","value":"nonce"}},{"kind":"Field","name":{"kind":"Name","value":"codeVerifier"}},{"kind":"Field","name":{"kind":"Name","value":"redirectUri"}}]}}]}}]} as unknown as DocumentNode<StartLoginMutation, StartLoginMutationVariables>;
export const ExchangeLoginDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"ExchangeLogin"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"ExchangeLoginInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"exchangeLogin"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"tokens"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"accessToken"}},{"kind":"Field","name":{"kind":"Name","value":"refreshToken"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}},{"kind":"Field","name":{"kind":"Name","value":"viewer"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"id"}},{"kind":"Field","name":{"kind":"Name","value":"displayName"}},{"kind":"Field","name":{"kind":"Name","value":"pictureUrl"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"size"},"value":{"kind":"EnumValue","value":"LARGE"}}]}]}},{"kind":"Field","name":{"kind":"Name","value":"idTokenClaims"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sub"}},{"kind":"Field","name":{"kind":"Name","value":"email"}}]}}]}}]}}]} as unknown as DocumentNode<ExchangeLoginMutation, ExchangeLoginMutationVariables>;
export const RefreshDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Refresh"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"RefreshTokenInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"refreshToken"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"accessToken"}},{"kind":"Field","name":{"kind":"Name","value":"refreshToken"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}}]}}]} as unknown as DocumentNode<RefreshMutation, RefreshMutationVariables>;
export const LogoutDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Logout"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NamedType","name":{"kind":"Name","value":"LogoutInput"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"logout"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"revoked"}}]}}]}}]} as unknown as DocumentNode<LogoutMutation, LogoutMutationVariables>;
export const DeauthorizeDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"mutation","name":{"kind":"Name","value":"Deauthorize"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deauthorize"},"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"deauthorized"}}]}}]}}]} as unknown as DocumentNode<DeauthorizeMutation, DeauthorizeMutationVariables>;
export const VerifyAccessTokensDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"VerifyAccessTokens"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"accessTokens"}},"type":{"kind":"NonNullType","type":{"kind":"ListType","type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"String"}}}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"verifyAccessTokens"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"accessTokens"},"value":{"kind":"Variable","name":{"kind":"Name","value":"accessTokens"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"active"}},{"kind":"Field","name":{"kind":"Name","value":"reason"}},{"kind":"Field","name":{"kind":"Name","value":"channelId"}},{"kind":"Field","name":{"kind":"Name","value":"scopes"}},{"kind":"Field","name":{"kind":"Name","value":"expiresAt"}}]}}]}}]} as unknown as DocumentNode<VerifyAccessTokensQuery, VerifyAccessTokensQueryVariables>;
export const VerifyIdTokenDocument = {"kind":"Document","definitions":[{"kind":"OperationDefinition","operation":"query","name":{"kind":"Name","value":"VerifyIdToken"},"variableDefinitions":[{"kind":"VariableDefinition","variable":{"kind":"Variable","name":{"kind":"Name","value":"input"}},"type":{"kind":"NonNullType","type":{"kind":"NamedType","name":{"kind":"Name","value":"VerifyIdTokenInput"}}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"verifyIdToken"},"arguments":[{"kind":"Argument","name":{"kind":"Name","value":"input"},"value":{"kind":"Variable","name":{"kind":"Name","value":"input"}}}],"selectionSet":{"kind":"SelectionSet","selections":[{"kind":"Field","name":{"kind":"Name","value":"sub"}},{"kind":"Field","name":{"kind":"Name","value":"name"}},{"kind":"Field","name":{"kind":"Name","value":"picture"}},{"kind":"Field","name":{"kind":"Name","value":"email"}},{"kind":"Field","name":{"kind":"Name","value":"exp"}}]}}]}}]} as unknown as DocumentNode<VerifyIdTokenQuery, VerifyIdTokenQueryVariables>;