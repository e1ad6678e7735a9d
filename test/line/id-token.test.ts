import { createHmac } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { CompactEncrypt, exportJWK, exportSPKI, generateKeyPair, type JWTPayload, SignJWT, UnsecuredJWT } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import type { Channel } from '../../src/config.ts'
import { InvalidIdToken, LineUnavailable } from '../../src/line/errors.ts'
import {
  assertNotForAnother,
  checkIdToken,
  type IdTokenClaims,
  longestIdToken,
  readIdToken,
  subjectOf,
  verificationKey,
} from '../../src/line/id-token.ts'
import { createKeySet, type KeySet } from '../../src/line/key-set.ts'
import { rejectionOf, startMs, useTransports } from '../harness/line-transport.ts'

const { toEmulator } = useTransports()

const web = { id: '2000000001', secret: '5d7c1f0e9b2a48361f4e7a90c3b85d21', type: 'web' } as const
const native = { id: '2000000002', secret: 'a9034be7715cd2f86e0b41d79c5f3a68', type: 'native' } as const
const liff = { id: '2000000003', secret: undefined, type: 'liff' } as const

const now = startMs
const iat = now / 1_000
const kid = '3829b108279b26bcfcc8971e348d116727d3a24de8c2b26d2d9b8a1c1a4ab3b5'
const line = await generateKeyPair('ES256', { extractable: true })
const other = await generateKeyPair('ES256', { extractable: true })

let fetches = 0
let keySet: KeySet

beforeEach(() => {
  fetches = 0
  keySet = createKeySet(
    async () => {
      fetches += 1
      return { status: 200, body: { keys: [{ ...(await exportJWK(line.publicKey)), kid }] }, lineRequestId: undefined }
    },
    () => now,
  )
})

describe('a good ID token', () => {
  it('of a web channel: signed with the channel secret, and LINE is not called', async () => {
    const claims = claimsFor(web, {
      auth_time: iat - 9,
      nonce: 'n-1',
      amr: ['pwd', 'mfa'],
      name: '佐藤 🦊',
      picture: 'https://x/p',
      email: 'a@example.com',
    })
    expect(await verifyIdToken(await hs256(claims), web, keySet, now)).toEqual({
      iss: 'https://access.line.me',
      sub: 'U1',
      aud: web.id,
      exp: iat + 3_600,
      iat,
      authTime: iat - 9,
      nonce: 'n-1',
      amr: ['pwd', 'mfa'],
      name: '佐藤 🦊',
      picture: 'https://x/p',
      email: 'a@example.com',
    })
    expect(fetches).toBe(0)
  })

  it.each([native, liff])('of a $type channel: signed with a key that LINE published', async (channel) => {
    const claims = await verifyIdToken(await es256(claimsFor(channel)), channel, keySet, now)
    expect(claims).toMatchObject({ sub: 'U1', aud: channel.id, nonce: null, amr: null, name: null, authTime: null })
    expect(fetches).toBe(1)
  })

  it('with unknown claims, or with optional claims of the wrong type: they are left out', async () => {
    const odd = { gender: 'x', auth_time: '7', nonce: 7, amr: ['pwd', 7], name: '', picture: null, email: [] }
    expect(await verifyIdToken(await hs256(claimsFor(web, odd)), web, keySet, now)).toEqual({
      ...{ iss: 'https://access.line.me', sub: 'U1', aud: web.id, exp: iat + 3_600, iat },
      ...{ authTime: null, nonce: null, amr: null, name: null, picture: null, email: null },
    })
  })

  it.each([false, true])('from the emulator is accepted; wide coordinates: %s', async (wideCoordinates) => {
    const { emulator, line: client } = await toEmulator()
    emulator.switches.wideCoordinates = wideCoordinates
    const keys = createKeySet(client.certs, () => now)
    for (const channel of [web, native, liff]) {
      const { idToken = '' } = emulator.issueTokens({ channelId: channel.id, nonce: 'n' })
      expect(await verifyIdToken(idToken, channel, keys, Date.now())).toMatchObject({ aud: channel.id, nonce: 'n' })
    }
    emulator.rotateSigningKey()
    const { idToken = '' } = emulator.issueTokens({ channelId: native.id })
    expect(await verifyIdToken(idToken, native, keys, Date.now())).toMatchObject({ aud: native.id })
    expect(emulator.calls.of('certs')).toBe(2)
  })
})

