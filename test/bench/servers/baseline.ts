import { hash } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { LRUCache } from 'lru-cache'
import { Pool } from 'undici'
import { profileOf, verification } from '../line-answers.ts'
import { tokenAt } from '../tokens.ts'
import { askInParallel, askInTurn, dispatchInParallel, type Get, type Profile } from './line-pair.ts'

/**
 * The baseline: the least that a server must do for `{ viewer { displayName } }` on node:http. It reads the body,
 * parses it, hashes the token, looks it up and writes JSON. It has no GraphQL, no limits, no errors and no counters.
 * For a token that it does not know it makes two calls to LINE. `ASK` says how: `turn`, `parallel` or `dispatch` (see
 * line-pair.ts).
 */
const { LINE_API_URL = '', ASK = 'turn', CACHE_MAX_TOKENS = '100000', PRELOAD = '0' } = process.env
const line = new Pool(LINE_API_URL, { connections: 64 })
const asks: Record<string, Get> = { turn: askInTurn, parallel: askInParallel, dispatch: dispatchInParallel }
const ask = asks[ASK] ?? askInTurn
const profiles = new LRUCache<string, Profile>({ max: Number(CACHE_MAX_TOKENS) })

for (let number = 0; number < Number(PRELOAD); number++) {
  JSON.parse(verification)
  profiles.set(keyOf(tokenAt(number)), JSON.parse(profileOf(tokenAt(number))))
}

const server = createServer((request, response) => {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => {
    const body: { query: string } = JSON.parse(String(chunks.length === 1 ? chunks[0] : Buffer.concat(chunks)))
    if (typeof body.query !== 'string') response.writeHead(400).end()
    else answer(request, response)
  })
})

server.listen(0, '127.0.0.1', () => {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ url: `http://127.0.0.1:${port}` })}\n`)
})

function answer({ headers }: IncomingMessage, response: ServerResponse): void {
  const token = (headers.authorization ?? '').slice('Bearer '.length)
  const key = keyOf(token)
  const profile = profiles.get(key)
  if (profile !== undefined) {
    write(response, profile)
    return
  }
  ask(line, token).then(
    (read) => {
      profiles.set(key, read)
      write(response, read)
    },
    () => response.writeHead(500).end(),
  )
}

function write(response: ServerResponse, { displayName }: Profile): void {
  const body = JSON.stringify({ data: { viewer: { displayName } } })
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
  response.end(body)
}

function keyOf(token: string): string {
  return hash('sha256', token, 'base64url')
}
