import { ApolloServer } from '@apollo/server'
import { startStandaloneServer } from '@apollo/server/standalone'
import { bearerOf, resolvers, typeDefs } from './schema.js'
import { createNaiveLookUp, createTokenCache } from './token-cache.js'

const { find } = process.argv[2] === 'naive' ? createNaiveLookUp(process.env) : createTokenCache(process.env)
const server = new ApolloServer({ typeDefs, resolvers })
const { url } = await startStandaloneServer(server, {
  listen: { host: '127.0.0.1', port: 0 },
  context: async ({ req }) => ({ token: bearerOf(req.headers.authorization), find }),
})
process.stdout.write(`${JSON.stringify({ url })}\n`)
