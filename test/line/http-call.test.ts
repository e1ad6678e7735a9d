import { connect } from 'node:net'
import { Pool } from 'undici'
import { describe, expect, it } from 'vitest'
import { HttpCallFailed, httpCall } from '../../src/line/http-call.ts'
import { answerText, closedPort, longTimeoutMs, rejectionOf, useTransports } from '../harness/line-transport.ts'

const { sockets, toEmulator, closeLater } = useTransports()

const kilobyte = 1024

describe('an answer', () => {
  it('has the status, headers and text that were sent', async () => {
    const { url } = await sockets((socket) =>
      socket.write(answerText('{"a":1}', 'X-Line-Request-Id: 8d48c8577e739b9c\r\n')),
    )
    const answer = await call(url)
    expect(answer).toMatchObject({ status: 200, headers: { 'x-line-request-id': '8d48c8577e739b9c' }, text: '{"a":1}' })
  })

  it('is complete when a character is split between packets', async () => {
    const name = '佐藤 健太 🦊'
    const { url } = await sockets(async (socket) => {
      const bytes = Buffer.from(answerText(name))
      const head = bytes.indexOf('\r\n\r\n') + 4
      socket.setNoDelay(true)
      socket.write(bytes.subarray(0, head))
      for (const byte of bytes.subarray(head)) {
        socket.write(Buffer.of(byte))
        await new Promise(setImmediate)
      }
    })
    expect((await call(url)).text).toBe(name)
  })

  it('is the final one, not the early hints before it', async () => {
    const { url } = await sockets((socket) =>
      socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${answerText('late')}`),
    )
    expect(await call(url)).toMatchObject({ status: 200, text: 'late' })
  })

  it('may have 64 KB and no more, with content-length and without', async () => {
    const body = (bytes: number) => 'x'.repeat(bytes)
    const chunked = (bytes: number) =>
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${body(bytes)}\r\n0\r\n\r\n`
    for (const write of [(text: string) => answerText(text), (text: string) => chunked(text.length)]) {
      const { url } = await sockets((socket, nth) => socket.write(write(body(64 * kilobyte + nth - 1))))
      const pool = poolOf(url)
      expect((await call(url, pool)).text.length).toBe(64 * kilobyte)
      expect(await failureOf(call(url, pool))).toMatchObject({ sent: true, answered: true })
    }
  })

  it('that never ends: the connection is closed at the first byte too many', async () => {
    const closed = Promise.withResolvers<void>()
    const { url } = await sockets((socket) => {
      socket.on('close', () => closed.resolve())
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      socket.write(`10001\r\n${'x'.repeat(64 * kilobyte + 1)}\r\n`)
    })
    const failure = await failureOf(call(url))
    expect(failure.message).toBe('The answer of LINE is larger than 64 KB')
    await closed.promise
  })
})

describe('no complete answer', () => {
  it('a refused connection: nothing was sent', async () => {
    const url = await closedPort()
    expect(await failureOf(call(url))).toMatchObject({ sent: false, answered: false })
  })

  it('a host that does not exist: nothing was sent', async () => {
    // The resolver may be slow. The result is the same if the deadline comes first.
    expect(await failureOf(call('http://line.invalid', undefined, 5_000))).toMatchObject({
      sent: false,
      answered: false,
    })
  })

  it('a connection reset or closed after the request: it may have been sent', async () => {
    const reset = await sockets((socket) => socket.resetAndDestroy())
    expect(await failureOf(call(reset.url))).toMatchObject({ sent: true, answered: false, broken: true })
    const closed = await sockets((socket) => socket.end())
    expect(await failureOf(call(closed.url))).toMatchObject({ sent: true, answered: false, broken: true })
  })

  it('a connection closed in the middle of the answer: the answer had begun', async () => {
    const { url } = await sockets((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"half":'))
    expect(await failureOf(call(url))).toMatchObject({ sent: true, answered: true })
  })

  it.each([
    ['not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['headers that do not end', `HTTP/1.1 200 OK\r\nx-much: ${'x'.repeat(20 * kilobyte)}`],
    ['two content lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'],
    ['an invalid chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}'],
    [
      'an upgrade without a request for it',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    ],
  ])('%s: the request may have been sent', async (_, bytes) => {
    const { url } = await sockets((socket) => socket.write(bytes))
    expect(await failureOf(call(url))).toMatchObject({ sent: true })
  })

  it('a closed pool: nothing was sent', async () => {
    const { url } = await sockets((socket) => socket.write(answerText('{}')))
    const pool = poolOf(url)
    await pool.destroy()
    expect(await failureOf(call(url, pool))).toMatchObject({ sent: false, answered: false })
  })

  it.each([
    ['a line break in a header', { authorization: 'Bearer a\r\nx-injected: 1' }],
    ['a character above 255 in a header', { authorization: 'Bearer \u{1F98A}' }],
  ])('%s: nothing is sent', async (_, headers) => {
    const { url, seen } = await sockets((socket) => socket.write(answerText('{}')))
    const failure = await failureOf(
      httpCall(poolOf(url), { origin: url, method: 'GET', path: '/', headers }, longTimeoutMs),
    )
    expect(failure).toMatchObject({ sent: false, answered: false })
    expect(seen.requests).toBe(0)
  })
})

describe('the deadline', () => {
  const slowly: Record<string, (write: (text: string) => void) => void> = {
    'no answer': () => {},
    'headers one byte at a time': (write) => drip('HTTP/1.1 200 OK\r\nx-slow: '.padEnd(1_000, 'x'), write),
    'a body one byte at a time': (write) => {
      write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
      drip('x'.repeat(1_000), write)
    },
    'early hints without end': (write) => {
      drip(
        Array.from({ length: 1_000 }, () => 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'),
        write,
      )
    },
  }

  it.each(Object.keys(slowly))('ends the whole call: %s', async (how) => {
    const { url } = await sockets((socket, nth) => {
      const write = (text: string) => void (socket.writable && socket.write(text))
      if (nth === 1) write(answerText('{}'))
      else slowly[how]?.(write)
    })
    const pool = poolOf(url)
    await openConnection(url, pool)
    const failure = await failureOf(call(url, pool, 250))
    expect(failure).toMatchObject({ sent: true, broken: false, message: 'LINE did not answer in time' })
  })

  it('includes the time to connect, and a connection that opens later sends nothing to LINE', async () => {
    const { url, seen } = await sockets((socket) => socket.write(answerText('{}')))
    const { port } = new URL(url)
    const over = Promise.withResolvers<void>()
    const opened = Promise.withResolvers<void>()
    const pool = new Pool(url, {
      connections: 1,
      connect: async (_, callback) => {
        const socket = connect(Number(port), '127.0.0.1')
        await over.promise
        callback(null, socket)
        opened.resolve()
      },
    })
    closeLater(() => pool.destroy())
    expect(await failureOf(call(url, pool, 50))).toMatchObject({ sent: false, answered: false })
    over.resolve()
    await opened.promise
    expect((await call(url, pool)).text).toBe('{}')
    expect(seen.requests).toBe(1)
  })

  it('leaves no timer after the call', async () => {
    const { emulator, dispatcher } = await toEmulator()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const path = '/oauth2/v2.1/certs'
    const twenty = () =>
      Array.from({ length: 20 }, () =>
        httpCall(dispatcher, { origin: emulator.url, method: 'GET', path }, longTimeoutMs),
      )
    const answered = twenty()
    expect(timers()).toBeGreaterThanOrEqual(before + 20)
    await Promise.all(answered)
    emulator.faults.set('certs', { reset: true })
    await Promise.all(twenty().map(failureOf))
    expect(timers()).toBeLessThan(before + 20)
  })

  it('closes the connection, so that the next call does not wait for the one without an answer', async () => {
    const { url, seen } = await sockets((socket, nth) => nth !== 2 && socket.write(answerText('{}')))
    const pool = poolOf(url)
    await openConnection(url, pool)
    expect(await failureOf(call(url, pool, 100))).toMatchObject({ sent: true })
    await expect.poll(() => seen.requests, { timeout: 30_000 }).toBe(2)
    expect((await call(url, pool)).status).toBe(200)
    expect(seen.connections).toBe(2)
  })
})

function call(origin: string, pool = poolOf(origin), remainingMs = longTimeoutMs) {
  return httpCall(pool, { origin, method: 'GET', path: '/' }, remainingMs)
}

/** Opens the connection of a pool. The next call is then sent in the same tick, so its deadline cannot pass before. */
async function openConnection(origin: string, pool: Pool): Promise<void> {
  await call(origin, pool)
  await new Promise(setImmediate)
}

function poolOf(origin: string): Pool {
  const pool = new Pool(origin, { connections: 1 })
  closeLater(() => pool.destroy())
  return pool
}

async function failureOf(promise: Promise<unknown>): Promise<HttpCallFailed> {
  const error = await rejectionOf(promise)
  if (!(error instanceof HttpCallFailed)) throw error
  return error
}

function drip(pieces: Iterable<string>, write: (text: string) => void): void {
  const iterator = pieces[Symbol.iterator]()
  const timer = setInterval(() => {
    const { done, value } = iterator.next()
    if (done) clearInterval(timer)
    else write(value)
  }, 20)
  timer.unref()
}
