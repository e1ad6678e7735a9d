import { createHmac, generateKeyPairSync, sign } from 'node:crypto'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import {
  codesOf,
  foreign,
  liff,
  native,
  type Reply,
  type RunningGateway,
  START_MS,
  startRunningGateway,
  web,
} from './harness/running-gateway.ts'

/** ID tokens as callers of the API see them checked. */

const channels = [web, native, liff].map(({ id, secret, type }) => ({ id, secret, type }))

let started: RunningGateway | undefined

/** For tests that count LINE's calls, move the clock or let LINE fail. */
function withOneEach(): void {
  beforeEach(start)
  afterEach(() => started?.close())
}

function withOneForAll(): void {
  beforeAll(start)
  afterAll(() => started?.close())
}

async function start(): Promise<void> {
  started = await startRunningGateway({ LINE_CHANNELS: JSON.stringify(channels) })
}

function gateway(): RunningGateway {
  if (started === undefined) throw new Error('Only while a test runs')
  return started
}

const now = START_MS / 1_000
const issuer = 'https://access.line.me'

type Claims = Readonly<Record<string, unknown>>
type Input = { readonly idToken: string | undefined; readonly nonce?: string; readonly channelId?: string }

describe('a good ID token', () => {
  withOneEach()

  it('of a web channel tells all its claims', async () => {
    const [user] = gateway().emulator.users
    const { idToken } = gateway().issue({
      scope: 'profile openid email',
      authTime: now - 5,
      amr: ['pwd', 'mfa'],
      nonce: 'n',
    })
    const claims = '{ iss sub aud exp iat authTime nonce amr name picture email }'
    const { data, errors } = await verify({ idToken, nonce: 'n' }, claims)
    expect(errors).toEqual([])
    expect(data?.verifyIdToken).toEqual({
      iss: issuer,
      sub: user?.userId,
      aud: web.id,
      exp: '2026-01-01T01:00:00.000Z',
      iat: '2026-01-01T00:00:00.000Z',
      authTime: '2025-12-31T23:59:55.000Z',
      nonce: 'n',
      amr: ['pwd', 'mfa'],
      name: user?.displayName,
      picture: user?.pictureUrl,
      email: user?.email,
    })
  })

  it('has null for the claims it lacks, or has empty or of another type', async () => {
    const odd = { auth_time: 'soon', nonce: '', amr: 'pwd', name: null, picture: 7, email: '' }
    for (const more of [{}, odd]) {
      const { data, errors } = await verify({ idToken: hs256(more) }, '{ authTime nonce amr name picture email }')
      expect(errors).toEqual([])
      const nothing = { authTime: null, nonce: null, amr: null, name: null, picture: null, email: null }
      expect(data?.verifyIdToken).toEqual(nothing)
    }
  })

  it('keeps every character of a name', async () => {
    const { idToken } = gateway().issue({ userId: gateway().emulator.users[2]?.userId ?? '' })
    const { data } = await verify({ idToken }, '{ name }')
    expect(data?.verifyIdToken).toEqual({ name: gateway().emulator.users[2]?.displayName })
  })

  it.each([web, native, liff])(
    'of a $type channel is found by its own audience, or by the channel named',
    async ({ id }) => {
      for (const channelId of [undefined, id]) {
        const { idToken } = gateway().issue({ channelId: id })
        const { data, errors } = await verify({ idToken, ...(channelId !== undefined && { channelId }) })
        expect({ data, errors }).toEqual({ data: { verifyIdToken: { aud: id } }, errors: [] })
      }
    },
  )

  it('costs LINE nothing on a web channel, and one look at its keys on the others', async () => {
    for (const { id } of [web, web, native, native, liff]) {
      expect(codesOf(await verify({ idToken: gateway().issue({ channelId: id }).idToken }))).toEqual([])
    }
    expect(gateway().emulator.calls.byEndpoint()).toMatchObject({ certs: 1, verifyIdToken: 0 })
    expect(gateway().emulator.calls.total()).toBe(1)
  })
})

