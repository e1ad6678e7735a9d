import { startExpress } from './express.js'
import { startFastify } from './fastify.js'
import { startHono } from './hono.js'

/** Starts the APIs of one issuer and prints their URLs. The argument: the settings as JSON. */
const settings = JSON.parse(process.argv[2])
const urls = {
  express: await startExpress(settings),
  'express, strict': await startExpress({ ...settings, strict: true }),
  fastify: await startFastify(settings),
  hono: await startHono(settings),
  'hono with typ': await startHono({ ...settings, typ: 'at+jwt' }),
}
process.stdout.write(`${JSON.stringify(urls)}\n`)
