/* eslint-disable */
/** Internal type. DO NOT USE DIRECTLY. */
type Exact<T extends { [key: string]: unknown }> = { [K in keyof T]: T[K] };
/** Internal type. DO NOT USE DIRECTLY. */
export type Incremental<T> = T | { [P in keyof T]?: P extends ' $fragmentName' | '__typename' ? T[P] : never };
import type { DocumentTypeDecoration } from '@graphql-typed-document-node/core';
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

export const ViewerDocument = new TypedDocumentString(`
    query Viewer {
  viewer {
    id
    displayName
    pictureUrl(size: LARGE)
  }
}
    `) as unknown as TypedDocumentString<ViewerQuery, ViewerQueryVariables>;
export const ViewerWithAccessTokenDocument = new TypedDocumentString(`
    query ViewerWithAccessToken {
  viewer {
    id
    displayName
    pictureUrl(size: LARGE)
    statusMessage
    isFriend
    accessToken {
      channelId
      scopes
      expiresAt
    }
  }
}
    `) as unknown as TypedDocumentString<ViewerWithAccessTokenQuery, ViewerWithAccessTokenQueryVariables>;
export const ApiTokenDocument = new TypedDocumentString(`
    query ApiToken($audience: String) {
  viewer {
    apiToken(audience: $audience) {
      token
      expiresAt
    }
  }
}
    `) as unknown as TypedDocumentString<ApiTokenQuery, ApiTokenQueryVariables>;
export const StartLoginDocument = new TypedDocumentString(`
    mutation StartLogin($input: StartLoginInput!) {
  startLogin(input: $input) {
    authorizationUrl
    state
    nonce
    codeVerifier
    redirectUri
  }
}
    `) as unknown as TypedDocumentString<StartLoginMutation, StartLoginMutationVariables>;
export const ExchangeLoginDocument = new TypedDocumentString(`
    mutation ExchangeLogin($input: ExchangeLoginInput!) {
  exchangeLogin(input: $input) {
    tokens {
      accessToken
      refreshToken
      expiresAt
    }
    viewer {
      id
      displayName
      pictureUrl(size: LARGE)
    }
    idTokenClaims {
      sub
      email
    }
  }
}
    `) as unknown as TypedDocumentString<ExchangeLoginMutation, ExchangeLoginMutationVariables>;
export const RefreshDocument = new TypedDocumentString(`
    mutation Refresh($input: RefreshTokenInput!) {
  refreshToken(input: $input) {
    accessToken
    refreshToken
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<RefreshMutation, RefreshMutationVariables>;
export const LogoutDocument = new TypedDocumentString(`
    mutation Logout($input: LogoutInput) {
  logout(input: $input) {
    revoked
  }
}
    `) as unknown as TypedDocumentString<LogoutMutation, LogoutMutationVariables>;
export const DeauthorizeDocument = new TypedDocumentString(`
    mutation Deauthorize {
  deauthorize {
    deauthorized
  }
}
    `) as unknown as TypedDocumentString<DeauthorizeMutation, DeauthorizeMutationVariables>;
export const VerifyAccessTokensDocument = new TypedDocumentString(`
    query VerifyAccessTokens($accessTokens: [String!]!) {
  verifyAccessTokens(accessTokens: $accessTokens) {
    active
    reason
    channelId
    scopes
    expiresAt
  }
}
    `) as unknown as TypedDocumentString<VerifyAccessTokensQuery, VerifyAccessTokensQueryVariables>;
export const VerifyIdTokenDocument = new TypedDocumentString(`
    query VerifyIdToken($input: VerifyIdTokenInput!) {
  verifyIdToken(input: $input) {
    sub
    name
    picture
    email
    exp
  }
}
    `) as unknown as TypedDocumentString<VerifyIdTokenQuery, VerifyIdTokenQueryVariables>;