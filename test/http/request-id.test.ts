import { describe, expect, it } from 'vitest'
import { newRequestId, requestIdOf } from '../../src/http/request-id.ts'
import { incoming } from '../harness/incoming.ts'
import { sendRaw } from '../harness/raw-http.ts'
import { type Reply, useSharedGateway } from '../harness/running-gateway.ts'

const wellFormed = /^[\w.-]{1,128}$/
const good = ['a', '0', '7f3c-91ab', '550e8400-e29b-41d4-a716-446655440000', 'Root_1.2-x', 'x'.repeat(128)]
const bad = ['', 'x'.repeat(129), 'a b', 'a,b', 'a, b', 'a/b', 'a:b', 'a"b', '<a>', 'ä', 'eyJhbGciOiJIUzI1NiJ9.e30.x']

describe('the ID of a request', () => {
  it.each(good)('X-Request-Id %j: the same', (id) => {
    expect(requestIdOf(incoming({ 'x-request-id': id }))).toBe(id)
  })

  it.each(bad)('X-Request-Id %j: a new one', (id) => {
    const made = requestIdOf(incoming({ 'x-request-id': id }))
    expect(made).toMatch(wellFormed)
    expect(made).not.toBe(id)
  })

  it('without the header: one for each request, however often it is read', () => {
    const requests = Array.from({ length: 100 }, () => incoming({}))
    const ids = requests.map(requestIdOf)
    expect(new Set([...ids, newRequestId()]).size).toBe(101)
    expect(requests.map(requestIdOf)).toEqual(ids)
  })
})

describe('every answer has X-Request-Id', () => {
  const origin = 'https://app.example'
  const gateway = useSharedGateway({ LOG_LEVEL: 'debug', METRICS_PORT: '0', GRAPHIQL: 'true', CORS_ORIGINS: origin })
  const json = { 'content-type': 'application/json' }
  const body = '{"query":"{ __typename }"}'
  const preflight = { origin, 'access-control-request-method': 'POST' }

  it.each<[string, number, Parameters<ReturnType<typeof gateway>['send']>[1]]>([
    ['/graphql', 200, { method: 'POST', headers: json, body }],
    ['/graphql?query={__typename}', 200, {}],
    ['/graphql', 400, { method: 'POST', headers: json, body: '{' }],
    ['/graphql', 415, { method: 'POST', body }],
    ['/graphql', 406, { headers: { accept: 'image/png' } }],
    ['/graphql', 405, { method: 'DELETE' }],
    ['/graphql', 204, { method: 'OPTIONS', headers: preflight }],
    ['/graphql', 200, { headers: { accept: 'text/html' } }],
    ['/graphql', 200, { headers: { accept: 'text/html', 'accept-encoding': 'gzip' } }],
    ['/health', 200, {}],
    ['/health', 200, { method: 'HEAD' }],
    ['/health', 405, { method: 'POST' }],
    ['/ready', 200, {}],
    ['/nowhere', 404, {}],
  ])('%s, status %i: the one that was sent, else a new one', async (path, status, options = {}) => {
    const sent = await gateway().send(path, { ...options, headers: { ...options.headers, 'x-request-id': 'my-id.1' } })
    expect([sent.status, sent.headers['x-request-id']]).toEqual([status, 'my-id.1'])
    const made = [await gateway().send(path, options), await gateway().send(path, options)].map(idOf)
    expect(made[0]).toMatch(wellFormed)
    expect(made[0]).not.toBe(made[1])
  })

  it('two headers: a new one, because it is not clear which one counts', async () => {
    const { text } = await sendRaw(gateway().url, `${head}x-request-id: a\r\nX-Request-ID: b\r\n\r\n`)
    expect(idsIn(text)).toEqual([expect.stringMatching(/^[\w.-]{3,128}$/)])
  })

  const head = 'GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n'
  it.each([
    ['bytes that are not HTTP', 'NOTHTTP\r\n\r\n', 400],
    ['no Host', 'GET /health HTTP/1.1\r\nx-request-id: a-1\r\n\r\n', 400],
    ['a header of 20 KB', `${head}x-a: ${'a'.repeat(20_000)}\r\n\r\n`, 431],
    ['another expectation', `${head}expect: nonsense\r\n\r\n`, 417],
    [
      'a chunk that is no chunk',
      `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n`,
      400,
    ],
    ['another path on the metrics port', `${head.replace('/health', '/nowhere')}\r\n`, 404],
  ])('%s: too', async (name, bytes, status) => {
    const { text } = await sendRaw((name.includes('metrics') && gateway().metricsUrl) || gateway().url, bytes)
    expect(text).toMatch(new RegExp(`^HTTP/1.1 ${status} `))
    expect(idsIn(text)).toEqual([expect.stringMatching(wellFormed)])
  })

  it('the log lines of an operation and of a refusal: have the ID of the answer', async () => {
    const sent = { ...json, 'x-request-id': 'seen-in-the-log' }
    const replies = [
      await gateway().send('/graphql', { method: 'POST', headers: sent, body }),
      await gateway().ask('{ __typename }'),
      await gateway().ask('{ unknown }'),
      await gateway().send('/graphql?query={__typename}'),
      await gateway().send('/graphql', { method: 'POST', headers: json, body: '{' }),
    ]
    const logged = gateway()
      .log()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
      .filter(({ msg }) => msg.startsWith('operation'))
      .map(({ requestId }) => requestId)
    expect(logged.slice(-5)).toEqual(replies.map(idOf))
    expect(logged.at(-5)).toBe('seen-in-the-log')
  })
})

function idOf({ headers }: Reply): unknown {
  return headers['x-request-id']
}

function idsIn(text: string): string[] {
  return [...text.matchAll(/^x-request-id: (.*)\r$/gim)].map(([, id]) => String(id))
}
