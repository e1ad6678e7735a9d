import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { rootFields } from '../src/telemetry/metric-labels.ts'
import { metricTable } from '../src/telemetry/metric-table.ts'
import { exchange, exchangeLogin, logIn, redirectUri, startLogin } from './harness/log-in.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { metricValue } from './harness/metric-value.ts'
import {
  codesOf,
  noSourceLimit,
  type Reply,
  type RunningGateway,
  startRunningGateway,
  web,
} from './harness/running-gateway.ts'
import { createSecretSearch } from './harness/secret-search.ts'
import { newTrace, useTraceRecorder } from './harness/trace-recorder.ts'

/** Everything here happens with the SDK of OpenTelemetry: the spans are searched too. */
const recorder = useTraceRecorder()
let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway({ METRICS_PORT: '0', ...noSourceLimit })
})
afterAll(() => gateway.close())

/** Every secret of this file. The last tests search the log and the metrics for all of them. */
const secrets = new Set<string>([web.secret])
let planted = 0

/** A new secret that looks like a token of LINE and is easy to find. */
function canary(): string {
  planted += 1
  return secret(`eyJhbGciOiJIUzI1NiJ9.CaNaRy${planted}x${'0123456789abcdef'.repeat(3)}.end-of_it`)
}

/** The same in the characters of a GraphQL name. */
const canaryName = () => secret(canary().replace(/[.-]/g, '_'))

function secret(value: string): string {
  secrets.add(value)
  return value
}

/** Expects no secret in an answer except the `allowed` ones. */
function expectNoSecret({ text, headers }: Pick<Reply, 'text' | 'headers'>, ...allowed: readonly string[]): void {
  const answer = allowed.reduce((all, one) => all.replaceAll(one, ''), text + JSON.stringify(headers))
  expect([...secrets].filter((one) => answer.includes(one))).toEqual([])
  expect(answer).not.toMatch(/CaNaRy/i)
}

