import { createServer } from 'node:http'
import DataLoader from 'dataloader'
import { createSchema, createYoga } from 'graphql-yoga'
import { bearerOf, resolvers, typeDefs } from './schema.js'
import { createTokenCache } from './token-cache.js'

const { find } = createTokenCache(process.env)
const yoga = createYoga({
  schema: createSchema({ typeDefs, resolvers }),
  graphiql: false,
  context: ({ request }) => {
    const loader = new DataLoader(async (tokens) => Promise.all(tokens.map(find)))
    return { token: bearerOf(request.headers.get('authorization') ?? ''), find: (token) => loader.load(token) }
  },
})
const server = createServer(yoga)
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${server.address().port}` })}\n`)
})
