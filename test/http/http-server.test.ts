import { once } from 'node:events'
import { type AddressInfo, connect, type Socket } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createHttpServer } from '../../src/http/http-server.ts'
import { sendRaw, statusesIn } from '../harness/raw-http.ts'
import { useSharedGateway } from '../harness/running-gateway.ts'

const gateway = useSharedGateway()
const sockets: Socket[] = []
afterAll(() => {
  for (const socket of sockets) socket.destroy()
})

describe('bytes that are not HTTP, on a connection that had an answer', () => {
  const request = 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'
  const query = 'POST /graphql HTTP/1.1\r\nHost: a\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}'

  it.each([
    ['a zero byte', request, '\0', '400'],
    ['a TLS hello', query, '\x16\x03\x01\x02\x00', '400'],
    ['a header of 17 KB', request, `GET / HTTP/1.1\r\nHost: a\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`, '431'],
  ])('%s: an error, and the process goes on', async (_, first, second, status) => {
    const { socket, text } = open()
    socket.write(first, 'latin1')
    await expect.poll(text, { timeout: 30_000 }).toMatch(/\r\n\r\n[\s\S]*(ok|errors)/)
    const before = text().length
    socket.write(second, 'latin1')
    await expect.poll(() => text().slice(before), { timeout: 30_000 }).toContain(`HTTP/1.1 ${status} `)
    expect(text().slice(before)).toMatch(/x-request-id: [\w.-]+/)
    expect(await gateway().send('/health')).toMatchObject({ status: 200 })
  })

  it('half a head and the end of the connection: the process goes on', async () => {
    const { socket, text } = open()
    socket.write(request)
    await expect.poll(text, { timeout: 30_000 }).toContain('ok')
    socket.end('GET /hea')
    await new Promise((resolve) => socket.once('close', resolve))
    expect(await gateway().send('/health')).toMatchObject({ status: 200 })
  })
})

describe('requests that do not wait for the answer before', () => {
  const requests = (count: number) => 'GET /health HTTP/1.1\r\nHost: a\r\n\r\n'.repeat(count)
  const answersIn = (text: string) => text.split('HTTP/1.1 200 ').length - 1

  it('17 on one connection: all are answered, also many times', async () => {
    const { socket, text } = open()
    for (let round = 1; round <= 5; round += 1) {
      socket.write(requests(17))
      await expect.poll(() => answersIn(text()), { timeout: 30_000 }).toBe(17 * round)
    }
  })

  it('1,000 on one connection: it is cut, and others are answered', async () => {
    const { socket, text } = open()
    socket.write(requests(1_000))
    await new Promise((resolve) => socket.once('close', resolve))
    expect(answersIn(text())).toBeLessThanOrEqual(17)
    expect(await gateway().send('/health')).toMatchObject({ status: 200 })
  })
})

