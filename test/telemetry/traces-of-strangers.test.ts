import { diag, propagation } from '@opentelemetry/api'
import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { connectTo, receive, sendRaw, statusesIn } from '../harness/raw-http.ts'
import { codesOf, noSourceLimit, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { newTrace, useTraceRecorder } from '../harness/trace-recorder.ts'

/** What strangers send, and what an SDK does wrong. */

const baggage: unknown[] = []
let failing: 'onStart' | 'onEnd' | undefined
const failures: unknown[] = []
const processor: SpanProcessor = {
  onStart: (_, parent) => {
    if (propagation.getBaggage(parent) !== undefined) baggage.push(propagation.getBaggage(parent)?.getAllEntries())
    if (failing === 'onStart') throw new Error('The processor fails')
  },
  onEnd: () => {
    if (failing === 'onEnd') throw new Error('The processor fails')
  },
  forceFlush: async () => {},
  shutdown: async () => {},
}
const recorder = useTraceRecorder(processor)
const viewer = '{ viewer { displayName } }'
let gateway: RunningGateway

beforeAll(async () => {
  gateway = await startRunningGateway({
    ...noSourceLimit,
    LINE_MAX_CONCURRENCY: '4',
    CORS_ORIGINS: 'https://a.example',
  })
})
afterEach(() => {
  failing = undefined
  gateway.emulator.faults.clear()
})
afterAll(() => gateway.close())

const coldViewer = [
  'POST /graphql',
  '  query',
  '    look-up',
  '      LINE tier',
  '        GET /oauth2/v2.1/verify',
  '        GET /v2/profile',
]

const calls = ['GET /oauth2/v2.1/verify', 'GET /v2/profile']

it('tracestate and baggage of a stranger: in no span and in no context', async () => {
  const { id, headers } = newTrace()
  await gateway.ask(viewer, {
    token: newToken(),
    headers: { ...headers, tracestate: 'canary=CaNaRy-state', baggage: 'canary=CaNaRy-baggage' },
  })
  expect(recorder.tree(id)).toEqual(coldViewer)
  expect(recorder.everything()).not.toContain('CaNaRy')
  expect(baggage).toEqual([])
})

it('many requests on a few connections: each is in the trace of its own caller', async () => {
  const connections = Array.from({ length: 4 }, () => Array.from({ length: 8 }, newTrace))
  await Promise.all(
    connections.map(async (traces, n) => {
      const requests = traces.map(({ headers }, m) =>
        rawRequest({ ...headers, ...(m === 7 && { connection: 'close' }) }),
      )
      // In pieces that end in the middle of a request, too.
      const answers = await sendPieces(gateway.url, requests.join(''), 700 + 300 * n)
      expect(statusesIn(answers)).toEqual(traces.map(() => 200))
    }),
  )
  for (const { id } of connections.flat()) {
    const tree = recorder.tree(id)
    expect(tree.slice(0, 3)).toEqual(coldViewer.slice(0, 3))
    expect(tree.filter((name) => name.includes('GET')).map((name) => name.trim())).toEqual(calls)
  }
})

it('a trace that the sampler drops: no span, no trace in the log, the same answer', async () => {
  const { id, headers } = newTrace()
  const traceparent = headers.traceparent?.replace(/01$/, '00') ?? ''
  expect(codesOf(await gateway.ask(viewer, { token: newToken(), headers: { traceparent } }))).toEqual([])
  expect(codesOf(await gateway.ask(viewer, { token: 'junk', headers: { traceparent } }))).toEqual(['UNAUTHENTICATED'])
  expect(recorder.spans()).toEqual([])
  expect(gateway.log()).not.toContain(id)
})

describe('a client that goes away', () => {
  it.each<[string, () => string]>([
    ['before its body is complete', () => rawRequest({ 'content-length': '1000' })],
    ['while LINE is asked', () => rawRequest({})],
    ['while LINE is asked for each of its requests on one connection', () => rawRequest({}).repeat(3)],
    ['after a request that is refused', () => rawRequest({ 'content-type': 'text/plain' }).repeat(2)],
    ['in the middle of a head', () => rawRequest({}).slice(0, -60)],
  ])('%s: all its spans end', async (_, bytes) => {
    gateway.emulator.faults.set('*', { latencyMs: 30 })
    await sendRaw(gateway.url, bytes(), 15)
    await expect.poll(recorder.open, { timeout: 20_000 }).toEqual([])
  })

  it('a preflight: no span', async () => {
    await gateway.send('/graphql', {
      method: 'OPTIONS',
      headers: { origin: 'https://a.example', 'access-control-request-method': 'POST' },
    })
    expect([...recorder.open(), ...recorder.spans()]).toEqual([])
  })
})

describe('a processor of the operator that throws', () => {
  it.each(['onStart', 'onEnd'] as const)('in %s: the answers are the same', async (method) => {
    diag.setLogger({ ...silent, error: (...words) => void failures.push(words) })
    failing = method
    const token = newToken()
    for (let n = 0; n < 3; n += 1) {
      const reply = await gateway.ask(viewer, { token })
      expect([reply.status, codesOf(reply)]).toEqual([200, []])
    }
    expect(codesOf(await gateway.ask(viewer, { token: 'junk' }))).toEqual(['UNAUTHENTICATED'])
    await sendRaw(gateway.url, rawRequest({ 'content-length': '1000' }), 15)
    expect((await gateway.send('/health')).status).toBe(200)
    expect(failures.length).toBeGreaterThan(3)
    expect(gateway.log()).not.toContain('unexpected error')
    expect(gateway.log()).not.toContain('CaNaRy')
    diag.disable()
    failures.length = 0
  })
})

async function sendPieces(url: string, bytes: string, size: number): ReturnType<typeof receive> {
  const socket = connectTo(url)
  const answers = receive(socket)
  for (let from = 0; from < bytes.length; from += size) {
    socket.write(bytes.slice(from, from + size))
    await new Promise(setImmediate)
  }
  return answers
}

const silent = { error: () => {}, warn: () => {}, info: () => {}, debug: () => {}, verbose: () => {} }

function rawRequest(headers: Record<string, string>): string {
  const body = JSON.stringify({ query: viewer })
  const own = { host: 'gateway', authorization: `Bearer ${newToken()}`, 'content-type': 'application/json' }
  const all = Object.entries({ ...own, 'content-length': `${body.length}`, ...headers })
  return `POST /graphql HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

function newToken(): string {
  return gateway.issue().accessToken
}