describe('the algorithm: one channel gets both kinds of ID tokens, each with one source of keys', () => {
  it.each([web, native])('a $type channel with a secret: HS256 and ES256 are accepted (D2)', async (channel) => {
    expect(await reasonOf(await hs256(claimsFor(channel), channel.secret), channel)).toBeUndefined()
    expect(fetches).toBe(0)
    expect(await reasonOf(await es256(claimsFor(channel)), channel)).toBeUndefined()
    expect(fetches).toBe(1)
  })

  it.each([undefined, ''])('a channel with the secret %j: only ES256 is accepted (D2)', async (secret) => {
    const header = encode({ alg: 'HS256' })
    for (const channel of [liff, native, web].map((one) => ({ ...one, secret }))) {
      expect(await reasonOf(await es256(claimsFor(channel)), channel)).toBeUndefined()
      for (const key of ['', 'undefined', 'null', web.secret, channel.id]) {
        expect(await reasonOf(hmac(header, encode(claimsFor(channel)), key), channel)).toBe('ALGORITHM')
      }
    }
  })

  it.each(['s', '秘密の鍵🦊', ' spaces ', 'x'.repeat(1_000)])(
    'the secret %j is used as its bytes in UTF-8 (D2)',
    async (secret) => {
      const channel = { ...web, secret }
      const [header, payload] = [encode({ alg: 'HS256' }), encode(claimsFor(web))]
      expect(await reasonOf(hmac(header, payload, secret), channel)).toBeUndefined()
      expect(await reasonOf(hmac(header, payload, `${secret}x`), channel)).toBe('SIGNATURE')
      expect(await reasonOf(hmac(header, payload, secret.trimEnd().slice(0, -1)), channel)).toBe('SIGNATURE')
    },
  )

  it('none is refused', async () => {
    for (const channel of [web, native, liff]) {
      expect(await reasonOf(new UnsecuredJWT(claimsFor(channel)).encode(), channel)).toBe('ALGORITHM')
    }
  })

  it.each([
    'none',
    'None',
    'NONE',
    'nOnE',
    '',
    'hs256',
    'es256',
    'HS384',
    'HS512',
    'RS256',
    'PS256',
    'ES384',
    'ES256K',
    'EdDSA',
    'dir',
    'HS256 ',
    'HS256\u0000',
    7,
    null,
    undefined,
    ['HS256'],
    { HS256: 1 },
  ])('alg %j in the header is refused, with a correct HS256 signature: ALGORITHM', async (alg) => {
    for (const channel of [web, native]) {
      const token = hmac(encode({ alg, typ: 'JWT', kid }), encode(claimsFor(channel)), channel.secret)
      expect(await reasonOf(token, channel)).toBe('ALGORITHM')
    }
    expect(fetches).toBe(0)
  })

  it('two alg members in the header: the last one counts, for the key and for the signature', async () => {
    const header = (...algs: readonly string[]) =>
      Buffer.from(`{${algs.map((alg) => `"alg":"${alg}"`)},"kid":"${kid}"}`).toString('base64url')
    const payload = encode(claimsFor(web))
    expect(await reasonOf(hmac(header('none', 'HS256'), payload, web.secret), web)).toBeUndefined()
    expect(await reasonOf(hmac(header('HS256', 'none'), payload, web.secret), web)).toBe('ALGORITHM')
    expect(await reasonOf(hmac(header('HS256', 'ES256'), payload, web.secret), web)).toBe('SIGNATURE')
  })

  it('RS256 is refused', async () => {
    const rsa = await generateKeyPair('RS256')
    const token = (channel: Channel) =>
      new SignJWT(claimsFor(channel)).setProtectedHeader({ alg: 'RS256', kid }).sign(rsa.privateKey)
    expect(await reasonOf(await token(web), web)).toBe('ALGORITHM')
    expect(await reasonOf(await token(native), native)).toBe('ALGORITHM')
  })

  it('HS256 with LINE’s public key as the secret is refused for every channel', async () => {
    const { x = '', y = '' } = await exportJWK(line.publicKey)
    const spki = await exportSPKI(line.publicKey)
    for (const key of [spki, spki.trim(), JSON.stringify({ kty: 'EC', crv: 'P-256', x, y }), x, x + y]) {
      expect(await reasonOf(await hs256(claimsFor(liff), key), liff)).toBe('ALGORITHM')
      expect(await reasonOf(await hs256(claimsFor(native), key), native)).toBe('SIGNATURE')
      expect(await reasonOf(await hs256(claimsFor(web), key), web)).toBe('SIGNATURE')
      const token = hmac(encode({ alg: 'ES256', kid }), encode(claimsFor(web)), key)
      expect(await reasonOf(token, web)).toBe('SIGNATURE')
    }
  })

  it('HS256 with a kid, jwk or jku in the header: still only the secret counts', async () => {
    const jwk = { kty: 'oct', k: Buffer.from('theirs').toString('base64url') }
    const header = encode({ alg: 'HS256', kid, jwk, jku: 'https://evil.example/certs' })
    expect(await reasonOf(hmac(header, encode(claimsFor(web)), 'theirs'), web)).toBe('SIGNATURE')
    expect(await reasonOf(hmac(header, encode(claimsFor(web)), web.secret), web)).toBeUndefined()
    expect(fetches).toBe(0)
  })

  it('a token for another channel is AUDIENCE and is not checked with the key of this one (D2)', async () => {
    for (const secret of [web.secret, native.secret]) {
      expect(await reasonOf(await hs256(claimsFor(native), secret), web)).toBe('AUDIENCE')
    }
    expect(await reasonOf(await hs256(claimsFor(native), native.secret), liff)).toBe('AUDIENCE')
    expect(await reasonOf(await es256(claimsFor(native)), web)).toBe('AUDIENCE')
    expect(fetches).toBe(0)
  })
})

