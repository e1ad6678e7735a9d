import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { Reading } from '../../src/telemetry/meters.ts'
import type { Operation, Telemetry } from '../../src/telemetry/telemetry.ts'
import { exchange, faceSettings, forwardAuth, introspect } from '../harness/faces.ts'
import { formType } from '../harness/forms.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { connectTo, receive, sendRaw } from '../harness/raw-http.ts'
import { ourChannels, type RunningGateway, startRunningGateway } from '../harness/running-gateway.ts'
import { growth, type Series, seriesIn } from '../harness/series.ts'

const origin = 'https://app.example'
const keyFile = writeKeyFile()
let gateway: RunningGateway
let atStart: readonly Series[]
let lastRead: readonly Series[]
/** Called in the turn of the event loop in which an operation has ended. */
let ended = (): void => {}
const gauges = new Map<string, () => Reading>()
beforeAll(async () => {
  const settings = {
    ...ourChannels,
    ...faceSettings,
    PUBLIC_URL: 'https://api.example',
    SIGNING_KEYS_FILE: keyFile.path,
    CORS_ORIGINS: origin,
    INTROSPECTION: 'true',
    SHUTDOWN_GRACE_SECONDS: '0',
  }
  gateway = await startRunningGateway(settings, { watch })
  atStart = await series()
  lastRead = atStart
})
afterAll(async () => {
  await gateway.close()
  keyFile.remove()
})

function watch(telemetry: Telemetry): Telemetry {
  return { ...telemetry, gauge, operation }

  function gauge(...[name, read]: Parameters<Telemetry['gauge']>): void {
    gauges.set(name, read)
    telemetry.gauge(name, read)
  }

  function operation(done: Operation): void {
    telemetry.operation(done)
    ended()
  }
}

async function series(): Promise<Series[]> {
  return seriesIn(await gateway.metrics())
}

/** The last reading of the metrics and a new one: a reading takes long. */
async function readings(): Promise<readonly [readonly Series[], readonly Series[]]> {
  const before = lastRead
  lastRead = await series()
  return [before, lastRead]
}

/** All that requests have counted between two readings. */
function countedIn(both: readonly [readonly Series[], readonly Series[]]): Record<string, number> {
  return {
    ...growth(both, 'gateway_operations_total', ['operation', 'code', 'outcome']),
    ...growth(both, 'gateway_operation_duration_seconds_count', ['kind']),
    ...growth(both, 'http_server_request_duration_seconds_count', httpLabels),
  }
}

const httpLabels = ['http_request_method', 'http_route', 'http_response_status_code']

/** What an act must count: operations, the kind of the request, and the request. */
type Act = readonly [act: () => Promise<unknown>, ...counts: string[]]

const token = () => gateway.issue().accessToken
const ask = (query: string, bearer?: string) => gateway.ask(query, { token: bearer })
const withNull = (type: string, field: string) =>
  gateway.ask(`query ($a: ${type} = ${type === 'String' ? '""' : true}) { ${field} }`, { variables: { a: null } })
const options = (path: string) =>
  gateway.send(path, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } })
const raw = (text: string) => sendRaw(gateway.url, text)
/** Sends the beginning of a request and hangs up. */
function leaveAfter(text: string): Promise<unknown> {
  const socket = connectTo(gateway.url)
  socket.end(text)
  return receive(socket)
}
const chunked = 'content-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n'
const posted = 'POST /graphql 200'
const inputOfIdToken = '{ idToken: "x", channelId: "1000000001" }'

