import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalJWKSet, exportJWK, generateKeyPair, jwtVerify } from 'jose'
import { beforeAll, describe, expect, it } from 'vitest'
import { ConfigError, readConfig } from '../../src/config.ts'
import { createForwardAuth } from '../../src/endpoints/forward-auth.ts'
import { outageFacts } from '../../src/endpoints/outage.ts'
import { noForm } from '../../src/http/form.ts'
import { LineRateLimited, LineUnavailable, Misconfigured } from '../../src/line/errors.ts'
import type { Credentials } from '../../src/tokens/credentials.ts'
import { shareOf } from '../../src/tokens/shares.ts'
import { toAccessToken } from '../../src/tokens/token-key.ts'
import { type Caller, SourceLimited } from '../../src/tokens/token-resolver.ts'
import { holdCalls } from '../harness/held-calls.ts'
import { incoming } from '../harness/incoming.ts'
import { expectKnownLines } from '../harness/log-lines.ts'
import { connectTo, receive, sendRaw, statusesIn } from '../harness/raw-http.ts'
import {
  callsTo,
  foreign,
  liff,
  linesOf,
  native,
  type Reply,
  type RunningGateway,
  startRunningGateway,
  useSharedGateway,
  web,
} from '../harness/running-gateway.ts'

const sakura = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'
const settings = {
  FORWARD_AUTH: 'required',
  TRUSTED_PROXIES: '127.0.0.1',
  LINE_CHANNELS: JSON.stringify([web, native, liff]),
  FAILED_TOKENS_BURST: '5',
}
const gateway = useSharedGateway(settings)
let optional: RunningGateway
beforeAll(async () => {
  optional = await startRunningGateway({ ...settings, FORWARD_AUTH: 'optional' }, { beside: gateway() })
  return () => optional.close()
})

const filler = 'a:\r\n'.repeat(1_500)
const badToken = 'Authorization: Bearer junk\r\n'
const plain = 'Bearer realm="line"'
const invalid = `${plain}, error="invalid_token"`
const lacking = (scope: string) => `${plain}, error="insufficient_scope", scope="${scope}"`
const identity = { user: sakura, id: sakura, channel: web.id, scope: 'profile openid' }
const nobody = { user: '', id: '', channel: '', scope: '' }

/** Each client has an address of its own, so that no test empties the bucket of another. */
let clients = 0
function newClient(): string {
  clients += 1
  return `203.0.${clients >> 8}.${clients & 255}`
}

type Ask = { readonly headers?: Readonly<Record<string, string>>; readonly to?: RunningGateway }

function auth(path: string, authorization?: string, { headers, to = gateway() }: Ask = {}): Promise<Reply> {
  const credentials = authorization === undefined ? {} : { authorization }
  return to.send(path, { headers: { 'x-forwarded-for': newClient(), ...credentials, ...headers } })
}

const bearer = (token: string | undefined) => `Bearer ${token}`
const issued = (request?: Parameters<RunningGateway['issue']>[0]) => bearer(gateway().issue(request).accessToken)

function identityIn({ headers }: Reply) {
  return {
    user: headers['x-auth-request-user'],
    id: headers['x-line-user-id'],
    channel: headers['x-line-channel-id'],
    scope: headers['x-line-scope'],
  }
}

function refusalIn({ status, headers }: Reply) {
  return { status, challenge: headers['www-authenticate'], retryAfter: headers['retry-after'] }
}

const refused = (status: number, challenge?: string, retryAfter?: string) => ({ status, challenge, retryAfter })

