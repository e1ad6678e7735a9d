import { createHash } from 'node:crypto'
import { inspect } from 'node:util'
import { describe, expect, it } from 'vitest'
import type { Channel } from '../../src/config.ts'
import { demoChannels, type Fault } from '../../src/emulator/emulator.ts'
import type { LineClient } from '../../src/line/client.ts'
import { isLineOutage } from '../../src/line/errors.ts'
import {
  assertDeauthorized,
  assertRevoked,
  judgeFriendship,
  judgeProfile,
  judgeUserinfo,
  judgeVerification,
  parseChannelToken,
  parseKeySet,
  parseTokenResponse,
  type Verdict,
} from '../../src/line/responses.ts'
import type { LineAnswer } from '../../src/line/transport.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { isInFull } from '../harness/in-full.ts'
import {
  answerText,
  anyTime,
  closedPort,
  longTimeoutMs,
  type Request,
  rejectionOf,
  type TestTransport,
  useTransports,
} from '../harness/line-transport.ts'

const { toEmulator, to, recorder, sockets } = useTransports()

const [web, native, liff] = demoChannels as readonly [Channel, Channel, Channel]
const redirectUri = 'https://app.example/callback?next=%2Fa&b=c d'
const codeVerifier = 'dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk'
const codeChallenge = createHash('sha256').update(codeVerifier).digest('base64url')
const isOurs = (channelId: string) => demoChannels.some(({ id }) => id === channelId)

const hardTokens = [
  'eyJhbGciOiJIUzI1NiJ9.payload.signature',
  'bNl4YEFPI/hjFWhTqexp4MuEw5YPs7qhr6dJDXKwNPuLka==',
  'a&access_token=b',
  'a+b/c=d%26e%2Be',
  '%',
  'a b?c#d;e',
  '../../v2/profile',
  '佐藤🦊',
]

