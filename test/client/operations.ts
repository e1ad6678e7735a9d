import { graphql } from './generated/gql.ts'

/** The operations of a front end. Their variables and answers get types from the schema. */

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
