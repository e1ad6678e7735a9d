import { context, propagation, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { Agent } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type SpanName, spanTable } from '../../src/telemetry/span-table.ts'
import { api, faceSettings, introspect } from '../harness/faces.ts'
import { holdAnswers } from '../harness/held-answers.ts'
import { logIn } from '../harness/log-in.ts'
import { metricValue } from '../harness/metric-value.ts'
import { sendRaw, statusesIn } from '../harness/raw-http.ts'
import { linesOf, type RunningGateway, startRunningGateway, web } from '../harness/running-gateway.ts'
import { createSecretSearch } from '../harness/secret-search.ts'
import { newTrace, useTraceRecorder } from '../harness/trace-recorder.ts'

const recorder = useTraceRecorder()
const viewer = '{ viewer { displayName } }'
const secrets = new Set<string>([web.secret, api.secret])
/** What an operator's instrumentation of undici sees of each request to LINE, and what it would add to its headers. */
const instrumented: { readonly isRecorded: boolean; readonly injected: object }[] = []
const held = holdAnswers(new Agent())
const dispatcher = held.dispatcher.compose((dispatch) => (options, handler) => {
  const span = trace.getTracer('instrumentation').startSpan(`${options.method} ${options.path}`)
  const injected = {}
  propagation.inject(trace.setSpan(context.active(), span), injected)
  instrumented.push({ isRecorded: span.isRecording(), injected })
  span.end()
  return dispatch(options, handler)
})
let gateway: RunningGateway

beforeAll(async () => {
  gateway = await startRunningGateway(faceSettings, { dispatcher })
})
afterEach(() => gateway.emulator.faults.clear())
afterAll(async () => {
  await gateway.close()
  await dispatcher.destroy()
})

const coldViewer = [
  'POST /graphql',
  '  query',
  '    look-up',
  '      LINE tier',
  '        GET /oauth2/v2.1/verify',
  '        GET /v2/profile',
]

