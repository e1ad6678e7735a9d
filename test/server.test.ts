import { request as nodeRequest } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { dial, hear, sayRaw, statusesIn } from './harness/raw-http.ts'
import {
  noSourceLimit,
  type RunningGateway,
  startRunningGateway,
  useRunningGateway,
  useSharedGateway,
} from './harness/running-gateway.ts'

const question = '{"query":"{ __typename }"}'
const json = { 'content-type': 'application/json' }

describe('the few paths there are', () => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startRunningGateway({ METRICS_PORT: '0' })
  })
  afterAll(() => gateway.close())

  it.each(['/health', '/ready', '/health?verbose', '/ready?x=/graphql'])(
    '%s says it is well, and asks nobody',
    async (path) => {
      gateway.emulator.faults.set('*', { reset: true })
      expect(await gateway.send(path)).toMatchObject({ status: 200 })
      expect(await gateway.send(path, { method: 'HEAD' })).toMatchObject({ status: 200, text: '' })
      expect(await gateway.send(path, { method: 'POST' })).toMatchObject({ status: 405, headers: { allow: 'GET' } })
      expect(gateway.emulator.calls.total()).toBe(0)
    },
  )

  it.each([
    '/',
    '/graphql/',
    '/graphqlx',
    '//graphql',
    '/GraphQL',
    '/graphql;x',
    '/%67raphql',
    '/health/',
    '/healthz',
    '/x/health',
    '/metrics',
    '/dev/callback',
    '/favicon.ico',
    '/../graphql',
  ])('%s is not one of them', async (path) => {
    const heard = await sayRaw(gateway.url, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    expect(statusesIn(heard)).toEqual([404])
  })

  it('an address that ends in another path is still /graphql', async () => {
    expect(await gateway.send('/graphql?x=/health')).toMatchObject({ status: 400 })
  })

  it('every answer is fresh and what it says it is', async () => {
    const replies = [
      await gateway.ask('{ __typename }'),
      await gateway.ask('{'),
      await gateway.send('/graphql', { method: 'DELETE' }),
      await gateway.send('/graphql', { method: 'POST', body: 'x' }),
      await gateway.send('/health'),
      await gateway.send('/ready'),
      await gateway.send('/nowhere'),
    ]
    for (const { headers } of replies) {
      expect(headers).toMatchObject({ 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' })
      expect(headers).not.toHaveProperty('x-powered-by')
      expect(headers).not.toHaveProperty('server')
    }
  })

  it('the metrics are on a port of their own, and nothing else is there', async () => {
    const { statusCode, headers, body } = await request(`${gateway.metricsUrl}/metrics`)
    expect(statusCode).toBe(200)
    expect(headers['content-type']).toMatch(/^text\/plain/)
    expect(await body.text()).toContain('gateway_tokens_in_memory 0')
    for (const path of ['/graphql', '/health', '/', '/metrics/']) {
      const other = await request(`${gateway.metricsUrl}${path}`)
      expect(other.statusCode).toBe(404)
      await other.body.dump()
    }
  })
})

describe('GraphiQL', () => {
  const browse = (gateway: RunningGateway, headers: Record<string, string> = {}) =>
    request(`${gateway.url}/graphql`, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...headers } })

  it.each([{ NODE_ENV: 'development' }, { GRAPHIQL: 'true' }])(
    'is served whole from here with %j',
    async (settings) => {
      const gateway = await startRunningGateway(settings)
      try {
        const { statusCode, headers, body } = await browse(gateway)
        expect(statusCode).toBe(200)
        expect(headers['content-type']).toBe('text/html; charset=utf-8')
        expect(headers['content-security-policy']).toMatch(
          /^default-src 'none'.*connect-src 'self'.*frame-ancestors 'none'/,
        )
        const page = gunzipSync(Buffer.from(await body.arrayBuffer())).toString()
        expect(page).toContain('viewer')
        expect(page).not.toMatch(/<(script|link|img)[^>]{0,200}(src|href)="(https?:)?\/\//)
        const shared = await request(`${gateway.url}/graphql?query={__typename}`, {
          headers: { accept: 'text/html,*/*' },
        })
        expect(shared.headers['content-type']).toBe('text/html; charset=utf-8')
        await shared.body.dump()
        expect(await gateway.send('/graphql?query={__typename}')).toMatchObject({ data: { __typename: 'Query' } })
      } finally {
        await gateway.close()
      }
    },
  )

  it.each([{ NODE_ENV: 'production' }, {}, { NODE_ENV: 'development', GRAPHIQL: 'false' }])(
    'is off with %j',
    async (settings) => {
      const gateway = await startRunningGateway(settings)
      try {
        const { statusCode, headers, body } = await browse(gateway)
        expect(statusCode).toBe(400)
        expect(headers['content-type']).toBe('application/json; charset=utf-8')
        await body.dump()
      } finally {
        await gateway.close()
      }
    },
  )
})