describe('the signature', () => {
  it('with another key is refused', async () => {
    expect(await reasonOf(await hs256(claimsFor(web), native.secret), web)).toBe('SIGNATURE')
    expect(await reasonOf(await es256(claimsFor(native), other.privateKey), native)).toBe('SIGNATURE')
  })

  it('with an unknown kid or without a kid is refused', async () => {
    expect(await reasonOf(await es256(claimsFor(native), line.privateKey, 'unknown'), native)).toBe('SIGNATURE')
    expect(await reasonOf(await es256(claimsFor(native), line.privateKey, null), native)).toBe('SIGNATURE')
  })

  it('is checked with the key of the kid, never with a key or URL in the header', async () => {
    const jwk = await exportJWK(other.publicKey)
    const header = { alg: 'ES256', kid, jwk, jku: 'https://evil.example/certs', x5u: 'https://evil.example/x5u' }
    const token = await new SignJWT(claimsFor(native)).setProtectedHeader(header).sign(other.privateKey)
    expect(await reasonOf(token, native)).toBe('SIGNATURE')
  })

  it.each([[7], [null], [['x']], [{}]])(
    'with a kid of the wrong type is refused without a call to LINE: %j',
    async (odd) => {
      const [, payload, signature] = (await es256(claimsFor(native))).split('.')
      expect(await reasonOf([encode({ alg: 'ES256', kid: odd }), payload, signature].join('.'), native)).toBe(
        'SIGNATURE',
      )
      expect(fetches).toBe(0)
    },
  )

  it('covers every character: a changed token is refused', async () => {
    const tokens = [
      { channel: web, token: await hs256(claimsFor(web)) },
      { channel: native, token: await es256(claimsFor(native)) },
    ]
    await fc.assert(
      // Some bits of the last character are not part of the signature, so the last character is left as it is.
      fc.asyncProperty(
        fc.constantFrom(...tokens),
        fc.nat(),
        fc.constantFrom(...'aZ0-_.'),
        async ({ channel, token }, at, char) => {
          const index = at % (token.length - 1)
          if (token[index] === char) return
          const changed = token.slice(0, index) + char + token.slice(index + 1)
          const error = await rejectionOf(verifyIdToken(changed, channel, keySet, now))
          // A changed kid may be a new one of LINE, as far as we know during the cool-down.
          expect(['INVALID_ID_TOKEN', 'LINE_UNAVAILABLE']).toContain(Object(error).code)
        },
      ),
      { numRuns: 400 },
    )
  })

  it('of 50 unknown keys: one more call to LINE', async () => {
    await verifyIdToken(await es256(claimsFor(native)), native, keySet, now)
    const forged = await Promise.all(
      Array.from({ length: 50 }, (_, nth) => es256(claimsFor(native), other.privateKey, `k${nth}`)),
    )
    for (const reason of await Promise.all(forged.map((token) => reasonOf(token, native))))
      expect(reason).toBe('SIGNATURE')
    expect(await reasonOf(forged[0] ?? '', native)).toBe('SIGNATURE')
    expect(fetches).toBe(2)
  })
})

