import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  type Reply,
  type RunningGateway,
  startRunningGateway,
  useRunningGateway,
  useSharedGateway,
} from '../harness/running-gateway.ts'

const ours = 'https://app.example'
const other = 'http://localhost:3000'
const json = { 'content-type': 'application/json' }
const body = '{"query":"{ __typename }"}'

const corsHeadersOf = ({ headers }: Reply) => Object.keys(headers).filter((name) => name.startsWith('access-control-'))

describe('with CORS_ORIGINS', () => {
  let gateway: RunningGateway
  beforeAll(async () => {
    gateway = await startRunningGateway({ CORS_ORIGINS: `${ours}, ${other}`, GRAPHIQL: 'true' })
  })
  afterAll(() => gateway.close())

  const post = (origin: string, headers: Record<string, string> = json) =>
    gateway.send('/graphql', { method: 'POST', headers: { ...headers, origin }, body })
  const preflight = (origin: string, asked = 'authorization', path = '/graphql') =>
    gateway.send(path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': asked },
    })

  it.each([ours, other])(
    '%s: can read answers, and the headers Retry-After, X-Request-Id, WWW-Authenticate (D8)',
    async (origin) => {
      const { headers, status } = await post(origin)
      expect(status).toBe(200)
      expect(headers).toMatchObject({ 'access-control-allow-origin': origin, vary: 'origin' })
      expect(headers['access-control-expose-headers']).toBe('retry-after, x-request-id, www-authenticate')
    },
  )

  it('a listed origin: can read refusals too', async () => {
    const { headers, status } = await post(ours, { 'content-type': 'text/plain' })
    expect(status).toBe(415)
    expect(headers['access-control-allow-origin']).toBe(ours)
  })

  const preflightVary = 'access-control-request-method, access-control-request-headers, origin'

  it.each([
    'authorization,content-type',
    'authorization, content-type',
    'apollographql-client-name,apollographql-client-version,authorization,content-type',
    'baggage,sentry-trace,traceparent,tracestate',
    "x-!#$%&'*+.^_`|~-9",
    Array.from({ length: 100 }, (_, n) => `x-header-number-${n}`).join(),
  ])('a preflight of a listed origin that asks for %s: allowed (D8)', async (asked) => {
    const { headers, status, text } = await preflight(ours, asked)
    expect([status, text]).toEqual([204, ''])
    expect(headers).toMatchObject({
      'access-control-allow-origin': ours,
      'access-control-allow-methods': 'GET, POST',
      'access-control-allow-headers': asked,
      'access-control-max-age': expect.stringMatching(/^\d+$/),
      vary: preflightVary,
    })
  })

  it.each(['a b', 'a:b', 'a,,b', '"a"', '<script>', ',', `${'a,'.repeat(3_000)}a`])(
    'a preflight that asks for %j, which is no list of names: not echoed (D8)',
    async (asked) => {
      const reply = await preflight(ours, asked)
      expect(reply.headers).not.toHaveProperty('access-control-allow-headers')
      expect(reply.status).toBe(204)
    },
  )

  it('a preflight that asks for no header: methods only', async () => {
    const headers = { origin: ours, 'access-control-request-method': 'GET' }
    const reply = await gateway.send('/graphql', { method: 'OPTIONS', headers })
    expect(corsHeadersOf(reply)).not.toContain('access-control-allow-headers')
    expect(reply.headers['access-control-allow-methods']).toBe('GET, POST')
  })

  it.each<[string, number, Parameters<RunningGateway['send']>[1]]>([
    ['/graphql', 405, { method: 'DELETE' }],
    ['/graphql', 415, { method: 'POST', body }],
    ['/graphql', 400, { method: 'POST', headers: json, body: '{' }],
    ['/graphql', 413, { method: 'POST', headers: json, body: ' '.repeat(200_000) }],
    ['/graphql', 406, { method: 'POST', headers: { ...json, accept: 'image/png' }, body }],
    ['/graphql?query={__typename}', 200, {}],
    ['/graphql?query=mutation{logout{revoked}}', 405, {}],
    ['/graphql', 200, { headers: { accept: 'text/html' } }],
    ['/graphql/', 400, {}],
    ['/graphql/', 200, { headers: { accept: 'text/html' } }],
    ['/graphql/', 200, { method: 'POST', headers: json, body }],
  ])('%s, answer %i: CORS headers (D8, D6)', async (path, status, options = {}) => {
    const reply = await gateway.send(path, { ...options, headers: { ...options.headers, origin: ours } })
    expect(reply.status).toBe(status)
    expect(reply.headers['access-control-allow-origin']).toBe(ours)
    expect(reply.headers.vary).toMatch(/(^|, )origin$/)
  })

  it('a preflight of /graphql/: allowed too (D6)', async () => {
    const reply = await preflight(ours, 'authorization', '/graphql/')
    expect(reply).toMatchObject({ status: 204, headers: { 'access-control-allow-origin': ours } })
  })

  it.each([
    'https://evil.example',
    'null',
    `${ours}.evil.example`,
    `${ours}:443`,
    'http://app.example',
    'https://APP.example',
    'https://sub.app.example',
    `${ours}/`,
    `${ours}, https://evil.example`,
    '*',
  ])('%s: no CORS header, only `Vary`', async (origin) => {
    const replies = [await post(origin), await preflight(origin)]
    expect(replies.flatMap(corsHeadersOf)).toEqual([])
    expect(replies.map(({ headers }) => headers.vary)).toEqual(['origin', preflightVary])
  })

  it('every origin: no credentials, no *, no cookie', async () => {
    for (const reply of [await post(ours), await preflight(ours), await post('https://evil.example')]) {
      expect(corsHeadersOf(reply)).not.toContain('access-control-allow-credentials')
      expect(reply.headers['access-control-allow-origin']).not.toBe('*')
      expect(reply.headers['set-cookie']).toBeUndefined()
    }
  })

  it('OPTIONS without a preflight header: 405', async () => {
    expect(await gateway.send('/graphql', { method: 'OPTIONS', headers: { origin: ours } })).toMatchObject({
      status: 405,
    })
  })
})

