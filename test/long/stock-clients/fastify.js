import Fastify from 'fastify'
import jwtJwks from 'fastify-jwt-jwks'

/** An API on Fastify. Its plugin knows RS256, not ES256. */
export async function startFastify({ issuer, audience, jwksUri }) {
  const app = Fastify()
  await app.register(jwtJwks, { jwksUrl: jwksUri, issuer, audience })
  app.get('/', { preValidation: app.authenticate }, (request) => request.user)
  return app.listen({ host: '127.0.0.1', port: 0 })
}