describe('a request to LINE', () => {
  it.each(hardTokens)('verify: the token is one query parameter, with any characters: %s', async (accessToken) => {
    const { method, url, headers, body } = await requestOf((line) => line.verifyAccessToken(accessToken, anyTime))
    const { pathname, searchParams, hash } = new URL(url, 'http://line')
    expect({ method, pathname, hash, body }).toEqual({
      method: 'GET',
      pathname: '/oauth2/v2.1/verify',
      hash: '',
      body: '',
    })
    expect([...searchParams]).toEqual([['access_token', accessToken]])
    expect(url).toMatch(/^[!-~]+$/)
    expect(headers.authorization).toBeUndefined()
  })

  it.each([
    ['profile', '/v2/profile'],
    ['userinfo', '/oauth2/v2.1/userinfo'],
    ['friendship', '/friendship/v1/status'],
  ] as const)('%s: the token is in the Authorization header only', async (call, path) => {
    const request = await requestOf((line) => line[call]('the-token', anyTime))
    expect(request).toMatchObject({
      method: 'GET',
      url: path,
      body: '',
      headers: { authorization: 'Bearer the-token' },
    })
  })

  it.each(hardTokens)('exchangeCode: code and verifier are one field each, with any characters: %s', async (code) => {
    const request = await requestOf((line) =>
      line.exchangeCode(web, { code, redirectUri, codeVerifier: code }, anyTime),
    )
    expect(request).toMatchObject({ method: 'POST', url: '/oauth2/v2.1/token' })
    expect(formOf(request)).toEqual([
      ['grant_type', 'authorization_code'],
      ['code', code],
      ['redirect_uri', redirectUri],
      ['code_verifier', code],
      ['client_id', web.id],
      ['client_secret', web.secret],
    ])
  })

  it.each([native, liff])(
    'exchangeCode for a $type channel: no secret, and id_token_key_type as in LINE’s SDKs',
    async (channel) => {
      const request = await requestOf((line) => line.exchangeCode(channel, { code: 'c', redirectUri }, anyTime))
      expect(formOf(request)).toEqual([
        ['grant_type', 'authorization_code'],
        ['code', 'c'],
        ['redirect_uri', redirectUri],
        ['client_id', channel.id],
        ['id_token_key_type', 'JWK'],
      ])
    },
  )

  it.each(hardTokens)('refresh: the refresh token is one field, with any characters: %s', async (refreshToken) => {
    const request = await requestOf((line) => line.refresh(web, refreshToken, anyTime))
    expect(request).toMatchObject({ method: 'POST', url: '/oauth2/v2.1/token' })
    expect(formOf(request)).toEqual([
      ['grant_type', 'refresh_token'],
      ['refresh_token', refreshToken],
      ['client_id', web.id],
      ['client_secret', web.secret],
    ])
  })

  it.each(hardTokens)(
    'revoke: the access token or refresh token is one field, with any characters: %s',
    async (raw) => {
      const access = await requestOf((line) => line.revoke(web, { accessToken: raw }, anyTime))
      expect(access).toMatchObject({ method: 'POST', url: '/oauth2/v2.1/revoke' })
      expect(formOf(access)).toEqual([
        ['access_token', raw],
        ['client_id', web.id],
        ['client_secret', web.secret],
      ])
      expect(formOf(await requestOf((line) => line.revoke(native, { refreshToken: raw }, anyTime)))).toEqual([
        ['refresh_token', raw],
        ['client_id', native.id],
      ])
    },
  )

  it('has no secret for native and LIFF channels, on every call with credentials', async () => {
    for (const channel of [native, liff]) {
      const requests = [
        await requestOf((line) => line.exchangeCode(channel, { code: 'c', redirectUri, codeVerifier }, anyTime)),
        await requestOf((line) => line.refresh(channel, 'r', anyTime)),
        await requestOf((line) => line.revoke(channel, { accessToken: 'a' }, anyTime)),
        await requestOf((line) => line.revoke(channel, { refreshToken: 'r' }, anyTime)),
      ]
      for (const request of requests) expect(inspect(request)).not.toContain(channel.secret ?? 'no secret')
    }
  })

  it('has no HTTP Basic, and no credential in the URL or a header', async () => {
    const requests = [
      await requestOf((line) => line.exchangeCode(web, { code: 'the-code', redirectUri, codeVerifier }, anyTime)),
      await requestOf((line) => line.refresh(web, 'the-refresh-token', anyTime)),
      await requestOf((line) => line.revoke(web, { accessToken: 'the-access-token' }, anyTime)),
      await requestOf((line) => line.channelToken({ id: web.id, secret: web.secret ?? '' })),
    ]
    for (const { url, headers } of requests) {
      expect(headers.authorization).toBeUndefined()
      expect(url).not.toContain('?')
      expect(inspect([url, headers])).not.toMatch(new RegExp(`the-|${web.secret}|${web.id}`))
    }
  })

  it('deauthorize: the user’s token is JSON, the channel’s token is in the Authorization header', async () => {
    const request = await requestOf((line) => line.deauthorize('channel-token', 'user "token"', anyTime))
    expect(request).toMatchObject({
      method: 'POST',
      url: '/user/v1/deauthorize',
      headers: { authorization: 'Bearer channel-token', 'content-type': 'application/json' },
    })
    expect(JSON.parse(request.body)).toEqual({ userAccessToken: 'user "token"' })
  })

  it('channelToken: the form has the channel’s id and secret', async () => {
    const request = await requestOf((line) => line.channelToken({ id: native.id, secret: 'its-secret' }))
    expect(request).toMatchObject({ method: 'POST', url: '/oauth2/v3/token' })
    expect(formOf(request)).toEqual([
      ['grant_type', 'client_credentials'],
      ['client_id', native.id],
      ['client_secret', 'its-secret'],
    ])
  })

  it('certs: no credential and no body', async () => {
    const request = await requestOf((line) => line.certs())
    expect(request).toMatchObject({ method: 'GET', url: '/oauth2/v2.1/certs', body: '' })
    expect(Object.keys(request.headers).sort()).toEqual(['connection', 'host'])
  })
})

