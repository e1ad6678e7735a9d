import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Face } from '../../src/endpoints/face.ts'
import { createFaces, type Faces } from '../../src/endpoints/faces.ts'
import { createClientAddresses } from '../../src/http/client-address.ts'
import { createCors } from '../../src/http/cors.ts'
import { createTurns } from '../../src/http/turns.ts'
import { createUnderWay } from '../../src/http/under-way.ts'
import { connectTo, receive, statusesIn } from '../harness/raw-http.ts'

const requests = 100
const taskMs = 2
/** 10 ms after the first task, and 10 ms for those that wait, each with the task that is under way when they are over. */
const mostInOneTurn = 1 + 5 + 5 + 1
const operation = () => {}
const telemetry = { operation, unexpected: operation } as unknown as Parameters<typeof createFaces>[0]['telemetry']

let turn = 0
const seen: number[] = []
const costly: Face = {
  name: 'introspection',
  route: '/oauth/introspect',
  serves: () => true,
  isForBrowsers: false,
  answer: () => {
    const until = performance.now() + taskMs
    while (performance.now() < until);
    seen.push(turn)
    return { status: 200, headers: [], body: '', code: 'OK' }
  },
  refusal: ({ status }) => ({ status, headers: [], body: '' }),
}
const faces: readonly Face[] = [
  { ...costly, serves: (path) => path === '/plain' },
  { ...costly, serves: (path) => path === '/form', readsForm: true },
]

const server = createServer()
let all: Faces
beforeAll(async () => {
  all = createFaces({
    faces,
    telemetry,
    clientAddresses: createClientAddresses([], operation, operation),
    cors: createCors([]),
    operationMs: 4_000,
    underWay: createUnderWay(),
    turns: createTurns(),
  })
  server.on('request', (request, response) => {
    const path = request.url ?? ''
    const face = all.find(path)
    if (face !== undefined) all.handle(face, path, request, response)
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
})
afterAll(() => server.close())

describe(`${requests} costly requests at the same moment`, () => {
  const form = 'content-type: application/x-www-form-urlencoded\r\ncontent-length: 3\r\n\r\na=1'

  it.each([
    ['with a form', `POST /form HTTP/1.1\r\nhost: x\r\nconnection: close\r\n${form}`],
    ['without a form', 'GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n'],
  ])('%s: other work comes between them, and all are answered', async (_, sent) => {
    const { port } = server.address() as AddressInfo
    const sockets = Array.from({ length: requests }, () => connectTo(`http://127.0.0.1:${port}`))
    await expect.poll(() => promisify(server.getConnections).call(server), { timeout: 30_000 }).toBe(requests)
    seen.length = 0
    let watching = true
    const count = () => {
      turn += 1
      if (watching) setImmediate(count)
    }
    setImmediate(count)
    const answers = sockets.map((socket) => {
      socket.write(sent)
      return receive(socket)
    })
    expect((await Promise.all(answers)).flatMap(statusesIn)).toEqual(Array(requests).fill(200))
    watching = false
    const inEachTurn = Array.from(Map.groupBy(seen, (one) => one).values(), ({ length }) => length)
    expect(Math.max(...inEachTurn)).toBeLessThanOrEqual(mostInOneTurn)
  })

  it('those that wait when the process ends get 503, and are not executed afterwards', async () => {
    const { port } = server.address() as AddressInfo
    const sockets = Array.from({ length: requests }, () => connectTo(`http://127.0.0.1:${port}`))
    await expect.poll(() => promisify(server.getConnections).call(server), { timeout: 30_000 }).toBe(requests)
    seen.length = 0
    const refused = new Promise<number>((resolve) => {
      const look = () => {
        if (seen.length === 0) return void setImmediate(look)
        all.refuseAll()
        resolve(seen.length)
      }
      setImmediate(look)
    })
    const answers = sockets.map((socket) => {
      socket.write('GET /plain HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
      return receive(socket)
    })
    const executed = await refused
    const statuses = (await Promise.all(answers)).flatMap(statusesIn)
    expect(statuses.filter((status) => status === 200).length).toBeLessThanOrEqual(seen.length)
    expect(statuses.filter((status) => status === 503).length).toBe(requests - seen.length)
    expect(executed).toBeGreaterThan(0)
  })
})
