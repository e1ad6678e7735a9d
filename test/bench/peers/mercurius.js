import Fastify from 'fastify'
import mercurius from 'mercurius'
import { bearerOf, resolvers, typeDefs } from './schema.js'
import { createTokenCache } from './token-cache.js'

const { find } = createTokenCache(process.env)
const app = Fastify({ bodyLimit: 100 * 1024 })
app.register(mercurius, {
  schema: typeDefs,
  resolvers,
  jit: 1,
  context: (request) => ({ token: bearerOf(request.headers.authorization), find }),
})
const url = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ url })}\n`)
