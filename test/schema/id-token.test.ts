import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { begin, exchange, logIn } from '../harness/log-in.ts'
import {
  callsTo,
  codesOf,
  foreign,
  liff,
  native,
  noSourceLimit,
  type RunningGateway,
  START_MS,
  useRunningGateway,
  web,
} from '../harness/running-gateway.ts'

/**
 * ID tokens through the API. Lower tests have all forms of a bad token (test/line/id-token.test.ts), LINE's keys
 * (test/line/key-set.test.ts), and the choice of the channel and the nonce (test/login/id-tokens.test.ts).
 */

const query = `query ($input: VerifyIdTokenInput!) {
  verifyIdToken(input: $input) { iss sub aud exp iat authTime nonce amr name picture email }
}`

/** Seconds since the epoch. */
const iat = START_MS / 1_000
type Claims = Readonly<Record<string, unknown>>
const claimsFor = (aud: unknown, more: Claims = {}): Claims => ({
  iss: 'https://access.line.me',
  sub: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f',
  aud,
  exp: iat + 3_600,
  iat,
  ...more,
})

describe('an ID token, with one channel configured', () => {
  const gateway = useRunningGateway(noSourceLimit)
  const signed = (more: Claims = {}) => gateway().emulator.signIdToken(claimsFor(web.id, more), 'HS256')
  const verify = (idToken: string | undefined, more: object = {}) => verifyAt(gateway(), idToken, more)
  const refusalOf = (idToken: string | undefined, more: object = {}) => refusalAt(gateway(), idToken, more)

  it('with all claims: all are returned, without a call to LINE', async () => {
    const [user] = gateway().emulator.users
    const { idToken } = gateway().issue({
      scope: 'openid profile email',
      nonce: 'n',
      authTime: iat - 60,
      amr: ['pwd', 'mfa'],
    })
    const { data, errors } = await verify(idToken, { nonce: 'n' })
    expect(errors).toEqual([])
    expect(data?.verifyIdToken).toEqual({
      iss: 'https://access.line.me',
      sub: user?.userId,
      aud: web.id,
      exp: '2026-01-01T01:00:00.000Z',
      iat: '2026-01-01T00:00:00.000Z',
      authTime: '2025-12-31T23:59:00.000Z',
      nonce: 'n',
      amr: ['pwd', 'mfa'],
      name: user?.displayName,
      picture: user?.pictureUrl,
      email: user?.email,
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('with the required claims only: the others are null', async () => {
    const { data, errors } = await verify(signed())
    expect(errors).toEqual([])
    expect(data?.verifyIdToken).toMatchObject({
      aud: web.id,
      authTime: null,
      nonce: null,
      amr: null,
      name: null,
      picture: null,
      email: null,
    })
  })

  it.each<[string, string, () => string]>([
    ['empty', 'MALFORMED', () => ''],
    ['one part', 'MALFORMED', () => 'x'],
    ['three parts that are not JSON', 'MALFORMED', () => 'a.b.c'],
    ['empty sub', 'MALFORMED', () => signed({ sub: '' })],
    ['no exp', 'MALFORMED', () => signed({ exp: undefined })],
    ['iat that is not a number', 'MALFORMED', () => signed({ iat: 'now' })],
    ['alg none', 'ALGORITHM', () => jwt({ alg: 'none' }, claimsFor(web.id), '')],
    ['alg RS256', 'ALGORITHM', () => jwt({ alg: 'RS256' }, claimsFor(web.id), 'AAAA')],
    ['no valid signature', 'SIGNATURE', () => jwt({ alg: 'HS256' }, claimsFor(web.id), 'AAAA')],
    ['claims changed after signing', 'SIGNATURE', () => withClaims(signed(), claimsFor(web.id, { sub: 'Ux' }))],
    ['secret of another channel', 'SIGNATURE', () => hs256(claimsFor(web.id), foreign.secret)],
    ['issuer with a slash', 'ISSUER', () => signed({ iss: 'https://access.line.me/' })],
    ['issuer is LINE_ACCESS_URL', 'ISSUER', () => signed({ iss: gateway().emulator.url })],
    ['audience is another channel', 'AUDIENCE', () => signed({ aud: foreign.id })],
    ['audience is a list', 'AUDIENCE', () => signed({ aud: [web.id] })],
    ['expired', 'EXPIRED', () => signed({ exp: iat - 60 })],
    ['iat five hours ahead', 'ISSUED_AT', () => signed({ iat: iat + 18_000 })],
    ['longer than 8,192 characters', 'MALFORMED', () => signed({ pad: 'x'.repeat(7_000) })],
  ])('%s: %s, without a call to LINE (D14, D20)', async (_, reason, make) => {
    expect(await refusalOf(make())).toBe(reason)
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('longer than 8,192 characters, from LINE in a login: MALFORMED, and the tokens are returned (D14)', async () => {
    const tokens = { access_token: 'a.b.c', expires_in: 100, scope: 'openid', token_type: 'Bearer' }
    const body = { ...tokens, id_token: signed({ pad: 'x'.repeat(7_000) }) }
    gateway().emulator.faults.set('token', { body })
    const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri: 'https://app.example/callback' })
    expect(data?.exchangeLogin).toMatchObject({ tokens: { accessToken: 'a.b.c' }, idTokenClaims: null })
    expect(errors.map(({ extensions }) => extensions.reason)).toContain('MALFORMED')
  })

  it('is accepted until one minute after its expiry', async () => {
    const idToken = signed()
    gateway().advance(3_600_000 + 59_000)
    expect(await refusalOf(idToken)).toBeUndefined()
    gateway().advance(1_000)
    expect(await refusalOf(idToken)).toBe('EXPIRED')
  })

  it('refused: neither the answer nor the log quotes it', async () => {
    const idToken = withClaims(signed(), claimsFor(web.id, { name: 'CANARY' }))
    for (const bad of [idToken, 'not-an-id-token-but-secret']) {
      const { text, errors } = await verify(bad)
      expect(codesOf({ errors })).toEqual(['INVALID_ID_TOKEN'])
      for (const part of [...bad.split('.'), 'CANARY']) {
        expect(text).not.toContain(part)
        expect(gateway().log()).not.toContain(part)
      }
    }
  })

  it('channelId of a channel that is not configured: BAD_USER_INPUT', async () => {
    const { errors } = await verify(signed(), { channelId: foreign.id })
    expect(errors[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'channelId' })
  })

  describe('nonce', () => {
    it('sent: must equal the nonce of the token', async () => {
      expect(await refusalOf(signed({ nonce: 'n' }), { nonce: 'n' })).toBeUndefined()
      expect(await refusalOf(signed({ nonce: 'n' }), { nonce: 'N' })).toBe('NONCE')
      expect(await refusalOf(signed({ nonce: ['n'] }), { nonce: 'n' })).toBe('NONCE')
      expect(await refusalOf(signed(), { nonce: 'n' })).toBe('NONCE')
    })

    it('made by the client: not required, and accepted again', async () => {
      const idToken = signed({ nonce: 'made-by-the-client' })
      for (const more of [{}, {}, { nonce: 'made-by-the-client' }, { nonce: 'made-by-the-client' }]) {
        expect(await refusalOf(idToken, more)).toBeUndefined()
      }
    })

    it('made by startLogin: required and compared, in 15 aliases and again an hour later (D1)', async () => {
      const { nonce } = await begin(gateway())
      const idToken = signed({ nonce, exp: iat + 90_000 })
      expect(await refusalOf(idToken)).toBe('NONCE')
      const aliases = Array.from({ length: 15 }, (_, nth) => `a${nth}: verifyIdToken(input: $input) { nonce }`)
      const all = `query ($input: VerifyIdTokenInput!) { ${aliases.join(' ')} }`
      const { data, errors } = await gateway().ask(all, { variables: { input: { idToken, nonce } } })
      expect(errors).toEqual([])
      expect(Object.values(data ?? {})).toEqual(aliases.map(() => ({ nonce })))
      gateway().advance(3_600_000)
      expect(await refusalOf(idToken, { nonce })).toBeUndefined()
      expect(await refusalOf(idToken)).toBe('NONCE')
    })

    it('made by startLogin: accepted by exchangeLogin, then by verifyIdToken of a back end (D1)', async () => {
      const { input, nonce } = await logIn(gateway())
      const { idToken } = Object((await exchange(gateway(), input)).data?.exchangeLogin)
      expect(await refusalOf(idToken, { nonce })).toBeUndefined()
      expect(await refusalOf(idToken, { nonce })).toBeUndefined()
    })

    it('sent for an ID token without one: NONCE (D12)', async () => {
      const { nonce } = await begin(gateway())
      expect(await refusalOf(signed(), { nonce })).toBe('NONCE')
      expect(await refusalOf(signed({ nonce: '' }), { nonce })).toBe('NONCE')
    })

    it.each([
      ['empty', ''],
      ['too long', 'x'.repeat(1_001)],
    ])('%s: BAD_USER_INPUT', async (_, nonce) => {
      const { errors } = await verify(signed(), { nonce })
      expect(errors[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'nonce' })
    })
  })
})

describe('ID tokens from one client address', () => {
  const gateway = useRunningGateway()
  const aliases = Array.from({ length: 15 }, (_, nth) => `a${nth}: verifyIdToken(input: $input) { sub }`)
  const all = `query ($input: VerifyIdTokenInput!) { ${aliases.join(' ')} }`
  const ask15 = (idToken: string | undefined) => gateway().ask(all, { variables: { input: { idToken } } })

  it('30 bad ones in two operations: 20 are checked, 10 are RATE_LIMITED with Retry-After (D14)', async () => {
    const bad = withClaims(gateway().emulator.signIdToken(claimsFor(web.id), 'HS256'), claimsFor(web.id, { sub: 'Ux' }))
    const replies = [await ask15(bad), await ask15(bad)]
    const codes = replies.map((reply) => codesOf(reply).sort())
    expect(codes[0]).toEqual(aliases.map(() => 'INVALID_ID_TOKEN'))
    expect(codes[1]).toEqual(aliases.map((_, nth) => (nth < 5 ? 'INVALID_ID_TOKEN' : 'RATE_LIMITED')))
    expect(replies[1]?.headers['retry-after']).toBe('1')
    gateway().advance(1_000)
    expect(await refusalAt(gateway(), gateway().issue().idToken, {})).toBeUndefined()
  })

  it('good ones, 15 in each of 4 operations: none is limited', async () => {
    for (let nth = 0; nth < 4; nth += 1) {
      expect(codesOf(await ask15(gateway().issue({ nonce: `n${nth}` }).idToken))).toEqual([])
    }
  })
})

describe('an ID token, with a channel without a secret', () => {
  const gateway = useRunningGateway({
    LINE_CHANNELS: JSON.stringify([{ id: liff.id, type: 'liff' }, web]),
    ...noSourceLimit,
  })

  it("ES256 is accepted; HS256 is ALGORITHM, also with LINE's public key or a guess as the key (D2)", async () => {
    const [key] = await publishedKeys(gateway())
    const { idToken } = gateway().issue({ channelId: liff.id })
    expect(await refusalAt(gateway(), idToken, {})).toBeUndefined()
    for (const secret of [liff.secret, web.secret, JSON.stringify(key), String(key?.x), '', 'undefined']) {
      expect(await refusalAt(gateway(), hs256(claimsFor(liff.id), secret, key?.kid), {})).toBe('ALGORITHM')
    }
  })
})

describe('an ID token, with several channels configured', () => {
  const gateway = useRunningGateway({ LINE_CHANNELS: JSON.stringify([web, native, liff]), ...noSourceLimit })
  const es256 = (more: Claims = {}) => gateway().emulator.signIdToken(claimsFor(native.id, more), 'ES256')
  const refusalOf = (idToken: string | undefined, more: object = {}) => refusalAt(gateway(), idToken, more)

  it("of each channel type: accepted with or without channelId, with one call for LINE's keys", async () => {
    for (const { id } of [web, native, liff]) {
      for (const more of [{}, { channelId: id }]) {
        const { data, errors } = await verifyAt(gateway(), gateway().issue({ channelId: id }).idToken, more)
        expect(errors).toEqual([])
        expect(data?.verifyIdToken).toMatchObject({ aud: id })
      }
    }
    expect(callsTo(gateway().emulator)).toEqual({ certs: 1 })
  })

  it('for another channel than channelId: AUDIENCE', async () => {
    expect(await refusalOf(es256({ aud: liff.id }), { channelId: native.id })).toBe('AUDIENCE')
    expect(await refusalOf(hs256(claimsFor(foreign.id), web.secret), { channelId: web.id })).toBe('AUDIENCE')
  })

  it('for a channel that is not configured, for none or for a list: AUDIENCE', async () => {
    expect(await refusalOf(gateway().issue({ channelId: foreign.id }).idToken)).toBe('AUDIENCE')
    expect(await refusalOf(es256({ aud: undefined }))).toBe('AUDIENCE')
    expect(await refusalOf(es256({ aud: [native.id] }))).toBe('AUDIENCE')
  })

  it('both kinds for each channel, as LINE issues them: accepted, with one call for the keys (D2)', async () => {
    for (const { id } of [web, native, liff]) {
      for (const es256 of [false, true]) {
        const { idToken } = gateway().issue({ channelId: id, es256 })
        expect(await refusalOf(idToken)).toBeUndefined()
        expect(await refusalOf(idToken, { channelId: id })).toBeUndefined()
      }
    }
    expect(callsTo(gateway().emulator)).toEqual({ certs: 1 })
  })

  it("HS256 with LINE's public key, another channel's secret or nothing as the key: SIGNATURE", async () => {
    const [key] = await publishedKeys(gateway())
    for (const secret of [liff.secret, web.secret, JSON.stringify(key), String(key?.x), '']) {
      expect(await refusalOf(hs256(claimsFor(native.id), secret, key?.kid))).toBe('SIGNATURE')
    }
  })

  it('of another channel, in both kinds: AUDIENCE, and no key is tried (D2)', async () => {
    const ofNative = claimsFor(native.id)
    expect(await refusalOf(hs256(ofNative, native.secret), { channelId: web.id })).toBe('AUDIENCE')
    expect(await refusalOf(hs256(ofNative, web.secret), { channelId: web.id })).toBe('AUDIENCE')
    expect(await refusalOf(es256(), { channelId: web.id })).toBe('AUDIENCE')
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('alg none for an app: ALGORITHM', async () => {
    expect(await refusalOf(jwt({ alg: 'none' }, claimsFor(native.id), ''))).toBe('ALGORITHM')
  })

  it('ES256, claims changed after signing: SIGNATURE', async () => {
    expect(await refusalOf(withClaims(es256(), claimsFor(native.id, { sub: 'Ux' })))).toBe('SIGNATURE')
  })

  it('after a key rotation at LINE: tokens with the old and the new key are accepted', async () => {
    const old = es256()
    expect(await refusalOf(old)).toBeUndefined()
    gateway().emulator.rotateSigningKey()
    expect(await refusalOf(es256())).toBeUndefined()
    expect(await refusalOf(old)).toBeUndefined()
    expect(callsTo(gateway().emulator)).toEqual({ certs: 2 })
  })

  it('with the new key right after junk with an invented kid: LINE_UNAVAILABLE, then accepted (D13)', async () => {
    expect(await refusalOf(es256())).toBeUndefined()
    const junk = jwt({ alg: 'ES256', kid: 'invented' }, claimsFor(native.id), 'A'.repeat(86))
    expect(await refusalOf(junk)).toBe('SIGNATURE')
    gateway().emulator.rotateSigningKey()
    const { errors } = await verifyAt(gateway(), es256())
    expect(errors[0]?.extensions).toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 10 })
    expect(await refusalOf(junk)).toBe('SIGNATURE')
    gateway().advance(10_000)
    expect(await refusalOf(es256())).toBeUndefined()
    expect(callsTo(gateway().emulator)).toEqual({ certs: 3 })
  })

  describe('while LINE is down', () => {
    it('200 invented kids: one fetch of the keys, and each is LINE_UNAVAILABLE (D13)', async () => {
      gateway().emulator.faults.set('certs', { status: 500 })
      for (let nth = 0; nth < 200; nth += 1) {
        const junk = jwt({ alg: 'ES256', kid: `k${nth}` }, claimsFor(native.id), 'A'.repeat(86))
        expect(codesOf(await verifyAt(gateway(), junk))).toEqual(['LINE_UNAVAILABLE'])
      }
      expect(callsTo(gateway().emulator)).toEqual({ certs: 1 })
    })

    it('the keys endpoint hangs, and a key is at hand: accepted without a wait (D13)', async () => {
      expect(await refusalOf(es256())).toBeUndefined()
      gateway().emulator.faults.set('certs', { hang: true })
      gateway().advance(3_600_000)
      const later = { iat: iat + 3_600, exp: iat + 7_200 }
      for (let nth = 0; nth < 3; nth += 1) expect(await refusalOf(es256(later))).toBeUndefined()
    })

    it.each([
      ['resets the connection', { reset: true }],
      ['answers 503', { status: 503 }],
      ['answers something that is not JSON', { garbage: true }],
      ['answers without keys', { status: 200, body: { keys: 'none' } }],
    ] as const)('LINE %s: LINE_UNAVAILABLE, and accepted later', async (_, fault) => {
      gateway().emulator.faults.set('certs', fault)
      const reply = await verifyAt(gateway(), es256())
      expect(codesOf(reply)).toEqual(['LINE_UNAVAILABLE'])
      expect(reply).toMatchObject({ status: 200, data: { verifyIdToken: null } })
      gateway().emulator.faults.clear()
      gateway().advance(5_000)
      expect(await refusalOf(es256())).toBeUndefined()
    })

    it('HS256, and ES256 with a known key: accepted', async () => {
      expect(await refusalOf(es256())).toBeUndefined()
      gateway().emulator.faults.set('*', { reset: true })
      expect(await refusalOf(gateway().issue().idToken)).toBeUndefined()
      expect(await refusalOf(es256())).toBeUndefined()
    })

    it('ES256 with an unknown key, which may be a new one: LINE_UNAVAILABLE', async () => {
      expect(await refusalOf(es256())).toBeUndefined()
      gateway().emulator.rotateSigningKey()
      gateway().emulator.faults.set('certs', { status: 500 })
      expect(codesOf(await verifyAt(gateway(), es256()))).toEqual(['LINE_UNAVAILABLE'])
    })
  })
})

function verifyAt(gateway: RunningGateway, idToken: string | undefined, more: object = {}) {
  return gateway.ask(query, { variables: { input: { idToken, ...more } } })
}

/** The `reason` of a refused ID token, `undefined` for an accepted one. Fails the test for any other answer. */
async function refusalAt(gateway: RunningGateway, idToken: string | undefined, more: object): Promise<unknown> {
  const { status, data, errors } = await verifyAt(gateway, idToken, more)
  expect(status).toBe(200)
  if (errors.length === 0) {
    expect(data?.verifyIdToken).not.toBeNull()
    return undefined
  }
  expect(codesOf({ errors })).toEqual(['INVALID_ID_TOKEN'])
  expect(data).toEqual({ verifyIdToken: null })
  return errors[0]?.extensions.reason
}

/** An ID token that anyone with this secret can sign. */
function hs256(claims: Claims, secret: string, kid?: unknown): string {
  const content = `${encode({ alg: 'HS256', kid })}.${encode(claims)}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}

function jwt(header: Claims, claims: Claims, signature: string): string {
  return `${encode(header)}.${encode(claims)}.${signature}`
}

/** The same header and signature with other claims. */
function withClaims(idToken: string, claims: Claims): string {
  const [header, , signature] = idToken.split('.')
  return `${header}.${encode(claims)}.${signature}`
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

async function publishedKeys({ emulator }: RunningGateway): Promise<readonly Claims[]> {
  const answer = await fetch(`${emulator.url}/oauth2/v2.1/certs`)
  const { keys } = (await answer.json()) as { readonly keys: readonly Claims[] }
  emulator.calls.reset()
  return keys
}
