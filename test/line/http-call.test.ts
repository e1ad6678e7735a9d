import { connect } from 'node:net'
import { Pool } from 'undici'
import { describe, expect, it } from 'vitest'
import { HttpCallFailed, httpCall } from '../../src/line/http-call.ts'
import { answerText, closedPort, rejectionOf, useRoads } from '../harness/line-transport.ts'

const { sockets, toEmulator, closeLater } = useRoads()

const kilobyte = 1024

describe('an answer', () => {
  it('comes as it was sent: status, headers and text', async () => {
    const { url } = await sockets((socket) =>
      socket.write(answerText('{"a":1}', 'X-Line-Request-Id: 8d48c8577e739b9c\r\n')),
    )
    const answer = await ask(url)
    expect(answer).toMatchObject({ status: 200, headers: { 'x-line-request-id': '8d48c8577e739b9c' }, text: '{"a":1}' })
  })

  it('is read whole where characters are torn between packets', async () => {
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
    expect((await ask(url)).text).toBe(name)
  })

  it('is the final one, not the hints before it', async () => {
    const { url } = await sockets((socket) =>
      socket.write(`HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n${answerText('late')}`),
    )
    expect(await ask(url)).toMatchObject({ status: 200, text: 'late' })
  })

  it('may be 64 KB and not a byte more, announced or not', async () => {
    const body = (bytes: number) => 'x'.repeat(bytes)
    const chunked = (bytes: number) =>
      `HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${bytes.toString(16)}\r\n${body(bytes)}\r\n0\r\n\r\n`
    for (const write of [(text: string) => answerText(text), (text: string) => chunked(text.length)]) {
      const { url } = await sockets((socket, nth) => socket.write(write(body(64 * kilobyte + nth - 1))))
      const pool = poolOf(url)
      expect((await ask(url, pool)).text.length).toBe(64 * kilobyte)
      expect(await failureOf(ask(url, pool))).toMatchObject({ sent: true, answered: true })
    }
  })

  it('that never ends is cut off where it becomes too much', async () => {
    const written = { bytes: 0 }
    const { url } = await sockets((socket) => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const flood = setInterval(() => {
        written.bytes += 16 * kilobyte
        socket.write(`4000\r\n${'x'.repeat(16 * kilobyte)}\r\n`)
      }, 1)
      socket.on('close', () => clearInterval(flood))
    })
    const failure = await failureOf(ask(url))
    expect(failure.message).toBe('LINE answered too much')
    expect(written.bytes).toBeLessThan(2 * kilobyte * kilobyte)
  })
})

