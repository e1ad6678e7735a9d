import { graphql } from './generated/gql.ts'

/** What a front end writes: operations whose variables and answers are typed from the schema. */

export const WhoAmI = graphql(`
  query WhoAmI {
    viewer {
      id
      displayName
      pictureUrl(size: LARGE)
    }
  }
`)

export const Refresh = graphql(`
  mutation Refresh($input: RefreshTokenInput!) {
    refreshToken(input: $input) {
      accessToken
      refreshToken
      expiresAt
    }
  }
`)

export const Verify = graphql(`
  query Verify($accessTokens: [String!]!) {
    verifyAccessTokens(accessTokens: $accessTokens) {
      active
      reason
    }
  }
`)
