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
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { answerText, closedPort, type Request, type Road, rejectionOf, useRoads } from '../harness/line-transport.ts'

const { toEmulator, to, recorder, sockets } = useRoads()

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

describe('what LINE is sent', () => {
  it.each(hardTokens)('verify: one parameter, whatever is in the token: %s', async (accessToken) => {
    const { method, url, headers, body } = await requestOf((line) => line.verifyAccessToken(accessToken))
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
  ] as const)('%s: the token in the header and nowhere else', async (call, path) => {
    const request = await requestOf((line) => line[call]('the-token'))
    expect(request).toMatchObject({
      method: 'GET',
      url: path,
      body: '',
      headers: { authorization: 'Bearer the-token' },
    })
  })

  it.each(hardTokens)('a code and its verifier, each one field whatever is in it: %s', async (code) => {
    const request = await requestOf((line) => line.exchangeCode(web, { code, redirectUri, codeVerifier: code }))
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

  it.each([native, liff])('no secret and the key type of LINE’s SDKs for a $type channel', async (channel) => {
    const request = await requestOf((line) => line.exchangeCode(channel, { code: 'c', redirectUri }))
    expect(formOf(request)).toEqual([
      ['grant_type', 'authorization_code'],
      ['code', 'c'],
      ['redirect_uri', redirectUri],
      ['client_id', channel.id],
      ['id_token_key_type', 'JWK'],
    ])
  })

  it.each(hardTokens)('a refresh token as one field: %s', async (refreshToken) => {
    const request = await requestOf((line) => line.refresh(web, refreshToken))
    expect(request).toMatchObject({ method: 'POST', url: '/oauth2/v2.1/token' })
    expect(formOf(request)).toEqual([
      ['grant_type', 'refresh_token'],
      ['refresh_token', refreshToken],
      ['client_id', web.id],
      ['client_secret', web.secret],
    ])
  })

  it.each(hardTokens)('revoke: the token that is meant, as one field: %s', async (raw) => {
    const access = await requestOf((line) => line.revoke(web, { accessToken: raw }))
    expect(access).toMatchObject({ method: 'POST', url: '/oauth2/v2.1/revoke' })
    expect(formOf(access)).toEqual([
      ['access_token', raw],
      ['client_id', web.id],
      ['client_secret', web.secret],
    ])
    expect(formOf(await requestOf((line) => line.revoke(native, { refreshToken: raw })))).toEqual([
      ['refresh_token', raw],
      ['client_id', native.id],
    ])
  })

  it('a secret only for web channels, on every call that has credentials', async () => {
    for (const channel of [native, liff]) {
      const requests = [
        await requestOf((line) => line.exchangeCode(channel, { code: 'c', redirectUri, codeVerifier })),
        await requestOf((line) => line.refresh(channel, 'r')),
        await requestOf((line) => line.revoke(channel, { accessToken: 'a' })),
        await requestOf((line) => line.revoke(channel, { refreshToken: 'r' })),
      ]
      for (const request of requests) expect(inspect(request)).not.toContain(channel.secret ?? 'no secret')
    }
  })

  it('never HTTP Basic, and no credential in a URL or a header', async () => {
    const requests = [
      await requestOf((line) => line.exchangeCode(web, { code: 'the-code', redirectUri, codeVerifier })),
      await requestOf((line) => line.refresh(web, 'the-refresh-token')),
      await requestOf((line) => line.revoke(web, { accessToken: 'the-access-token' })),
      await requestOf((line) => line.channelToken({ id: web.id, secret: web.secret ?? '' })),
    ]
    for (const { url, headers } of requests) {
      expect(headers.authorization).toBeUndefined()
      expect(url).not.toContain('?')
      expect(inspect([url, headers])).not.toMatch(new RegExp(`the-|${web.secret}|${web.id}`))
    }
  })

  it('deauthorize: the user’s token as JSON, under the channel’s token', async () => {
    const request = await requestOf((line) => line.deauthorize('channel-token', 'user "token"'))
    expect(request).toMatchObject({
      method: 'POST',
      url: '/user/v1/deauthorize',
      headers: { authorization: 'Bearer channel-token', 'content-type': 'application/json' },
    })
    expect(JSON.parse(request.body)).toEqual({ userAccessToken: 'user "token"' })
  })

  it('a stateless channel token is asked for with the channel’s secret', async () => {
    const request = await requestOf((line) => line.channelToken({ id: native.id, secret: 'its-secret' }))
    expect(request).toMatchObject({ method: 'POST', url: '/oauth2/v3/token' })
    expect(formOf(request)).toEqual([
      ['grant_type', 'client_credentials'],
      ['client_id', native.id],
      ['client_secret', 'its-secret'],
    ])
  })

  it('the keys are asked for with nothing at all', async () => {
    const request = await requestOf((line) => line.certs())
    expect(request).toMatchObject({ method: 'GET', url: '/oauth2/v2.1/certs', body: '' })
    expect(Object.keys(request.headers).sort()).toEqual(['connection', 'host'])
  })
})

describe('a login, from code to farewell', () => {
  it.each([web, native, liff])('with a $type channel', async (channel) => {
    const { emulator, line } = await toEmulator()
    const code = emulator.issueCode({ channelId: channel.id, redirectUri, codeChallenge, nonce: 'n' })
    const tokens = parseTokenResponse(await line.exchangeCode(channel, { code, redirectUri, codeVerifier }))
    expect(tokens.idToken?.split('.')).toHaveLength(3)
    expect(headerOf(tokens.idToken)).toMatchObject({ alg: channel.type === 'web' ? 'HS256' : 'ES256' })

    const { accessToken } = tokens
    const verification = judgeVerification(await line.verifyAccessToken(accessToken), isOurs)
    expect(verification).toMatchObject({
      verdict: 'valid',
      facts: { channelId: channel.id, scopes: ['profile', 'openid'] },
    })
    const userId = emulator.users[0]?.userId
    expect(judgeProfile(await line.profile(accessToken))).toMatchObject({
      facts: { userId, displayName: 'Sakura Tanaka' },
    })
    expect(judgeUserinfo(await line.userinfo(accessToken))).toMatchObject({ facts: { userId } })
    expect(judgeFriendship(await line.friendship(accessToken))).toEqual({ verdict: 'valid', facts: { isFriend: true } })

    const alive = await refreshed(line, channel, tokens)
    assertRevoked(await line.revoke(channel, { accessToken: alive }))
    expect(judgeVerification(await line.verifyAccessToken(alive), isOurs)).toMatchObject({
      verdict: 'invalid',
      reason: 'REVOKED',
    })
    expect(judgeProfile(await line.profile(alive))).toMatchObject({ verdict: 'invalid', reason: 'REVOKED' })
  })

  it('revoking the refresh token ends the access tokens made from it', async () => {
    const { emulator, line } = await toEmulator()
    const { accessToken, refreshToken = '' } = emulator.issueTokens()
    assertRevoked(await line.revoke(web, { refreshToken }))
    expect(judgeVerification(await line.verifyAccessToken(accessToken), isOurs)).toMatchObject({ verdict: 'invalid' })
    await expect(line.refresh(web, refreshToken).then(parseTokenResponse)).rejects.toMatchObject({
      code: 'INVALID_GRANT',
    })
  })

  it('deauthorize takes the user’s consent back', async () => {
    const { emulator, line } = await toEmulator()
    const { accessToken } = emulator.issueTokens()
    const { channelToken } = parseChannelToken(await line.channelToken({ id: web.id, secret: web.secret ?? '' }))
    assertDeauthorized(await line.deauthorize(channelToken, accessToken))
    expect(judgeVerification(await line.verifyAccessToken(accessToken), isOurs)).toMatchObject({ verdict: 'invalid' })
    assertDeauthorized(await line.deauthorize(channelToken, accessToken))
  })

  it('a code without its verifier is refused for good', async () => {
    const { emulator, line } = await toEmulator()
    const code = emulator.issueCode({ redirectUri, codeChallenge })
    const exchange = (verifier?: string) => line.exchangeCode(web, { code, redirectUri, codeVerifier: verifier })
    await expect(exchange().then(parseTokenResponse)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
    await expect(exchange('x'.repeat(43)).then(parseTokenResponse)).rejects.toMatchObject({ code: 'INVALID_GRANT' })
  })

  async function refreshed(line: LineClient, channel: Channel, tokens: ReturnType<typeof parseTokenResponse>) {
    if (tokens.refreshToken === undefined) return tokens.accessToken
    return parseTokenResponse(await line.refresh(channel, tokens.refreshToken)).accessToken
  }
})

describe('whatever is wrong with LINE', () => {
  type Ask = (line: LineClient, emulator: Road['emulator']) => Promise<unknown>

  /** Calls whose answer has a body we read. */
  const readings = {
    verify: async (line, emulator) =>
      settled(judgeVerification(await line.verifyAccessToken(emulator.issueTokens().accessToken), isOurs)),
    profile: async (line, emulator) => settled(judgeProfile(await line.profile(emulator.issueTokens().accessToken))),
    userinfo: async (line, emulator) => settled(judgeUserinfo(await line.userinfo(emulator.issueTokens().accessToken))),
    friendship: async (line, emulator) =>
      settled(judgeFriendship(await line.friendship(emulator.issueTokens().accessToken))),
    exchangeCode: async (line, emulator) =>
      parseTokenResponse(await line.exchangeCode(web, { code: emulator.issueCode({ redirectUri }), redirectUri })),
    refresh: async (line, emulator) =>
      parseTokenResponse(await line.refresh(web, emulator.issueTokens().refreshToken ?? '')),
    channelToken: async (line) => parseChannelToken(await line.channelToken({ id: web.id, secret: web.secret ?? '' })),
    certs: async (line) => parseKeySet(await line.certs()),
  } satisfies Record<string, Ask>
  /** Calls that are done once LINE has said so. */
  const endings = {
    revoke: async (line, emulator) =>
      assertRevoked(await line.revoke(web, { accessToken: emulator.issueTokens().accessToken })),
    deauthorize: async (line, emulator) =>
      assertDeauthorized(await line.deauthorize('channel-token', emulator.issueTokens().accessToken)),
  } satisfies Record<string, Ask>

  const html = { 'content-type': 'text/html' }
  const everywhere: [string, Fault][] = [
    ['hang', { hang: true }],
    ['an answer too late', { latencyMs: 30_000 }],
    ['reset', { reset: true }],
    ['close', { close: true }],
    ['commit and reset', { commitThenReset: true }],
    ['truncated', { truncated: true }],
    ['400 in HTML', { status: 400, body: '<html>Bad Request</html>', headers: html }],
    ['400 with nothing', { status: 400 }],
    ['400 with a list', { status: 400, body: [] }],
    ...[302, 307, 403, 404, 405, 413, 429, 500, 502, 503, 504].flatMap((status): [string, Fault][] => [
      [`${status} with nothing`, { status, headers: { location: 'http://127.0.0.1:1/' } }],
      [`${status} in HTML`, { status, body: '<html>invalid_request expired</html>', headers: html }],
      [
        `${status} in LINE’s words`,
        { status, body: { error: 'invalid_request', message: 'The access token expired' } },
      ],
    ]),
  ]
  const whereABodyIsRead: [string, Fault][] = [
    ['garbage', { garbage: true }],
    ['nothing', { empty: true }],
    ['huge', { huge: 1 }],
    ['drip', { drip: true }],
    ['gzip', { gzip: true }],
    ['a gzip bomb', { gzip: 'bomb' }],
    ['HTML', { body: '<html>welcome</html>', headers: html }],
    ...[null, true, 7, 'ok', [], {}, { error: 'invalid_grant' }].map((body): [string, Fault] => [
      `200 with ${JSON.stringify(body)}`,
      { body: JSON.stringify(body) },
    ]),
  ]

  it.each(everywhere)(
    '%s: every call is an outage and nothing else, and LINE’s word counts again afterwards',
    (_, fault) => outages(fault, { ...readings, ...endings }),
  )

  it.each(whereABodyIsRead)('%s: every call that reads an answer is an outage and nothing else', (_, fault) =>
    outages(fault, readings),
  )

  it('401 is an outage where LINE does not use it', () => {
    const { profile, userinfo, friendship, ...others } = { ...readings, ...endings }
    expect([profile, userinfo, friendship]).not.toContain(undefined)
    return outages({ status: 401, body: { message: 'The access token expired' } }, others)
  })

  async function outages(fault: Fault, asks: Record<string, Ask>): Promise<void> {
    const inTime = fault.hang || fault.drip || fault.latencyMs
    const { emulator, line, clock } = await toEmulator({ timeoutMs: inTime ? 500 : 5_000 })
    emulator.faults.set('*', fault)
    const results = await Promise.all(
      Object.entries(asks).map(async ([name, ask]) => {
        const error = await rejectionOf(ask(line, emulator))
        return [name, isLineOutage(error) ? 'outage' : error]
      }),
    )
    expect(Object.fromEntries(results)).toEqual(Object.fromEntries(Object.keys(asks).map((name) => [name, 'outage'])))
    emulator.faults.clear()
    clock.time += 1_000
    expect(await readings.verify(line, emulator)).toMatchObject({ verdict: 'valid' })
    expect(await readings.refresh(line, emulator)).toMatchObject({ accessToken: expect.any(String) })
  }
})

describe('secrets', () => {
  const canary = (what: string) => `CANARY-${what}+/=`
  const secret = canary('secret')
  const channel: Channel = { id: '2000000001', secret, type: 'web' }
  const canaryCalls: ((line: LineClient) => Promise<unknown>)[] = [
    (line) => line.verifyAccessToken(canary('access')),
    (line) => line.profile(canary('access')),
    (line) => line.userinfo(canary('access')),
    (line) => line.friendship(canary('access')),
    (line) =>
      line.exchangeCode(channel, {
        code: canary('code'),
        redirectUri: canary('uri'),
        codeVerifier: canary('verifier'),
      }),
    (line) => line.refresh(channel, canary('refresh')),
    (line) => line.revoke(channel, { accessToken: canary('access') }),
    (line) => line.revoke(channel, { refreshToken: canary('refresh') }),
    (line) => line.deauthorize(canary('channel-token'), canary('access')),
    (line) => line.channelToken({ id: channel.id, secret }),
  ]
  const traces = /CANARY|https?:|\/oauth2|\/v2|127\.0\.0\.1|access_token|bearer|authorization/i
  const allowed = ['endpoint', 'failure', 'level', 'lineRequestId', 'method', 'ms', 'msg', 'outcome', 'status', 'time']

  it.each<[string, Fault | undefined]>([
    ['all is well', undefined],
    ['500', { status: 500, body: { message: canary('access') } }],
    ['429', { status: 429, headers: { 'x-line-request-id': canary('access') } }],
    ['reset', { reset: true }],
    ['hang', { hang: true }],
    ['truncated', { truncated: true }],
    ['huge', { huge: 1 }],
    ['garbage', { garbage: true }],
  ])('are in no log line, no metric and no error, and there is one line a call: %s', async (_, fault) => {
    const { lines, telemetry } = listening()
    const { emulator, line } = await toEmulator({ telemetry, timeoutMs: fault?.hang ? 150 : 5_000 })
    if (fault) emulator.faults.set('*', fault)
    const results = await Promise.allSettled(canaryCalls.map((call) => call(line)))
    expect(lines).toHaveLength(canaryCalls.length)
    for (const text of lines) {
      expect(text).not.toMatch(traces)
      expect(allowed).toEqual(expect.arrayContaining(Object.keys(JSON.parse(text))))
    }
    expect((await telemetry.metrics()).text).toContain('gateway_line_calls_total{endpoint="verify"')
    expect((await telemetry.metrics()).text).not.toMatch(traces)
    for (const result of results) {
      if (result.status === 'rejected') expect(everythingIn(result.reason)).not.toMatch(/CANARY|access_token|Bearer/)
    }
  })

  it('are not in the errors of connections that fail below HTTP either', async () => {
    const gibberish = await sockets((socket) => socket.end('220 mail.example ESMTP\r\n'))
    const upgrade = await sockets((socket) =>
      socket.write(answerText('{}').replace('200 OK', '101 Switching Protocols')),
    )
    for (const origin of [await closedPort(), gibberish.url, upgrade.url]) {
      const { lines, telemetry } = listening()
      const { line } = to(origin, { telemetry, timeoutMs: 2_000 })
      for (const call of canaryCalls) {
        const error = await rejectionOf(call(line))
        expect(isLineOutage(error)).toBe(true)
        expect(everythingIn(error)).not.toMatch(/CANARY|access_token|Bearer/)
      }
      expect(lines).toHaveLength(canaryCalls.length)
      for (const text of lines) expect(text).not.toMatch(traces)
    }
  })

  function listening() {
    const lines: string[] = []
    const telemetry = createTelemetry({ logLevel: 'debug', destination: { write: (line) => void lines.push(line) } })
    return { lines, telemetry }
  }

  /** What a careless log line would write of an error. */
  function everythingIn(error: unknown): string {
    return inspect(error, { depth: 12, showHidden: true, maxStringLength: null, maxArrayLength: null })
  }
})

it('how many calls could start at once is known to who asks', async () => {
  const { line } = await toEmulator({ maxConcurrency: 3 })
  expect(line.room()).toBe(3)
  const asking = line.certs()
  expect(line.room()).toBe(2)
  await asking
  expect(line.room()).toBe(3)
})

async function requestOf(call: (line: LineClient) => Promise<unknown>): Promise<Request> {
  const { url, requests } = await recorder()
  await call(to(url).line)
  const [request, ...more] = requests
  if (request === undefined || more.length > 0) throw new Error(`expected one request, got ${requests.length}`)
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