describe('the algorithm is that of the channel, never that of the token:', () => {
  withOneForAll()

  it('none is no algorithm', async () => {
    for (const alg of ['none', 'None', 'NONE', '']) {
      expect(await reasonFor({ idToken: jwt({ alg, typ: 'JWT' }, good(web.id), '') })).toBe('ALGORITHM')
      expect(await reasonFor({ idToken: jwt({ alg, typ: 'JWT' }, good(native.id), '') })).toBe('ALGORITHM')
    }
  })

  it('RS256 is refused, though it is signed well', async () => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const unsigned = jwt({ alg: 'RS256', kid: 'k' }, good(native.id), '')
    const signature = sign('sha256', Buffer.from(unsigned.slice(0, -1)), privateKey).toString('base64url')
    expect(await reasonFor({ idToken: unsigned + signature })).toBe('ALGORITHM')
  })

  it('HS256 is refused where ES256 is right, whatever it is signed with: LINE’s public key above all', async () => {
    const [key] = await publishedKeys(gateway())
    const secrets = [native.secret, JSON.stringify(key), String(key?.x), String(key?.kid), '']
    for (const secret of secrets) {
      const idToken = hmac({ alg: 'HS256', kid: key?.kid }, good(native.id), secret)
      expect(await reasonFor({ idToken })).toBe('ALGORITHM')
    }
  })

  it('ES256 is refused where HS256 is right, though LINE itself has signed it', async () => {
    const { idToken } = gateway().issue({ es256: true })
    expect(await reasonFor({ idToken })).toBe('ALGORITHM')
  })

  it('the names of algorithms are compared exactly', async () => {
    for (const alg of ['hs256', 'HS384', 'HS512', ' HS256', ['HS256'], null, 256]) {
      expect(await reasonFor({ idToken: hmac({ alg }, good(web.id), web.secret) })).toMatch(/ALGORITHM|MALFORMED/)
    }
  })
})

describe('the signature', () => {
  withOneEach()

  it('has to be made with this channel’s secret', async () => {
    for (const secret of [native.secret, foreign.secret, 'x', web.secret.toUpperCase()]) {
      expect(await reasonFor({ idToken: hmac({ alg: 'HS256' }, good(web.id), secret) })).toBe('SIGNATURE')
    }
  })

  it('has to fit what it signs', async () => {
    for (const { id } of [web, native]) {
      const [header, , signature] = String(gateway().issue({ channelId: id }).idToken).split('.')
      const claims = encode({ ...good(id), sub: 'U0000aaaa1111bbbb2222cccc3333dddd' })
      expect(await reasonFor({ idToken: `${header}.${claims}.${signature}` })).toBe('SIGNATURE')
      expect(await reasonFor({ idToken: `${header}.${claims}.` })).toBe('SIGNATURE')
    }
  })

  it('counts by LINE’s keys alone, not by one the token brings along', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const [known] = await publishedKeys(gateway())
    for (const kid of [known?.kid, 'mine', undefined, 7]) {
      const header = { alg: 'ES256', kid, jwk: publicKey.export({ format: 'jwk' }), jku: 'https://evil.example/certs' }
      const unsigned = jwt(header, good(native.id), '')
      const key = { key: privateKey, dsaEncoding: 'ieee-p1363' } as const
      const signature = sign('sha256', Buffer.from(unsigned.slice(0, -1)), key).toString('base64url')
      expect(await reasonFor({ idToken: unsigned + signature })).toBe('SIGNATURE')
    }
  })

  it('is found good with coordinates one byte too wide, as LINE has published them', async () => {
    gateway().emulator.switches.wideCoordinates = true
    expect(await reasonFor({ idToken: gateway().issue({ channelId: native.id }).idToken })).toBeUndefined()
  })

  it('is found good beside keys nobody can use', async () => {
    const keys = await publishedKeys(gateway())
    const odd = [null, 7, {}, { kty: 'RSA', n: 'x', e: 'AQAB', kid: 'r' }, { kty: 'EC', crv: 'P-521', kid: 'c' }]
    gateway().emulator.faults.set('certs', { status: 200, body: { keys: [...odd, ...keys] } })
    expect(await reasonFor({ idToken: gateway().issue({ channelId: native.id }).idToken })).toBeUndefined()
  })
})

describe('the issuer is LINE’s constant', () => {
  withOneForAll()

  it('whatever it resembles, and whatever LINE_ACCESS_URL says', async () => {
    const others = [`${issuer}/`, 'http://access.line.me', 'https://ACCESS.line.me', 'https://api.line.me']
    for (const iss of [...others, gateway().emulator.url]) {
      expect(await reasonFor({ idToken: hs256({ iss }) })).toBe('ISSUER')
      expect(await reasonFor({ idToken: es256({ iss }) })).toBe('ISSUER')
    }
    for (const iss of [undefined, [issuer], null]) {
      expect(await reasonFor({ idToken: hs256({ iss }) })).toMatch(/ISSUER|MALFORMED/)
    }
  })
})