describe('a login, from the code to the revocation', () => {
  it.each([web, native, liff])('with a $type channel', async (channel) => {
    const { emulator, line } = await toEmulator()
    const code = emulator.issueCode({ channelId: channel.id, redirectUri, codeChallenge, nonce: 'n' })
    const tokens = parseTokenResponse(await line.exchangeCode(channel, { code, redirectUri, codeVerifier }, anyTime))
    expect(tokens.idToken?.split('.')).toHaveLength(3)
    expect(headerOf(tokens.idToken)).toMatchObject({ alg: channel.type === 'web' ? 'HS256' : 'ES256' })

    const { accessToken } = tokens
    const verification = judgeVerification(await line.verifyAccessToken(accessToken, anyTime), isOurs)
    expect(verification).toMatchObject({
      verdict: 'valid',
      facts: { channelId: channel.id, scopes: ['profile', 'openid'] },
    })
    const userId = emulator.users[0]?.userId
    expect(judgeProfile(await line.profile(accessToken, anyTime))).toMatchObject({
      facts: { userId, displayName: 'Sakura Tanaka' },
    })
    expect(judgeUserinfo(await line.userinfo(accessToken, anyTime))).toMatchObject({ facts: { userId } })
    expect(judgeFriendship(await line.friendship(accessToken, anyTime))).toEqual({
      verdict: 'valid',
      facts: { isFriend: true },
    })

    const alive = await refreshed(line, channel, tokens)
    assertRevoked(await line.revoke(channel, { accessToken: alive }, anyTime))
    expect(judgeVerification(await line.verifyAccessToken(alive, anyTime), isOurs)).toMatchObject({
      verdict: 'invalid',
      reason: 'REVOKED',
    })
    expect(judgeProfile(await line.profile(alive, anyTime))).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
  })

  it('revoke with a refresh token: the access tokens issued from it are refused', async () => {
    const { emulator, line } = await toEmulator()
    const { accessToken, refreshToken = '' } = emulator.issueTokens()
    assertRevoked(await line.revoke(web, { refreshToken }, anyTime))
    expect(judgeVerification(await line.verifyAccessToken(accessToken, anyTime), isOurs)).toMatchObject({
      verdict: 'invalid',
    })
    await expect(line.refresh(web, refreshToken, anyTime).then(parseTokenResponse)).rejects.toMatchObject({
      code: 'INVALID_GRANT',
    })
  })

  it('deauthorize: the user’s tokens are refused, and a second call succeeds too', async () => {
    const { emulator, line } = await toEmulator()
    const { accessToken } = emulator.issueTokens()
    const { channelToken } = parseChannelToken(await line.channelToken({ id: web.id, secret: web.secret ?? '' }))
    assertDeauthorized(await line.deauthorize(channelToken, accessToken, anyTime))
    expect(judgeVerification(await line.verifyAccessToken(accessToken, anyTime), isOurs)).toMatchObject({
      verdict: 'invalid',
    })
    assertDeauthorized(await line.deauthorize(channelToken, accessToken, anyTime))
  })

  it('a code without its verifier: INVALID_GRANT, also for a second call with a wrong verifier', async () => {
    const { emulator, line } = await toEmulator()
    const code = emulator.issueCode({ redirectUri, codeChallenge })
    const exchange = (verifier?: string) =>
      line.exchangeCode(web, { code, redirectUri, codeVerifier: verifier }, anyTime)
    await expect(exchange().then(parseTokenResponse)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    await expect(exchange('x'.repeat(43)).then(parseTokenResponse)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
  })

  async function refreshed(line: LineClient, channel: Channel, tokens: ReturnType<typeof parseTokenResponse>) {
    if (tokens.refreshToken === undefined) return tokens.accessToken
    return parseTokenResponse(await line.refresh(channel, tokens.refreshToken, anyTime)).accessToken
  }
})

describe('any fault of LINE', () => {
  type Call = (line: LineClient, emulator: TestTransport['emulator']) => Promise<unknown>

  /** Calls whose answer has a body that we read. */
  const withBody = {
    verify: async (line, emulator) =>
      settled(judgeVerification(await line.verifyAccessToken(emulator.issueTokens().accessToken, anyTime), isOurs)),
    profile: async (line, emulator) =>
      settled(judgeProfile(await line.profile(emulator.issueTokens().accessToken, anyTime))),
    userinfo: async (line, emulator) =>
      settled(judgeUserinfo(await line.userinfo(emulator.issueTokens().accessToken, anyTime))),
    friendship: async (line, emulator) =>
      settled(judgeFriendship(await line.friendship(emulator.issueTokens().accessToken, anyTime))),
    exchangeCode: async (line, emulator) =>
      parseTokenResponse(
        await line.exchangeCode(web, { code: emulator.issueCode({ redirectUri }), redirectUri }, anyTime),
      ),
    refresh: async (line, emulator) =>
      parseTokenResponse(await line.refresh(web, emulator.issueTokens().refreshToken ?? '', anyTime)),
    channelToken: async (line) => parseChannelToken(await line.channelToken({ id: web.id, secret: web.secret ?? '' })),
    certs: async (line) => parseKeySet(await line.certs(), (keys) => new Set(keys)),
  } satisfies Record<string, Call>
  /** Calls for which the status of the answer is enough. */
  const withoutBody = {
    revoke: async (line, emulator) =>
      assertRevoked(await line.revoke(web, { accessToken: emulator.issueTokens().accessToken }, anyTime)),
    deauthorize: async (line, emulator) =>
      assertDeauthorized(await line.deauthorize('channel-token', emulator.issueTokens().accessToken, anyTime)),
  } satisfies Record<string, Call>

  const html = { 'content-type': 'text/html' }
  const everywhere: [string, Fault][] = [
    ['no answer', { hang: true }],
    ['a late answer', { latencyMs: longTimeoutMs }],
    ['reset', { reset: true }],
    ['close', { close: true }],
    ['reset after the call had its effect', { commitThenReset: true }],
    ['a truncated answer', { truncated: true }],
    ['400 in HTML', { status: 400, body: '<html>Bad Request</html>', headers: html }],
    ['400 with an empty body', { status: 400 }],
    ['400 with a list', { status: 400, body: [] }],
    ...[302, 307, 403, 404, 405, 413, 429, 500, 502, 503, 504].flatMap((status): [string, Fault][] => [
      [`${status} with an empty body`, { status, headers: { location: 'http://127.0.0.1:1/' } }],
      [`${status} in HTML`, { status, body: '<html>invalid_request expired</html>', headers: html }],
      [
        `${status} with LINE’s text for an expired token`,
        { status, body: { error: 'invalid_request', message: 'The access token expired' } },
      ],
    ]),
  ]
  const onlyWithBody: [string, Fault][] = [
    ['text that is not JSON', { garbage: true }],
    ['an empty body', { empty: true }],
    ['a body of 1 MB', { huge: 1 }],
    ['one byte at a time', { drip: true }],
    ['gzip', { gzip: true }],
    // One bomb is 32 MB for each call. `transport.test.ts` always reads one.
    ...(isInFull ? [['a gzip bomb', { gzip: 'bomb' }] satisfies [string, Fault]] : []),
    ['HTML', { body: '<html>welcome</html>', headers: html }],
    ...[null, true, 7, 'ok', [], {}, { error: 'invalid_grant' }].map((body): [string, Fault] => [
      `200 with ${JSON.stringify(body)}`,
      { body: JSON.stringify(body) },
    ]),
  ]

  it.each(everywhere)('%s: every call ends in an outage, and afterwards LINE’s answers are used again', (_, fault) =>
    expectOutages(fault, { ...withBody, ...withoutBody }),
  )

  it.each(onlyWithBody)('%s: every call that reads a body ends in an outage', (_, fault) =>
    expectOutages(fault, withBody),
  )

  it('401 from an endpoint that does not use it: an outage', () => {
    const { profile, userinfo, friendship, ...others } = { ...withBody, ...withoutBody }
    expect([profile, userinfo, friendship]).not.toContain(undefined)
    return expectOutages({ status: 401, body: { message: 'The access token expired' } }, others)
  })

  async function expectOutages(fault: Fault, calls: Record<string, Call>): Promise<void> {
    const endedByDeadline = fault.hang || fault.drip || fault.latencyMs
    const { emulator, line, clock } = await toEmulator(endedByDeadline ? { timeoutMs: 500 } : {})
    emulator.faults.set('*', fault)
    const results = await Promise.all(
      Object.entries(calls).map(async ([name, call]) => {
        const error = await rejectionOf(call(line, emulator))
        return [name, isLineOutage(error) ? 'outage' : error]
      }),
    )
    expect(Object.fromEntries(results)).toEqual(Object.fromEntries(Object.keys(calls).map((name) => [name, 'outage'])))
    emulator.faults.clear()
    expect(await afterwards(withBody.verify)).toMatchObject({ verdict: 'valid' })
    expect(await afterwards(withBody.refresh)).toMatchObject({ accessToken: expect.any(String) })

    /** On a slow machine a call may be later than its deadline of 500 ms. Then it is sent again. */
    async function afterwards(call: Call): Promise<unknown> {
      for (;;) {
        clock.time += 1_000
        const [result] = await Promise.allSettled([call(line, emulator)])
        if (result.status === 'fulfilled') return result.value
        if (!endedByDeadline || !isLineOutage(result.reason)) throw result.reason
      }
    }
  }
})

describe('secrets', () => {
  const canary = (what: string) => `CANARY-${what}+/=`
  const secret = canary('secret')
  const channel: Channel = { id: '2000000001', secret, type: 'web' }
  const canaryCalls: ((line: LineClient) => Promise<LineAnswer>)[] = [
    (line) => line.verifyAccessToken(canary('access'), anyTime),
    (line) => line.profile(canary('access'), anyTime),
    (line) => line.userinfo(canary('access'), anyTime),
    (line) => line.friendship(canary('access'), anyTime),
    (line) =>
      line.exchangeCode(
        channel,
        {
          code: canary('code'),
          redirectUri: canary('uri'),
          codeVerifier: canary('verifier'),
        },
        anyTime,
      ),
    (line) => line.refresh(channel, canary('refresh'), anyTime),
    (line) => line.revoke(channel, { accessToken: canary('access') }, anyTime),
    (line) => line.revoke(channel, { refreshToken: canary('refresh') }, anyTime),
    (line) => line.deauthorize(canary('channel-token'), canary('access'), anyTime),
    (line) => line.channelToken({ id: channel.id, secret }),
  ]
  const traces = /CANARY|https?:|\/oauth2|\/v2|127\.0\.0\.1|access_token|bearer|authorization(?! code)/i
  const facts = ['endpoint', 'failure', 'level', 'lineRequestId', 'method', 'ms', 'msg', 'outcome', 'status', 'time']
  const allowed = [...facts, 'error', 'description']

  it.each<[string, Fault | undefined]>([
    ['no fault', undefined],
    ['500', { status: 500, body: { message: canary('access') } }],
    ['429', { status: 429, headers: { 'x-line-request-id': canary('access') } }],
    ['reset', { reset: true }],
    ['no answer', { hang: true }],
    ['a truncated answer', { truncated: true }],
    ['a body of 1 MB', { huge: 1 }],
    ['text that is not JSON', { garbage: true }],
  ])('are not in log lines, metrics or errors, and each call that LINE got has one log line: %s', async (_, fault) => {
    const { lines, telemetry } = captureLog()
    const { emulator, line } = await toEmulator({ telemetry, ...(fault?.hang && { timeoutMs: 2_000 }) })
    if (fault) emulator.faults.set('*', fault)
    const results = await Promise.allSettled(canaryCalls.map((call) => call(line).then(judge)))
    const callLines = lines.filter((text) => 'method' in JSON.parse(text))
    expect(callLines).toHaveLength(emulator.calls.total())
    for (const text of callLines) {
      expect(text).not.toMatch(traces)
      expect(allowed).toEqual(expect.arrayContaining(Object.keys(JSON.parse(text))))
    }
    const { text } = await telemetry.metrics()
    expect(text).toContain('gateway_line_calls_total{endpoint="verify"')
    expect(text.replaceAll('server_address="127.0.0.1"', '')).not.toMatch(traces)
    for (const result of results) {
      if (result.status === 'rejected') expect(everythingIn(result.reason)).not.toMatch(/CANARY|access_token|Bearer/)
    }
  })

  it('are not in the errors of connections that fail below HTTP', async () => {
    const notHttp = await sockets((socket) => socket.end('220 mail.example ESMTP\r\n'))
    const upgrade = await sockets((socket) =>
      socket.write(answerText('{}').replace('200 OK', '101 Switching Protocols')),
    )
    for (const origin of [await closedPort(), notHttp.url, upgrade.url]) {
      const { lines, telemetry } = captureLog()
      const { line } = to(origin, { telemetry })
      for (const call of canaryCalls) {
        const error = await rejectionOf(call(line))
        expect(isLineOutage(error)).toBe(true)
        expect(everythingIn(error)).not.toMatch(/CANARY|access_token|Bearer/)
      }
      const callLines = lines.filter((text) => 'method' in JSON.parse(text))
      expect(callLines.length).toBeGreaterThanOrEqual(canaryCalls.length)
      for (const text of lines) expect(text).not.toMatch(traces)
    }
  })

  /** Ends the report of the call, in the way that logs the most. */
  function judge(answer: LineAnswer): void {
    answer.judged?.({ outcome: 'unreadable', failure: 'unexpected HTTP status code' })
  }

  function captureLog() {
    const lines: string[] = []
    const telemetry = createTelemetry({ logLevel: 'debug', destination: { write: (line) => void lines.push(line) } })
    return { lines, telemetry }
  }

  /** All that a log line could contain of an error. */
  function everythingIn(error: unknown): string {
    return inspect(error, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null })
  }
})

async function requestOf(call: (line: LineClient) => Promise<unknown>): Promise<Request> {
  const { url, requests } = await recorder()
  await call(to(url).line)
  const [request, ...more] = requests
  if (request === undefined || more.length > 0) throw new Error(`Expected one request, got ${requests.length}`)
  return request
}

function formOf({ headers, body }: Request): [string, string][] {
  expect(headers['content-type']).toBe('application/x-www-form-urlencoded')
  return [...new URLSearchParams(body)]
}

function headerOf(jwt: string | undefined): unknown {
  return JSON.parse(Buffer.from(jwt?.split('.')[0] ?? '', 'base64url').toString())
}

function settled<Facts>(verdict: Verdict<Facts>): Verdict<Facts> {
  if (verdict.verdict === 'unknown') throw verdict.outage
  return verdict
}