describe('the user in an ID token of a login', () => {
  const parts = (more: Record<string, unknown>) => [{ alg: 'HS256' }, claimsFor(web, more)]
  const encoded = (part: unknown) => Buffer.from(JSON.stringify(part)).toString('base64url')
  const userIn = (more: Record<string, unknown>) => subjectOf(`${parts(more).map(encoded).join('.')}.x`, web.id)

  it('of our channel and of LINE: its sub', () => {
    expect(userIn({})).toBe('U1')
    expect(subjectOf('x', web.id)).toBeUndefined()
    expect(subjectOf(undefined, web.id)).toBeUndefined()
  })

  it.each([{}, null, 12_345, 0, true, ['x'], [], '', { length: 3 }, undefined])('sub %j: no user', (sub) => {
    expect(userIn({ sub })).toBeUndefined()
  })

  it.each([
    { iss: ['https://access.line.me'] },
    { iss: { 0: 'https://access.line.me' } },
    { iss: '' },
    { aud: [web.id] },
    { aud: Number(web.id) },
    { aud: native.id },
  ])('%j: no user', (other) => {
    expect(userIn(other)).toBeUndefined()
  })
})

describe('the claims', () => {
  const issuers = [
    'https://access.line.me/',
    'http://access.line.me',
    'https://api.line.me',
    'HTTPS://ACCESS.LINE.ME',
    '',
    null,
    7,
  ]

  it.each([...issuers, undefined, ['https://access.line.me']])('with iss %j: ISSUER', async (iss) => {
    expect(await reasonWith({ iss })).toBe('ISSUER')
  })

  it.each([native.id, `${web.id} `, '', 2_000_000_001, null, undefined, [web.id], [web.id, native.id], { 0: web.id }])(
    'with aud %j: AUDIENCE',
    async (aud) => {
      expect(await reasonWith({ aud })).toBe('AUDIENCE')
    },
  )

  it.each([
    ['sub', [undefined, null, '', 7, ['U1'], {}]],
    ['exp', [undefined, null, '', '9999999999', [iat + 60], {}, 1e300, -1e300]],
    ['iat', [undefined, null, '', '1', [iat], {}, 1e300]],
  ])('%s missing or of the wrong type: MALFORMED', async (name, values) => {
    for (const value of values) expect(await reasonWith({ [name]: value })).toBe('MALFORMED')
  })

  it.each([
    [61, 'EXPIRED'],
    [60, 'EXPIRED'],
    [59, undefined],
    [1, undefined],
    [0, undefined],
    [-3_600, undefined],
    [86_400 * 365, 'EXPIRED'],
  ])('expired %i s ago: the leeway is one minute', async (ago, reason) => {
    expect(await reasonWith({ exp: iat - ago })).toBe(reason)
    const token = await es256({ ...claimsFor(native), exp: iat - ago })
    expect(await reasonOf(token, native)).toBe(reason)
  })

  it.each([
    [300, undefined],
    [299.5, undefined],
    [300.5, 'ISSUED_AT'],
    [301, 'ISSUED_AT'],
    [18_000, 'ISSUED_AT'],
    [3e9, 'ISSUED_AT'],
    [-1e9, undefined],
    [-iat - 1, undefined],
  ])('issued %d s ahead: %s (D20)', async (ahead, reason) => {
    expect(await reasonWith({ iat: iat + ahead, exp: iat + 3_600 })).toBe(reason)
    expect(await reasonOf(await es256({ ...claimsFor(native), iat: iat + ahead }), native)).toBe(reason)
  })

  it.each([
    [{ exp: iat + 0.5, iat: iat - 0.25 }, undefined],
    [{ exp: iat + 10, iat: iat + 100 }, undefined],
    [{ exp: -1 }, 'EXPIRED'],
    [{ exp: 253_402_300_799 }, undefined],
    [{ exp: 253_402_300_800 }, 'MALFORMED'],
    [{ iat: -62_167_219_200 }, undefined],
    [{ iat: -62_167_219_201 }, 'MALFORMED'],
    [{ iat: -0 }, undefined],
  ])('times at the edge, %j: %s', async (times, reason) => {
    expect(await reasonWith(times)).toBe(reason)
  })

  it('are checked in a fixed order: another audience, signature, issuer, no audience, the rest, expiry, time of issue', async () => {
    const all = { iss: 'x', aud: 'x', sub: '', exp: 1, iat: iat + 301 }
    const ofLine = { ...all, iss: 'https://access.line.me' }
    const wrong = (changed: object) => hs256({ ...claimsFor(web), ...changed }, 'wrong'.repeat(8))
    expect(await reasonOf(await wrong(all), web)).toBe('AUDIENCE')
    expect(await reasonOf(await wrong({ ...all, aud: web.id }), web)).toBe('SIGNATURE')
    expect(await reasonOf(await wrong({ ...all, aud: undefined }), web)).toBe('SIGNATURE')
    expect(await reasonWith({ ...all, aud: [web.id] })).toBe('ISSUER')
    expect(await reasonWith({ ...ofLine, aud: [web.id] })).toBe('AUDIENCE')
    expect(await reasonWith({ ...ofLine, aud: web.id })).toBe('MALFORMED')
    expect(await reasonWith({ exp: 1, iat: iat + 301 })).toBe('EXPIRED')
    expect(await reasonWith({ iat: iat + 301 })).toBe('ISSUED_AT')
  })

  it('are checked with the given time only', async () => {
    const token = await hs256(claimsFor(web))
    await verifyIdToken(token, web, keySet, now - 300_000)
    expect(await rejectionOf(verifyIdToken(token, web, keySet, now - 300_001))).toMatchObject({ reason: 'ISSUED_AT' })
    expect(await rejectionOf(verifyIdToken(token, web, keySet, now + 3_660_000))).toMatchObject({ reason: 'EXPIRED' })
  })

  function reasonWith(changed: Record<string, unknown>): Promise<string | undefined> {
    return hs256({ ...claimsFor(web), ...changed }).then((token) => reasonOf(token, web))
  }
})