describe('the audience', () => {
  withOneForAll()

  it('has to be the channel named', async () => {
    expect(await reasonFor({ idToken: hs256({ aud: foreign.id }), channelId: web.id })).toBe('AUDIENCE')
    expect(await reasonFor({ idToken: hs256({ aud: `${web.id} ` }), channelId: web.id })).toBe('AUDIENCE')
    expect(await reasonFor({ idToken: hs256({ aud: Number(web.id) }), channelId: web.id })).toBe('AUDIENCE')
    expect(await reasonFor({ idToken: es256({ aud: liff.id }), channelId: native.id })).toBe('AUDIENCE')
  })

  it('has to be one of ours where none is named', async () => {
    const { idToken } = gateway().issue({ channelId: foreign.id })
    expect(await reasonFor({ idToken })).toBe('AUDIENCE')
    expect(await reasonFor({ idToken: hs256({ aud: undefined }) })).toBe('AUDIENCE')
  })

  it('is one, not a list with ours in it', async () => {
    expect(await reasonFor({ idToken: hs256({ aud: [web.id] }), channelId: web.id })).toBe('AUDIENCE')
    expect(await reasonFor({ idToken: hs256({ aud: [web.id] }) })).toBe('AUDIENCE')
  })

  it('does not let one channel’s secret vouch for another', async () => {
    const idToken = hmac({ alg: 'HS256' }, good(liff.id), web.secret)
    expect(await reasonFor({ idToken })).toBe('ALGORITHM')
    expect(await reasonFor({ idToken, channelId: web.id })).toBe('AUDIENCE')
  })

  it('cannot be looked for in a channel that is none of ours', async () => {
    const { errors } = await verify({ idToken: hs256({}), channelId: foreign.id })
    expect(errors[0]?.extensions).toEqual({ code: 'BAD_USER_INPUT', argument: 'channelId' })
  })
})

describe('the expiry', () => {
  withOneEach()

  it('has a leeway of a minute and not a second more', async () => {
    for (const make of [hs256, es256]) {
      expect(await reasonFor({ idToken: make({ exp: now - 59 }) })).toBeUndefined()
      expect(await reasonFor({ idToken: make({ exp: now - 61 }) })).toBe('EXPIRED')
    }
  })

  it('comes an hour and a minute after the login', async () => {
    const { idToken } = gateway().issue()
    gateway().advance(3_659_000)
    expect(await reasonFor({ idToken })).toBeUndefined()
    gateway().advance(2_000)
    expect(await reasonFor({ idToken })).toBe('EXPIRED')
  })

  it('is a date, or the token is malformed', async () => {
    for (const exp of [undefined, null, '2000000000', 1e300, [now + 60]]) {
      expect(await reasonFor({ idToken: hs256({ exp }) })).toBe('MALFORMED')
    }
  })
})

describe('the nonce', () => {
  withOneForAll()

  it('is compared where the client has kept one', async () => {
    expect(await reasonFor({ idToken: hs256({ nonce: 'a' }), nonce: 'a' })).toBeUndefined()
    expect(await reasonFor({ idToken: hs256({ nonce: 'a' }), nonce: 'A' })).toBe('NONCE')
    expect(await reasonFor({ idToken: hs256({ nonce: 'a' }), nonce: 'a ' })).toBe('NONCE')
    expect(await reasonFor({ idToken: hs256({}), nonce: 'a' })).toBe('NONCE')
    expect(await reasonFor({ idToken: hs256({ nonce: ['a'] }), nonce: 'a' })).toBe('NONCE')
  })

  it('may be one of the client’s own making where none is given, and come again', async () => {
    const idToken = hs256({ nonce: 'made-by-the-app' })
    expect(await reasonFor({ idToken })).toBeUndefined()
    expect(await reasonFor({ idToken })).toBeUndefined()
  })

  it('of ours is not passed over: whoever began the login here has to say so', async () => {
    const nonce = await issuedNonce()
    const idToken = hs256({ nonce })
    expect(await reasonFor({ idToken })).toBe('NONCE')
    expect(await reasonFor({ idToken, nonce })).toBeUndefined()
  })

  it('of ours is good once, whatever token it comes in', async () => {
    const nonce = await issuedNonce()
    expect(await reasonFor({ idToken: hs256({ nonce }), nonce })).toBeUndefined()
    expect(await reasonFor({ idToken: hs256({ nonce }), nonce })).toBe('NONCE')
    expect(await reasonFor({ idToken: hs256({ nonce, iat: now - 1 }), nonce })).toBe('NONCE')
    expect(await reasonFor({ idToken: es256({ nonce }), nonce })).toBe('NONCE')
  })

  it('of ours is good once, however many come at once', async () => {
    const nonce = await issuedNonce()
    const idToken = es256({ nonce })
    const reasons = await Promise.all(Array.from({ length: 20 }, () => reasonFor({ idToken, nonce })))
    expect(reasons.filter((reason) => reason === undefined)).toHaveLength(1)
    expect(reasons.filter((reason) => reason === 'NONCE')).toHaveLength(19)
  })

  it('of ours is used up by a login as well', async () => {
    const nonce = await issuedNonce()
    const redirectUri = 'https://app.example/callback'
    const code = gateway().emulator.issueCode({ channelId: web.id, redirectUri, nonce })
    const { data } = await gateway().ask(
      `mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { idToken idTokenClaims { nonce } } }`,
      { variables: { input: { code, redirectUri, nonce, channelId: web.id } } },
    )
    const login = data?.exchangeLogin as { readonly idToken: string } | undefined
    expect(login).toMatchObject({ idTokenClaims: { nonce } })
    expect(await reasonFor({ idToken: login?.idToken, nonce })).toBe('NONCE')
  })

  it('of ours is not used up by tokens that cannot be believed', async () => {
    const nonce = await issuedNonce()
    expect(await reasonFor({ idToken: hmac({ alg: 'HS256' }, good(web.id, { nonce }), 'x'), nonce })).toBe('SIGNATURE')
    expect(await reasonFor({ idToken: hs256({ nonce, exp: now - 61 }), nonce })).toBe('EXPIRED')
    expect(await reasonFor({ idToken: hs256({ nonce }), nonce: 'another' })).toBe('NONCE')
    expect(await reasonFor({ idToken: hs256({ nonce }), nonce })).toBeUndefined()
  })

  it('is ours only with our proof: one of the same look is the client’s own', async () => {
    const ours = await issuedNonce()
    const alike = Buffer.from(ours, 'base64url').map((byte, index) => (index === 0 ? byte ^ 1 : byte))
    expect(await reasonFor({ idToken: hs256({ nonce: Buffer.from(alike).toString('base64url') }) })).toBeUndefined()
  })
})

