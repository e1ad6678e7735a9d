import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { profileOf, verification } from '../line-answers.ts'

/**
 * A fake LINE server with two endpoints. It accepts every token. It does as little as possible, because it can share a
 * core with the load. `GET /control?delayMs=20` sets the latency of later answers and returns the calls since the last
 * time.
 */
let delayMs = 0
let calls = { verify: 0, profile: 0 }

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const { url = '/', headers } = request
  if (url.startsWith('/oauth2/v2.1/verify?')) {
    calls.verify += 1
    answer(response, verification)
  } else if (url === '/v2/profile') {
    calls.profile += 1
    answer(response, profileOf(headers.authorization ?? ''))
  } else if (url.startsWith('/control?delayMs=')) {
    delayMs = Number(url.split('=')[1])
    write(response, JSON.stringify(calls))
    calls = { verify: 0, profile: 0 }
  } else {
    response.writeHead(404).end()
  }
})

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
})

function answer(response: ServerResponse, body: string): void {
  if (delayMs === 0) write(response, body)
  else setTimeout(write, delayMs, response, body)
}

function write(response: ServerResponse, body: string): void {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}