describe('a trace', () => {
  it('a cold viewer: the request of the caller’s trace, the operation, the look-up, two calls to LINE', async () => {
    const { id, headers } = newTrace()
    await gateway.ask(viewer, { token: newToken(), headers })
    expect(recorder.tree(id)).toEqual(coldViewer)
    expect(factsOf('POST /graphql')).toEqual({
      kind: SpanKind.SERVER,
      'http.request.method': 'POST',
      'http.route': '/graphql',
      'url.path': '/graphql',
      'url.scheme': 'http',
      'http.response.status_code': 200,
      'gateway.code': 'OK',
    })
    expect(factsOf('query')).toEqual({
      kind: SpanKind.SERVER,
      'graphql.operation.type': 'query',
      'gateway.operation.fields': ['viewer'],
      'gateway.code': 'OK',
    })
    expect(factsOf('look-up')).toMatchObject({ 'gateway.lookup.tier': 'line', 'gateway.lookup.verdict': 'valid' })
    const url = new URL(gateway.emulator.url)
    expect(factsOf('GET /oauth2/v2.1/verify')).toEqual({
      kind: SpanKind.CLIENT,
      'http.request.method': 'GET',
      'url.template': '/oauth2/v2.1/verify',
      'url.full': `${url.origin}/oauth2/v2.1/verify`,
      'server.address': url.hostname,
      'server.port': Number(url.port),
      'http.response.status_code': 200,
      'gateway.line.endpoint': 'verify',
      'gateway.line.outcome': 'answered',
      'gateway.line.request_id': expect.stringMatching(/^[0-9a-f]{16}$/),
    })
  })

  it('a warm viewer: the request and the operation', async () => {
    const token = newToken()
    await gateway.ask(viewer, { token })
    const { id, headers } = newTrace()
    await gateway.ask(viewer, { token, headers })
    expect(recorder.tree(id)).toEqual(['POST /graphql', '  query'])
  })

  it('two requests for one token at once: the second has only its wait, with a link to the first', async () => {
    const [first, second, token] = [newTrace(), newTrace(), newToken()]
    held.answers.hold()
    const replies = [first, second].map(({ headers }) => gateway.ask(viewer, { token, headers }))
    const active = async () => metricValue(await gateway.metrics(), 'http_server_active_requests')
    await expect.poll(active).toBe(2)
    await held.answers.release()
    await Promise.all(replies)
    const joined = recorder.named('look-up').filter(({ attributes }) => attributes['gateway.lookup.joined'])
    expect(joined).toHaveLength(1)
    const [asking, waiting] = joined[0]?.spanContext().traceId === second.id ? [first, second] : [second, first]
    expect(recorder.tree(asking.id)).toEqual(coldViewer)
    expect(recorder.tree(waiting.id)).toEqual(['POST /graphql', '  query', '    look-up'])
    expect(joined[0]?.links.map(({ context }) => context.traceId)).toEqual([asking.id])
  })

  it('requests for different tokens at once, in one batch: each trace has its own calls', async () => {
    const all = Array.from({ length: 5 }, newTrace)
    const requests = all.map(({ headers }, n) =>
      rawRequest({ ...headers, connection: n === 4 ? 'close' : 'keep-alive' }),
    )
    // In one piece, so that the gateway reads all of them in the same turn.
    expect(statusesIn(await sendRaw(gateway.url, requests.join('')))).toEqual([200, 200, 200, 200, 200])
    for (const { id } of all) expect(recorder.tree(id)).toEqual(coldViewer)
  })

  it('a login and a refresh: the calls to LINE are below the mutation', async () => {
    const { input } = await logIn(gateway)
    for (const one of [input.code, input.codeVerifier, input.nonce]) secrets.add(one)
    const [login, refresh] = [newTrace(), newTrace()]
    const query = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { refreshToken } } }'
    const { data, text } = await gateway.ask(query, { variables: { input }, headers: login.headers })
    const { refreshToken } = Object(data?.exchangeLogin).tokens ?? {}
    expect(refreshToken, text).toEqual(expect.any(String))
    secrets.add(refreshToken)
    expect(recorder.tree(login.id)).toEqual(['POST /graphql', '  mutation', '    POST /oauth2/v2.1/token'])
    await gateway.ask('mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { __typename } }', {
      variables: { input: { refreshToken } },
      headers: refresh.headers,
    })
    expect(recorder.tree(refresh.id)).toEqual(['POST /graphql', '  mutation', '    POST /oauth2/v2.1/token'])
  })

  it('faces: the request and the look-up; what a client adds to the path is left out', async () => {
    const { id, headers } = newTrace()
    const token = newToken()
    const reply = await gateway.send('/auth/CaNaRy-path?CaNaRy=query', {
      method: 'DELETE',
      headers: { ...headers, authorization: `Bearer ${token}` },
    })
    expect(reply.status).toBe(200)
    expect(recorder.tree(id)).toEqual([
      'HTTP /auth',
      '  look-up',
      '    LINE tier',
      '      GET /oauth2/v2.1/verify',
      '  look-up',
      '    LINE tier',
      '      GET /v2/profile',
    ])
    expect(factsOf('HTTP /auth')).toMatchObject({ 'url.path': '/auth', 'http.request.method': '_OTHER' })
    expect(factsOf('HTTP /auth')).toMatchObject({ 'http.response.status_code': 200, 'gateway.code': 'OK' })
    await introspect(gateway, token)
    expect(recorder.named('POST /oauth/introspect')).toHaveLength(1)
  })

  it('an old record: served, and checked in a trace of its own with a link to the request', async () => {
    const token = newToken()
    await gateway.ask(viewer, { token })
    gateway.advance(400_000)
    const { id, headers } = newTrace()
    await gateway.ask(viewer, { token, headers })
    await expect.poll(() => recorder.named('re-check').length).toBe(1)
    expect(recorder.tree(id)).toEqual(['POST /graphql', '  query'])
    const [check] = recorder.named('re-check')
    expect(check?.links.map(({ context }) => context.traceId)).toEqual([id])
    const own = check?.spanContext().traceId ?? ''
    expect(recorder.tree(own)).toEqual(['re-check', '  look-up', '    LINE tier', '      GET /v2/profile'])
  })
})