const acts: readonly Act[] = [
  [() => ask('{ viewer { id } }', token()), 'viewer OK ok', 'query', posted],
  [() => ask('mutation { logout { revoked } }', token()), 'logout OK ok', 'mutation', posted],
  [
    () => ask(`{ viewer { id } verifyAccessToken(accessToken: "${token()}") { active } }`),
    'viewer UNAUTHENTICATED refused',
    'verifyAccessToken OK ok',
    'query',
    posted,
  ],
  [() => ask('{ a: viewer { id } b: viewer { id } }', token()), 'viewer OK ok', 'query', posted],
  [
    () => ask('{ __typename a: viewer { id } ...F } fragment F on Query { b: viewer { id } }'),
    'viewer UNAUTHENTICATED refused',
    '__typename OK ok',
    'query',
    posted,
  ],
  [
    () => ask(`{ __schema { __typename } b: __typename viewer: verifyIdToken(input: ${inputOfIdToken}) { sub } }`),
    'verifyIdToken INVALID_ID_TOKEN refused',
    '__schema OK ok',
    '__typename OK ok',
    'query',
    posted,
  ],
  [() => ask('{ viewer @skip(if: true) { id } __typename }'), '__typename OK ok', 'query', posted],
  [
    () => ask('{ ... @include(if: false) { a: viewer { id } } b: viewer { id } }', token()),
    'viewer OK ok',
    'query',
    posted,
  ],
  [() => ask('mutation { logout @include(if: false) { revoked } }', token()), 'mutation', posted],
  [
    () => withNull('String', 'verifyAccessToken(accessToken: $a) { active }'),
    'verifyAccessToken BAD_USER_INPUT invalid',
    'query',
    posted,
  ],
  [() => withNull('Boolean', 'viewer @skip(if: $a) { id }'), 'viewer BAD_USER_INPUT invalid', 'query', posted],
  [() => ask('{ viewer { id friend } }'), 'none GRAPHQL_VALIDATION_FAILED invalid', 'none', posted],
  [() => ask('{'), 'none GRAPHQL_PARSE_FAILED invalid', 'none', posted],
  [
    () => ask('query ($a: Int!) { __typename @skip(if: $a) }'),
    'none GRAPHQL_VALIDATION_FAILED invalid',
    'none',
    posted,
  ],
  [() => ask('query ($a: Boolean!) { __typename @skip(if: $a) }'), 'none BAD_USER_INPUT invalid', 'none', posted],
  [() => ask(`{ ${'__typename '.repeat(600)} }`), 'none OPERATION_TOO_COMPLEX invalid', 'none', 'POST /graphql 400'],
  [() => gateway.send('/graphql?query={__typename}'), '__typename OK ok', 'query', 'GET /graphql 200'],
  [() => gateway.send('/graphql?query=mutation{__typename}'), 'none BAD_REQUEST invalid', 'none', 'GET /graphql 405'],
  [() => gateway.send('/graphql', { method: 'HEAD' }), 'none BAD_REQUEST invalid', 'none', 'HEAD /graphql 405'],
  [() => gateway.send('/graphql', { method: 'PUT' }), 'none BAD_REQUEST invalid', 'none', '_OTHER /graphql 405'],
  [() => options('/graphql'), 'OPTIONS /graphql 204'],
  [() => options('/oauth/token'), 'OPTIONS /oauth/token 204'],
  [() => gateway.send('/health'), 'GET /health 200'],
  [() => gateway.send('/ready', { method: 'HEAD' }), 'HEAD /ready 200'],
  [() => gateway.send('/health', { method: 'DELETE' }), '_OTHER /health 405'],
  [() => gateway.send('/metrics'), 'GET - 404'],
  [() => leaveAfter('GET /health HTTP/1.1\r\nhost: a\r\n')],
  [() => leaveAfter(`POST /graphql HTTP/1.1\r\nhost: a\r\n${chunked}`)],
  [
    () =>
      leaveAfter(`POST /oauth/token HTTP/1.1\r\nhost: a\r\ncontent-type: ${formType}\r\ncontent-length: 9\r\n\r\na`),
  ],
  [() => raw('GET /health HTTP/1.1\r\n\r\n'), '_OTHER - 400'],
  [() => raw('no HTTP\r\n\r\n'), '_OTHER - 400'],
  [() => raw(`POST /graphql HTTP/1.1\r\nhost: a\r\n${chunked}no chunk\r\n`), '_OTHER - 400'],
  [() => raw(`GET /health HTTP/1.1\r\nx: ${'x'.repeat(17_000)}\r\n\r\n`), '_OTHER - 431'],
  [() => raw('GET /health HTTP/1.1\r\nhost: a\r\nexpect: tea\r\nconnection: close\r\n\r\n'), '_OTHER - 417'],
  [() => raw('CONNECT a:443 HTTP/1.1\r\nhost: a\r\n\r\n'), '_OTHER - 405'],
  [() => raw('OPTIONS * HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'), 'OPTIONS - 404'],
]

it('each request is counted exactly once, and each of its root fields', async () => {
  for (const [act] of acts) await act()
  const expected: Record<string, number> = {}
  for (const count of acts.flatMap(([, ...counts]) => counts)) expected[count] = (expected[count] ?? 0) + 1
  expect(countedIn(await readings())).toEqual(expected)
})

const methods = ['GET', 'HEAD', 'POST', 'OPTIONS', 'PROPFIND'] as const
const paths = [
  ...['/graphql', '/graphql/?query={viewer{id}}', '/auth?scope=x', '/oauth/token', '/oauth/introspect'],
  ...['/.well-known/jwks.json', '/health', '/ready', '/dev/demo'],
]
const json = { 'content-type': 'application/json' }
const oddRequests: readonly { readonly headers: Record<string, string>; readonly body?: string }[] = [
  { headers: { origin, 'access-control-request-method': 'POST', accept: 'text/html' } },
  { headers: { ...json, accept: 'image/png' }, body: '[]' },
  { headers: { ...json, authorization: 'Bearer junk' }, body: '{"query":"mutation{a:logout{revoked}b:__typename}"}' },
  { headers: { ...json, 'content-encoding': 'gzip' }, body: '{}' },
  { headers: { 'content-type': formType, authorization: 'Basic eDp5' }, body: 'a=1&a=2' },
  { headers: { 'content-type': formType }, body: `grant_type=${'x'.repeat(16 * 1024)}` },
]