describe('a text that is not an ID token', () => {
  const alg = encode({ alg: 'HS256' })

  it('more than 8,192 characters: MALFORMED, though well signed; exactly 8,192: accepted (D14)', async () => {
    const empty = await hs256(claimsFor(web, { pad: '' }))
    for (const [length, reason] of [
      [longestIdToken, undefined],
      [longestIdToken + 1, 'MALFORMED'],
      [100_000, 'MALFORMED'],
    ] as const) {
      const pads = [-3, -2, -1, 0, 1, 2].map((more) => Math.ceil(((length - empty.length) * 3) / 4) + more)
      const tokens = await Promise.all(pads.map((pad) => hs256(claimsFor(web, { pad: 'x'.repeat(pad) }))))
      const token = tokens.find((one) => one.length === length)
      expect(token).toBeDefined()
      expect(await reasonOf(token ?? '', web)).toBe(reason)
    }
  })

  it('white space, padding or plain base64 in a good token: MALFORMED', async () => {
    const token = await hs256(claimsFor(web))
    for (const bad of [` ${token}`, `${token}\n`, `${token}=`, token.replace('.', '=.'), token.replace('.', ' .')])
      expect(await reasonOf(bad, web)).toBe('MALFORMED')
  })

  it.each([
    '',
    '.',
    '..',
    '...',
    'x',
    'a.b.c',
    'null.null.null',
    `${alg}.e30`,
    `${alg}.e30.e30.e30`,
    `${alg}..x`,
    `${alg}.${encode([])}.x`,
    `${alg}.${encode(null)}.x`,
    `${alg}.${encode('text')}.x`,
    `${alg}.!!!!.x`,
    `${encode([])}.${encode({})}.x`,
    `${encode(null)}.${encode({})}.x`,
    `.${encode({})}.x`,
    'Bearer a.b.c',
    '\u0000',
    '🦊.🦊.🦊',
    'x'.repeat(8_000),
  ])('%j: MALFORMED', async (garbage) => {
    expect(await reasonOf(garbage, web)).toBe('MALFORMED')
    expect(await reasonOf(garbage, native)).toBe('MALFORMED')
    expect(fetches).toBe(0)
  })

  it('random texts and tokens: always InvalidIdToken, never another error', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(fc.string(), fc.string({ unit: 'binary' })),
        fc.constantFrom(web, native),
        async (text, channel) => {
          expect(await rejectionOf(verifyIdToken(text, channel, keySet, now))).toBeInstanceOf(InvalidIdToken)
        },
      ),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.jsonValue(),
        fc.jsonValue(),
        fc.constantFrom(web, native),
        async (header, payload, channel) => {
          const token = `${encode({ alg: channel === web ? 'HS256' : 'ES256', kid, extra: header })}.${encode(payload)}.c2ln`
          expect(await rejectionOf(verifyIdToken(token, channel, keySet, now))).toBeInstanceOf(InvalidIdToken)
        },
      ),
    )
  })

  it('an encrypted token, critical headers and an unencoded payload: MALFORMED', async () => {
    const encrypted = await new CompactEncrypt(new TextEncoder().encode(JSON.stringify(claimsFor(web))))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(new TextEncoder().encode(web.secret))
    expect(await reasonOf(encrypted, web)).toBe('MALFORMED')
    for (const header of [
      { alg: 'HS256', crit: ['x'], x: 1 },
      { alg: 'HS256', crit: ['b64'], b64: false },
      { alg: 'HS256', b64: false },
      { alg: 'HS256', crit: [] },
    ]) {
      expect(await reasonOf(hmac(encode(header), encode(claimsFor(web)), web.secret), web)).toBe('MALFORMED')
    }
  })
})

