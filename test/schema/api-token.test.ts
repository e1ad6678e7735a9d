import { rmSync } from 'node:fs'
import { mkdtemp, rename, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createLocalJWKSet, decodeJwt, type JWTVerifyOptions, jwtVerify } from 'jose'
import { afterAll, describe, expect, it } from 'vitest'
import { parseSigningKeys } from '../../src/login/signing-key-set.ts'
import { exchange, logIn } from '../harness/log-in.ts'
import {
  callsTo,
  codesOf,
  liff,
  linesOf,
  noSourceLimit,
  type Reply,
  START_MS,
  useSharedGateway,
  web,
} from '../harness/running-gateway.ts'
import { keySetText, privateJwk } from '../harness/signing-keys.ts'

const folder = await mkdtemp(join(tmpdir(), 'keys-'))
const file = join(folder, 'keys.json')
const day = 24 * 3_600
const [first, second] = [
  privateJwk('ES256', { kid: 'first', retired_at: START_MS / 1_000 + 30 * day }),
  privateJwk('ES256', { kid: 'second', signing_at: START_MS / 1_000 + 30 * day }),
]
await writeFile(file, keySetText(first, second), { mode: 0o600 })
afterAll(() => rmSync(folder, { recursive: true }))

const issuer = 'https://gateway.example'
const gateway = useSharedGateway({
  LINE_CHANNELS: JSON.stringify([web, liff]),
  PUBLIC_URL: issuer,
  SIGNING_KEYS_FILE: file,
  API_AUDIENCES: 'api,https://other.example',
  ...noSourceLimit,
})
const withoutKeys = useSharedGateway()
const inDevelopment = useSharedGateway({ NODE_ENV: 'development' })

const all = '{ viewer { apiToken { token tokenType audience expiresIn expiresAt } } }'
const brief = '{ viewer { apiToken { token } } }'
type Sent = { readonly token: string; readonly audience: string; readonly expiresIn: number }

function apiTokenIn({ data, text }: Reply): Sent {
  const { viewer } = data as { viewer?: { apiToken?: Sent } }
  if (viewer?.apiToken == null) throw new Error(text)
  return viewer.apiToken
}

/** As a service does that has fetched the public keys. */
function verified(token: string, options: JWTVerifyOptions = {}) {
  const keys = parseSigningKeys(keySetText(first, second)).map(({ publicJwk }) => publicJwk)
  const currentDate = new Date(gateway().lineTime())
  return jwtVerify(token, createLocalJWKSet({ keys }), { issuer, audience: 'api', currentDate, ...options })
}