/** What a stranger can write into headers. The IDs of a trace are random, and can stay. */
const strange = {
  'content-type': 'application/json',
  tracestate: `canary=${canary()}`,
  baggage: `token=${canary()}`,
  host: `${canary().replaceAll('_', '-')}.example`,
  origin: `https://${canary()}.example`,
  'user-agent': canary(),
  referer: `https://a.example/?code=${canary()}`,
  forwarded: `for=${canary()}`,
}
const post = (body: unknown, headers: Record<string, string> = {}) =>
  gateway.send('/graphql', {
    method: 'POST',
    headers: { ...strange, ...newTrace().headers, ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })

describe('no answer quotes a value of the request', () => {
  const viewerQuery = '{ viewer { displayName } }'

  it.each<[string, (secret: string) => Record<string, string>]>([
    ['a token', (it) => ({ authorization: `Bearer ${it}` })],
    ['a malformed token', (it) => ({ authorization: `Bearer ${it} ${it}` })],
    ['another scheme', (it) => ({ authorization: `Basic ${it}` })],
    ['a cookie', (it) => ({ cookie: `token=${it}` })],
    [
      'other headers',
      (it) => ({ 'x-access-token': it, 'x-request-id': it, traceparent: it, 'user-agent': it, referer: it }),
    ],
    ['the content type', (it) => ({ 'content-type': `application/json; ${it}` })],
    ['the content encoding', (it) => ({ 'content-encoding': it })],
    ['the Accept header', (it) => ({ accept: it })],
    ['the origin', (it) => ({ origin: `https://${it}` })],
    ['a forwarded address', (it) => ({ 'x-forwarded-for': it })],
  ])('in a header: %s', async (_, headers) => {
    expectNoSecret(await post({ query: viewerQuery }, headers(canary())))
  })

  it.each<[string, (secret: string) => string]>([
    ['an unknown variable', (it) => `/graphql?query={__typename}&variables={"a":"${it}"}`],
    ['variables that are not JSON', (it) => `/graphql?query={__typename}&variables=${it}`],
    ['another parameter', (it) => `/graphql?query={viewer{id}}&access_token=${it}`],
    ['the operation name', (it) => `/graphql?query={__typename}&operationName=${it}`],
    [
      'an argument',
      (it) => `/graphql?query=${encodeURIComponent(`{ verifyAccessToken(accessToken: "${it}") { active } }`)}`,
    ],
    [
      'a mutation',
      (it) =>
        `/graphql?query=${encodeURIComponent(`mutation { refreshToken(input: { refreshToken: "${it}" }) { tokenType } }`)}`,
    ],
    ['the path', (it) => `/${it}`],
  ])('in a URL: %s', async (_, path) => {
    expectNoSecret(await gateway.send(path(canary())))
  })

  const verify = 'query ($t: String!) { verifyAccessToken(accessToken: $t) { active reason } }'
  const verifyMany = 'query ($t: [String!]!) { verifyAccessTokens(accessTokens: $t) { active } }'
  const refresh = 'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { tokenType } }'
  const revoke = 'mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }'
  const verifyId = 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }'

  it.each<[string, (secret: string) => object]>([
    [verify, (it) => ({ t: it })],
    [verify, (it) => ({ t: `${it} ${it}` })],
    [verify, (it) => ({ t: [it, it] })],
    [verify, (it) => ({ t: { [it]: it } })],
    [verify, (it) => ({ [it]: it })],
    [verifyMany, (it) => ({ t: [it, { it }] })],
    [verifyMany, (it) => ({ t: [it, null] })],
    [refresh, (it) => ({ input: { refreshToken: it } })],
    [refresh, (it) => ({ input: { refreshToken: it.repeat(60) } })],
    [refresh, (it) => ({ input: { refreshToken: [it] } })],
    [refresh, (it) => ({ input: { refreshtoken: it } })],
    [refresh, (it) => ({ input: { refreshToken: it, [it]: it } })],
    [refresh, (it) => ({ input: { refreshToken: it, channelId: it } })],
    [refresh, (it) => ({ input: it })],
    [revoke, (it) => ({ input: { accessToken: it } })],
    [revoke, (it) => ({ input: { refreshToken: it } })],
    [revoke, (it) => ({ input: { accessToken: it, refreshToken: it } })],
    [verifyId, (it) => ({ input: { idToken: it } })],
    [verifyId, (it) => ({ input: { idToken: it, nonce: it } })],
    [verifyId, (it) => ({ input: { idToken: it, nonce: it.repeat(30) } })],
    [exchangeLogin, (it) => ({ input: { code: it, redirectUri, codeVerifier: it.replaceAll('.', '~'), nonce: it } })],
    [exchangeLogin, (it) => ({ input: { code: it, redirectUri: it } })],
    [exchangeLogin, (it) => ({ input: { code: it, redirectUri, codeVerifier: `${it}+` } })],
    [exchangeLogin, (it) => ({ input: { code: it, redirectUri: `https://a.example/#${it}` } })],
    [startLogin, (it) => ({ input: { redirectUri: it, scopes: [it], uiLocales: [it], prompt: it } })],
    [startLogin, (it) => ({ input: { redirectUri, initialAmrDisplay: it } })],
  ])('in variables: %#', async (query, variables) => {
    expectNoSecret(await post({ query, variables: variables(canary()) }))
  })

  it.each<(secret: string) => string>([
    (it) => `{ verifyAccessToken(accessToken: "${it}") { active } }`,
    (it) => `{ verifyAccessToken(token: "${it}") { active } }`,
    (it) => `{ verifyAccessToken(accessToken: ["${it}"]) { active } }`,
    (it) => `{ verifyAccessToken(accessToken: { token: "${it}" }) { active } }`,
    (it) => `{ verifyAccessTokens(accessTokens: "${it}" "${it}") { active } }`,
    (it) => `{ viewer(accessToken: "${it}") { id } }`,
    (it) => `{ viewer @include(if: "${it}") { id } }`,
    (it) => `mutation { refreshToken(input: { refreshToken: "${it}" }) { tokenType } }`,
    (it) => `mutation { refreshToken(input: { refreshToken: """${it}""" }) { tokenType } }`,
    (it) => `mutation { refreshToken(input: { refresh_token: "${it}" }) { tokenType } }`,
    (it) => `mutation { refreshToken(input: "${it}") { tokenType } }`,
    (it) => `mutation { refreshToken(refreshToken: "${it}") { tokenType } }`,
    (it) => `mutation { startLogin(input: { redirectUri: "x", prompt: "${it}" }) { state } }`,
    (it) => `query ($t: String = ["${it}"]) { verifyAccessToken(accessToken: $t) { active } }`,
    (it) => `{ verifyAccessToken(accessToken: ${it}) { active } }`,
    (it) => `{ verifyAccessToken(accessToken: "${it}) { active } }`,
    (it) => `{ verifyAccessToken(accessToken: '${it}') { active } }`,
    (it) => `Bearer ${it}`,
    (it) => `# ${it}\n{`,
    (it) => `{ viewer { id } } ${it}`,
  ])('in a document: %s', async (document) => {
    expectNoSecret(await post({ query: document(canary()) }))
  })

  it.each<(secret: string) => string>([
    (it) => `{ ${it} }`,
    (it) => `{ viewer { ${it} } }`,
    (it) => `{ viewer { ...${it} } }`,
    (it) => `{ viewer { ... on ${it} { id } } }`,
    (it) => `{ viewer { id @${it} } }`,
    (it) => `{ viewer { pictureUrl(${it}: LARGE) } }`,
    (it) => `{ viewer { pictureUrl(size: ${it}) } }`,
    (it) => `{ viewer { pictureUrl(size: $${it}) } }`,
    (it) => `query ($${it}: String!) { viewer { id } }`,
    (it) => `query ($${it}: String!) { verifyAccessToken(accessToken: $${it}) { active } }`,
    (it) => `query ($t: ${it}!) { viewer { id } }`,
    (it) => `mutation { refreshToken(input: { ${it}: "x" }) { tokenType } }`,
    (it) => `mutation { refreshToken(input: { refreshToken: ${it} }) { tokenType } }`,
    (it) => `query ${it} { viewer { id } } query ${it} { viewer { id } }`,
    (it) => `subscription ${it} { ${it} }`,
  ])('in a name: %s', async (document) => {
    const name = canaryName()
    expectNoSecret(await post({ query: document(name), operationName: name }))
    expectNoSecret(await post({ query: document(canaryName()) }))
  })

  it.each<(secret: string) => string>([
    (it) => it,
    (it) => `{"query": ${it}}`,
    (it) => `{"query": "{ __typename }", "variables": "${it}"}`,
    (it) => `{"query": "{ __typename }", "${it}": 1, "extensions": "${it}"}`,
    (it) => `{"query": "{ __typename }", "operationName": "${it}"}`,
    (it) => `["${it}"]`,
    (it) => `query=${it}`,
  ])('in a body that is not correct: %s', async (body) => {
    expectNoSecret(await post(body(canary())))
  })
})