describe('a good token', () => {
  it('200 with an empty body, and the identity in headers', async () => {
    const reply = await auth('/auth', issued())
    expect(reply).toMatchObject({
      status: 200,
      text: '',
      headers: { 'content-length': '0', 'cache-control': 'no-store' },
    })
    expect(identityIn(reply)).toEqual(identity)
    expect(reply.headers).not.toHaveProperty('www-authenticate')
    expect(reply.headers).not.toHaveProperty('content-type')
  })

  it('without signing keys: no Authorization header', async () => {
    expect((await auth('/auth', issued())).headers).not.toHaveProperty('authorization')
  })

  it('of another channel, and with `openid` alone: the same', async () => {
    const reply = await auth('/auth', issued({ channelId: native.id, scope: 'openid' }))
    expect(identityIn(reply)).toEqual({ ...identity, channel: native.id, scope: 'openid' })
  })

  it('the second time: no call to LINE', async () => {
    const token = issued()
    await auth('/auth', token)
    gateway().emulator.calls.reset()
    expect((await auth('/auth/elsewhere', token)).status).toBe(200)
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('revoked through the gateway: refused on the next request', async () => {
    const { accessToken } = gateway().issue()
    expect((await auth('/auth', bearer(accessToken))).status).toBe(200)
    await gateway().ask('mutation { logout { revoked } }', { token: accessToken })
    expect(refusalIn(await auth('/auth', bearer(accessToken)))).toEqual(refused(401, invalid))
  })
})

describe('an ID token', () => {
  it('ES256: the identity, without a call but for the keys', async () => {
    const { idToken } = gateway().issue({ channelId: liff.id, es256: true })
    gateway().emulator.calls.reset()
    const reply = await auth('/auth', bearer(idToken))
    expect(identityIn(reply)).toEqual({ ...identity, channel: liff.id, scope: 'openid profile' })
    expect(Object.keys(callsTo(gateway().emulator)).filter((endpoint) => endpoint !== 'certs')).toEqual([])
  })

  it.each([
    ['HS256', { channelId: web.id, es256: false }],
    ['of a channel that is not ours', { channelId: foreign.id, es256: true }],
  ])('%s: 401', async (_, request) => {
    expect(refusalIn(await auth('/auth', bearer(gateway().issue(request).idToken)))).toEqual(refused(401, invalid))
  })
})

describe('what the Authorization header can be', () => {
  it.each([
    ['', plain],
    ['Bearer', plain],
    ['Basic c2FrdXJhOnNlY3JldA==', plain],
    ['Token abc', plain],
    ['abc', plain],
    ['bearer abc', invalid],
    ['Bearer abc', invalid],
    ['Bearer a b', invalid],
    ['Bearer {}', invalid],
    ['Bearer \xe9', invalid],
    [`Bearer ${'a'.repeat(4_097)}`, invalid],
  ])('%j: 401 %s', async (authorization, challenge) => {
    const reply = await auth('/auth', authorization)
    expect(refusalIn(reply)).toEqual(refused(401, challenge))
    expect(reply).toMatchObject({ text: '', headers: { 'content-length': '0', 'cache-control': 'no-store' } })
  })

  it.each(['required', 'optional'])('absent, %s: 401, or 200 with empty headers', async (mode) => {
    const reply = await auth('/auth', undefined, { to: mode === 'optional' ? optional : gateway() })
    if (mode === 'required') expect(refusalIn(reply)).toEqual(refused(401, plain))
    else expect([reply.status, identityIn(reply)]).toEqual([200, nobody])
  })

  it.each([
    ['equal', 'Bearer abc', 'Bearer abc'],
    ['an empty one first', '', 'Bearer abc'],
    ['an empty one last', 'Bearer abc', ''],
    ['two empty ones', '', ''],
    ['of two schemes', 'Basic abc', 'Bearer abc'],
  ])('two headers, %s: 400', async (_, one, other) => {
    const { text } = await sendRaw(
      optional.url,
      `GET /auth HTTP/1.1\r\nhost: x\r\nauthorization: ${one}\r\nAUTHORIZATION: ${other}\r\nconnection: close\r\n\r\n`,
    )
    expect(text).toMatch(/^HTTP\/1\.1 400 /)
    expect(text).toContain('\r\nwww-authenticate: Bearer realm="line", error="invalid_request"\r\n')
  })

  it.each([
    ['expired', () => gateway().issue({ expiresIn: 1 }).accessToken, 2_000],
    ['of a channel that is not ours', () => gateway().issue({ channelId: foreign.id }).accessToken, 0],
    ['that LINE does not know', () => 'unknown-to-line', 0],
  ])('a token %s: 401 in both modes', async (_, token, afterMs) => {
    const sent = bearer(token())
    gateway().advance(afterMs)
    for (const to of [gateway(), optional])
      expect(refusalIn(await auth('/auth', sent, { to }))).toEqual(refused(401, invalid))
  })
})

describe('FORWARD_AUTH=optional', () => {
  it.each([
    ['a bad token after them', 401, () => [filler, badToken]],
    ['a good token before and a bad one after', 400, () => [`Authorization: ${issued()}\r\n`, filler, badToken]],
    ['a bad token before and a good one after', 400, () => [badToken, filler, `Authorization: ${issued()}\r\n`]],
  ])('1,500 other header lines, and %s: %i', async (_, status, lines) => {
    const { text } = await sendRaw(
      optional.url,
      `GET /auth HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${lines().join('')}\r\n`,
    )
    expect(statusesIn({ text, closed: true })).toEqual([status])
  })

  it('the client address after 1,500 other header lines: its bucket counts', async () => {
    const from = `X-Forwarded-For: ${newClient()}\r\n`
    const statuses: number[] = []
    for (let n = 0; n < 6; n += 1) {
      const token = `Authorization: Bearer junk-${n}\r\n`
      const head = `GET /auth HTTP/1.1\r\nHost: a\r\nConnection: close\r\n${token}${filler}${from}\r\n`
      statuses.push(...statusesIn(await sendRaw(optional.url, head)))
    }
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
  })

  it.each(['/auth', '/auth/', '/auth/a/b?scope=x&channel=y', '/auth?', '/auth?rd=%2F', '/auth?scopes=x&Channel=y'])(
    '%s without a token: passes without a user',
    async (path) => {
      for (const authorization of [undefined, '']) {
        const reply = await auth(path, authorization, { to: optional })
        expect([reply.status, identityIn(reply)]).toEqual([200, nobody])
      }
    },
  )

  it.each([
    '/auth?scope=profile',
    '/auth?scope=',
    '/auth?scope',
    '/auth?channel=',
    `/auth?channel=${web.id}`,
    '/auth?sc%6Fpe=profile',
    '/auth?a=b&scope=%FF',
    '/auth?optional=1&scope=profile',
    '/auth?scope=profile#x',
  ])('%s without a token: 401', async (path) => {
    expect(refusalIn(await auth(path, undefined, { to: optional }))).toEqual(refused(401, plain))
  })

  it.each(['/auth?optional=true', '/auth?mode=optional', '/auth?required=false', '/auth/?optional', '/auth?token=x'])(
    'FORWARD_AUTH=required, %s without a token: 401',
    async (path) => expect(refusalIn(await auth(path))).toEqual(refused(401, plain)),
  )
})

describe('what a route demands', () => {
  it.each([
    ['/auth?scope=profile'],
    ['/auth?scope=profile&scope=openid'],
    ['/auth?scope=profile%20openid'],
    ['/auth?scope=openid+profile'],
    ['/auth?scope='],
    [`/auth?channel=${web.id}`],
    [`/auth?channel=${web.id}&channel=${web.id}&scope=openid`],
    ['/auth?unknown=x&=&&&'],
    ['/auth/?scope=email'],
    ['/auth/x?channel=1'],
  ])('%s: 200', async (path) => {
    expect(identityIn(await auth(path, issued()))).toEqual(identity)
  })

  it.each([
    ['email', 'email'],
    ['profile&scope=email', 'profile email'],
    ['email&scope=profile', 'email profile'],
    ['profile+email', 'profile email'],
    ['email&scope=', 'email'],
    ['email&scope=email', 'email'],
    ['Profile', 'Profile'],
    ['email;x', 'email;x'],
  ])('scope=%s, which the token lacks: 403, scope="%s"', async (query, named) => {
    expect(refusalIn(await auth(`/auth?scope=${query}`, issued()))).toEqual(refused(403, lacking(named)))
  })

  it.each(['%0D%0AX-Evil:1', '%22', '%5C', 'gr%C3%BC%C3%9Fe', '%FF', '%00'])(
    'scope=%s, which no token can have: 403, and the header does not repeat it',
    async (scope) => {
      const reply = await auth(`/auth?scope=${scope}`, issued())
      expect(refusalIn(reply)).toEqual(refused(403, `${plain}, error="insufficient_scope"`))
      expect(reply.headers).not.toHaveProperty('x-evil')
    },
  )

  const times = (count: number, parameter: string) => Array(count).fill(parameter).join('&')

  it.each([
    ['20 scopes', times(20, 'scope=profile')],
    ['20 scopes in one text', `scope=${Array(20).fill('profile').join('+')}`],
    ['10 scopes and 10 channels', `${times(10, 'scope=openid')}&${times(10, `channel=${web.id}`)}`],
    ['2,000 characters', `scope=openid&x=${'x'.repeat(1_985)}`],
  ])('%s: 200', async (_, query) => {
    expect((await auth(`/auth?${query}`, issued())).status).toBe(200)
  })

  it.each([
    ['21 scopes', times(21, 'scope=profile')],
    ['1,700 scopes', times(1_700, 'scope=a')],
    ['21 scopes in one text', `scope=${Array(21).fill('profile').join('+')}`],
    ['21 channels', times(21, `channel=${web.id}`)],
    ['10 scopes and 11 channels', `${times(10, 'scope=openid')}&${times(11, `channel=${web.id}`)}`],
    ['2,001 characters', `scope=openid&x=${'x'.repeat(1_986)}`],
    ['2,001 characters without a demand', 'x'.repeat(2_001)],
  ])('%s: 403 for a good token, 401 for others', async (_, query) => {
    const path = `/auth?${query}`
    expect(refusalIn(await auth(path, issued()))).toEqual(refused(403, `${plain}, error="insufficient_scope"`))
    for (const to of [gateway(), optional]) {
      expect(refusalIn(await auth(path, undefined, { to }))).toEqual(refused(401, plain))
      expect(refusalIn(await auth(path, 'Bearer abc', { to }))).toEqual(refused(401, invalid))
    }
  })

  it.each([native.id, '', '*', `${web.id}&channel=${native.id}`, `${native.id}&channel=${web.id}`, `${web.id}%20`])(
    'channel=%s: 403 without insufficient_scope',
    async (channel) => {
      expect(refusalIn(await auth(`/auth?channel=${channel}&scope=email`, issued()))).toEqual(refused(403))
    },
  )

  it('a token with neither scope: its user is unknown, 403 scope="profile"', async () => {
    const token = issued({ scope: 'email' })
    expect(refusalIn(await auth('/auth', token))).toEqual(refused(403, lacking('profile')))
    expect(refusalIn(await auth('/auth?scope=openid', token))).toEqual(refused(403, lacking('profile openid')))
    expect(refusalIn(await auth('/auth', token, { to: optional }))).toEqual(refused(403, lacking('profile')))
  })
})

describe('methods and paths', () => {
  const raw = async (line: string, token = issued(), more = '') => {
    const head = `${line} HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${newClient()}\r\nauthorization: ${token}\r\n${more}`
    return sendRaw(gateway().url, `${head}connection: close\r\n\r\n`)
  }

  it.each(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND', 'PURGE', 'QUERY'])(
    '%s: 200 without a body',
    async (method) => {
      const { text } = await raw(`${method} /auth/orders/7?x=1`)
      expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
      expect(text).toMatch(/\r\ncontent-length: 0\r\n.*\r\n\r\n$/s)
    },
  )

  it.each(['http://api.example/auth', 'HTTPS://api.example:443/auth/x?y', '/auth/', '/auth/../graphql', '/auth//'])(
    '%s: 200',
    async (target) => expect(statusesIn(await raw(`GET ${target}`))).toEqual([200]),
  )

  it.each(['/authx', '//auth', '/Auth', '/%61uth', '/auth%2Fx', '/x/auth', '/auth;x', 'http://api.example', '*'])(
    '%s: 404',
    async (target) => expect(statusesIn(await raw(`OPTIONS ${target}`))).toEqual([404]),
  )

  it.each(['upgrade: websocket\r\nconnection: upgrade\r\n', 'expect: 100-continue\r\n', 'range: bytes=0-1\r\n'])(
    'with %j: 200',
    async (more) => expect(statusesIn(await raw('GET /auth', issued(), more)).at(-1)).toBe(200),
  )

  it('a preflight: no CORS headers, and 401 like any request without a token', async () => {
    const headers = { origin: 'https://app.example', 'access-control-request-method': 'POST' }
    const reply = await gateway().send('/auth', { method: 'OPTIONS', headers })
    expect(refusalIn(reply)).toEqual(refused(401, plain))
    expect(Object.keys(reply.headers).filter((name) => name.startsWith('access-control'))).toEqual([])
  })

  it('FORWARD_AUTH=off: 404', async () => {
    const off = await startRunningGateway({}, { beside: gateway() })
    expect((await auth('/auth', issued(), { to: off })).status).toBe(404)
    await off.close()
  })
})

describe('a body', () => {
  const size = 10 * 1024 * 1024
  const head = (rest: string) =>
    `POST /auth HTTP/1.1\r\nhost: x\r\nx-forwarded-for: ${newClient()}\r\nauthorization: ${issued()}\r\n${rest}\r\n`
  const last = () => `${head('content-length: 0\r\nconnection: close\r\n')}`

  it('of 10 MB: not read, and the connection serves the next request', async () => {
    const socket = connectTo(gateway().url)
    const received = receive(socket)
    socket.write(head(`content-length: ${size}\r\n`))
    socket.write(Buffer.alloc(size, 'x'))
    socket.write(last())
    expect(statusesIn(await received)).toEqual([200, 200])
  })

  it('that comes only after the answer: the same', async () => {
    const socket = connectTo(gateway().url)
    const received = receive(socket)
    const answered = new Promise((resolve) => socket.once('data', resolve))
    socket.write(head('transfer-encoding: chunked\r\n'))
    await answered
    socket.write(`${size.toString(16)}\r\n`)
    socket.write(Buffer.alloc(size, 'x'))
    socket.write(`\r\n0\r\n\r\n${last()}`)
    expect(statusesIn(await received)).toEqual([200, 200])
  })

  it.each([
    'content-type: text/plain\r\ncontent-length: 5\r\n',
    'content-encoding: gzip\r\ncontent-length: 5\r\n',
    'content-type: application/json\r\ncontent-length: 5\r\n',
  ])('with %j: its type says nothing', async (lines) => {
    expect(statusesIn(await sendRaw(gateway().url, `${head(`${lines}connection: close\r\n`)}12345`))).toEqual([200])
  })
})

describe('an outage is never a refusal', () => {
  it.each([
    ['verifyAccessToken', { status: 500 }],
    ['verifyAccessToken', { status: 403, body: {} }],
    ['verifyAccessToken', { reset: true }],
    ['verifyAccessToken', { garbage: true }],
    ['verifyAccessToken', { status: 429, headers: { 'retry-after': '7' } }],
    ['profile', { status: 500 }],
    ['profile', { status: 403, body: {} }],
  ] as const)('%s %j: 503 with Retry-After, in both modes', async (endpoint, fault) => {
    for (const to of await Promise.all([settings, { ...settings, FORWARD_AUTH: 'optional' }].map(beside))) {
      gateway().emulator.faults.set(endpoint, fault)
      const { status, challenge, retryAfter } = refusalIn(await auth('/auth', issued(), { to }))
      expect([status, challenge, Number(retryAfter) > 0]).toEqual([503, undefined, true])
      gateway().emulator.faults.clear()
      await to.close()
    }
  })

  it.each([
    [new SourceLimited(3), 429, 3],
    [new LineRateLimited({ retryAfter: 7 }), 503, 7],
    [new LineUnavailable('down', { retryAfter: 2 }), 503, 2],
    [new LineUnavailable('nonsense'), 503, 30],
    [new Misconfigured(), 503, undefined],
  ])('%s: %i, Retry-After %s', (outage, status, retryAfter) => {
    expect(outageFacts(outage)).toEqual({ status, retryAfter, code: outage.code })
  })

  it('a known token passes while LINE is down', async () => {
    const token = issued()
    await auth('/auth', token)
    gateway().emulator.faults.set('*', { status: 500 })
    expect((await auth('/auth', token)).status).toBe(200)
  })

  /** A breaker that opens here must not concern other tests. */
  function beside(one: NodeJS.ProcessEnv): Promise<RunningGateway> {
    return startRunningGateway(one, { beside: gateway() })
  }

  it('the process ends: 503 with Retry-After for what waits for LINE', async () => {
    const line = holdCalls()
    const ending = await startRunningGateway(
      { ...settings, SHUTDOWN_GRACE_SECONDS: '0' },
      { beside: gateway(), dispatcher: line.dispatcher },
    )
    const waiting = auth('/auth', issued(), { to: ending })
    await expect.poll(() => line.heldCalls('/oauth2/v2.1/verify'), { timeout: 30_000 }).toBe(1)
    const drained = ending.drain()
    const { status, headers } = await waiting
    expect([status, headers['retry-after'], headers.connection]).toEqual([503, '1', 'close'])
    line.release()
    await drained
  })
})

describe('what a header cannot hold', () => {
  it.each(['Ué', 'U\r\nX-Evil: 1', 'U 1', ' U1', 'U1 ', 'さくら', 'U\u0000'])(
    'the user ID %j: 503, because another text would be another user',
    async (userId) => {
      gateway().emulator.faults.set('profile', { body: { userId, displayName: 'x' } })
      const { status, challenge, retryAfter } = refusalIn(await auth('/auth', issued()))
      expect([status, challenge, Number(retryAfter) > 0]).toEqual([503, undefined, true])
    },
  )

  it('a scope: left out', async () => {
    const scope = 'profile grüße "x" openid'
    gateway().emulator.faults.set('verifyAccessToken', { body: { client_id: web.id, expires_in: 100, scope } })
    expect(identityIn(await auth('/auth', issued()))).toEqual(identity)
  })
})

describe('the limit of a client', () => {
  const junk = async (count: number, headers: Readonly<Record<string, string>>) => {
    const statuses: number[] = []
    for (let n = 0; n < count; n += 1)
      statuses.push((await auth('/auth', `Bearer junk-${newClient()}`, { headers })).status)
    return statuses
  }

  it('junk: 429 with Retry-After for its address alone, and never for a known token', async () => {
    const headers = { 'x-forwarded-for': newClient() }
    const known = issued()
    await auth('/auth', known, { headers })
    expect(await junk(7, headers)).toEqual([401, 401, 401, 401, 401, 429, 429])
    const limited = await auth('/auth', issued(), { headers })
    expect([refusalIn(limited), limited.text]).toEqual([refused(429, undefined, '1'), ''])
    expect((await auth('/auth', known, { headers })).status).toBe(200)
    expect((await auth('/auth', issued())).status).toBe(200)
  })

  it.each([[''], ['unknown'], [' , ']])(
    'a proxy that sends %j for its client: no bucket, one warning',
    async (hops) => {
      expect(await junk(7, { 'x-forwarded-for': hops })).toEqual(Array(7).fill(401))
      expect((await auth('/auth', issued(), { headers: { 'x-forwarded-for': hops } })).status).toBe(200)
      const warnings = linesOf(gateway(), 'warn').filter(({ msg }) => String(msg).includes('FORWARD_AUTH'))
      expect(warnings).toHaveLength(1)
      expect(warnings[0]?.msg).toContain('127.0.0.1')
      expectKnownLines(gateway().log(), 'silentProxy')
    },
  )

  it('a peer that is no trusted proxy: its own address has a bucket, and no warning', async () => {
    const other = await startRunningGateway({ ...settings, TRUSTED_PROXIES: '192.0.2.1' }, { beside: gateway() })
    const statuses: number[] = []
    for (let n = 0; n < 6; n += 1)
      statuses.push((await other.send('/auth', { headers: { authorization: `Bearer junk-${n}` } })).status)
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429])
    expect(linesOf(other, 'warn')).toEqual([])
    await other.close()
  })
})

