import { createHmac } from 'node:crypto'
import { Pool } from 'undici'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { readConfig } from '../../src/config.ts'
import { type Emulator, startEmulator } from '../../src/emulator/emulator.ts'
import { createYogaEngine } from '../../src/graphql/yoga-engine.ts'
import { type GatewayServer, startServer } from '../../src/server.ts'
import { createServices } from '../../src/services.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { foreign, liff, native, noSourceLimit, START_MS, web } from '../harness/channels.ts'
import { callsTo, toReply } from '../harness/running-gateway.ts'

/**
 * An ID token as Bearer, and JWTs of our own, through the API. What makes an ID token bad is in
 * test/tokens/credentials.test.ts. Both engines have the same services, as in a gateway.
 */

const S = START_MS / 1_000
const publicUrl = 'https://gateway.example'
const canary = 'canary-in-an-id-token'
const ourJwt = jwt({ alg: 'RS256', typ: 'at+jwt' }, { iss: publicUrl, sub: 'Uours', jti: canary })

let time = START_MS
let lines = ''
let emulator: Emulator
let dispatcher: Pool
const servers: { planned?: GatewayServer; yoga?: GatewayServer } = {}

beforeAll(async () => {
  emulator = await startEmulator({ channels: [web, native, liff, foreign], now: () => time })
  const line = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url, LINE_TIMEOUT_MS: '60000' }
  const settings = { LINE_CHANNELS: JSON.stringify([web, native, liff]), PUBLIC_URL: publicUrl, LOG_LEVEL: 'trace' }
  const config = readConfig({ ...line, ...settings, ...noSourceLimit, HOST: '127.0.0.1', PORT: '0' })
  const newTelemetry = () => createTelemetry({ logLevel: 'trace', destination: { write: (some) => (lines += some) } })
  const telemetry = newTelemetry()
  dispatcher = new Pool(emulator.url)
  const clock = createClock({ wall: () => time, monotonic: () => time })
  const services = createServices(config, { dispatcher, clock, telemetry })
  servers.planned = await startServer(config, { services, telemetry })
  servers.yoga = await startServer(config, {
    services,
    telemetry: newTelemetry(),
    createEngine: createYogaEngine,
  })
})
afterEach(() => {
  emulator.faults.clear()
  emulator.calls.reset()
})
afterAll(async () => {
  await Promise.all([servers.planned?.close(), servers.yoga?.close()])
  await dispatcher.destroy()
  await emulator.close()
  expect(lines).toContain('"kind":"query"')
  expect(lines).not.toContain(canary)
  expect(lines).not.toContain(Buffer.from(canary).toString('base64url').slice(3, -3))
  expect(lines).not.toContain('eyJ')
})

type Claims = Readonly<Record<string, unknown>>
const user = () => emulator.users[0]
const claims = (more: Claims = {}): Claims => ({
  iss: 'https://access.line.me',
  sub: user()?.userId,
  aud: liff.id,
  exp: Math.floor(time / 1_000) + 3_600,
  iat: Math.floor(time / 1_000),
  name: 'Sakura Tanaka',
  picture: 'https://profile.line-scdn.net/x',
  jti: canary,
  ...more,
})
const idToken = (more: Claims = {}) => emulator.signIdToken(claims(more), 'ES256')