describe('no answer quotes a text of LINE', () => {
  const viewerQuery = '{ viewer { id isFriend } }'

  it.each<[string, (secret: string) => Parameters<RunningGateway['emulator']['faults']['set']>[1]]>([
    ['a refusal', (it) => ({ status: 400, body: { error: 'invalid_request', error_description: it } })],
    ['another refusal', (it) => ({ status: 400, body: { error: it, error_description: it } })],
    ['a 401', (it) => ({ status: 401, body: { message: it } })],
    ['an outage', (it) => ({ status: 500, body: it })],
    ['a redirect', (it) => ({ status: 302, headers: { location: `https://${it}.example/${it}` } })],
    ['a header', (it) => ({ status: 500, headers: { 'www-authenticate': it, 'set-cookie': it, 'retry-after': it } })],
    ['garbage', (it) => ({ body: `{"${it}": ${it}` })],
    [
      'a 200 of wrong types',
      (it) => ({ body: { client_id: [it], scope: { it }, expires_in: it, access_token: { it }, userId: 7 } }),
    ],
  ])('%s', async (_, fault) => {
    for (const query of [
      viewerQuery,
      'mutation { refreshToken(input: { refreshToken: "x" }) { tokenType } }',
      'mutation { logout { revoked } }',
      'mutation { deauthorize { deauthorized } }',
    ]) {
      const { accessToken } = issue()
      gateway.emulator.faults.set('*', fault(canary()))
      expectNoSecret(await gateway.ask(query, { token: accessToken }))
      gateway.emulator.faults.clear()
      gateway.advance(60_000)
    }
  })
})

describe('the secrets of a session', () => {
  it('login, refresh, deauthorize, logout: each answer has only the secrets that it must have', async () => {
    const { input, state, nonce, codeVerifier } = await logIn(gateway)
    for (const one of [input.code, state, nonce, codeVerifier]) secret(one)
    const login = await exchange(gateway, input)
    const { tokens, idToken, viewer } = Object(login.data?.exchangeLogin)
    for (const one of [tokens.accessToken, tokens.refreshToken, idToken]) secret(one)
    expectNoSecret(login, tokens.accessToken, tokens.refreshToken, idToken, nonce)

    const refreshed = await gateway.ask(
      'mutation ($r: String!) { refreshToken(input: { refreshToken: $r }) { accessToken refreshToken } }',
      { variables: { r: tokens.refreshToken } },
    )
    const { accessToken } = Object(refreshed.data?.refreshToken)
    secret(accessToken)
    expectNoSecret(refreshed, accessToken, tokens.refreshToken)

    expectNoSecret(
      await gateway.ask('{ viewer { id displayName pictureUrl accessToken { scopes channelId } } }', {
        token: accessToken,
      }),
    )
    expectNoSecret(
      await gateway.ask('query ($t: String!) { verifyAccessToken(accessToken: $t) { active viewer { id } } }', {
        variables: { t: accessToken },
      }),
    )
    expectNoSecret(await exchange(gateway, input))
    expectNoSecret(await gateway.ask('mutation { deauthorize { deauthorized } }', { token: accessToken }))
    expectNoSecret(
      await gateway.ask('mutation ($r: String) { logout(input: { refreshToken: $r }) { revoked } }', {
        token: tokens.accessToken,
        variables: { r: tokens.refreshToken },
      }),
    )
    for (const one of [viewer.id, viewer.displayName]) secret(one)
  })
})