describe('a fault of LINE', () => {
  it('a connection that breaks: the second attempt says so, and the operation is good', async () => {
    gateway.emulator.faults.set('verifyAccessToken', { reset: true, times: 1 })
    await gateway.ask(viewer, { token: newToken() })
    const calls = recorder.named('GET /oauth2/v2.1/verify')
    const facts = calls.map(({ attributes, status }) => [
      attributes['error.type'],
      attributes['http.request.resend_count'],
      status.code,
    ])
    expect(facts).toEqual([
      ['no_answer', undefined, SpanStatusCode.ERROR],
      [undefined, 1, SpanStatusCode.UNSET],
    ])
  })

  it('500: the calls and the operation have failed, the request has its answer, the log line names the trace', async () => {
    gateway.emulator.faults.set('*', { status: 500 })
    const { id, headers } = newTrace()
    await gateway.ask(viewer, { token: newToken(), headers })
    const failed = recorder.of(id).filter((span) => span.status.code === SpanStatusCode.ERROR)
    expect(failed.map(({ name, attributes }) => [name, attributes['error.type']]).toSorted()).toEqual([
      ['GET /oauth2/v2.1/verify', '500'],
      ['GET /v2/profile', '500'],
      ['query', 'LINE_UNAVAILABLE'],
    ])
    expect(recorder.of(id).flatMap((span) => span.events)).toEqual([])
    expect(linesOf(gateway, 'info').filter(({ traceId }) => traceId === id)).toHaveLength(1)
  })

  it('a refused token: the call has failed, but neither the operation nor the request', async () => {
    const token = `${newToken()}x`
    secrets.add(token)
    await gateway.ask(viewer, { token })
    const failed = recorder.spans().filter((span) => span.status.code === SpanStatusCode.ERROR)
    expect(new Set(failed.map(({ attributes }) => attributes['gateway.line.outcome']))).toEqual(new Set(['refused']))
    expect(factsOf('query')).toMatchObject({ 'gateway.code': 'UNAUTHENTICATED' })
  })
})

describe('requests that are not executed', () => {
  it('the request alone, without an operation', async () => {
    const { id, headers } = newTrace()
    await gateway.send('/graphql', { method: 'POST', headers: { ...headers, 'content-type': 'text/plain' }, body: 'x' })
    expect(recorder.tree(id)).toEqual(['POST /graphql'])
    expect(factsOf('POST /graphql')).toMatchObject({ 'gateway.code': 'BAD_REQUEST', 'http.response.status_code': 415 })
  })

  it('a wrong traceparent: a trace of its own; a health check has none', async () => {
    await gateway.ask('{ CaNaRyField }', { headers: { traceparent: 'CaNaRy', 'user-agent': 'CaNaRy' } })
    await gateway.send('/health')
    expect(recorder.spans().map(({ name }) => name)).toEqual(['GraphQL Operation', 'POST /graphql'])
    expect(factsOf('GraphQL Operation')).toMatchObject({ 'gateway.code': 'GRAPHQL_VALIDATION_FAILED' })
  })
})

describe('all spans of this file', () => {
  it('no secret, and no text of a caller', async () => {
    await gateway.ask('query CaNaRyName($x: String = "CaNaRy") { CaNaRyAlias: viewer { id @skip(if: false) } }', {
      token: 'CaNaRy-token',
    })
    expect(secrets.size).toBeGreaterThan(15)
    expect(createSecretSearch(secrets)(recorder.everything())).toEqual([])
    expect(recorder.everything()).not.toMatch(/CaNaRy/i)
    expect(recorder.everything()).toContain('/oauth2/v2.1/verify')
  })

  it('no instrumentation records a request to LINE, and LINE gets no traceparent', () => {
    expect(instrumented.length).toBeGreaterThan(10)
    expect(instrumented.filter(({ isRecorded, injected }) => isRecorded || Object.keys(injected).length > 0)).toEqual(
      [],
    )
  })

  it('each attribute is in the table', () => {
    const known = Object.values(spanTable).flatMap(({ attributes }) => Object.keys(attributes))
    const used = [...recorder.everything().matchAll(/"([a-z_]+\.[a-z_.]+)":/g)].map(([, name = '']) => name)
    const ofSdk = (name: string) => /^(service|telemetry)\./.test(name)
    expect([...new Set(used)].filter((name) => !ofSdk(name) && !known.includes(name))).toEqual([])
    expect(Object.keys(spanTable) satisfies string[] as SpanName[]).toContain('request')
  })
})

function rawRequest(headers: Record<string, string>): string {
  const body = JSON.stringify({ query: viewer })
  const own = { host: 'gateway', authorization: `Bearer ${newToken()}`, 'content-type': 'application/json' }
  const all = Object.entries({ ...own, 'content-length': `${body.length}`, ...headers })
  return `POST /graphql HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

function newToken(): string {
  const { accessToken } = gateway.issue()
  secrets.add(accessToken)
  return accessToken
}

/** The attributes and the kind of the only span with this name. */
function factsOf(name: string): object {
  const found = recorder.named(name)
  expect(found).toHaveLength(1)
  return { kind: found[0]?.kind, ...found[0]?.attributes }
}
