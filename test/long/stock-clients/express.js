import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { listen } from './listen.js'

/** An API on Express. It finds the keys by discovery. `strict`: a token needs all that RFC 9068 asks for. */
export function startExpress({ issuer, audience, strict = false }) {
  const app = express()
  app.use(auth({ issuerBaseURL: issuer, audience, strict }))
  app.get('/', (request, response) => response.json(request.auth.payload))
  app.use((error, _request, response, _next) =>
    response
      .status(error.status ?? 500)
      .set(error.headers)
      .json({ error: error.message }),
  )
  return listen(app)
}