describe('bytes that mean two things', () => {
  const gateway = useSharedGateway()
  const post = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n'
  const hidden = 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n'

  it.each([
    ['a length and chunks', `${post}content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['chunks and a length', `${post}transfer-encoding: chunked\r\ncontent-length: 4\r\n\r\n5c\r\n${hidden}`],
    ['two lengths', `${post}content-length: 2\r\ncontent-length: 40\r\n\r\n{}${hidden}`],
    ['a list of lengths', `${post}content-length: 2, 2\r\n\r\n{}${hidden}`],
    ['a length with a sign', `${post}content-length: +2\r\n\r\n{}${hidden}`],
    ['a length below zero', `${post}content-length: -2\r\n\r\n{}${hidden}`],
    ['a length in hex', `${post}content-length: 0x2\r\n\r\n{}${hidden}`],
    ['a chunk size that is none', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${hidden}`],
    ['a chunk longer than it says', `${post}transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n${hidden}`],
    [
      'a chunk size beyond numbers',
      `${post}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n${hidden}`,
    ],
    ['an encoding that only looks like chunks', `${post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['an encoding behind chunks', `${post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['a space before the colon', `${post}content-length : 2\r\n\r\n{}${hidden}`],
    ['a folded header', `${post}x-a: b\r\n content-length: 40\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['a null byte in a header', `${post}x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['a bare carriage return', `${post}x-a: b\rcontent-length: 40\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['a header without a name', `${post}: b\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['no host', 'GET /graphql HTTP/1.1\r\n\r\n'],
    ['another protocol', `GET /graphql HTTP/9.9\r\nhost: x\r\n\r\n${hidden}`],
    ['a method nobody has', `GRAPHQL /graphql HTTP/1.1\r\nhost: x\r\n\r\n${hidden}`],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s: one refusal and the end', async (_, bytes) => {
    const heard = await sayRaw(gateway().url, bytes)
    expect(statusesIn(heard)).toEqual([400])
    expect(heard.closed).toBe(true)
    expect(await gateway().ask('{ __typename }')).toMatchObject({ status: 200 })
  })
})

describe('odd but honest clients', () => {
  const gateway = useRunningGateway()
  const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${question.length}\r\n`

  it('are answered one after the other where they do not wait', async () => {
    const heard = await sayRaw(
      gateway().url,
      `${head}\r\n${question}${head}\r\n${question}${head}connection: close\r\n\r\n${question}`,
    )
    expect(statusesIn(heard)).toEqual([200, 200, 200])
  })

  it('are answered though they have stopped to speak', async () => {
    const socket = dial(gateway().url)
    socket.end(`${head}\r\n${question}`)
    expect(statusesIn(await hear(socket, 3_000))).toEqual([200])
  })

  it('are asked to go on where they wait for it', async () => {
    const socket = dial(gateway().url)
    socket.write(`${head}expect: 100-continue\r\nconnection: close\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write(question)
    expect(statusesIn(await hear(socket, 3_000))).toEqual([200])
  })

  it('are answered over HTTP/1.0, and where they would rather speak another protocol', async () => {
    expect(statusesIn(await sayRaw(gateway().url, `${head.replace('1.1', '1.0')}\r\n${question}`))).toEqual([200])
    const upgrade = `${head}connection: upgrade, close\r\nupgrade: h2c\r\n\r\n${question}`
    expect(statusesIn(await sayRaw(gateway().url, upgrade))).toEqual([200])
  })

  it('that hang up in the middle of a sentence are nothing unexpected', async () => {
    for (const bytes of [
      'POST /gra',
      `${head}`,
      `${head}\r\n{"que`,
      `${head.replace(/content-length.*\r\n/, '')}transfer-encoding: chunked\r\n\r\n5\r\n{"q`,
    ]) {
      const socket = dial(gateway().url)
      await new Promise((resolve) => socket.write(bytes, resolve))
      await sleep(30)
      socket.resetAndDestroy()
    }
    await sleep(50)
    expect(await gateway().ask('{ __typename }')).toMatchObject({ status: 200 })
    expect(gateway().log()).not.toContain('unexpected error')
    await gateway().drain()
  })
})

describe('draining', () => {
  const gateway = useRunningGateway({ SHUTDOWN_GRACE_SECONDS: '10', LINE_TIMEOUT_MS: '20000', ...noSourceLimit })
  const ask = '{ viewer { displayName } }'

  it('answers what was accepted, refuses what comes, and says so', async () => {
    const { emulator, issue, send, drain } = gateway()
    const idle = dial(gateway().url)
    emulator.faults.set('verifyAccessToken', { latencyMs: 700 })
    const accepted = Array.from({ length: 50 }, () => gateway().ask(ask, { token: issue().accessToken }))
    await expect.poll(() => emulator.calls.of('verifyAccessToken'), { timeout: 5_000 }).toBeGreaterThan(0)
    await sleep(150)
    const drained = drain()

    expect(await send('/ready')).toMatchObject({ status: 503 })
    expect(await send('/health')).toMatchObject({ status: 200 })
    const refused = await gateway().ask('{ __typename }')
    expect(refused).toMatchObject({ status: 503, headers: { connection: 'close', 'retry-after': '1' } })
    idle.write(
      `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${question.length}\r\n\r\n${question}`,
    )
    expect(statusesIn(await hear(idle, 3_000))).toEqual([503])

    const replies = await Promise.all(accepted)
    expect(replies.map(({ status }) => status)).toEqual(Array(50).fill(200))
    for (const { data } of replies) expect(data).toEqual({ viewer: { displayName: 'Sakura Tanaka' } })
    await drained
    await expect(sayRaw(gateway().url, 'GET /health HTTP/1.1\r\nhost: x\r\n\r\n')).resolves.toMatchObject({
      text: '',
      closed: true,
    })
  })

  it('does not wait for those who have nothing to ask', async () => {
    const idle = dial(gateway().url)
    await gateway().send('/health')
    const startedAt = performance.now()
    await gateway().drain()
    expect(performance.now() - startedAt).toBeLessThan(3_000)
    idle.destroy()
  })
})

describe('a grace that is over', () => {
  const gateway = useRunningGateway({ SHUTDOWN_GRACE_SECONDS: '1' })

  it('ends what has not ended', async () => {
    gateway().emulator.faults.set('*', { latencyMs: 2_900 })
    const { accessToken } = gateway().issue()
    const hanging = new Promise((resolve) => {
      const sent = nodeRequest(`${gateway().url}/graphql`, {
        method: 'POST',
        headers: { ...json, authorization: `Bearer ${accessToken}` },
      })
      sent.on('error', () => resolve('cut'))
      sent.on('response', () => resolve('answered'))
      sent.end('{"query":"{ viewer { id } }"}')
    })
    await expect.poll(() => gateway().emulator.calls.total(), { timeout: 5_000 }).toBeGreaterThan(0)
    await gateway().drain()
    expect(await hanging).toBe('cut')
  })
})