it('a handler that throws, before its answer, in the middle of it or after it: the client does not wait', async () => {
  const failures: [unknown, string][] = []
  const bug = new TypeError('a bug')
  const server = createHttpServer({ failed: (...failure) => failures.push(failure) }, ({ url }, response) => {
    if (url !== '/before') response.writeHead(200, { 'content-length': '2' })
    if (url === '/after') response.end('ok')
    throw bug
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const ask = (path: string) =>
    sendRaw(url, `GET ${path} HTTP/1.1\r\nhost: x\r\nx-request-id: r-1\r\nconnection: close\r\n\r\n`)
  expect((await ask('/before')).text).toMatch(
    /^HTTP\/1\.1 500 [\s\S]*x-request-id: r-1[\s\S]*Something went wrong on our side\n$/,
  )
  expect(statusesIn(await ask('/middle'))).toEqual([])
  expect((await ask('/after')).text).toMatch(/^HTTP\/1\.1 200 [\s\S]*ok$/)
  expect(failures).toEqual(Array(3).fill([bug, 'r-1']))
  server.close()
})

describe('a body that is still coming after the answer', () => {
  const head = (path: string) => `POST ${path} HTTP/1.1\r\nHost: a\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n`
  let url: string
  const refusals: number[] = []
  beforeAll(async () => {
    // Long enough for a busy machine to read the first request of a connection.
    const limits = { requestTimeout: 1_000, headersTimeout: 1_000, connectionsCheckingInterval: 20 }
    const refused = (status: number) => refusals.push(status)
    const server = createHttpServer({ ...limits, refused }, (request, response) => {
      if (request.url === '/read') request.on('data', () => {}).on('error', () => {})
      else if (request.url !== '/unanswered') response.end('ok')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    return () => void server.close()
  })

  it.each([
    ['never ends', '5\r\nhello\r\n'],
    ['is malformed', 'no chunk\r\n'],
    ['has a chunk extension of 17 KB', `5;${'x'.repeat(17_000)}\r\n`],
  ])('it %s: the connection is closed, and no byte follows the answer', async (_, rest) => {
    const { socket, text } = open(url)
    const closed = once(socket, 'close')
    socket.write(head('/'))
    await expect.poll(text, { timeout: 30_000 }).toContain('ok')
    const answer = text()
    socket.write(rest)
    await closed
    expect(text()).toBe(answer)
  })

  it('it ends: the connection serves the next request', async () => {
    const { socket, text } = open()
    socket.write(head('/health'))
    await expect.poll(text, { timeout: 30_000 }).toContain('HTTP/1.1 405 ')
    const closed = once(socket, 'close')
    socket.write('0\r\n\r\nGET /health HTTP/1.1\r\nHost: a\r\nconnection: close\r\n\r\n')
    await closed
    expect(text()).toContain('HTTP/1.1 200 OK\r\n')
  })

  it.each([
    ['a request without an answer, which counts itself', head('/unanswered'), []],
    ['a body that somebody waits for', head('/read'), [408]],
    ['half a head', 'GET / HTTP/1.1\r\nHos', [408]],
    ['half a head after an answer', 'GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHos', [408]],
    ['half a head after an answer to a body', `${head('/')}0\r\n\r\nGET / HTTP/1.1\r\nHos`, [408]],
  ])('%s: 408', async (_, sent, counted) => {
    refusals.length = 0
    const { socket, text } = open(url)
    const closed = once(socket, 'close')
    socket.write(sent)
    await closed
    expect(text()).toContain('HTTP/1.1 408 Request Timeout\r\n')
    expect(refusals).toEqual(counted)
  })
})

describe('CONNECT', () => {
  const connects = 'CONNECT line.example:443 HTTP/1.1\r\nhost: line.example\r\nx-request-id: r-1\r\n\r\n'

  it('405 with the request ID, also after another answer, and the connection is closed', async () => {
    const { socket, text } = open()
    const closed = once(socket, 'close')
    socket.write('GET /health HTTP/1.1\r\nHost: a\r\n\r\n')
    await expect.poll(text).toContain('ok')
    const before = text().length
    socket.write(`${connects}\x16\x03\x01`)
    await closed
    const expected = ['HTTP/1.1 405 Method Not Allowed', 'connection: close', 'x-request-id: r-1', 'allow: GET, POST']
    expect(text().slice(before).split('\r\n').filter(Boolean)).toEqual(expected)
  })

  it('behind a request that has no answer yet: the connection is cut, and no answer takes the place of another', async () => {
    const { promise: gone, resolve } = Promise.withResolvers<void>()
    const refusals: number[] = []
    const server = createHttpServer({ refused: (status) => refusals.push(status) }, (_, response) =>
      response.once('close', resolve),
    )
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    const { port } = server.address() as AddressInfo
    const { text, closed } = await sendRaw(`http://127.0.0.1:${port}`, `GET / HTTP/1.1\r\nHost: a\r\n\r\n${connects}`)
    await gone
    expect([text, closed, refusals]).toEqual(['', true, []])
    await new Promise((resolve) => server.close(resolve))
  })

  it('of clients that reset the connection at once: the process goes on', async () => {
    const resets = Array.from({ length: 20 }, async () => {
      const { socket } = open()
      await once(socket, 'connect')
      socket.write(connects)
      socket.resetAndDestroy()
    })
    await Promise.all(resets)
    expect(await gateway().send('/health')).toMatchObject({ status: 200 })
  })
})

describe('a head of 1,500 lines', () => {
  it('the handler gets every line', async () => {
    const server = createHttpServer({}, ({ rawHeaders }, response) =>
      response.end(`${rawHeaders.length} ${rawHeaders.at(-1)}`),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const head = `GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${'a:\r\n'.repeat(1_500)}Last: seen\r\n\r\n`
    const { text } = await sendRaw(`http://127.0.0.1:${port}`, head)
    expect(text.split('\r\n\r\n')[1]).toContain('3006 seen')
    await new Promise((resolve) => server.close(resolve))
  })
})

describe('a client that does not read its answer', () => {
  it('is cut off; a connection without an answer to read stays open', async () => {
    const megabytes = Buffer.alloc(64 * 1024 * 1024)
    const server = createHttpServer({ stalledMs: 50 }, (request, response) =>
      response.end(request.url === '/large' ? megabytes : 'ok'),
    )
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    const [idle, stalled] = [connect(port, '127.0.0.1'), connect(port, '127.0.0.1')]
    sockets.push(idle, stalled)
    stalled.on('error', () => {})
    const accepted = await new Promise<Socket>((resolve) => {
      server.on('request', ({ url, socket }) => url === '/large' && resolve(socket))
      idle.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
      stalled.pause().write('GET /large HTTP/1.1\r\nHost: a\r\n\r\n')
    })
    await expect.poll(() => accepted.destroyed, { timeout: 30_000 }).toBe(true)
    expect(idle.destroyed).toBe(false)
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
})

function open(url = gateway().url) {
  const { port, hostname } = new URL(url)
  const socket = connect(Number(port), hostname)
  let text = ''
  socket.on('data', (bytes) => {
    text += bytes.toString('latin1')
  })
  socket.on('error', () => {})
  sockets.push(socket)
  return { socket, text: () => text }
}
