import { describe, expect, it } from 'vitest'
import { begin } from '../harness/log-in.ts'
import {
  callsTo,
  foreign,
  liff,
  native,
  noSourceLimit,
  START_MS,
  useRunningGateway,
  web,
} from '../harness/running-gateway.ts'

const gateway = useRunningGateway(noSourceLimit)
const query = `query ($input: VerifyIdTokenInput!) {
  verifyIdToken(input: $input) { iss sub aud exp iat authTime nonce amr name picture email }
}`
const verify = (idToken: string | undefined, more: object = {}, running = gateway()) =>
  running.ask(query, { variables: { input: { idToken, ...more } } })
const refused = (reason: string) => ({
  data: { verifyIdToken: null },
  errors: [{ extensions: { code: 'INVALID_ID_TOKEN', reason } }],
})

const iat = START_MS / 1_000
const claims = { iss: 'https://access.line.me', sub: 'Ux', aud: web.id, exp: iat + 3_600, iat }
const signed = (more: object = {}) => gateway().emulator.signIdToken({ ...claims, ...more }, 'HS256')

describe('an ID token of the web channel', () => {
  it('is believed without asking LINE', async () => {
    const { idToken } = gateway().issue({
      scope: 'openid profile email',
      nonce: 'n',
      authTime: iat - 60,
      amr: ['pwd', 'mfa'],
    })
    expect(await verify(idToken)).toMatchObject({
      errors: [],
      data: {
        verifyIdToken: {
          iss: 'https://access.line.me',
          sub: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f',
          aud: web.id,
          exp: '2026-01-01T01:00:00.000Z',
          iat: '2026-01-01T00:00:00.000Z',
          authTime: '2025-12-31T23:59:00.000Z',
          nonce: 'n',
          amr: ['pwd', 'mfa'],
          name: 'Sakura Tanaka',
          email: 'sakura.tanaka@example.com',
        },
      },
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('may say very little', async () => {
    expect(await verify(signed())).toMatchObject({
      data: { verifyIdToken: { sub: 'Ux', nonce: null, amr: null, name: null } },
      errors: [],
    })
  })

  it.each<[string, () => string]>([
    ['MALFORMED', () => ''],
    ['MALFORMED', () => 'x'],
    ['MALFORMED', () => 'a.b.c'],
    ['MALFORMED', () => signed({ sub: '' })],
    ['MALFORMED', () => signed({ exp: undefined })],
    ['MALFORMED', () => signed({ iat: 'now' })],
    ['ALGORITHM', () => unsigned('none')],
    ['ALGORITHM', () => unsigned('RS256')],
    ['ALGORITHM', () => gateway().emulator.signIdToken(claims, 'ES256')],
    ['SIGNATURE', () => unsigned('HS256')],
    ['SIGNATURE', () => `${signed().slice(0, -2)}xx`],
    ['SIGNATURE', () => gateway().emulator.signIdToken(claims, 'HS256', foreign.id)],
    ['ISSUER', () => signed({ iss: 'https://access.line.me/' })],
    ['ISSUER', () => signed({ iss: gateway().emulator.url })],
    ['AUDIENCE', () => signed({ aud: foreign.id })],
    ['EXPIRED', () => signed({ exp: iat - 60 })],
  ])('is refused as %s', async (reason, make) => {
    expect(await verify(make())).toMatchObject(refused(reason))
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('is believed until its time is over, give or take a minute', async () => {
    const idToken = signed()
    gateway().advance(3_600_000 + 59_000)
    expect((await verify(idToken)).errors).toEqual([])
    gateway().advance(1_000)
    expect(await verify(idToken)).toMatchObject(refused('EXPIRED'))
  })
})

describe('a nonce', () => {
  it('that is given has to be the one of the token', async () => {
    expect((await verify(signed({ nonce: 'n' }), { nonce: 'n' })).errors).toEqual([])
    expect(await verify(signed({ nonce: 'n' }), { nonce: 'm' })).toMatchObject(refused('NONCE'))
    expect(await verify(signed(), { nonce: 'n' })).toMatchObject(refused('NONCE'))
  })

  it('of ours is good once, for an hour, and has to be given', async () => {
    const { nonce } = await begin(gateway())
    const idToken = signed({ nonce, exp: iat + 90_000 })
    expect(await verify(idToken)).toMatchObject(refused('NONCE'))
    expect((await verify(idToken, { nonce })).errors).toEqual([])
    gateway().advance(3_599_000)
    expect(await verify(idToken, { nonce })).toMatchObject(refused('NONCE'))
  })

  it('of another is not stored: it may come again', async () => {
    for (let n = 0; n < 2; n++)
      expect((await verify(signed({ nonce: 'theirs' }), { nonce: 'theirs' })).errors).toEqual([])
  })

  it.each(['', 'x'.repeat(1_001)])('that cannot be right is named', async (nonce) => {
    expect(await verify(signed(), { nonce })).toMatchObject({
      errors: [{ extensions: { code: 'BAD_USER_INPUT', argument: 'nonce' } }],
    })
  })
})

describe('with several channels', () => {
  const several = useRunningGateway({ LINE_CHANNELS: JSON.stringify([web, native, liff]), ...noSourceLimit })
  const es256 = (more: object = {}) => several().emulator.signIdToken({ ...claims, aud: native.id, ...more }, 'ES256')

  it('the token says for which it is, and is checked with the key of that one', async () => {
    expect((await verify(es256(), {}, several())).data).toMatchObject({ verifyIdToken: { aud: native.id } })
    expect((await verify(es256({ aud: liff.id }), { channelId: liff.id }, several())).errors).toEqual([])
    expect(await verify(es256(), { channelId: liff.id }, several())).toMatchObject(refused('AUDIENCE'))
    expect(await verify(es256({ aud: web.id }), {}, several())).toMatchObject(refused('ALGORITHM'))
    expect(await verify(es256({ aud: foreign.id }), {}, several())).toMatchObject(refused('AUDIENCE'))
    expect(await verify(es256({ aud: [native.id] }), {}, several())).toMatchObject(refused('AUDIENCE'))
    expect(callsTo(several().emulator)).toEqual({ certs: 1 })
  })

  it("LINE's keys are asked for again when it signs with a new one", async () => {
    await verify(es256(), {}, several())
    several().emulator.rotateSigningKey()
    several().advance(60_000)
    expect((await verify(es256(), {}, several())).errors).toEqual([])
    expect(callsTo(several().emulator)).toEqual({ certs: 2 })
  })

  it("without LINE's keys nothing is known, which is no verdict", async () => {
    several().emulator.faults.set('certs', { status: 500 })
    expect(await verify(es256(), {}, several())).toMatchObject({
      data: { verifyIdToken: null },
      errors: [{ extensions: { code: 'LINE_UNAVAILABLE' } }],
    })
  })
})

function unsigned(alg: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  return `${part({ typ: 'JWT', alg })}.${part(claims)}.${alg === 'none' ? '' : 'AAAA'}`
}