it('odd requests: each is counted once with the status of its answer, and no label has a new value', async () => {
  const seen: Record<string, number> = {}
  async function note(path: string, method: (typeof methods)[number], odd: (typeof oddRequests)[number]) {
    const { status } = await gateway.send(path, { ...odd, method: method as 'GET' })
    const key = `${method === 'PROPFIND' ? '_OTHER' : method} ${status}`
    seen[key] = (seen[key] ?? 0) + 1
  }
  for (const path of paths)
    await Promise.all(methods.flatMap((method) => oddRequests.map((odd) => note(path, method, odd))))
  await note('/graphql', 'POST', { headers: json, body: 'x'.repeat(101 * 1024) })
  const byStatus = ['http_request_method', 'http_response_status_code']
  expect(growth(await readings(), 'http_server_request_duration_seconds_count', byStatus)).toEqual(seen)
  expect(namesOf(lastRead)).toEqual(namesOf(atStart))
})

/** Node's own metrics have labels of their own. */
function namesOf(some: readonly Series[]): string[] {
  const ours = some.filter(({ name }) => /^(gateway|http)_/.test(name))
  return ours.map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`)
}

it('durations are in seconds, from the last byte of the request to the answer, with the time of LINE', async () => {
  const latencyMs = 100
  gateway.emulator.faults.set('*', { latencyMs })
  const own = token()
  const body = JSON.stringify({ query: `{ verifyAccessToken(accessToken: "${own}") { active } }` })
  const socket = connectTo(gateway.url)
  const head = `host: a\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`
  socket.write(`POST /graphql HTTP/1.1\r\n${head}${body.slice(0, -1)}`)
  await sleep(5 * latencyMs)
  const startedAt = performance.now()
  socket.end(body.slice(-1))
  await receive(socket)
  await forwardAuth(gateway, token())
  gateway.emulator.faults.clear()
  const most = (performance.now() - startedAt) / 1_000
  const both = await readings()
  for (const [name, labels, series] of [
    ['http_server_request_duration_seconds', ['http_route'], ['/graphql', '/auth']],
    ['gateway_operation_duration_seconds', ['kind'], ['query', 'forward_auth']],
    ['gateway_line_call_duration_seconds', ['endpoint'], ['verify', 'profile']],
    ['http_client_request_duration_seconds', ['http_request_method'], ['GET']],
  ] as const) {
    const [sums, counts] = [growth(both, `${name}_sum`, labels), growth(both, `${name}_count`, labels)]
    for (const one of series) {
      const seconds = (sums[one] ?? 0) / (counts[one] ?? 0)
      // A timer of Node can be a millisecond early.
      expect(seconds, `${name} ${one}`).toBeGreaterThan((latencyMs - 2) / 1_000)
      expect(seconds, `${name} ${one}`).toBeLessThan(most)
    }
  }
})

it('ten long requests that come at once: those without time in their turn of the event loop wait', async () => {
  const waiting: number[] = []
  ended = () => {
    waiting.push(Number(gauges.get('gateway_requests_waiting')?.()))
    for (const startedAt = performance.now(); performance.now() - startedAt < 15; );
  }
  const head = 'POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 24\r\n'
  const body = '\r\n{"query":"{__typename}"}'
  await raw(`${(head + body).repeat(9)}${head}connection: close\r\n${body}`)
  ended = () => {}
  expect(waiting).toHaveLength(10)
  expect(Math.max(...waiting)).toBeGreaterThan(0)
  expect(waiting.at(-1)).toBe(0)
  await readings()
})

it('requests that LINE leaves waiting are active; at the end of the drain each one is a 503 that shuts down, also of a client that left', async () => {
  gateway.emulator.faults.set('*', { hang: true })
  const leaving = new AbortController()
  const body = JSON.stringify({ query: '{ viewer { id } }' })
  const headers = { ...json, authorization: `Bearer ${token()}` }
  const left = gateway.send('/graphql', { method: 'POST', headers, body, signal: leaving.signal }).catch(() => {})
  const answers = [
    ask('{ viewer { id } }', token()),
    introspect(gateway, token()),
    exchange(gateway, token()),
    forwardAuth(gateway, token()),
  ]
  const active = async () => growth([atStart, await series()], 'http_server_active_requests', ['http_request_method'])
  await expect.poll(active, { timeout: 30_000 }).toEqual({ POST: 4, GET: 1 })
  leaving.abort()
  await left
  void gateway.drain()
  expect((await Promise.all(answers)).map(({ status }) => status)).toEqual([503, 503, 503, 503])
  expect(countedIn(await readings())).toEqual({
    'none SHUTTING_DOWN unavailable': 2,
    'introspection SHUTTING_DOWN unavailable': 1,
    'token_exchange SHUTTING_DOWN unavailable': 1,
    'forward_auth SHUTTING_DOWN unavailable': 1,
    none: 2,
    introspection: 1,
    token_exchange: 1,
    forward_auth: 1,
    'POST /graphql 503': 2,
    'POST /oauth/introspect 503': 1,
    'POST /oauth/token 503': 1,
    'GET /auth 503': 1,
  })
  expect(growth([atStart, lastRead], 'gateway_draining', [])).toEqual({ '': 1 })
  expect(growth([atStart, lastRead], 'gateway_unexpected_errors_total', [])).toEqual({})
  expect(growth([atStart, lastRead], 'http_server_active_requests', ['http_request_method'])).toEqual({})
})