describe('while LINE is down', () => {
  const down = createKeySet(
    () => Promise.reject(new LineUnavailable('LINE did not answer')),
    () => now,
  )

  it('an ID token of a native channel is an outage, one of a web channel is accepted', async () => {
    const open = await rejectionOf(verifyIdToken(await es256(claimsFor(native)), native, down, now))
    expect(open).toBeInstanceOf(LineUnavailable)
    expect(await verifyIdToken(await hs256(claimsFor(web)), web, down, now)).toMatchObject({ sub: 'U1' })
  })

  it('a token that is refused without a key is still refused', async () => {
    expect(await reasonOf(await hs256(claimsFor(liff), web.secret), liff, down)).toBe('ALGORITHM')
    expect(await reasonOf(await es256(claimsFor(web)), liff, down)).toBe('AUDIENCE')
    expect(await reasonOf('garbage', native, down)).toBe('MALFORMED')
  })
})

it('a refusal has its reason and contains nothing of the token', async () => {
  const token = await hs256(claimsFor(web, { name: 'CANARY' }), 'wrong'.repeat(8))
  const error = await rejectionOf(verifyIdToken(token, web, keySet, now))
  expect(error).toMatchObject({ code: 'INVALID_ID_TOKEN', reason: 'SIGNATURE' })
  const text = inspect(error, { depth: 9 })
  for (const part of token.split('.')) expect(text).not.toContain(part)
  expect(text).not.toContain('CANARY')
})

function claimsFor(channel: Channel, more: Record<string, unknown> = {}): JWTPayload {
  return { iss: 'https://access.line.me', sub: 'U1', aud: channel.id, exp: iat + 3_600, iat, ...more }
}

/** Claims of any type, in a token signed with HS256. */
function hs256(claims: Record<string, unknown>, secret: string = web.secret): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'HS256', typ: 'JWT' }).sign(new TextEncoder().encode(secret))
}

function es256(claims: Record<string, unknown>, key = line.privateKey, name: string | null = kid): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'ES256', typ: 'JWT', ...(name !== null && { kid: name }) })
    .sign(key)
}

/** All steps, as the ID tokens of the login room take them. */
async function verifyIdToken(token: string, channel: Channel, keys: KeySet, time: number): Promise<IdTokenClaims> {
  const unchecked = readIdToken(token)
  assertNotForAnother(unchecked, channel)
  return checkIdToken(unchecked, await verificationKey(unchecked, channel, keys), channel, () => time)
}

async function reasonOf(token: string, channel: Channel, keys = keySet): Promise<string | undefined> {
  try {
    await verifyIdToken(token, channel, keys, now)
    return undefined
  } catch (error) {
    if (error instanceof InvalidIdToken) return error.reason
    throw error
  }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

/** Signed by hand, because a library would refuse to. */
function hmac(header: string, payload: string, key: string): string {
  return `${header}.${payload}.${createHmac('sha256', key).update(`${header}.${payload}`).digest('base64url')}`
}