describe('keys LINE does not know', () => {
  withOneEach()

  it('make us look once, however many come', async () => {
    await verify({ idToken: gateway().issue({ channelId: native.id }).idToken })
    expect(gateway().emulator.calls.of('certs')).toBe(1)
    expect(await storm()).toEqual(new Set(['SIGNATURE']))
    expect(gateway().emulator.calls.of('certs')).toBe(2)
    gateway().advance(29_000)
    expect(await storm()).toEqual(new Set(['SIGNATURE']))
    expect(gateway().emulator.calls.of('certs')).toBe(2)
    gateway().advance(2_000)
    expect(await storm()).toEqual(new Set(['SIGNATURE']))
    expect(gateway().emulator.calls.of('certs')).toBe(3)
  })

  it('cost at most one look more where no key is known yet', async () => {
    expect(await storm()).toEqual(new Set(['SIGNATURE']))
    expect(gateway().emulator.calls.of('certs')).toBeLessThanOrEqual(2)
  })

  it('may be new ones: after a rotation old and new tokens are good', async () => {
    const old = gateway().issue({ channelId: native.id }).idToken
    expect(await reasonFor({ idToken: old })).toBeUndefined()
    gateway().emulator.rotateSigningKey()
    expect(await reasonFor({ idToken: gateway().issue({ channelId: native.id }).idToken })).toBeUndefined()
    expect(await reasonFor({ idToken: old })).toBeUndefined()
    expect(gateway().emulator.calls.of('certs')).toBe(2)
  })
})

describe('while LINE is down', () => {
  withOneEach()

  it.each([
    ['resets', { reset: true }],
    ['answers 503', { status: 503 }],
    ['answers nonsense', { garbage: true }],
    ['answers something else', { status: 200, body: { keys: 'none' } }],
  ] as const)('an ID token is not called invalid where LINE %s', async (_, fault) => {
    gateway().emulator.faults.set('certs', fault)
    const { idToken } = gateway().issue({ channelId: native.id })
    const { status, data, errors } = await verify({ idToken })
    expect(codesOf({ errors })).toEqual(['LINE_UNAVAILABLE'])
    expect({ status, data }).toEqual({ status: 200, data: { verifyIdToken: null } })
    gateway().emulator.faults.clear()
    gateway().advance(5_000)
    expect(await reasonFor({ idToken })).toBeUndefined()
  })

  it('the ID tokens of a web channel are good, and those by keys known already', async () => {
    expect(await reasonFor({ idToken: es256({}) })).toBeUndefined()
    gateway().emulator.faults.set('*', { reset: true })
    expect(await reasonFor({ idToken: hs256({}) })).toBeUndefined()
    expect(await reasonFor({ idToken: es256({}) })).toBeUndefined()
  })

  it('a key nobody knows may be a new one of LINE’s', async () => {
    expect(await reasonFor({ idToken: es256({}) })).toBeUndefined()
    gateway().emulator.rotateSigningKey()
    gateway().emulator.faults.set('certs', { status: 500 })
    expect(codesOf(await verify({ idToken: es256({}) }))).toEqual(['LINE_UNAVAILABLE'])
  })
})

