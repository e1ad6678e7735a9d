import { once } from 'node:events'
import { createServer } from 'node:http'

/** Starts an HTTP server on a free port. Returns its URL. */
export async function listen(handler) {
  const server = createServer(handler).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${server.address().port}`
}
