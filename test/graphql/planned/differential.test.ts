import fc from 'fast-check'
import { Pool, request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../../../src/clock.ts'
import { readConfig } from '../../../src/config.ts'
import { type Emulator, startEmulator } from '../../../src/emulator/emulator.ts'
import { createYogaEngine } from '../../../src/graphql/yoga-engine.ts'
import type { Services } from '../../../src/schema/context.ts'
import { type GatewayServer, startServer } from '../../../src/server.ts'
import { createServices } from '../../../src/services.ts'
import { createSilentTelemetry } from '../../../src/telemetry/telemetry.ts'
import { isInFull, runsOf } from '../../harness/in-full.ts'

/**
 * Compares the planned engine with yoga. Both use the same services with a frozen clock and get the same bytes over real
 * sockets. They must answer with the same status, headers and body.
 */
let emulator: Emulator
let planned: GatewayServer
let yoga: GatewayServer
let dispatcher: Pool
let tokens: { good: string; openid: string; foreign: string; expired: string; revoked: string }

beforeAll(async () => {
  const frozen = Date.UTC(2026, 10, 22, 9, 30)
  emulator = await startEmulator({ now: () => frozen })
  const [web, native] = emulator.channels
  const config = readConfig({
    LINE_CHANNEL_ID: web?.id,
    LINE_CHANNEL_SECRET: web?.secret,
    LINE_API_URL: emulator.url,
    LINE_ACCESS_URL: emulator.url,
    LINE_REDIRECT_URIS: 'https://app.example/callback',
    FAILED_TOKENS_BURST: '1000000',
    LINE_TIMEOUT_MS: '60000',
    HOST: '127.0.0.1',
    PORT: '0',
  })
  const telemetry = createSilentTelemetry()
  dispatcher = new Pool(emulator.url)
  const clock = createClock({ wall: () => frozen, monotonic: () => frozen })
  const services = withFixedNonce(createServices(config, { dispatcher, clock, telemetry }))
  planned = await startServer(config, { services, telemetry })
  yoga = await startServer(config, { services, telemetry: createSilentTelemetry(), createEngine: createYogaEngine })
  const expired = emulator.issueTokens().accessToken
  const revoked = emulator.issueTokens().accessToken
  emulator.expireAccessToken(expired)
  emulator.revokeAccessToken(revoked)
  tokens = {
    good: emulator.issueTokens().accessToken,
    openid: emulator.issueTokens({ scope: 'openid' }).accessToken,
    foreign: emulator.issueTokens({ channelId: native?.id ?? '' }).accessToken,
    expired,
    revoked,
  }
})

afterAll(async () => {
  await Promise.all([planned.close(), yoga.close()])
  await dispatcher.destroy()
  await emulator.close()
})

/** Both servers must return the same nonce. */
function withFixedNonce(services: Services): Services {
  return { ...services, nonces: { ...services.nonces, issue: () => 'nonce' } }
}

type Sent = { body: string; bearer?: string | undefined; accept?: string | undefined }

async function send(server: GatewayServer, { body, bearer, accept }: Sent) {
  const answer = await request(`${server.url}/graphql`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'x-request-id': 'differential',
      ...(accept !== undefined && { accept }),
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    },
    body,
  })
  const { date: _, 'keep-alive': __, ...headers } = answer.headers
  return { status: answer.statusCode, headers, body: masked(await answer.body.text()) }
}

/** Replaces values that differ per request and do not depend on the engine: LINE's request ids, and a login's random values. */
function masked(text: string): string {
  return text
    .replace(/"lineRequestId":"\w+"/g, '"lineRequestId":"…"')
    .replace(/(state=|code_challenge=|"state":"|"codeVerifier":")[\w-]+/g, '$1…')
}