describe('in development without CORS_ORIGINS', () => {
  const gateway = useSharedGateway({ NODE_ENV: 'development' })
  const from = (origin: string) => gateway().send('/graphql', { method: 'POST', headers: { ...json, origin }, body })

  it.each([
    'http://localhost',
    'http://localhost:5173',
    'https://localhost:3000',
    'http://app.localhost:8080',
    'http://127.0.0.1:3000',
    'http://127.8.9.10:65535',
    'http://[::1]:3000',
  ])('%s: allowed, also by a preflight (D8)', async (origin) => {
    const asked = { 'access-control-request-method': 'POST', 'access-control-request-headers': 'sentry-trace' }
    const preflight = await gateway().send('/graphql', { method: 'OPTIONS', headers: { origin, ...asked } })
    expect(preflight.headers['access-control-allow-headers']).toBe('sentry-trace')
    for (const { headers } of [preflight, await from(origin)]) {
      expect(headers['access-control-allow-origin']).toBe(origin)
    }
  })

  it.each([
    'null',
    '*',
    'localhost',
    'http://localhost/',
    'http://localhost:80',
    'http://LOCALHOST:3000',
    'http://user@localhost:3000',
    'http://localhost.example',
    'http://notlocalhost',
    'http://127.example',
    'http://127.0.0.1.example',
    'http://127.1',
    'http://128.0.0.1',
    'http://192.168.0.1',
    'http://0.0.0.0',
    'http://[::2]',
    'ftp://localhost',
    'http://localhost, http://127.0.0.1',
    `http://${'a.'.repeat(2_000)}localhost`,
  ])('%s: not allowed (D8)', async (origin) => {
    const reply = await from(origin)
    expect(corsHeadersOf(reply)).toEqual([])
    expect(reply.headers.vary).toBe('origin')
  })
})

describe('without CORS_ORIGINS', () => {
  const gateway = useRunningGateway()

  it('no CORS header, and a preflight is 405', async () => {
    const preflight = { origin: ours, 'access-control-request-method': 'POST' }
    const replies = [
      await gateway().send('/graphql', { method: 'POST', headers: { ...json, origin: ours }, body }),
      await gateway().send('/graphql', { method: 'OPTIONS', headers: preflight }),
    ]
    expect(replies.map(({ status }) => status)).toEqual([200, 405])
    expect(replies.flatMap(corsHeadersOf)).toEqual([])
  })
})
