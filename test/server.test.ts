import { once } from 'node:events'
import { gunzipSync } from 'node:zlib'
import { request } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Telemetry } from '../src/telemetry/telemetry.ts'
import { faceSettings, forwardAuth, introspect } from './harness/faces.ts'
import { metricValue } from './harness/metric-value.ts'
import { connectTo, receive, sendRaw, statusesIn } from './harness/raw-http.ts'
import {
  codesOf,
  linesOf,
  type RunningGateway,
  startRunningGateway,
  useRunningGateway,
  useSharedGateway,
} from './harness/running-gateway.ts'
import { growth, seriesIn } from './harness/series.ts'

const question = '{"query":"{ __typename }"}'

describe('paths', () => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startRunningGateway({ METRICS_PORT: '0' })
  })
  afterAll(() => gateway.close())

  it.each(['/health', '/ready', '/health?verbose', '/ready?x=/graphql', '/health?a?b'])(
    'GET %s: 200, without a call to LINE',
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
    '*',
    'http://x',
    'http://x?query={__typename}',
    'http://x/health/',
    'http://x//graphql',
    '/graphql//',
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
  ])('GET %s: 404', async (path) => {
    const received = await sendRaw(gateway.url, `GET ${path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
    expect(statusesIn(received)).toEqual([404])
  })

  it.each([
    '/graphql',
    '/graphql?',
    '/graphql/',
    '/graphql/?a=/health?b',
    'http://x/graphql',
    'HTTP://x:4000/graphql',
    'https://user@x/graphql/?a=b',
    'hTTp://[::1]/graphql?a=//b',
  ])('POST %s: the operation is executed (D6)', async (target) => {
    const head = `POST ${target} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nconnection: close\r\n`
    const received = await sendRaw(gateway.url, `${head}content-length: ${question.length}\r\n\r\n${question}`)
    expect(statusesIn(received)).toEqual([200])
    expect(received.text).toContain('{"data":{"__typename":"Query"}}')
  })

  it.each(['/graphql', '/graphql/', 'http://x/graphql'])('GET %s with a second `?`: it is data (D6)', async (path) => {
    for (const query of ['query={__typename%23?%0A}', 'a=b?c&query={__typename}', '?&query={__typename}&b=?']) {
      const target = `${path}?${query}`
      const received = await sendRaw(gateway.url, `GET ${target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`)
      expect(received.text).toContain('{"data":{"__typename":"Query"}}')
    }
  })

  it('/graphql with another path in its query string: still /graphql', async () => {
    expect(await gateway.send('/graphql?x=/health')).toMatchObject({ status: 400 })
  })

  it('every answer: not cached, media type not guessed, server software not named', async () => {
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

  it('the metrics port: has /metrics, with any query string, and no other path (D6)', async () => {
    const { statusCode, headers, body } = await request(`${gateway.metricsUrl}/metrics`)
    expect(statusCode).toBe(200)
    expect(headers['content-type']).toMatch(/^text\/plain/)
    expect(await body.text()).toContain('gateway_records{kind="record"} 0')
    expect((await request(`${gateway.metricsUrl}/metrics?x=/health`)).statusCode).toBe(200)
    for (const path of ['/graphql', '/health', '/', '/metrics/', '/?/metrics']) {
      const other = await request(`${gateway.metricsUrl}${path}`)
      expect(other.statusCode).toBe(404)
      await other.body.dump()
    }
  })

  it.each(['POST', 'PUT', 'OPTIONS', 'PROPFIND'] as const)('%s /metrics: 405 without the metrics', async (method) => {
    const { statusCode, headers, body } = await request(`${gateway.metricsUrl}/metrics`, { method: method as 'PUT' })
    expect([statusCode, headers.allow, await body.text()]).toEqual([405, 'GET, HEAD', ''])
  })

  it('HEAD /metrics: the headers of GET', async () => {
    const { statusCode, headers, body } = await request(`${gateway.metricsUrl}/metrics`, { method: 'HEAD' })
    expect([statusCode, await body.text()]).toEqual([200, ''])
    expect(headers['content-type']).toMatch(/^text\/plain/)
  })
})

describe('GraphiQL', () => {
  const browse = (gateway: RunningGateway, headers: Record<string, string> = {}) =>
    request(`${gateway.url}/graphql`, { headers: { accept: 'text/html,application/xhtml+xml,*/*;q=0.8', ...headers } })

  it.each([{ NODE_ENV: 'development' }, { GRAPHIQL: 'true' }])(
    'on with %j: the page loads nothing from other servers',
    async (settings) => {
      const gateway = await startRunningGateway(settings)
      try {
        const { statusCode, headers, body } = await browse(gateway)
        expect(statusCode).toBe(200)
        expect(headers['content-type']).toBe('text/html; charset=utf-8')
        expect(headers['content-security-policy']).toMatch(
          /^default-src 'none'.*connect-src 'self'.*frame-ancestors 'none'/,
        )
        const page = Buffer.from(await body.arrayBuffer()).toString()
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

  describe('its compression and its audience', () => {
    const gateway = useSharedGateway({ GRAPHIQL: 'true' })
    const page = (headers: Record<string, string>) =>
      request(`${gateway().url}/graphql`, { headers: { accept: 'text/html', ...headers } })
    const vary = 'accept, accept-encoding'
    // The page has 9 MB. It is read to its end once each way; for the other headers its own headers are enough.

    it('each page is counted as a request, and as no operation', async () => {
      const before = seriesIn(await gateway().metrics())
      const { body } = await page({ 'accept-encoding': 'gzip' })
      await body.dump({ limit: Number.POSITIVE_INFINITY })
      const both = [before, seriesIn(await gateway().metrics())] as const
      const requests = growth(both, 'http_server_request_duration_seconds_count', [
        'http_route',
        'http_response_status_code',
      ])
      expect(requests).toEqual({ '/graphql 200': 1 })
      expect(growth(both, 'gateway_operations_total', ['operation'])).toEqual({})
    })

    it.each(['gzip', 'gzip, deflate, br', 'GZIP', 'br;q=1.0, gzip;q=0.8, *;q=0.1', '*', 'identity;q=0.5, gzip'])(
      'Accept-Encoding %j: gzip (D9)',
      async (encoding) => {
        const { headers, body } = await page({ 'accept-encoding': encoding })
        expect(headers).toMatchObject({ 'content-encoding': 'gzip', vary })
        if (encoding !== 'gzip') return void body.on('error', () => undefined).destroy()
        const packed = Buffer.from(await body.arrayBuffer())
        expect(packed.length).toBe(Number(headers['content-length']))
        expect(gunzipSync(packed).toString()).toContain('</html>')
      },
    )

    it.each([
      undefined,
      '',
      'identity',
      'gzip;q=0',
      'gzip; q=0.0, *',
      'br, deflate',
      'gzip;q=0.4, identity;q=0.5',
      'identity;q=0',
      'gzipx',
      `gzip, ${'a,'.repeat(1_000)}`,
    ])('Accept-Encoding %j: the plain page (D9)', async (encoding) => {
      const { headers, body } = await page(encoding === undefined ? {} : { 'accept-encoding': encoding })
      expect(headers).not.toHaveProperty('content-encoding')
      expect(headers).toMatchObject({ 'content-type': 'text/html; charset=utf-8', vary })
      if (encoding !== undefined) return void body.on('error', () => undefined).destroy()
      const plain = Buffer.from(await body.arrayBuffer())
      expect(plain.length).toBe(Number(headers['content-length']))
      expect(plain.toString()).toContain('</html>')
    })

    it.each(['*/*', 'application/json, text/html;q=0.9', 'text/html;q=0.5, */*'])(
      'Accept %j: JSON (D9)',
      async (accept) => {
        const reply = await gateway().send('/graphql?query={__typename}', { headers: { accept } })
        expect(reply).toMatchObject({ status: 200, data: { __typename: 'Query' }, headers: { vary: 'accept' } })
      },
    )

    it('clients that leave in the middle of the plain page: none holds the drain', async () => {
      for (let n = 0; n < 3; n += 1) {
        const socket = connectTo(gateway().url)
        socket.write('GET /graphql HTTP/1.1\r\nhost: x\r\naccept: text/html\r\n\r\n')
        await once(socket, 'data')
        socket.resetAndDestroy()
      }
      await gateway().drain()
      expect(gateway().log()).not.toContain('unexpected error')
    })
  })

  it.each([{ NODE_ENV: 'production' }, {}, { NODE_ENV: 'development', GRAPHIQL: 'false' }])(
    'off with %j',
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

describe('bytes that two servers can read differently', () => {
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
    ['a chunk size that is no number', `${post}transfer-encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n${hidden}`],
    ['a chunk longer than its size', `${post}transfer-encoding: chunked\r\n\r\n1\r\n{}\r\n0\r\n\r\n${hidden}`],
    [
      'a chunk size larger than any integer',
      `${post}transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n{}\r\n0\r\n\r\n${hidden}`,
    ],
    ['an encoding whose name ends in chunked', `${post}transfer-encoding: xchunked\r\n\r\n0\r\n\r\n${hidden}`],
    ['an encoding after chunked', `${post}transfer-encoding: chunked, identity\r\n\r\n0\r\n\r\n${hidden}`],
    ['a space before the colon', `${post}content-length : 2\r\n\r\n{}${hidden}`],
    ['a folded header', `${post}x-a: b\r\n content-length: 40\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['a null byte in a header', `${post}x-a: b\0c\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['a bare carriage return', `${post}x-a: b\rcontent-length: 40\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['a header without a name', `${post}: b\r\ncontent-length: 2\r\n\r\n{}${hidden}`],
    ['no host', 'GET /graphql HTTP/1.1\r\n\r\n'],
    ['another protocol', `GET /graphql HTTP/9.9\r\nhost: x\r\n\r\n${hidden}`],
    ['an unknown method', `GRAPHQL /graphql HTTP/1.1\r\nhost: x\r\n\r\n${hidden}`],
    ['TLS instead of HTTP', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03'],
  ])('%s: one 400, then the connection is closed', async (_, bytes) => {
    const received = await sendRaw(gateway().url, bytes)
    expect(statusesIn(received)).toEqual([400])
    expect(received.closed).toBe(true)
    expect(await gateway().ask('{ __typename }')).toMatchObject({ status: 200 })
  })
})

describe('unusual but correct clients', () => {
  // An hour of grace: a request that is forgotten and never counted as ended holds the drain, and the test does not end.
  const gateway = useRunningGateway({ SHUTDOWN_GRACE_SECONDS: '3600' })
  const head = `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: ${question.length}\r\n`

  it('three requests sent at once: three answers', async () => {
    const received = await sendRaw(
      gateway().url,
      `${head}\r\n${question}${head}\r\n${question}${head}connection: close\r\n\r\n${question}`,
    )
    expect(statusesIn(received)).toEqual([200, 200, 200])
  })

  it('a client that has closed its sending side: an answer', async () => {
    const socket = connectTo(gateway().url)
    socket.end(`${head}\r\n${question}`)
    expect(statusesIn(await receive(socket))).toEqual([200])
  })

  it('`Expect: 100-continue`: 100 first, then the answer', async () => {
    const socket = connectTo(gateway().url)
    socket.write(`${head}expect: 100-continue\r\nconnection: close\r\n\r\n`)
    await new Promise((resolve) => socket.once('data', resolve))
    socket.write(question)
    expect(statusesIn(await receive(socket))).toEqual([200])
  })

  it('HTTP/1.0, and an upgrade to another protocol: an answer in HTTP/1.1', async () => {
    expect(statusesIn(await sendRaw(gateway().url, `${head.replace('1.1', '1.0')}\r\n${question}`))).toEqual([200])
    const upgrade = `${head}connection: upgrade, close\r\nupgrade: h2c\r\n\r\n${question}`
    expect(statusesIn(await sendRaw(gateway().url, upgrade))).toEqual([200])
  })

  it('a client that hangs up in the middle of a request: no unexpected error', async () => {
    for (const bytes of [
      'POST /gra',
      `${head}`,
      `${head}\r\n{"que`,
      `${head.replace(/content-length.*\r\n/, '')}transfer-encoding: chunked\r\n\r\n5\r\n{"q`,
    ]) {
      const socket = connectTo(gateway().url)
      await new Promise((resolve) => socket.write(bytes, resolve))
      // Two more requests on another connection: the server has read the bytes before it answers the second one.
      for (let n = 0; n < 2; n++) expect(await gateway().ask('{ __typename }')).toMatchObject({ status: 200 })
      socket.resetAndDestroy()
    }
    expect(await gateway().ask('{ __typename }')).toMatchObject({ status: 200 })
    await gateway().drain()
    expect(gateway().log()).not.toContain('unexpected error')
  })
})

describe('a mistake of ours where no endpoint expects one', () => {
  let broken: readonly (keyof Telemetry)[] = []
  let gateway: RunningGateway
  beforeAll(async () => {
    const settings = { ...faceSettings, METRICS_PORT: '0', PUBLIC_URL: 'https://id.example' }
    gateway = await startRunningGateway(settings, { watch: breakable })
  })
  afterEach(() => {
    broken = []
  })
  afterAll(() => gateway.close())

  /** These methods throw. */
  function breakable(telemetry: Telemetry): Telemetry {
    const names = ['operation', 'request', 'metrics', 'log'] as const
    const breaking = names.map((name) => {
      const method = telemetry[name] as (...args: readonly unknown[]) => unknown
      const broken = (...args: readonly unknown[]) => {
        if (isBroken(name)) throw new TypeError(`no ${name}`)
        return method(...args)
      }
      return [name, broken]
    })
    return { ...telemetry, ...Object.fromEntries(breaking) }
  }

  function isBroken(name: keyof Telemetry): boolean {
    return broken.includes(name)
  }

  const places = () =>
    linesOf(gateway, 'error').flatMap(({ msg, where, message }) =>
      msg === 'unexpected error' ? [[where, message]] : [],
    )

  it('a report of an operation: the operation and the faces keep their answers, and later ones are answered', async () => {
    broken = ['operation']
    const { accessToken } = gateway.issue()
    for (let n = 0; n < 2; n += 1) {
      expect(codesOf(await gateway.ask('{ viewer { id } }', { token: accessToken }))).toEqual([])
      expect((await forwardAuth(gateway, accessToken)).status).toBe(200)
      expect((await introspect(gateway, accessToken)).status).toBe(200)
    }
    expect(places()).toEqual(
      expect.arrayContaining([
        ['operation', 'no operation'],
        ['forward_auth', 'no operation'],
      ]),
    )
    const text = await gateway.metrics()
    for (const method of ['GET', 'POST'])
      expect(metricValue(text, `http_server_active_requests{http_request_method="${method}"}`)).toBe(0)
  })

  it('what fails again while the request is refused: 500, and later requests are answered', async () => {
    broken = ['log']
    const { accessToken } = gateway.issue()
    const listed = { 'x-forwarded-for': 'unlisted' }
    const token = { authorization: `Bearer ${accessToken}` }
    // The first request of a silent proxy is to be logged.
    const replies = [
      await gateway.send('/auth', { headers: token }),
      await gateway.send('/auth', { headers: { ...token, ...listed } }),
    ]
    expect(replies[0]?.status).toBe(500)
    expect(places()).toContainEqual(['forward_auth', 'no log'])
    broken = []
    expect(await gateway.send('/auth', { headers: { ...token, 'x-forwarded-for': '203.0.113.7' } })).toMatchObject({
      status: 200,
    })
  })

  it('a report of a plain answer: the answer was sent', async () => {
    broken = ['request']
    for (const path of ['/health', '/ready', '/nowhere']) expect((await gateway.send(path)).status).toBeGreaterThan(0)
    expect(places()).toContainEqual(['request', 'no request'])
  })

  it('the metrics: 500', async () => {
    broken = ['metrics']
    const { statusCode, body } = await request(`${gateway.metricsUrl}/metrics`)
    expect([statusCode, await body.text()]).toEqual([500, 'the metrics could not be read\n'])
    expect(places()).toContainEqual(['metrics', 'no metrics'])
  })
})