/** The first request is not compared: it brings the services into the state that the other two then find. */
async function expectSame(sent: Sent): Promise<void> {
  await send(yoga, sent)
  const reference = await send(yoga, sent)
  const answer = await send(planned, sent)
  const { 'content-length': length, ...headers } = answer.headers
  const { 'content-length': referenceLength, ...referenceHeaders } = reference.headers
  expect({ ...answer, headers }).toEqual({ ...reference, headers: referenceHeaders })
  if (answer.body === reference.body && !/…/.test(answer.body)) expect(length).toBe(referenceLength)
}

const mediaTypes = [
  undefined,
  'application/json',
  'application/graphql-response+json',
  'application/graphql-response+json, application/json;q=0.9',
]
/** All media types, or one of them: the next number is the next one. */
const mediaTypesOf = (number: number) => (isInFull ? mediaTypes : [mediaTypes[number % mediaTypes.length]])
const bearers = () => [undefined, 'no spaces or §', 'short', ...Object.values(tokens)]

/** Each operation is sent with every bearer and every media type, `isInFull` with every pair of them. */
const operations: Record<string, { query: string; variables?: unknown; operationName?: string }> = {
  'the most common query': { query: '{ viewer { displayName } }' },
  'all fields': {
    query:
      '{ viewer { id displayName pictureUrl(size: SMALL) statusMessage isFriend accessToken { channelId scopes expiresAt expiresIn verifiedAt } } }',
  },
  typename: { query: '{ __typename viewer { __typename id } }' },
  aliases: { query: '{ a: viewer { x: id y: displayName } b: viewer { accessToken { scopes } } }' },
  'the same field twice': {
    query: '{ viewer { id } viewer { displayName accessToken { scopes } accessToken { expiresAt } } }',
  },
  fragments: {
    query:
      '{ viewer { ...A ... on Viewer { statusMessage } ... { id } } } fragment A on Viewer { displayName ...B } fragment B on Viewer { isFriend }',
  },
  'an enum in a variable': {
    query: 'query($size: PictureSize) { viewer { pictureUrl(size: $size) } }',
    variables: { size: 'LARGE' },
  },
  'an enum variable with its default': {
    query: 'query($size: PictureSize = SMALL) { viewer { pictureUrl(size: $size) } }',
  },
  'an explicit null': {
    query: 'query($size: PictureSize) { viewer { pictureUrl(size: $size) } }',
    variables: { size: null },
  },
  'a wrong enum': {
    query: 'query($size: PictureSize) { viewer { pictureUrl(size: $size) } }',
    variables: { size: 'HUGE' },
  },
  'a missing variable': { query: 'query($t: String!) { verifyAccessToken(accessToken: $t) { active } }' },
  'directives with constants': { query: '{ viewer { id @skip(if: true) displayName @include(if: true) } }' },
  'directives with variables': {
    query: 'query($no: Boolean!) { viewer { id @skip(if: $no) displayName } }',
    variables: { no: true },
  },
  'one of two operations': {
    query: 'query A { viewer { id } } query B { viewer { displayName } }',
    operationName: 'B',
  },
  'an operationName that does not exist': {
    query: 'query A { viewer { id } } query B { viewer { displayName } }',
    operationName: 'C',
  },
  'two operations, no name': { query: 'query A { viewer { id } } query B { viewer { displayName } }' },
  'a subscription': { query: 'subscription { viewer { id } }' },
  introspection: { query: '{ __schema { queryType { name } } }' },
  'a syntax error': { query: '{ viewer { ' },
  'an unknown field': { query: '{ viewer { nope } }' },
  'many errors': { query: '{ viewer { a b c d e f g h } }' },
  'an unknown argument': { query: '{ viewer { pictureUrl(x: 1) } }' },
  'a literal of the wrong type': { query: '{ verifyAccessToken(accessToken: 5) { active } }' },
  'too many aliases': { query: `{ ${Array.from({ length: 16 }, (_, i) => `v${i}: viewer { id }`).join(' ')} }` },
  'too deep': { query: `{ ${'a { '.repeat(12)}a${' }'.repeat(12)} }` },
  'an error of a mutation beside another': {
    query: 'mutation { refreshToken(input: { refreshToken: "" }) { accessToken } other: logout { revoked } }',
  },
  'a login that cannot start': {
    query: 'mutation { startLogin(input: { redirectUri: "https://evil.example/" }) { state } }',
  },
  'a login': {
    query:
      'mutation { startLogin(input: { redirectUri: "https://app.example/callback" }) { authorizationUrl state nonce codeVerifier redirectUri channelId } }',
  },
  'an unknown channel': {
    query: 'mutation { refreshToken(input: { refreshToken: "x", channelId: "1" }) { accessToken } }',
  },
  'a bad refresh token': {
    query: 'mutation($i: RefreshTokenInput!) { refreshToken(input: $i) { accessToken } }',
    variables: { i: { refreshToken: 'bad' } },
  },
  'several mutations that fail': {
    query: `mutation {
      a: refreshToken(input: { refreshToken: "" }) { accessToken }
      b: startLogin(input: { redirectUri: "https://app.example/callback" }) { channelId }
      c: startLogin(input: { redirectUri: "https://evil.example/" }) { channelId }
      __typename
      d: revokeToken(input: { accessToken: "a b" }) { revoked }
      e: revokeToken(input: {}) { revoked }
      f: exchangeLogin(input: { code: "junk", redirectUri: "https://app.example/callback" }) { tokens { scopes } }
      g: refreshToken(input: { refreshToken: "junk" }) { ...T }
    } fragment T on TokenSet { accessToken scopes }`,
  },
  'the same mutation twice, with and without an alias': {
    query: `mutation {
      deauthorize { deauthorized } ...D x: deauthorize { deauthorized }
      startLogin(input: { redirectUri: "https://app.example/callback" }) { channelId }
      startLogin(input: { redirectUri: "https://app.example/callback" }) { nonce }
    } fragment D on Mutation { deauthorize { __typename } }`,
  },
  'mutations with directives': {
    query: `mutation($no: Boolean!) {
      a: refreshToken(input: { refreshToken: "" }) @skip(if: $no) { accessToken }
      b: refreshToken(input: { refreshToken: "" }) @include(if: $no) { accessToken }
      c: revokeToken(input: { accessToken: "a b" }) { revoked @skip(if: $no) __typename }
    }`,
    variables: { no: true },
  },
  'a list that is too long beside another field': {
    query:
      'query($t: [String!]!) { a: verifyAccessTokens(accessTokens: $t) { active } b: verifyIdToken(input: { idToken: "" }) { sub } }',
    variables: { t: Array(101).fill('x') },
  },
  'a bad ID token': { query: '{ verifyIdToken(input: { idToken: "a.b.c" }) { sub } }' },
  'both tokens': { query: 'mutation { revokeToken(input: { accessToken: "a", refreshToken: "b" }) { revoked } }' },
}