describe('no whole answer', () => {
  it('refused: not a byte was sent', async () => {
    const url = await closedPort()
    expect(await failureOf(ask(url))).toMatchObject({ sent: false, answered: false })
  })

  it('a host that does not exist: not a byte was sent', async () => {
    expect(await failureOf(ask('http://line.invalid'))).toMatchObject({ sent: false, answered: false })
  })

  it('reset or closed after the request: it may have been seen', async () => {
    const reset = await sockets((socket) => socket.resetAndDestroy())
    expect(await failureOf(ask(reset.url))).toMatchObject({ sent: true, answered: false, broken: true })
    const closed = await sockets((socket) => socket.end())
    expect(await failureOf(ask(closed.url))).toMatchObject({ sent: true, answered: false, broken: true })
  })

  it('broken off in the middle: the answer had begun', async () => {
    const { url } = await sockets((socket) => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{"half":'))
    expect(await failureOf(ask(url))).toMatchObject({ sent: true, answered: true })
  })

  it.each([
    ['not HTTP', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['headers without end', `HTTP/1.1 200 OK\r\nx-much: ${'x'.repeat(20 * kilobyte)}`],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}'],
    ['a bad chunk', 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n{}'],
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n',
    ],
  ])('%s', async (_, bytes) => {
    const { url } = await sockets((socket) => socket.write(bytes))
    expect(await failureOf(ask(url))).toMatchObject({ sent: true })
  })

  it('a pool that is closed for good', async () => {
    const { url } = await sockets((socket) => socket.write(answerText('{}')))
    const pool = poolOf(url)
    await pool.destroy()
    expect(await failureOf(ask(url, pool))).toMatchObject({ sent: false, answered: false })
  })

  it.each([
    ['a line break in a header', { authorization: 'Bearer a\r\nx-injected: 1' }],
    ['a character above 255 in a header', { authorization: 'Bearer \u{1F98A}' }],
  ])('what HTTP cannot carry is not sent: %s', async (_, headers) => {
    const { url, seen } = await sockets((socket) => socket.write(answerText('{}')))
    const failure = await failureOf(httpCall(poolOf(url), { origin: url, method: 'GET', path: '/', headers }, 1_000))
    expect(failure).toMatchObject({ sent: false, answered: false })
    expect(seen.requests).toBe(0)
  })
})

describe('the deadline', () => {
  const slowly: Record<string, (write: (text: string) => void) => void> = {
    'nothing comes': () => {},
    'headers come a byte at a time': (write) => drip('HTTP/1.1 200 OK\r\nx-slow: '.padEnd(1_000, 'x'), write),
    'the body comes a byte at a time': (write) => {
      write('HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n')
      drip('x'.repeat(1_000), write)
    },
    'hints without end': (write) => {
      drip(
        Array.from({ length: 1_000 }, () => 'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n'),
        write,
      )
    },
  }

  it.each(Object.keys(slowly))('ends it all: %s', async (how) => {
    const { url } = await sockets((socket) => slowly[how]?.((text) => void (socket.writable && socket.write(text))))
    const started = performance.now()
    const failure = await failureOf(ask(url, poolOf(url), 250))
    expect(failure).toMatchObject({ sent: true, broken: false, message: 'LINE did not answer in time' })
    expect(performance.now() - started).toBeLessThan(2_000)
  })

  it('ends connecting too, and what connects afterwards carries nothing to LINE', async () => {
    const { url, seen } = await sockets((socket) => socket.write(answerText('{}')))
    const { port } = new URL(url)
    const opened = Promise.withResolvers<void>()
    const pool = new Pool(url, {
      connections: 1,
      connect: (_, callback) => {
        const socket = connect(Number(port), '127.0.0.1')
        setTimeout(() => {
          callback(null, socket)
          opened.resolve()
        }, 200)
      },
    })
    closeLater(() => pool.destroy())
    expect(await failureOf(ask(url, pool, 50))).toMatchObject({ sent: false, answered: false })
    await opened.promise
    expect((await ask(url, pool)).text).toBe('{}')
    expect(seen.requests).toBe(1)
  })

  it('leaves no timer behind', async () => {
    const { emulator, dispatcher } = await toEmulator()
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = timers()
    const path = '/oauth2/v2.1/certs'
    const twenty = () =>
      Array.from({ length: 20 }, () => httpCall(dispatcher, { origin: emulator.url, method: 'GET', path }, 60_000))
    const answered = twenty()
    expect(timers()).toBeGreaterThanOrEqual(before + 20)
    await Promise.all(answered)
    emulator.faults.set('certs', { reset: true })
    await Promise.all(twenty().map(failureOf))
    expect(timers()).toBeLessThan(before + 20)
  })

  it('lets the connection go, so that the next one is not behind the hanging one', async () => {
    const { emulator } = await toEmulator()
    const pool = poolOf(emulator.url)
    emulator.faults.set('certs', { hang: true, times: 1 })
    await failureOf(ask(emulator.url, pool, 100, '/oauth2/v2.1/certs'))
    expect((await ask(emulator.url, pool, 2_000, '/oauth2/v2.1/certs')).status).toBe(200)
  })
})

function ask(origin: string, pool = poolOf(origin), remainingMs = 5_000, path = '/') {
  return httpCall(pool, { origin, method: 'GET', path }, remainingMs)
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
