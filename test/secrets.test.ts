import { once } from 'node:events'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { request } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createLiveNumbers, type LiveNumbers } from '../src/dev/live-numbers.ts'
import { createDevPages } from '../src/dev/pages.ts'
import { faceNames, rootFields } from '../src/telemetry/metric-labels.ts'
import { metricTable } from '../src/telemetry/metric-table.ts'
import type { Telemetry } from '../src/telemetry/telemetry.ts'
import type { Tracing } from '../src/telemetry/tracing.ts'
import { codesNotCaused, statusesNotCaused } from './harness/caused-codes.ts'
import { api, faceSettings, faces } from './harness/faces.ts'
import { formType } from './harness/forms.ts'
import { writeKeyFile } from './harness/key-file.ts'
import { exchange, exchangeLogin, logIn, redirectUri, startLogin } from './harness/log-in.ts'
import { expectKnownLines } from './harness/log-lines.ts'
import { metricValue } from './harness/metric-value.ts'
import { project } from './harness/programs.ts'
import { connectTo, type Received, receive, sendRaw, statusesIn } from './harness/raw-http.ts'
import { hasRedis } from './harness/redis.ts'
import {
  codesOf,
  linesOf,
  noSourceLimit,
  type Reply,
  type RunningGateway,
  startRunningGateway,
  web,
} from './harness/running-gateway.ts'
import { createSecretSearch } from './harness/secret-search.ts'
import { tellingFaults } from './harness/telling-faults.ts'
import { newTrace, useTraceRecorder } from './harness/trace-recorder.ts'
import { cacheSecret, useWatchedRedis } from './harness/watched-redis.ts'

/** Everything here happens with the SDK of OpenTelemetry: the spans are searched too. */
const recorder = useTraceRecorder()
const redis = useWatchedRedis()
const keyFile = writeKeyFile()
let gateway: RunningGateway
/** With all that is off in the first one: a strict limit, the faces, the pages of `npm run dev`. */
let second: RunningGateway
let numbers: (() => LiveNumbers) | undefined
beforeAll(async () => {
  const surroundings = { lookUpMs: 20_000, watch: (telemetry: Telemetry) => watchNumbers(telemetry) }
  gateway = await startRunningGateway({ METRICS_PORT: '0', ...noSourceLimit, ...redis.settings() }, surroundings)
  second = await startSecond()
})
afterAll(async () => {
  await second.close()
  await gateway.close()
  keyFile.remove()
})