describe('what is no ID token at all', () => {
  withOneForAll()

  it.each([
    '',
    '.',
    '..',
    'a.b.c',
    'a.b',
    'a.b.c.d.e',
    `${encode({ alg: 'HS256' })}.${encode([])}.x`,
    `${encode({ alg: 'HS256' })}..x`,
    `.${encode({})}.x`,
    '🦊.🦊.🦊',
    'x'.repeat(20_000),
  ])('is malformed: %s', async (idToken) => {
    expect(await reasonFor({ idToken, channelId: web.id })).toBe('MALFORMED')
    expect(await reasonFor({ idToken })).toMatch(/MALFORMED|AUDIENCE/)
  })

  it('is one whose claims are not those of LINE', async () => {
    for (const claims of [{ sub: undefined }, { sub: '' }, { sub: 7 }, { iat: undefined }, { iat: 'now' }]) {
      expect(await reasonFor({ idToken: hs256(claims) })).toBe('MALFORMED')
    }
  })

  it('is one that demands what we do not know', async () => {
    const header = { alg: 'HS256', crit: ['line'], line: true }
    expect(await reasonFor({ idToken: hmac(header, good(web.id), web.secret) })).toBe('MALFORMED')
  })

  it('is never quoted back', async () => {
    const reply = await verify({ idToken: 'something-secret' })
    expect(reply.text).not.toContain('something-secret')
    expect(gateway().log()).not.toContain('something-secret')
  })
})

function good(aud: string, more: Claims = {}): Claims {
  return { iss: issuer, sub: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f', aud, exp: now + 3_600, iat: now, ...more }
}

/** Signed by LINE, with any claims. */
function hs256(claims: Claims): string {
  return gateway().emulator.signIdToken(good(web.id, claims), 'HS256', web.id)
}

function es256(claims: Claims): string {
  return gateway().emulator.signIdToken(good(native.id, claims), 'ES256', native.id)
}

/** Signed by anybody. */
function hmac(header: Claims, claims: Claims, secret: string): string {
  const content = `${encode(header)}.${encode(claims)}`
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}

function jwt(header: Claims, claims: Claims, signature: string): string {
  return `${encode(header)}.${encode(claims)}.${signature}`
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function verify(input: Input, selection = '{ aud }'): Promise<Reply> {
  return gateway().ask(`query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) ${selection} }`, {
    variables: { input },
  })
}

/** Why an ID token is refused; `undefined` for one that is believed. Any other end fails the test. */
async function reasonFor(input: Input): Promise<unknown> {
  const { status, data, errors } = await verify(input)
  expect(status).toBe(200)
  if (errors.length === 0) {
    expect(data?.verifyIdToken).not.toBeNull()
    return undefined
  }
  expect(codesOf({ errors })).toEqual(['INVALID_ID_TOKEN'])
  expect(data).toEqual({ verifyIdToken: null })
  return errors[0]?.extensions.reason
}

/** Fifty ID tokens by as many keys that were never LINE's. */
async function storm(): Promise<Set<unknown>> {
  const tokens = Array.from({ length: 50 }, (_, index) => {
    return jwt({ alg: 'ES256', kid: `nobody-${index}` }, good(native.id), 'x'.repeat(86))
  })
  return new Set(await Promise.all(tokens.map((idToken) => reasonFor({ idToken }))))
}

async function issuedNonce(): Promise<string> {
  const { data } = await gateway().ask('mutation ($input: StartLoginInput!) { startLogin(input: $input) { nonce } }', {
    variables: { input: { redirectUri: 'https://app.example/callback', channelId: web.id } },
  })
  const login = data?.startLogin as { readonly nonce: string } | undefined
  expect(login?.nonce).toMatch(/^[\w-]{43}$/)
  return login?.nonce ?? ''
}

async function publishedKeys({ emulator }: RunningGateway): Promise<readonly Claims[]> {
  const answer = await fetch(`${emulator.url}/oauth2/v2.1/certs`)
  const { keys } = (await answer.json()) as { readonly keys: readonly Claims[] }
  emulator.calls.reset()
  return keys
}
