/** The operations of a front end, with the types of their variables and answers: `npm run codegen` makes them. */
export {
  ApiTokenDocument as ApiToken,
  DeauthorizeDocument as Deauthorize,
  ExchangeLoginDocument as ExchangeLogin,
  LogoutDocument as Logout,
  RefreshDocument as Refresh,
  StartLoginDocument as StartLogin,
  VerifyAccessTokensDocument as VerifyAccessTokens,
  VerifyIdTokenDocument as VerifyIdToken,
  ViewerDocument as Viewer,
  ViewerWithAccessTokenDocument as ViewerWithAccessToken,
} from './generated/graphql.ts'