describe('with signing keys', () => {
  let signing: RunningGateway
  let keys: ReturnType<typeof createLocalJWKSet>
  beforeAll(async () => {
    const more = { NODE_ENV: 'development', FORWARD_AUTH: 'optional', PUBLIC_URL: 'http://localhost:4000' }
    signing = await startRunningGateway({ ...settings, ...more }, { beside: gateway() })
    keys = createLocalJWKSet(JSON.parse((await signing.send('/.well-known/jwks.json')).text))
    return () => signing.close()
  })
  const tokenIn = ({ headers }: Reply) => String(headers.authorization).replace(/^Bearer /, '')

  it.each([
    ['an access token', () => gateway().issue().accessToken, { client_id: web.id, scope: 'profile openid' }],
    [
      'an ID token',
      () => gateway().issue({ channelId: liff.id, es256: true }).idToken,
      { client_id: liff.id, scope: 'openid profile' },
    ],
  ])('%s: replaced by our JWT', async (_, sent, claims) => {
    const token = tokenIn(await auth('/auth', bearer(sent()), { to: signing }))
    const { payload } = await jwtVerify(token, keys, { currentDate: new Date(gateway().lineTime()) })
    const origin = 'http://localhost:4000'
    expect(payload).toMatchObject({ iss: origin, aud: origin, sub: sakura, ...claims })
  })

  it('the same token again: the same JWT, and no call to LINE', async () => {
    const token = issued()
    const first = await auth('/auth', token, { to: signing })
    gateway().emulator.calls.reset()
    expect(tokenIn(await auth('/auth/x', token, { to: signing }))).toBe(tokenIn(first))
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('without a token: an empty Authorization header, never none', async () => {
    const reply = await auth('/auth', undefined, { to: signing })
    expect([reply.status, reply.headers.authorization, identityIn(reply)]).toEqual([200, '', nobody])
  })

  it('our own JWT as a token: refused here, and never sent to LINE', async () => {
    const token = tokenIn(await auth('/auth', issued(), { to: signing }))
    gateway().emulator.calls.reset()
    expect(refusalIn(await auth('/auth', bearer(token), { to: signing }))).toEqual(refused(401, invalid))
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('no key signs any more: 503 without Retry-After, because the operator must act', async () => {
    const { privateKey } = await generateKeyPair('ES256', { extractable: true })
    const key = { ...(await exportJWK(privateKey)), retired_at: gateway().lineTime() / 1_000 + 60 }
    const folder = mkdtempSync(join(tmpdir(), 'keys-'))
    const file = join(folder, 'keys.json')
    writeFileSync(file, JSON.stringify({ keys: [key] }))
    const more = { SIGNING_KEYS_FILE: file, PUBLIC_URL: 'https://line.example' }
    const retiring = await startRunningGateway({ ...settings, ...more }, { beside: gateway() })
    expect((await auth('/auth', issued(), { to: retiring })).status).toBe(200)
    gateway().advance(61_000)
    expect(refusalIn(await auth('/auth', issued(), { to: retiring }))).toEqual(refused(503))
    await retiring.close()
    rmSync(folder, { recursive: true })
  })
})

it('a token in memory: the answer needs no promise', () => {
  const verified = { verdict: 'valid', key: 'k', channelId: web.id, scopes: ['openid'], userId: sakura } as const
  const credentials = {
    read: toAccessToken,
    identify: () => ({ ...verified, expiresAt: 1, reliableUntil: 1 }),
  } as unknown as Credentials
  const apiTokens = {
    issuer: () => 'https://line.example',
    defaultAudience: () => 'api',
    audienceOf: () => 'api',
    tokenFor: () => ({ token: 'a.b.c', audience: 'api', scope: 'openid', expiresAt: 1 }),
  }
  const clientAddresses = { silentProxyOf: () => undefined }
  const face = createForwardAuth({ credentials, apiTokens, clientAddresses, mode: 'required' })
  const context = { path: '/auth', clientAddress: '192.0.2.1', requestId: 'r', form: noForm, deadline: 1 }
  const answer = face.answer(incoming({ authorization: 'Bearer abc' }), context)
  expect(answer).toMatchObject({ status: 200, code: 'OK' })
})

it('proxies that forward no client address: all of them are one client with a share', async () => {
  const seen: string[] = []
  const identify = (_: unknown, { clientAddress }: Caller) => {
    seen.push(clientAddress)
    return { verdict: 'invalid', reason: 'INVALID' }
  }
  const credentials = { read: toAccessToken, identify } as unknown as Credentials
  const context = { path: '/auth', clientAddress: '192.0.2.1', requestId: 'r', form: noForm, deadline: 1 }
  for (const proxy of ['10.0.0.1', '10.0.0.2', undefined]) {
    const clientAddresses = { silentProxyOf: () => proxy }
    const face = createForwardAuth({ credentials, apiTokens: undefined, clientAddresses, mode: 'required' })
    await face.answer(incoming({ authorization: 'Bearer abc' }), context)
  }
  expect(seen).toEqual([shareOf('proxy'), shareOf('proxy'), '192.0.2.1'])
})

it.each(['required', 'optional'])('FORWARD_AUTH=%s without TRUSTED_PROXIES: refused at the start', (mode) => {
  const env = { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret, FORWARD_AUTH: mode }
  const problems = [
    'TRUSTED_PROXIES: is missing: FORWARD_AUTH needs it: expected the addresses of the proxies that ask',
  ]
  expect(() => readConfig(env)).toThrow(new ConfigError(problems))
  expect(readConfig({ ...env, TRUSTED_PROXIES: '10.0.0.0/8' }).forwardAuth).toBe(mode)
})

it('no log line has a token', async () => {
  const canaries = ['c4n4ry-unknown', gateway().issue().accessToken, String(gateway().issue({ es256: true }).idToken)]
  for (const canary of canaries)
    for (const path of [
      '/auth',
      '/auth?scope=none',
      `/auth?channel=${canary}`,
      `/auth/${canary}?access_token=${canary}`,
    ])
      await auth(path, bearer(canary))
  await auth('/auth', `Basic ${canaries[0]}`)
  const lines = gateway().log()
  expect(canaries.filter((canary) => lines.includes(canary))).toEqual([])
})