describe('the planned engine gives the same answer as yoga', () => {
  for (const [row, [name, operation]] of Object.entries(operations).entries()) {
    it(name, async () => {
      const body = JSON.stringify(operation)
      for (const [column, bearer] of bearers().entries())
        for (const accept of mediaTypesOf(row + column)) await expectSame({ body, bearer, accept })
    })
  }

  it('lists of tokens', async () => {
    const accessTokens = [...Object.values(tokens), '', 'é', 'short', tokens.good]
    const query =
      'query($t: [String!]!) { verifyAccessTokens(accessTokens: $t) { active reason channelId scopes expiresIn viewer { displayName } } }'
    await expectSame({ body: JSON.stringify({ query, variables: { t: accessTokens } }) })
    await expectSame({ body: JSON.stringify({ query, variables: { t: Array(101).fill('x') } }) })
  })

  it('mutations run one after the other, and each keeps its result', async () => {
    const query = `mutation($t: String!, $i: ExchangeLoginInput!) {
      a: refreshToken(input: { refreshToken: $t }) { tokenType }
      b: revokeToken(input: { refreshToken: $t }) { revoked }
      c: refreshToken(input: { refreshToken: $t }) { tokenType }
      d: exchangeLogin(input: $i) { tokens { tokenType scopes } viewer { id } idToken idTokenClaims { sub } }
      e: exchangeLogin(input: $i) { tokens { tokenType } }
    }`
    const [reference, answer] = [await once(yoga), await once(planned)]
    expect(answer).toEqual(reference)
    expect(JSON.parse(answer.body).data).toEqual({
      a: { tokenType: 'Bearer' },
      b: { revoked: true },
      c: null,
      d: {
        tokens: { tokenType: 'Bearer', scopes: ['profile', 'openid'] },
        viewer: null,
        idToken: null,
        idTokenClaims: null,
      },
      e: null,
    })

    function once(server: GatewayServer) {
      const redirectUri = 'https://app.example/callback'
      const i = { code: emulator.issueCode({ redirectUri, nonce: 'n' }), redirectUri, nonce: 'another' }
      return send(server, { body: JSON.stringify({ query, variables: { t: emulator.issueTokens().refreshToken, i } }) })
    }
  })

  it('bodies without an operation', async () => {
    for (const body of [
      '',
      '{',
      'null',
      '5',
      '[]',
      '{}',
      '{"query":5}',
      '{"query":"{__typename}","variables":[]}',
      '{"query":"{__typename}","extra":1}',
    ])
      for (const accept of mediaTypes) await expectSame({ body, accept })
  })

  it('random selections, in any order and nesting', async () => {
    const viewerField = fc.constantFrom(
      'id',
      'displayName',
      'pictureUrl',
      'big: pictureUrl(size: LARGE)',
      'statusMessage',
      'isFriend',
      '__typename',
      'accessToken { scopes channelId }',
      '... on Viewer { displayName }',
      '...F',
    )
    const viewer = fc.array(viewerField, { minLength: 1, maxLength: 6 }).map((fields) => `{ ${fields.join(' ')} }`)
    const verification = fc.constantFrom(
      'active',
      'reason',
      'scopes',
      'expiresAt',
      'viewer { id displayName }',
      '__typename',
    )
    const root = fc.oneof(
      viewer.map((selection) => `viewer ${selection}`),
      fc
        .tuple(
          fc.constantFrom('good', 'foreign', 'revoked', 'openid'),
          fc.array(verification, { minLength: 1, maxLength: 5 }),
        )
        .map(
          ([token, fields]) =>
            `${token}: verifyAccessToken(accessToken: "${tokens[token as 'good']}") { ${fields.join(' ')} }`,
        ),
      fc.constant('__typename'),
    )
    const query = fc
      .array(root, { minLength: 1, maxLength: 4 })
      .map((roots) => `query Q { ${roots.join(' ')} viewer { ...F } } fragment F on Viewer { id }`)
    const bearer = fc
      .constantFrom('good', 'openid', 'revoked', 'none')
      .map((name) => (name === 'none' ? undefined : tokens[name as 'good']))
    await fc.assert(
      fc.asyncProperty(query, bearer, fc.constantFrom(...mediaTypes), (text, token, accept) =>
        expectSame({ body: JSON.stringify({ query: text }), bearer: token, accept }),
      ),
      { numRuns: runsOf({ part: 40, full: 100 }) },
    )
  })

  it('while LINE is down', async () => {
    emulator.faults.set('*', { status: 503 })
    const cold = () => emulator.issueTokens().accessToken
    for (let i = 0; i < 12; i += 1) await send(yoga, { body: '{"query":"{ viewer { id } }"}', bearer: cold() })
    const query =
      'query($t: [String!]!) { viewer { displayName isFriend } verifyAccessTokens(accessTokens: $t) { active viewer { id } } }'
    for (const accept of mediaTypes) {
      await expectSame({
        body: JSON.stringify({ query, variables: { t: [tokens.good, cold(), tokens.foreign] } }),
        bearer: cold(),
        accept,
      })
    }
  })
})