type Planted = () => string
type Fault = Parameters<RunningGateway['emulator']['faults']['set']>[1]

describe('every operation', () => {
  const good = () => ({ authorization: `Bearer ${issue().accessToken}` })
  const input = (type: string, field: string, selection: string) =>
    `mutation ${canaryName()}($${name}: ${type}!) { ${alias}: ${field}(input: $${name}) { ${selection} } }`
  const [name, alias] = [canaryName(), canaryName()]
  const send = (query: string, value?: unknown, headers?: Record<string, string>) =>
    post({ query, variables: { [name]: value }, extensions: { [canaryName()]: canary() } }, headers)
  const one = (field: string, rest: string) => `query ${canaryName()}($${name}: ${rest}`.replace('FIELD', field)

  /** By the endpoint of LINE that it reaches. `it`: a new canary, or a good token. */
  const operations: Readonly<Record<string, readonly ((it: Planted) => Promise<Reply>)[]>> = {
    verifyAccessToken: [
      (it) => send('{ viewer { displayName } }', undefined, { authorization: `Bearer ${it()}` }),
      (it) => send(one('', `String!) { verifyAccessToken(accessToken: $${name}) { active } }`), it()),
      (it) => send(one('', `[String!]!) { verifyAccessTokens(accessTokens: $${name}) { active } }`), [it(), it()]),
    ],
    profile: [() => send('{ viewer { displayName pictureUrl statusMessage } }', undefined, good())],
    friendship: [() => send('{ viewer { isFriend } }', undefined, good())],
    token: [
      (it) => send(input('ExchangeLoginInput', 'exchangeLogin', 'idToken'), { ...login(it), channelId: web.id }),
      (it) => send(input('RefreshTokenInput', 'refreshToken', 'tokenType'), { refreshToken: it(), channelId: web.id }),
    ],
    verifyIdToken: [
      (it) => send(input('VerifyIdTokenInput', 'verifyIdToken', 'sub').replace('mutation', 'query'), idToken(it)),
    ],
    revoke: [
      (it) => send(input('RevokeTokenInput', 'revokeToken', 'revoked'), { accessToken: it() }),
      (it) => send(input('LogoutInput', 'logout', 'revoked'), { refreshToken: it(), channelId: web.id }, good()),
    ],
    channelToken: [() => send('mutation { deauthorize { deauthorized } }', undefined, good())],
    deauthorize: [() => send('mutation { deauthorize { deauthorized } }', undefined, good())],
  }
  const login = (it: Planted) => ({ code: it(), redirectUri, codeVerifier: it().replaceAll('_', '-'), nonce: it() })
  const idToken = (it: Planted) => ({ idToken: secret(gateway.issue().idToken ?? ''), nonce: it(), channelId: web.id })

  /** A caller gets its own alias back, and its user. */
  const ofCaller = () => [alias, ...gateway.emulator.users.flatMap(({ userId, displayName }) => [userId, displayName])]

  const faults: Readonly<Record<string, (it: string) => Fault>> = {
    none: () => ({ latencyMs: 1 }),
    refused: (it) => ({ status: 400, body: { error: it, error_description: `${it} is wrong` } }),
    'our settings': (it) => ({ status: 401, body: { error: 'invalid_client', error_description: it } }),
    limited: (it) => ({ status: 429, headers: { 'retry-after': it, 'x-line-request-id': it }, body: { message: it } }),
    failed: (it) => ({ status: 503, body: it, headers: { [it.slice(0, 20).replaceAll('.', '-')]: it } }),
    'wrong types': (it) => ({ body: { client_id: it, scope: [it], expires_in: it, keys: [{ kid: it }], [it]: it } }),
    redirect: (it) => ({ status: 302, headers: { location: `https://${it}.example/${it}` } }),
    reset: () => ({ reset: true }),
    close: () => ({ close: true }),
    garbage: () => ({ garbage: true }),
    empty: () => ({ empty: true }),
    truncated: () => ({ truncated: true }),
    huge: () => ({ huge: 1 }),
    gzip: () => ({ gzip: true }),
    commitThenReset: () => ({ commitThenReset: true }),
  }

  it.each(Object.keys(faults))('with each fault of LINE: %s', async (fault) => {
    for (const endpoint of Object.keys(operations) as Parameters<RunningGateway['emulator']['faults']['set']>[0][]) {
      gateway.emulator.faults.set(endpoint, faults[fault]?.(canary()) ?? {})
      for (const ask of operations[endpoint] ?? []) expectNoSecret(await ask(canary), ...ofCaller())
      gateway.emulator.faults.clear()
      // No breaker and no limit of the one before.
      gateway.advance(3_600_000)
    }
  })

  it('codes that no fault of LINE causes', async () => {
    const { accessToken } = gateway.issue({ scope: 'openid' })
    const replies = [
      await send('{ viewer { isFriend } }', undefined, { authorization: `Bearer ${secret(accessToken)}` }),
      await post({ query: `{ ${Array.from({ length: 500 }, (_, n) => `${alias}${n}: __typename`)} }` }),
      await post({ extensions: { persistedQuery: { version: 1, sha256Hash: canary() } } }),
    ]
    expect(replies.map((reply) => codesOf(reply)[0])).toEqual([
      'FORBIDDEN',
      'OPERATION_TOO_COMPLEX',
      'PERSISTED_QUERY_NOT_SUPPORTED',
    ])
    for (const reply of replies) expectNoSecret(reply)
  })

  it('LINE hangs, or gives one byte after another, until the end of the process', async () => {
    for (const fault of [{ hang: true }, { drip: true }] satisfies Fault[]) {
      gateway.emulator.faults.set('*', fault)
      const before = gateway.emulator.calls.total()
      for (const ask of Object.values(operations).flat()) void ask(canary).catch(() => {})
      await expect.poll(() => gateway.emulator.calls.total(), { interval: 5 }).toBeGreaterThan(before + 5)
    }
  })
})

