import { createServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer as createSocketServer, type Server, type Socket } from 'node:net'
import { Pool } from 'undici'
import { afterEach } from 'vitest'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { createLineClient } from '../../src/line/client.ts'
import { type CallLimits, createTransport, type TransportOptions } from '../../src/line/transport.ts'
import type { LineCall } from '../../src/telemetry/line-call.ts'
import { createSilentTelemetry } from '../../src/telemetry/telemetry.ts'
import { freePort } from './free-port.ts'

/** A transport to an emulator, for a test: real sockets, a clock that the test moves, all reports of calls in a list. */
export type TestTransport = Awaited<ReturnType<ReturnType<typeof useTransports>['toEmulator']>>

/** Epoch ms. Whole seconds, because an HTTP date has no milliseconds. */
export const startMs = Date.UTC(2026, 0, 1)

export const verify = { endpoint: 'verify', method: 'GET', path: '/oauth2/v2.1/verify?access_token=x' } as const
export const profile = { endpoint: 'profile', method: 'GET', path: '/v2/profile' } as const
export const certs = { endpoint: 'certs', method: 'GET', path: '/oauth2/v2.1/certs' } as const
export const token = {
  endpoint: 'token',
  method: 'POST',
  path: '/oauth2/v2.1/token',
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
  body: 'grant_type=refresh_token',
} as const

export type Request = {
  readonly method: string
  readonly url: string
  readonly headers: IncomingHttpHeaders
  readonly body: string
}

/**
 * The deadline of a call, in ms. Longer than any call takes on a slow machine, and longer than vitest's limit for a test:
 * a call that should end early, but waits for its deadline, fails its test.
 */
export const longTimeoutMs = 600_000

/** The limits of a call that has `ms` left. */
export function withLeft(ms: number): CallLimits {
  return { deadline: performance.now() + ms }
}

/** The limits of a call that ends only when LINE_TIMEOUT_MS is over. */
export const anyTime: CallLimits = { deadline: Number.POSITIVE_INFINITY }

/** Opens transports and servers, and closes them after each test. */
export function useTransports() {
  const closings: (() => Promise<unknown>)[] = []

  afterEach(async () => {
    for (const close of closings.splice(0).reverse()) await close()
  })

  return { toEmulator, to, sockets, recorder, closeLater }

  /** A transport to a new emulator. */
  async function toEmulator(overrides: Partial<TransportOptions> = {}) {
    const emulator: Emulator = await startEmulator()
    closings.push(() => emulator.close())
    return { emulator, ...to(emulator.url, overrides) }
  }

  function to(origin: string, overrides: Partial<TransportOptions> = {}) {
    const clock = { time: startMs }
    const reports: LineCall[] = []
    const telemetry = { ...createSilentTelemetry(), lineCall: (call: LineCall) => void reports.push(call) }
    const dispatcher = overrides.dispatcher ?? new Pool(origin, { connections: 64 })
    if (overrides.dispatcher === undefined) closings.push(() => dispatcher.destroy())
    const options: TransportOptions = {
      origin,
      dispatcher,
      timeoutMs: longTimeoutMs,
      maxConcurrency: 64,
      now: () => clock.time,
      wall: () => clock.time,
      telemetry,
      channelSetting: 'LINE_CHANNEL_SECRET',
    }
    const transport = createTransport({ ...options, ...overrides })
    return { clock, reports, dispatcher, transport, line: createLineClient(transport) }
  }

  /** A server that answers with raw bytes. `answer` gets the socket and the number of the request, from 1. */
  async function sockets(answer: (socket: Socket, nth: number) => unknown) {
    const seen = { requests: 0, connections: 0, text: '' }
    const open = new Set<Socket>()
    const server = createSocketServer((socket) => {
      seen.connections += 1
      open.add(socket)
      socket.on('close', () => open.delete(socket))
      socket.on('error', () => {})
      socket.on('data', (bytes) => {
        const text = bytes.toString('latin1')
        seen.text += text
        if (/^(GET|POST) /.test(text)) void answer(socket, ++seen.requests)
      })
    })
    const url = await listen(server)
    closings.push(async () => {
      for (const socket of open) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    })
    return { url, seen }
  }

  /** A server that records its requests and answers `{}`. */
  async function recorder() {
    const requests: Request[] = []
    const server = createServer(async (message, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of message) chunks.push(chunk)
      const { method = '', url = '', headers } = message
      requests.push({ method, url, headers, body: Buffer.concat(chunks).toString() })
      response.end('{}')
    })
    const url = await listen(server)
    closings.push(async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    })
    return { url, requests }
  }

  function closeLater(close: () => Promise<unknown>): void {
    closings.push(close)
  }
}

/** The URL of a port that no server listens on. */
export async function closedPort(): Promise<string> {
  return `http://127.0.0.1:${await freePort()}`
}

/** A complete HTTP answer. */
export function answerText(body: string, headers = ''): string {
  return `HTTP/1.1 200 OK\r\ncontent-length: ${Buffer.byteLength(body)}\r\n${headers}\r\n${body}`
}

/** The reason of a rejection. Throws if the promise is fulfilled. */
export async function rejectionOf(promise: Promise<unknown>): Promise<unknown> {
  const [settled] = await Promise.allSettled([promise])
  if (settled.status === 'fulfilled') throw new Error(`Expected a rejection, got ${JSON.stringify(settled.value)}`)
  return settled.reason
}

function listen(server: Server): Promise<string> {
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as AddressInfo
      resolve(`http://127.0.0.1:${port}`)
    })
  })
}
