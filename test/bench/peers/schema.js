import { GraphQLScalarType } from 'graphql'

/** The measured part of the gateway's schema, with the same names. */
export const typeDefs = /* GraphQL */ `
  scalar DateTime
  enum PictureSize { ORIGINAL LARGE SMALL }
  type Query {
    viewer: Viewer
    verifyAccessToken(accessToken: String!): AccessTokenVerification
  }
  type Viewer {
    id: ID!
    displayName: String!
    pictureUrl(size: PictureSize = ORIGINAL): String
    statusMessage: String
    accessToken: AccessToken!
  }
  type AccessToken { channelId: ID!  scopes: [String!]!  expiresAt: DateTime!  expiresIn: Int!  verifiedAt: DateTime! }
  type AccessTokenVerification {
    active: Boolean!
    channelId: ID
    scopes: [String!]
    expiresAt: DateTime
    expiresIn: Int
    verifiedAt: DateTime
    viewer: Viewer
  }
`

const suffixes = { ORIGINAL: '', LARGE: '/large', SMALL: '/small' }
const expiresIn = ({ expiresAt }) => Math.floor((expiresAt - Date.now()) / 1000)

/** The context has the caller's `token`, and `find`, which returns a record or a promise of one. */
export const resolvers = {
  DateTime: new GraphQLScalarType({ name: 'DateTime', serialize: (epochMs) => new Date(epochMs).toISOString() }),
  Query: {
    viewer: (_, __, { token, find }) => find(token),
    verifyAccessToken: (_, { accessToken }, { find }) => {
      const record = find(accessToken)
      return record instanceof Promise ? record.then(toVerification) : toVerification(record)
    },
  },
  Viewer: {
    pictureUrl: ({ pictureUrl }, { size }) => (pictureUrl === null || !size ? pictureUrl : pictureUrl + suffixes[size]),
  },
  AccessToken: { expiresIn },
  AccessTokenVerification: { expiresIn },
}

export function bearerOf(authorization = '') {
  return authorization.slice('Bearer '.length)
}

function toVerification(record) {
  return { active: true, ...record.accessToken, viewer: record }
}