/** Every secret of this file. The last tests search the log and the metrics for all of them. */
const secrets = new Set<string>([web.secret, api.secret, cacheSecret])
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
const post = (body: unknown, headers: Record<string, string> = {}, to = gateway) =>
  to.send('/graphql', {
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
  let to: RunningGateway | undefined
  const send = (query: string, value?: unknown, headers?: Record<string, string>) =>
    post({ query, variables: { [name]: value }, extensions: { [canaryName()]: canary() } }, headers, to)
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

  it.each(Object.keys(tellingFaults))('with each fault of LINE: %s', async (fault) => {
    for (const endpoint of Object.keys(operations) as Parameters<RunningGateway['emulator']['faults']['set']>[0][]) {
      gateway.emulator.faults.set(endpoint, tellingFaults[fault]?.(canary()) ?? {})
      for (const ask of operations[endpoint] ?? []) expectNoSecret(await ask(canary), ...ofCaller())
      gateway.emulator.faults.clear()
      // No breaker and no limit of the one before.
      gateway.advance(3_600_000)
      expectNoSecret({ text: JSON.stringify(numbers?.()), headers: {} })
    }
  })

  it('codes that no fault of LINE causes', async () => {
    const { accessToken } = gateway.issue({ scope: 'openid' })
    const many = { variables: { t: Array(100).fill(issue().accessToken) } }
    const longAliases = () => Array.from({ length: 12 }, () => `${canaryName().repeat(6)}: active`).join(' ')
    const replies = [
      await send('{ viewer { isFriend } }', undefined, { authorization: `Bearer ${secret(accessToken)}` }),
      await post({ query: `{ ${Array.from({ length: 500 }, (_, n) => `${alias}${n}: __typename`)} }` }),
      await post({
        query: `query ($t: [String!]!) { verifyAccessTokens(accessTokens: $t) { ${longAliases()} } }`,
        ...many,
      }),
      await post({ extensions: { persistedQuery: { version: 1, sha256Hash: canary() } } }),
    ]
    expect(replies.map((reply) => codesOf(reply)[0])).toEqual([
      'FORBIDDEN',
      'OPERATION_TOO_COMPLEX',
      'OPERATION_TOO_COMPLEX',
      'PERSISTED_QUERY_NOT_SUPPORTED',
    ])
    for (const reply of replies) expectNoSecret(reply)
  })

  it('too many bad tokens of one address: RATE_LIMITED', async () => {
    to = second
    const replies = []
    for (let n = 0; n < 8; n += 1) for (const ask of operations.verifyAccessToken ?? []) replies.push(await ask(canary))
    for (const reply of replies) expectNoSecret(reply, ...ofCaller())
    expect(replies.flatMap(codesOf)).toContain('RATE_LIMITED')
  })

  describe('an unexpected error that tells secrets in all its members', () => {
    beforeAll(() => {
      to = second
      gateway.advance(3_600_000)
    })
    afterEach(() => {
      breaksAtCall = false
      breaksBefore = false
      second.breakClock(undefined)
      gateway.emulator.faults.clear()
    })

    it('in each operation and face, in the metrics and in a page of `npm run dev`: INTERNAL_SERVER_ERROR', async () => {
      second.breakClock(bug())
      const replies = []
      for (const ask of Object.values(operations).flat()) replies.push(await ask(canary))
      expect(replies.flatMap(codesOf)).toContain('INTERNAL_SERVER_ERROR')
      for (const { ask } of Object.values(faces)) replies.push(await ask(second, canary()))
      for (const path of ['/.well-known/jwks.json', '/dev/broken']) replies.push(await second.send(path))
      const { statusCode, headers, body } = await request(`${second.metricsUrl}/metrics?token=${canary()}`)
      replies.push({ status: statusCode, headers, text: await body.text() })
      for (const reply of replies) expectNoSecret(reply, ...ofCaller())
      if (!hasRedis()) return
      // Another process forgets a token, and tells it to this one.
      await gateway.ask(`mutation { revokeToken(input: { accessToken: "${issue().accessToken}" }) { revoked } }`)
      await expectUnexpectedIn('shared stream')
    })

    it('before an operation is executed: INTERNAL_SERVER_ERROR', async () => {
      breaksBefore = true
      for (const ask of operations.verifyAccessToken ?? []) {
        const reply = await ask(canary)
        expect([reply.status, ...codesOf(reply)]).toEqual([500, 'INTERNAL_SERVER_ERROR'])
        expectNoSecret(reply)
      }
    })

    it('behind the answers', async () => {
      const { accessToken } = issue()
      const ask = () => send('{ viewer { displayName } }', undefined, { authorization: `Bearer ${accessToken}` })
      // A caller waits for LINE if the reader of Redis has noticed the jump of the clock first. Then it is tried again.
      const failBehind = async () => {
        breaksAtCall = false
        second.breakClock(undefined)
        await ask()
        gateway.advance(400_000)
        breaksAtCall = true
        expectNoSecret(await ask(), ...ofCaller())
        return placesOfErrors()
      }
      await expect.poll(failBehind, { timeout: 30_000, interval: 200 }).toContain('recheck')
      await expectUnexpectedIn('every second')
    })

    it('each place of src/ that logs one has done it', () => {
      const elsewhere = {
        ...(!hasRedis() && { 'shared stream': 'needs redis-server' }),
        'unconfirmed revocation': 'test/login/unconfirmed.test.ts',
        numbers: 'a worker: its error is that of the metrics',
        worker: 'test/cluster/primary.test.ts',
        request: 'test/server.test.ts',
        redis: 'test/redis.test.ts',
        'call to LINE': 'test/line/transport.test.ts',
        'shared entries': 'test/tokens/shared-looks.test.ts',
        'key file': 'test/login/signing-key-file.test.ts',
        'keys of LINE': 'test/line/key-set.test.ts',
      }
      const places = globSync('src/**/*.ts', { cwd: project }).flatMap((file) =>
        Array.from(
          readFileSync(join(project, file), 'utf8').matchAll(/unexpected\(error, '([^']+)'/g),
          ([, where]) => where,
        ),
      )
      expect(new Set([...placesOfErrors(), ...Object.keys(elsewhere)])).toEqual(new Set([...places, ...faceNames]))
    })
  })

  /** The server waits 8 to 11 seconds for the rest of these requests. Meanwhile the other tests run. */
  let slow: readonly Promise<Received>[]
  beforeAll(() => {
    const head = (line: string, it: string) =>
      `${line}?token=${it} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${it}\r\n`
    const body = (type: string, it: string) => `content-type: ${type}\r\ncontent-length: 1000\r\n\r\n${it}`
    const beginnings = [
      head('GET /graphql', canary()),
      head('POST /graphql', canary()) + body('application/json', canary()),
      head('POST /oauth/introspect', canary()) + body(formType, canary()),
    ]
    slow = beginnings.map((bytes) => sendRaw(second.url, bytes))
  })

  it.each<[number, (it: string) => string]>([
    [400, (it) => `${it} ${it}\r\n\r\n`],
    [400, (it) => `GET /${it} HTTP/1.1\r\nauthorization: Bearer ${it}\r\n\r\n`],
    [405, (it) => `CONNECT ${it}:443 HTTP/1.1\r\nhost: ${it}\r\nproxy-authorization: Bearer ${it}\r\n\r\n`],
    [417, (it) => `GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\nexpect: ${it}\r\n\r\n`],
    [431, (it) => `GET / HTTP/1.1\r\nhost: x\r\ncookie: ${it.repeat(300)}\r\n\r\n`],
    [
      413,
      (it) =>
        `POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n1;${it.repeat(300)}\r\n`,
    ],
  ])('a refusal of the HTTP server: %i', async (status, bytes) => {
    const received = await sendRaw(second.url, bytes(canary()), 5_000)
    expect(statusesIn(received)).toEqual([status])
    expectNoSecret({ text: received.text, headers: {} })
  })

  it('requests that do not come to their end in time: 408', async () => {
    for (const received of await Promise.all(slow)) {
      expect(statusesIn(received)).toEqual([408])
      expectNoSecret({ text: received.text, headers: {} })
    }
  })

  it('other refusals: methods, sizes, hosts, pages', async () => {
    const it = canary()
    const json = { 'content-type': 'application/json' }
    const host = { host: `${it.replaceAll('_', '-')}.example` }
    const replies = [
      await second.send(`/graphql?token=${it}`, { method: 'PUT' }),
      await second.send('/graphql', { method: 'POST', headers: json, body: it.repeat(2_000) }),
      await second.send('/graphql', { method: 'OPTIONS', headers: preflight(`https://${it}.example`) }),
      await second.send('/graphql', { method: 'OPTIONS', headers: preflight('http://localhost:1') }),
      await second.send(`/graphql?token=${it}`, { headers: { accept: 'text/html', ...host } }),
      await second.send(`/dev/demo?token=${it}`, { headers: host }),
      await second.send(`/dev/callback?code=${it}&state=${it}`),
      await second.send(`/dev/callback?code=${it}`, { method: 'POST', body: `code=${it}` }),
      await second.send(`/?code=${it}`),
      await second.send(`/health?token=${it}`),
      await second.send(`/health?token=${it}`, { method: 'POST', body: it }),
      await second.send(`/ready?token=${it}`),
      await second.send(`/ready?token=${it}`, { method: 'POST', body: it }),
    ]
    for (const reply of replies) expectNoSecret(reply)
  })

  it('the process ends while LINE hangs: SHUTTING_DOWN', async () => {
    to = second
    gateway.advance(3_600_000)
    const probe = connectTo(second.url)
    const ready = (it: string) => `GET /ready?token=${it} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${it}\r\n\r\n`
    probe.write(ready(canary()))
    await once(probe, 'data')
    gateway.emulator.faults.set('*', { hang: true })
    // Only logins and refreshes call this endpoint. Nothing does it in the background.
    const before = gateway.emulator.calls.of('token')
    const asked = Object.values(operations).flatMap((some) => some.map((ask) => ask(canary).catch(() => undefined)))
    const calls = () => gateway.emulator.calls.of('token')
    await expect.poll(calls, { interval: 5 }).toBeGreaterThan(before)
    // The server reads it in a later turn of this process, when the drain has begun.
    probe.write(ready(canary()))
    const [probed] = await Promise.all([receive(probe), second.drain()])
    expect(statusesIn(probed)).toEqual([503])
    expectNoSecret({ text: probed.text, headers: {} })
    const replies = (await Promise.all(asked)).filter((reply) => reply !== undefined)
    expect(replies.flatMap(codesOf)).toContain('SHUTTING_DOWN')
    for (const reply of replies) expectNoSecret(reply, ...ofCaller())
    gateway.emulator.faults.clear()
  })

  it('LINE hangs, or gives one byte after another, until the end of the process', async () => {
    to = gateway
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
  const log = () => gateway.log() + second.log()
  const metrics = async () => (await gateway.metrics()) + (await second.metrics())
  beforeAll(async () => {
    await second.close()
    await gateway.close()
    for (const { userId, displayName, statusMessage, email } of gateway.emulator.users)
      for (const fact of [userId, displayName, statusMessage, email])
        if (fact !== undefined && fact.length > 5) secret(fact)
  })

  it('each code of the contract and each status was caused', async () => {
    const text = await metrics()
    expect(codesNotCaused(text, 'graphql')).toEqual([])
    expect(statusesNotCaused(text, ['/graphql', '/health', '/ready', ''])).toEqual([])
  })

  it('there are many secrets and log lines, and the search finds a secret', () => {
    expect(secrets.size).toBeGreaterThan(150)
    expect(foundIn(`x ${encodeURIComponent([...secrets].at(-1) ?? '')} y`)).not.toEqual([])
    expect(log().split('\n').length).toBeGreaterThan(150)
  })

  it('the log at level trace: no secret, no user', () => {
    expect(log()).toContain('"called LINE"')
    expect(log()).toContain('"operation failed"')
    expectKnownLines(log())
    expect(foundIn(log())).toEqual([])
    expect(log()).not.toMatch(/CaNaRy/i)
    expect(log()).not.toMatch(/access_token=|[?&]code=|authorization(?! code)/i)
  })

  it('the metrics: no secret, no user, and a fixed set of labels', async () => {
    const text = await gateway.metrics()
    expect(foundIn(await second.metrics())).toEqual([])
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

  it('Redis: no secret and no user in any command, key or value', async ({ skip }) => {
    const text = await redis.everything()
    if (text === undefined) return skip('redis-server is not installed')
    for (const command of ['EVALSHA', 'XADD', 'XREAD', 'SET', 'MGET']) expect(text).toMatch(new RegExp(command, 'i'))
    expect(foundIn(text)).toEqual([])
    expect(text).not.toMatch(/CaNaRy/i)
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

function watchNumbers(behind: Telemetry): Telemetry {
  const { telemetry, read } = createLiveNumbers(behind)
  numbers = read
  return telemetry
}

let breaksAtCall = false
let breaksBefore = false

/** The span of an operation is the first that is made of it. */
function breakable(telemetry: Telemetry): Telemetry {
  const { tracing } = telemetry
  const openBelow: Tracing['openBelow'] = (kind, start) => {
    if (breaksBefore && kind === 'operation') throw bug()
    return tracing?.openBelow(kind, start)
  }
  const lineCall: Telemetry['lineCall'] = (call) => {
    telemetry.lineCall(call)
    if (breaksAtCall) second.breakClock(bug())
  }
  return { ...telemetry, lineCall, tracing: tracing && { ...tracing, openBelow } }
}

function startSecond(): Promise<RunningGateway> {
  const brokenPage = () => {
    throw bug()
  }
  return startRunningGateway(
    {
      ...faceSettings,
      ...redis.settings(),
      NODE_ENV: 'development',
      METRICS_PORT: '0',
      PUBLIC_URL: 'https://id.example',
      SIGNING_KEYS_FILE: keyFile.path,
      SHUTDOWN_GRACE_SECONDS: '0',
    },
    {
      beside: gateway,
      lookUpMs: 20_000,
      watch: breakable,
      dev: () => ({
        tabs: [],
        pages: new Map([
          ...createDevPages({ emulatorUrl: gateway.emulator.url }),
          ['/dev/broken', { get: brokenPage }],
        ]),
      }),
    },
  )
}

/** An error with secrets in all its members. */
function bug(): Error {
  const it = canary()
  const cause = new TypeError(it, { cause: new Error(it, { cause: it }) })
  const error = new AggregateError([new Error(it)], `x ${it}\n    at ${it} (a.js:1:1)`, { cause })
  return Object.assign(error, { name: it, code: it, [it]: it, request: { headers: { authorization: it } } })
}

const placesOfErrors = () =>
  linesOf(second, 'error').flatMap(({ msg, where }) => (msg === 'unexpected error' ? [where] : []))

async function expectUnexpectedIn(place: string): Promise<void> {
  await expect.poll(placesOfErrors, { timeout: 30_000, interval: 20 }).toContain(place)
}

const preflight = (origin: string) => ({ origin, 'access-control-request-method': 'POST' })

function issue() {
  const issued = gateway.issue()
  secret(issued.accessToken)
  if (issued.refreshToken !== undefined) secret(issued.refreshToken)
  return issued
}