describe.each(['planned', 'yoga'] as const)('the %s engine', (engine) => {
  describe('an ID token as Bearer', () => {
    it.each<[string, unknown]>([
      ['id', () => user()?.userId],
      ['displayName', () => 'Sakura Tanaka'],
      ['pictureUrl', () => 'https://profile.line-scdn.net/x'],
      ['pictureUrl(size: ORIGINAL)', () => 'https://profile.line-scdn.net/x'],
      ['pictureUrl(size: LARGE)', () => 'https://profile.line-scdn.net/x/large'],
      ['pictureUrl(size: SMALL)', () => 'https://profile.line-scdn.net/x/small'],
      ['accessToken { expiresAt scopes }', () => null],
      ['__typename', () => 'Viewer'],
    ])('viewer { %s }: from its claims', async (field, expected) => {
      const { data, errors } = await ask(`{ viewer { value: ${field} } }`, idToken())
      expect(errors).toEqual([])
      expect(data).toEqual({ viewer: { value: (expected as () => unknown)() } })
      expectOnlyKeys()
    })

    it.each(['statusMessage', 'isFriend'])(
      'viewer { %s }: FORBIDDEN without a scope, the others answer',
      async (field) => {
        const { data, errors } = await ask(`{ viewer { id ${field} displayName } }`, idToken())
        expect(data).toEqual({ viewer: { id: user()?.userId, [field]: null, displayName: 'Sakura Tanaka' } })
        expect(errors).toMatchObject([{ path: ['viewer', field], extensions: { code: 'FORBIDDEN' } }])
        expect(errors[0]?.extensions).toEqual({ code: 'FORBIDDEN' })
        expect(errors[0]?.message).toContain('needs the access token')
        expectOnlyKeys()
      },
    )

    it('without a name: displayName is FORBIDDEN with the scope profile, and viewer null', async () => {
      const { data, errors } = await ask('{ viewer { id displayName } }', idToken({ name: undefined }))
      expect(data).toEqual({ viewer: null })
      expect(errors[0]).toMatchObject({ path: ['viewer'], extensions: { code: 'FORBIDDEN', requiredScope: 'profile' } })
      expect(errors[0]?.message).toContain('ID token')
    })

    it('without a name and a picture: id answers, pictureUrl is null', async () => {
      const { data, errors } = await ask(
        '{ viewer { id pictureUrl(size: SMALL) } }',
        idToken({ name: undefined, picture: undefined }),
      )
      expect([data, errors]).toEqual([{ viewer: { id: user()?.userId, pictureUrl: null } }, []])
    })

    it.each(['mutation { logout { revoked } }', 'mutation { deauthorize { deauthorized } }'])(
      '%s: UNAUTHENTICATED, MALFORMED, with the same words',
      async (mutation) => {
        const { errors } = await ask(mutation, idToken())
        expect(errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'MALFORMED' })
        expect(errors[0]?.message).toContain('needs the access token')
        expectOnlyKeys()
      },
    )

    it.each<[string, string, () => string]>([
      ['HS256', 'INVALID', () => hs256(claims(), liff.secret)],
      ['a wrong signature', 'INVALID', () => `${idToken().split('.').slice(0, 2).join('.')}.${'A'.repeat(86)}`],
      ['a foreign channel', 'WRONG_CHANNEL', () => idToken({ aud: foreign.id })],
      ['expired one second ago', 'EXPIRED', () => idToken({ exp: S - 1 })],
      ['iat ahead', 'INVALID', () => idToken({ iat: Math.floor(time / 1_000) + 400 })],
      ['no sub', 'MALFORMED', () => idToken({ sub: undefined })],
      ['longer than 8,192 characters', 'MALFORMED', () => idToken({ pad: 'x'.repeat(7_000) })],
    ])('%s: UNAUTHENTICATED, %s, on every selection', async (_, reason, make) => {
      for (const selection of ['id', 'displayName', 'accessToken { expiresAt }', 'isFriend', '__typename']) {
        const { status, data, errors } = await ask(`{ viewer { ${selection} } }`, make())
        expect([status, data]).toEqual([200, { viewer: null }])
        expect(errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason })
        if (make().length < 8_000) expect(errors[0]?.message).toContain('ID token')
      }
      expectOnlyKeys()
    })

    it('while LINE gives no keys: LINE_UNAVAILABLE with retryAfter', async () => {
      emulator.faults.set('certs', { status: 500 })
      const unknownKid = jwt({ alg: 'ES256', kid: `kid-of-${engine}` }, claims())
      const { data, errors, headers } = await ask('{ viewer { id } }', unknownKid)
      expect(data).toEqual({ viewer: null })
      expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) })
      expect(headers['retry-after']).toBeDefined()
      time += 120_000
    })

    it('its user leaves: UNAUTHENTICATED, REVOKED', async () => {
      const old = idToken()
      expect((await ask('{ viewer { id } }', old)).errors).toEqual([])
      time += 1_000
      const { accessToken } = emulator.issueTokens({ channelId: liff.id })
      const left = await ask('mutation { deauthorize { deauthorized } }', accessToken)
      expect(left.data).toEqual({ deauthorize: { deauthorized: true } })
      const { errors } = await ask('{ viewer { id } }', old)
      expect(errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'REVOKED' })
      time += 2_000
      expect((await ask('{ viewer { id } }', idToken())).errors).toEqual([])
    })
  })

  describe.each<[string, () => string]>([
    ['an ID token', () => idToken()],
    ['a bad ID token', () => jwt({ alg: 'none' }, claims())],
    ['a JWT of our own', () => ourJwt],
  ])('%s where only an access token can be used', (_, make) => {
    it('verifyAccessToken and verifyAccessTokens: not active, MALFORMED', async () => {
      const query = 'query ($t: String!) { one: verifyAccessToken(accessToken: $t) { active reason viewer { id } } }'
      const list = 'query ($t: String!) { all: verifyAccessTokens(accessTokens: [$t, $t]) { active reason channelId } }'
      const no = { active: false, reason: 'MALFORMED' }
      expect((await ask(query, undefined, { t: make() })).data).toEqual({ one: { ...no, viewer: null } })
      const both = { ...no, channelId: null }
      expect((await ask(list, undefined, { t: make() })).data).toEqual({ all: [both, both] })
      expect(callsTo(emulator)).toEqual({})
    })

    it('revokeToken: BAD_USER_INPUT, because it still works where it belongs', async () => {
      const mutation = 'mutation ($t: String) { revokeToken(input: { accessToken: $t }) { revoked } }'
      const { data, errors } = await ask(mutation, undefined, { t: make() })
      expect(data).toEqual({ revokeToken: null })
      expect(errors[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'accessToken' })
      expect(callsTo(emulator)).toEqual({})
    })
  })

  it.each(['{ viewer { id } }', 'mutation { logout { revoked } }', 'mutation { deauthorize { deauthorized } }'])(
    'a JWT of our own as Bearer, %s: UNAUTHENTICATED, MALFORMED, without a call to LINE',
    async (operation) => {
      const { errors } = await ask(operation, ourJwt)
      expect(errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'MALFORMED' })
      expect(callsTo(emulator)).toEqual({})
    },
  )

  async function ask(query: string, token?: string, variables?: object) {
    const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` }
    const answer = await fetch(`${servers[engine]?.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...authorization },
      body: JSON.stringify({ query, variables }),
    })
    return toReply(answer.status, Object.fromEntries(answer.headers), await answer.text())
  }
})

/** LINE is asked for nothing but its keys, and for these once. */
function expectOnlyKeys(): void {
  const { certs = 0, ...others } = callsTo(emulator)
  expect(others).toEqual({})
  expect(certs).toBeLessThanOrEqual(1)
}

function jwt(header: object, payload: object): string {
  return [JSON.stringify(header), JSON.stringify(payload), 'signature']
    .map((text) => Buffer.from(text).toString('base64url'))
    .join('.')
}

function hs256(payload: object, secret: string): string {
  const content = jwt({ alg: 'HS256' }, payload).split('.').slice(0, 2).join('.')
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}