describe('viewer { apiToken }', () => {
  it('of an access token: a JWT that a service verifies by itself', async () => {
    const { accessToken } = gateway().issue()
    const reply = await gateway().ask(all, { token: accessToken })
    const { token, ...rest } = apiTokenIn(reply)
    const { payload, protectedHeader } = await verified(token, { typ: 'at+jwt' })
    expect(rest).toEqual({
      tokenType: 'Bearer',
      audience: 'api',
      expiresIn: 300,
      expiresAt: new Date(gateway().lineTime() + 300_000).toISOString(),
    })
    expect(protectedHeader).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'first' })
    expect(payload).toMatchObject({
      sub: gateway().emulator.users[0]?.userId,
      client_id: web.id,
      scope: 'profile openid',
    })
    expect(Object.keys(payload).sort()).toEqual(['aud', 'client_id', 'exp', 'iat', 'iss', 'jti', 'scope', 'sub'])
  })

  it('of an ID token: the same, and LINE is asked for nothing but its keys', async () => {
    const { idToken } = gateway().issue({ channelId: liff.id })
    const { payload } = await verified(apiTokenIn(await gateway().ask(brief, { token: idToken })).token)
    expect(payload).toMatchObject({ client_id: liff.id, scope: 'openid profile' })
    expect(Object.keys(callsTo(gateway().emulator)).filter((name) => name !== 'certs')).toEqual([])
  })

  it('names the user with the calls that naming needs, and asks LINE no more when it is warm', async () => {
    const { accessToken } = gateway().issue()
    const once = apiTokenIn(await gateway().ask(brief, { token: accessToken }))
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, profile: 1 })
    const withName = await gateway().ask('{ viewer { id displayName apiToken { token } } }', { token: accessToken })
    expect(apiTokenIn(withName).token).toBe(once.token)
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, profile: 1 })
  })

  it('with the scope openid alone: by userinfo', async () => {
    const { accessToken } = gateway().issue({ scope: 'openid' })
    const { token } = apiTokenIn(await gateway().ask(brief, { token: accessToken }))
    expect(decodeJwt(token)).toMatchObject({ scope: 'openid', sub: gateway().emulator.users[0]?.userId })
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, userinfo: 1 })
  })

  it('of other viewers: of verifyAccessToken and of exchangeLogin', async () => {
    const { accessToken } = gateway().issue()
    const query = 'query ($t: String!) { verifyAccessToken(accessToken: $t) { viewer { apiToken { token } } } }'
    const { data } = await gateway().ask(query, { variables: { t: accessToken } })
    const checked = data as { verifyAccessToken: { viewer: { apiToken: Sent } } }
    await verified(checked.verifyAccessToken.viewer.apiToken.token)

    const { input } = await logIn(gateway(), { channelId: web.id })
    const mutation = `mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { viewer { apiToken(audience: "https://other.example") { token } } } }`
    const login = await exchange(gateway(), { ...input, channelId: web.id }, mutation)
    const { exchangeLogin } = login.data as { exchangeLogin: { viewer: { apiToken: Sent } } }
    await verified(exchangeLogin.viewer.apiToken.token, { audience: 'https://other.example' })
  })

  it('another audience: a token of its own; null and no audience are the first one', async () => {
    const { accessToken: token } = gateway().issue()
    const query = `{ viewer { a: apiToken { audience token } b: apiToken(audience: null) { token }
      c: apiToken(audience: "https://other.example") { audience token } } }`
    const { viewer } = (await gateway().ask(query, { token })).data as { viewer: Record<'a' | 'b' | 'c', Sent> }
    expect([viewer.a.audience, viewer.c.audience]).toEqual(['api', 'https://other.example'])
    expect(viewer.b.token).toBe(viewer.a.token)
    expect(viewer.c.token).not.toBe(viewer.a.token)
  })

  it.each(['canary', '', 'API', issuer])('the audience "%s" that is not listed: BAD_USER_INPUT', async (audience) => {
    const { accessToken: token } = gateway().issue()
    const query = 'query ($a: String) { viewer { displayName apiToken(audience: $a) { token } } }'
    const { data, errors, text } = await gateway().ask(query, { token, variables: { a: audience } })
    expect(data).toEqual({ viewer: { displayName: 'Sakura Tanaka', apiToken: null } })
    expect(errors[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'audience' })
    expect(text).not.toContain('canary')
  })

  it('without a scope that tells the user: FORBIDDEN, and the rest of viewer stays', async () => {
    const { accessToken } = gateway().issue({ scope: 'email' })
    const query = '{ viewer { accessToken { channelId } apiToken { token } } }'
    const { data, errors } = await gateway().ask(query, { token: accessToken })
    expect(data).toEqual({ viewer: { accessToken: { channelId: web.id }, apiToken: null } })
    expect(errors[0]?.extensions).toEqual({ code: 'FORBIDDEN', requiredScope: 'openid' })
  })

  it('while LINE cannot name the user: LINE_UNAVAILABLE, not a refusal', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('profile', { status: 500 })
    const { data, errors } = await gateway().ask(brief, { token: accessToken })
    expect(data).toEqual({ viewer: { apiToken: null } })
    expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) })
  })

  it('after a logout: refused; after a deauthorize and a new login: another token', async () => {
    const { accessToken } = gateway().issue()
    const { token } = apiTokenIn(await gateway().ask(brief, { token: accessToken }))
    await gateway().ask('mutation { logout { revoked } }', { token: accessToken })
    expect(codesOf(await gateway().ask(brief, { token: accessToken }))).toEqual(['UNAUTHENTICATED'])
    const again = gateway().issue()
    await gateway().ask('mutation { deauthorize { deauthorized } }', { token: again.accessToken })
    expect(codesOf(await gateway().ask(brief, { token: again.accessToken }))).toEqual(['UNAUTHENTICATED'])
    gateway().advance(10_000)
    const anew = apiTokenIn(await gateway().ask(brief, { token: gateway().issue().accessToken }))
    expect(anew.token).not.toBe(token)
  })

  it('our own JWT as Bearer: refused here, and LINE never gets it', async () => {
    const { token } = apiTokenIn(await gateway().ask(brief, { token: gateway().issue().accessToken }))
    gateway().emulator.calls.reset()
    const { errors } = await gateway().ask(brief, { token })
    expect(errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'MALFORMED' })
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('no log line holds a JWT or a private key', () => {
    expect(gateway().log()).toContain('"kind":"query"')
    for (const secret of ['eyJ', String(first.d), String(second.d)]) expect(gateway().log()).not.toContain(secret)
  })
})

describe('the keys', () => {
  it('in development: made at the start, and the issuer is what npm run dev prints', async () => {
    const { accessToken } = inDevelopment().issue()
    const { token } = apiTokenIn(await inDevelopment().ask(brief, { token: accessToken }))
    const origin = `http://localhost:${new URL(inDevelopment().url).port}`
    expect(decodeJwt(token)).toMatchObject({ iss: origin, aud: origin })
    expect(codesOf(await inDevelopment().ask(brief, { token }))).toEqual(['UNAUTHENTICATED'])
  })

  it('without keys: MISCONFIGURED on apiToken alone, and the log names the setting', async () => {
    const { accessToken: token } = withoutKeys().issue()
    const { data, errors } = await withoutKeys().ask('{ viewer { displayName apiToken { token } } }', { token })
    expect(data).toEqual({ viewer: { displayName: 'Sakura Tanaka', apiToken: null } })
    expect(errors[0]?.extensions).toEqual({ code: 'MISCONFIGURED' })
    expect(linesOf(withoutKeys(), 'error')).toMatchObject([
      { setting: 'SIGNING_KEYS_FILE', msg: expect.stringMatching(/^SIGNING_KEYS_FILE: is not set/) },
    ])
  })

  it('the next one signs at its time; after the end of both, MISCONFIGURED and a line with the setting', async () => {
    gateway().advance(30 * day * 1_000)
    const { token } = apiTokenIn(await gateway().ask(brief, { token: gateway().issue().accessToken }))
    expect((await verified(token)).protectedHeader.kid).toBe('second')
    await writeFile(`${file}.new`, keySetText({ ...second, retired_at: gateway().lineTime() / 1_000 + 60 }))
    await rename(`${file}.new`, file)
    const taken = () => linesOf(gateway(), 'info').filter(({ setting }) => setting === 'SIGNING_KEYS_FILE')
    await expect.poll(taken, { timeout: 30_000 }).toHaveLength(1)
    gateway().advance(60_000)
    const late = await gateway().ask(brief, { token: gateway().issue().accessToken })
    expect(codesOf(late)).toEqual(['MISCONFIGURED'])
    expect(linesOf(gateway(), 'error')).toMatchObject([
      { msg: expect.stringMatching(/^SIGNING_KEYS_FILE: no key signs/) },
    ])
  })
})
