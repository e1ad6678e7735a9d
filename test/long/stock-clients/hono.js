import { Hono } from 'hono'
import { jwk } from 'hono/jwk'
import { listen } from './listen.js'

/** An API on Hono. `typ`: what it expects in the header of a token. Without it, `JWT`. */
export function startHono({ issuer, audience, jwksUri, algorithms, typ }) {
  const app = new Hono()
  const verification = { iss: issuer, aud: audience, ...(typ && { typ }) }
  app.use(jwk({ jwks_uri: jwksUri, alg: algorithms, verification }))
  app.get('/', (context) => context.json(context.get('jwtPayload')))
  return listen(async ({ headers }, response) => {
    const answer = await app.fetch(new Request('http://api.example/', { headers }))
    response.writeHead(answer.status, Object.fromEntries(answer.headers)).end(await answer.text())
  })
}