describe('the log, the metrics and the spans', () => {
  const foundIn = createSecretSearch(secrets)
  beforeAll(() => gateway.close())

  it('there are many secrets and log lines, and the search finds a secret', () => {
    expect(secrets.size).toBeGreaterThan(150)
    expect(foundIn(`x ${encodeURIComponent([...secrets].at(-1) ?? '')} y`)).not.toEqual([])
    expect(gateway.log().split('\n').length).toBeGreaterThan(150)
  })

  it('the log at level trace: no secret, no user', () => {
    expect(gateway.log()).toContain('"called LINE"')
    expect(gateway.log()).toContain('"operation failed"')
    expectKnownLines(gateway.log())
    expect(foundIn(gateway.log())).toEqual([])
    expect(gateway.log()).not.toMatch(/CaNaRy/i)
    expect(gateway.log()).not.toMatch(/access_token=|[?&]code=|authorization(?! code)/i)
  })

  it('the metrics: no secret, no user, and a fixed set of labels', async () => {
    const text = await gateway.metrics()
    expect(
      metricValue(text, 'gateway_operations_total{operation="refreshToken",code="INVALID_GRANT"}'),
    ).toBeGreaterThan(0)
    expect(foundIn(text)).toEqual([])
    expect(text).not.toMatch(/CaNaRy/i)
    const series = text.split('\n').filter((line) => line.startsWith('gateway_operations_total{'))
    expect(series).toHaveLength(metricTable.gateway_operations_total.series.length)
    const called = (field: string) => series.some((line) => line.includes(`"${field}"`) && !line.endsWith(' 0'))
    expect(rootFields.filter((field) => !field.startsWith('__') && !called(field))).toEqual([])
  })

  it('the spans: no secret, no user, and all of them have ended', () => {
    const spans = recorder.everything()
    for (const name of ['POST /graphql', 'GraphQL Operation', 'look-up', 'LINE tier', 'POST /oauth2/v2.1/revoke'])
      expect(spans).toContain(`["${name}"`)
    expect(foundIn(spans)).toEqual([])
    expect(spans).not.toMatch(/CaNaRy/i)
    expect(recorder.open()).toEqual([])
  })
})

function issue() {
  const issued = gateway.issue()
  secret(issued.accessToken)
  if (issued.refreshToken !== undefined) secret(issued.refreshToken)
  return issued
}
