import { createHmac, generateKeyPairSync } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { idTokenIssuer } from '../../src/line/id-token.ts'
import type { IdToken, Verified } from '../../src/tokens/credentials.ts'
import { print } from '../harness/print.ts'
import {
  allChannels,
  elsewhere,
  foreign,
  here,
  junk,
  type Layer,
  liff,
  noSourceLimit,
  oneBurst,
  START_MS,
  times,
  tokenOf,
  useLayer,
  web,
} from '../harness/token-layer.ts'

const S = START_MS / 1_000
const HOUR = 3_600_000
const publicUrl = 'https://gateway.example'
const settings = { ...allChannels, ...noSourceLimit, PUBLIC_URL: publicUrl }
const userId = 'U4af4980629c1d3b5e7f90a2b4c6d8e0f'

type Claims = Readonly<Record<string, unknown>>
const claims = (more: Claims = {}): Claims => ({
  iss: idTokenIssuer,
  sub: userId,
  aud: liff.id,
  exp: S + 3_600,
  iat: S,
  name: 'Sakura',
  ...more,
})
const signed = ({ emulator }: Layer, more: Claims = {}) => emulator.signIdToken(claims(more), 'ES256')
const jwt = (header: object, payload: object) =>
  [JSON.stringify(header), JSON.stringify(payload), 'signature']
    .map((text) => Buffer.from(text).toString('base64url'))
    .join('.')
const idTokenIn = ({ credentials }: Layer, raw: string) => credentials.read(raw) as IdToken
const callsOf = ({ emulator }: Layer) =>
  Object.fromEntries(Object.entries(emulator.calls.byEndpoint()).filter(([, count]) => count > 0))

describe('reading a credential', () => {
  const layer = useLayer(settings)

  it('an ID token of LINE: told by its issuer, whoever signed it', () => {
    const { credentials } = layer()
    for (const raw of [signed(layer()), jwt({ alg: 'none' }, claims()), jwt({ alg: 'HS256' }, { iss: idTokenIssuer })])
      expect(credentials.read(raw)).toMatchObject({ idToken: raw })
  })

  it('a JWT of our own: malformed, in all spellings', () => {
    const { credentials } = layer()
    const own = jwt({ alg: 'RS256', typ: 'at+jwt' }, { iss: publicUrl, sub: userId })
    const [header = '', payload = ''] = own.split('.')
    const spaced = Buffer.from(` { "iss": "${publicUrl}" }`).toString('base64url')
    for (const raw of [own, `${own}==`, `${header}.${payload}`, `${own}.x.y`, `${header}.${spaced}.x`, `.${payload}.`])
      expect(credentials.read(raw), raw).toBeUndefined()
  })

  it.each<[string, string]>([
    ['another issuer', jwt({ alg: 'ES256' }, { iss: 'https://other.example' })],
    ['our issuer with a slash', jwt({ alg: 'ES256' }, { iss: `${publicUrl}/` })],
    ['no issuer', jwt({ alg: 'ES256' }, {})],
    ['no JWT', 'opaque'],
    ['a binary payload, as LINE has it', junk(1).raw],
  ])('%s: an access token', (_, raw) => {
    expect(layer().credentials.read(raw)).toEqual(tokenOf(raw))
  })

  it('a known access token: an access token, whatever its payload says', async () => {
    const raw = jwt({ alg: 'ES256' }, { iss: publicUrl })
    const { emulator, ask, credentials } = layer()
    emulator.faults.set('verifyAccessToken', { body: { client_id: web.id, expires_in: 100, scope: 'openid' } })
    await ask(tokenOf(raw))
    expect(credentials.read(raw)).toEqual(tokenOf(raw))
  })

  it('up to 8,192 characters for an ID token, 4,096 for an access token', () => {
    const { credentials } = layer()
    const of = (length: number) => {
      const short = jwt({ alg: 'ES256' }, { iss: idTokenIssuer })
      return `${short}${'A'.repeat(length - short.length)}`
    }
    expect(credentials.read(of(4_096))).toMatchObject({ idToken: of(4_096) })
    expect(credentials.read(of(8_192))).toMatchObject({ idToken: of(8_192) })
    expect(credentials.read(of(8_193))).toBeUndefined()
    expect(credentials.read('a'.repeat(4_097))).toBeUndefined()
    expect(credentials.read(`${jwt({}, { iss: publicUrl })}${'A'.repeat(5_000)}`)).toBeUndefined()
  })

  it('where only an access token can be used: no other JWT', () => {
    const { credentials } = layer()
    const own = jwt({}, { iss: publicUrl })
    expect(credentials.readAccessToken(junk(1).raw)).toEqual(junk(1))
    expect(credentials.readAccessToken(signed(layer()))).toBeUndefined()
    expect(credentials.readAccessToken(own)).toBeUndefined()
    expect([own, signed(layer()), junk(1).raw, 'two words', ''].map(credentials.isOtherJwt)).toEqual([
      true,
      true,
      false,
      false,
      false,
    ])
  })
})

describe('the identity of an access token', () => {
  const layer = useLayer(settings)

  it('warm: the facts, without a promise and without a call', async () => {
    const { credentials, issue, emulator } = layer()
    const token = issue({ userId: emulator.users[0]?.userId ?? '', scope: 'profile openid' })
    const expected = {
      verdict: 'valid',
      key: token.key,
      channelId: web.id,
      scopes: ['profile', 'openid'],
      userId: emulator.users[0]?.userId,
      expiresAt: START_MS + 30 * 24 * HOUR,
      reliableUntil: START_MS + HOUR,
    }
    expect(await credentials.identify(token, here)).toEqual(expected)
    emulator.calls.reset()
    expect(credentials.identify(token, here)).toEqual(expected)
    expect(callsOf(layer())).toEqual({})
  })

  it.each([
    ['profile openid', { verifyAccessToken: 1, profile: 1 }],
    ['profile', { verifyAccessToken: 1, profile: 1 }],
    ['openid', { verifyAccessToken: 1, userinfo: 1 }],
  ])('a cold token with %s: one verification and one call for its user', async (scope, calls) => {
    const { credentials, issue, emulator } = layer()
    expect(await credentials.identify(issue({ scope }), here)).toMatchObject({ userId: emulator.users[0]?.userId })
    expect(callsOf(layer())).toEqual(calls)
  })

  it('a scope that the caller requires: both calls at once', async () => {
    const { credentials, issue, answers } = layer()
    answers.hold()
    const identity = credentials.identify(issue(), here, ['profile'])
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(2)
    await answers.release()
    expect(await identity).toMatchObject({ verdict: 'valid' })
    expect(callsOf(layer())).toEqual({ verifyAccessToken: 1, profile: 1 })
  })

  it('after ten tokens with the same scopes: both calls at once; one with other scopes costs one call more', async () => {
    const { credentials, issue, answers, emulator } = layer()
    for (let n = 0; n < 10; n += 1) await credentials.identify(issue(), here)
    answers.hold()
    const eleventh = credentials.identify(issue(), here)
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(2)
    await answers.release()
    expect(await eleventh).toMatchObject({ verdict: 'valid' })
    for (const calls of [
      { verifyAccessToken: 1, profile: 1, userinfo: 1 },
      { verifyAccessToken: 1, userinfo: 1 },
    ]) {
      emulator.calls.reset()
      const identity = await credentials.identify(issue({ scope: 'openid' }), here)
      expect(identity).toMatchObject({ userId: emulator.users[0]?.userId })
      expect(callsOf(layer())).toEqual(calls)
    }
  })

  it('a token that names nobody, known and used after each of them, also when it is checked again: both calls at once', async () => {
    const { credentials, issue, answers, clock } = layer()
    const nameless = issue({ scope: 'phone' })
    const use = async () => expect(await credentials.identify(nameless, here)).toMatchObject({ userId: undefined })
    await use()
    for (let n = 0; n < 10; n += 1) {
      await credentials.identify(issue(), here)
      if (n === 5) clock.advance(2 * HOUR)
      await use()
    }
    answers.hold()
    const last = credentials.identify(issue(), here)
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(2)
    await answers.release()
    expect(await last).toMatchObject({ verdict: 'valid' })
  })

  it('twenty questions at once about one token count as one token: the next one is verified first', async () => {
    const { credentials, issue, answers } = layer()
    const token = issue()
    await Promise.all(times(20, () => credentials.identify(token, here)))
    answers.hold()
    const next = credentials.identify(issue(), here)
    await expect.poll(() => answers.waiting(), { timeout: 30_000 }).toBe(1)
    await answers.settled()
    expect(answers.waiting()).toBe(1)
    await answers.release()
    expect(await next).toMatchObject({ verdict: 'valid' })
  })

  it('LINE does not answer for the user: unknown, and the next question gets it', async () => {
    const { credentials, issue, emulator } = layer()
    const token = issue()
    emulator.faults.set('profile', { status: 500 })
    expect(await credentials.identify(token, here)).toMatchObject({ verdict: 'unknown' })
    emulator.faults.clear()
    expect(await credentials.identify(token, elsewhere)).toMatchObject({ verdict: 'valid' })
  })

  it('a user known from the session: no call for it, also while LINE is down', async () => {
    const { credentials, logins, refresher, emulator } = layer()
    const code = emulator.issueCode({ redirectUri: 'https://app.example/', scope: 'openid profile' })
    const { tokens } = await logins.exchangeCode({ code, redirectUri: 'https://app.example/' }, web, here)
    const { accessToken } = await refresher.refresh(tokens.refreshToken ?? '', web, here)
    emulator.calls.reset()
    emulator.faults.set('*', { status: 500 })
    expect(await credentials.identify(tokenOf(tokens.accessToken), here)).toMatchObject({ verdict: 'valid' })
    expect(await credentials.identify(tokenOf(accessToken), here)).toMatchObject({ verdict: 'valid' })
    expect(callsOf(layer())).toEqual({})
  })

  it.each([
    ['junk', 'MALFORMED', () => junk(1)],
    ['of a foreign channel', 'WRONG_CHANNEL', () => layer().issue({ channelId: foreign.id })],
    ['expired', 'EXPIRED', expired],
  ] as const)('%s: invalid, %s', async (_, reason, make) => {
    expect(await layer().credentials.identify(make(), here)).toMatchObject({ verdict: 'invalid', reason })
  })

  it('while LINE is down and the token is cold: unknown', async () => {
    layer().emulator.faults.set('*', { status: 500 })
    expect(await layer().credentials.identify(layer().issue(), here)).toMatchObject({ verdict: 'unknown' })
  })

  function expired() {
    const token = layer().issue({ expiresIn: 1 })
    layer().clock.advance(2_000)
    return token
  }
})

describe('how long others may rely on an access token', () => {
  const layer = useLayer(settings)
  const untilOf = async (token: ReturnType<Layer['issue']>) =>
    ((await layer().credentials.identify(token, here)) as Verified).reliableUntil - layer().clock.lineTime()

  it('verified now: for VERIFICATION_MAX_STALE_SECONDS, and less as time passes', async () => {
    const token = layer().issue()
    expect(await untilOf(token)).toBe(HOUR)
    layer().clock.advance(100_000)
    expect(await untilOf(token)).toBe(HOUR - 100_000)
  })

  it('never beyond the end of the token, and LINE is not asked because of that end', async () => {
    const { clock, issue, emulator } = layer()
    const token = issue({ expiresIn: 90 })
    expect(await untilOf(token)).toBe(90_000)
    emulator.calls.reset()
    clock.advance(85_000)
    expect(await untilOf(token)).toBe(5_000)
    expect(callsOf(layer())).toEqual({})
  })

  it.each([3_541_000, 3_599_999, 3_600_000, 3_700_000])(
    '%i ms after it: LINE is asked first, then the whole time',
    async (ms) => {
      const { clock, issue, emulator } = layer()
      const token = issue()
      await untilOf(token)
      emulator.calls.reset()
      clock.advance(ms)
      expect(await untilOf(token)).toBe(HOUR)
      expect(callsOf(layer())).toEqual({ verifyAccessToken: 1 })
    },
  )

  it('3,540 s after it: one minute, and LINE is asked in the background', async () => {
    const token = layer().issue()
    await untilOf(token)
    layer().clock.advance(3_540_000)
    expect(layer().credentials.identify(token, here)).not.toBeInstanceOf(Promise)
    await layer().answers.settled()
    expect(await untilOf(token)).toBe(HOUR)
  })

  it.each([
    [3_541_000, 59_000],
    [3_598_000, 2_000],
    [3_599_000, 1_000],
    [3_600_000, 60_000],
    [10_000_000, 60_000],
  ])('%i ms after it, while LINE is down: %i ms, and one minute only for a stale record', async (ms, left) => {
    const { clock, issue, emulator } = layer()
    const token = issue()
    await untilOf(token)
    clock.advance(ms)
    emulator.faults.set('*', { status: 500 })
    expect(await untilOf(token)).toBe(left)
    clock.advance(1_000)
    expect(await untilOf(token)).toBe(left > 1_000 && left < 60_000 ? left - 1_000 : 60_000)
    expect(callsOf(layer()).verifyAccessToken).toBe(2)
  })

  it.each([100, 400, 999])(
    'verified %i ms after a full second, while LINE is down: always the next second',
    async (ms) => {
      const { clock, issue, emulator } = layer()
      clock.advance(ms)
      const token = issue()
      await untilOf(token)
      emulator.faults.set('*', { status: 500 })
      clock.advance(HOUR - 1_000)
      for (let n = 0; n < 10; n += 1) {
        clock.advance(99)
        const now = clock.lineTime()
        expect(Math.floor((now + (await untilOf(token))) / 1_000)).toBe(Math.floor(now / 1_000) + 1)
      }
    },
  )

  it('while LINE is down, with 20 s of its own left: 20 s', async () => {
    const { clock, issue, emulator } = layer()
    const token = issue({ expiresIn: 7_220 })
    await untilOf(token)
    clock.advance(7_200_000)
    emulator.faults.set('*', { status: 500 })
    expect(await untilOf(token)).toBe(20_000)
  })

  it('in its last second: expired, because others get its end in whole seconds', async () => {
    const { clock, issue, credentials } = layer()
    const token = issue({ expiresIn: 90 })
    await untilOf(token)
    clock.advance(89_000)
    expect(credentials.identify(token, here)).toMatchObject({ verdict: 'valid', reliableUntil: START_MS + 90_000 })
    clock.advance(1)
    expect(credentials.identify(token, here)).toEqual({ verdict: 'invalid', reason: 'EXPIRED' })
  })

  it('LINE refuses it where it is asked first: invalid', async () => {
    const { clock, issue, emulator, credentials } = layer()
    const token = issue()
    await untilOf(token)
    clock.advance(3_590_000)
    emulator.revokeAccessToken(token.raw)
    expect(await credentials.identify(token, here)).toMatchObject({ verdict: 'invalid' })
  })
})

describe('how long others may rely on it, with both ages 0', () => {
  const layer = useLayer({ ...settings, VERIFICATION_FRESH_SECONDS: '0', VERIFICATION_MAX_STALE_SECONDS: '0' })

  it('until the end of the token', async () => {
    const token = layer().issue({ expiresIn: 7_200 })
    const idToken = idTokenIn(layer(), signed(layer()))
    for (const credential of [token, idToken]) {
      const identity = (await layer().credentials.identify(credential, here)) as Verified
      expect(identity.reliableUntil).toBe(identity.expiresAt)
    }
  })
})

describe('how long others may rely on it, with ages of 2 s', () => {
  const layer = useLayer({ ...settings, VERIFICATION_FRESH_SECONDS: '2', VERIFICATION_MAX_STALE_SECONDS: '2' })

  it('a record is checked again only when no whole second is left', async () => {
    const { credentials, issue, clock } = layer()
    const token = issue()
    await credentials.identify(token, here)
    clock.advance(1_999)
    expect(credentials.identify(token, here)).toMatchObject({ reliableUntil: START_MS + 2_999 })
    expect(callsOf(layer())).toEqual({ profile: 1, verifyAccessToken: 1 })
    clock.advance(1)
    expect(await credentials.identify(token, here)).toMatchObject({ reliableUntil: START_MS + 4_000 })
    expect(callsOf(layer())).toEqual({ profile: 1, verifyAccessToken: 2 })
  })

  it('an ID token: as long, from each use', async () => {
    const { credentials, clock } = layer()
    const idToken = idTokenIn(layer(), signed(layer()))
    expect(await credentials.identify(idToken, here)).toMatchObject({ reliableUntil: START_MS + 2_000 })
    clock.advance(10_000)
    expect(credentials.identify(idToken, here)).toMatchObject({ reliableUntil: START_MS + 12_000 })
  })
})

describe('how long others may rely on it, with ages of 1 s', () => {
  const layer = useLayer({ ...settings, VERIFICATION_FRESH_SECONDS: '1', VERIFICATION_MAX_STALE_SECONDS: '1' })

  it('the end in whole seconds is always in the future, and at most 1 s after the verification', async () => {
    const { credentials, issue, clock } = layer()
    const token = issue()
    for (let n = 0; n < 50; n += 1) {
      const { reliableUntil } = (await credentials.identify(token, here)) as Verified
      const now = clock.lineTime()
      expect(Math.floor(reliableUntil / 1_000)).toBe(Math.floor(now / 1_000) + 1)
      clock.advance(173)
    }
  })

  it('LINE is asked only when less than half of the second is left, or no whole second', async () => {
    const { credentials, issue, clock, emulator } = layer()
    const token = issue()
    await credentials.identify(token, here)
    clock.advance(500)
    expect(credentials.identify(token, here)).not.toBeInstanceOf(Promise)
    clock.advance(300)
    await credentials.identify(token, here)
    clock.advance(199)
    expect(credentials.identify(token, here)).not.toBeInstanceOf(Promise)
    emulator.calls.reset()
    clock.advance(1)
    await credentials.identify(token, here)
    expect(callsOf(layer())).toEqual({ verifyAccessToken: 1 })
  })
})

describe('the identity of an ID token', () => {
  const layer = useLayer(settings)
  const identify = async (raw: string) => layer().credentials.identify(idTokenIn(layer(), raw), here)

  it('good: the facts of its claims; LINE is asked for its keys once, and the second use is no promise', async () => {
    const raw = signed(layer())
    const expected = {
      verdict: 'valid',
      key: tokenOf(raw).key,
      channelId: liff.id,
      scopes: ['openid', 'profile'],
      userId,
      expiresAt: START_MS + HOUR,
      reliableUntil: START_MS + HOUR,
    }
    expect(await identify(raw)).toEqual(expected)
    expect(layer().credentials.identify(idTokenIn(layer(), raw), here)).toEqual(expected)
    expect(callsOf(layer())).toEqual({ certs: 1 })
  })

  it('without a name: openid alone', async () => {
    expect(await identify(signed(layer(), { name: undefined }))).toMatchObject({ scopes: ['openid'] })
  })

  it('with a nonce, ours or not: good, there is nothing to compare with', async () => {
    for (const nonce of ['theirs', layer().nonces.issue()])
      expect(await identify(signed(layer(), { nonce }))).toMatchObject({ verdict: 'valid' })
  })

  it.each<[string, string, () => string]>([
    ['HS256 with the right secret', 'INVALID', () => layer().emulator.signIdToken(claims(), 'HS256')],
    ['HS256 with the secret of web', 'INVALID', () => hs256(claims({ aud: web.id }), web.secret)],
    ['alg none', 'INVALID', () => jwt({ alg: 'none' }, claims())],
    ['alg RS256', 'INVALID', () => jwt({ alg: 'RS256' }, claims())],
    ['changed claims', 'INVALID', () => changed(signed(layer()), claims({ sub: 'Uother' }))],
    ['a kid that LINE does not have', 'INVALID', () => jwt({ alg: 'ES256', kid: 'x' }, claims())],
    ['no kid', 'INVALID', () => jwt({ alg: 'ES256' }, claims())],
    ['of a foreign channel', 'WRONG_CHANNEL', () => signed(layer(), { aud: foreign.id })],
    ['aud is a list', 'WRONG_CHANNEL', () => signed(layer(), { aud: [liff.id] })],
    ['no aud', 'WRONG_CHANNEL', () => signed(layer(), { aud: undefined })],
    ['exp is now', 'EXPIRED', () => signed(layer(), { exp: S })],
    ['exp was 59 s ago', 'EXPIRED', () => signed(layer(), { exp: S - 59 })],
    ['no exp', 'MALFORMED', () => signed(layer(), { exp: undefined })],
    ['no iat', 'MALFORMED', () => signed(layer(), { iat: undefined })],
    ['empty sub', 'MALFORMED', () => signed(layer(), { sub: '' })],
    ['iat six minutes ahead', 'INVALID', () => signed(layer(), { iat: S + 360 })],
    ['five parts', 'MALFORMED', () => `${signed(layer())}.a.b`],
    ['two parts', 'MALFORMED', () => signed(layer()).split('.').slice(0, 2).join('.')],
    ['crit in the header', 'MALFORMED', () => jwt({ alg: 'ES256', crit: ['x'] }, claims())],
  ])('%s: invalid, %s, and LINE gets at most one question, for its keys', async (_, reason, make) => {
    expect(await identify(make())).toEqual({ verdict: 'invalid', reason })
    const { certs = 0, ...others } = callsOf(layer())
    expect([certs <= 1, others]).toEqual([true, {}])
  })

  it('good once: EXPIRED from its exp on, REVOKED once its user has left', async () => {
    const { clock, emulator, revocation, issue } = layer()
    const [user] = emulator.users
    const raw = signed(layer(), { sub: user?.userId })
    expect(await identify(raw)).toMatchObject({ verdict: 'valid' })
    clock.advance(1_000)
    await revocation.deauthorize(issue({ channelId: liff.id, userId: user?.userId ?? '' }), here)
    expect(await identify(raw)).toEqual({ verdict: 'invalid', reason: 'REVOKED' })
    const later = signed(layer(), { sub: user?.userId, iat: S + 2 })
    expect(await identify(later)).toMatchObject({ verdict: 'valid' })
    clock.advance(HOUR - 2_000)
    expect(await identify(later)).toMatchObject({ verdict: 'valid' })
    clock.advance(1)
    expect(await identify(later)).toEqual({ verdict: 'invalid', reason: 'EXPIRED' })
    const viewed = () => layer().credentials.claimsOf(idTokenIn(layer(), later), here)
    clock.advance(998)
    expect(viewed()).toMatchObject({ verdict: 'valid' })
    clock.advance(1)
    expect(viewed()).toEqual({ verdict: 'invalid', reason: 'EXPIRED' })
  })

  it('from before the departure of its user, and new here: REVOKED', async () => {
    const { clock, emulator, revocation, issue } = layer()
    const [user] = emulator.users
    const raw = signed(layer(), { sub: user?.userId })
    clock.advance(1_000)
    await revocation.deauthorize(issue({ channelId: liff.id, userId: user?.userId ?? '' }), here)
    expect(await identify(raw)).toEqual({ verdict: 'invalid', reason: 'REVOKED' })
  })

  it('good once, and LINE withdraws its key: invalid after the next fetch of the keys', async () => {
    const { clock, emulator } = layer()
    const raw = signed(layer(), { exp: S + 100_000 })
    expect(await identify(raw)).toMatchObject({ verdict: 'valid' })
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const another = { ...publicKey.export({ format: 'jwk' }), kid: 'another', alg: 'ES256', use: 'sig' }
    emulator.faults.set('certs', { body: { keys: [another] } })
    clock.advance(HOUR + 1_000)
    await identify(raw)
    await layer().answers.settled()
    expect(await identify(raw)).toEqual({ verdict: 'invalid', reason: 'INVALID' })
  })

  it('LINE does not give its keys: unknown, and good when it does', async () => {
    const { emulator, clock } = layer()
    const raw = signed(layer())
    emulator.faults.set('certs', { status: 500 })
    expect(await identify(raw)).toMatchObject({ verdict: 'unknown', outage: { code: 'LINE_UNAVAILABLE' } })
    emulator.faults.clear()
    clock.advance(60_000)
    expect(await identify(raw)).toMatchObject({ verdict: 'valid' })
    emulator.faults.set('*', { status: 500 })
    expect(layer().credentials.identify(idTokenIn(layer(), raw), here)).toMatchObject({ verdict: 'valid' })
  })

  it('500 different ones at once: one fetch of the keys', async () => {
    const raws = times(500, (n) => signed(layer(), { jti: n }))
    const all = await Promise.all(raws.slice(0, 100).map(identify))
    expect(new Set(all.map(({ verdict }) => verdict))).toEqual(new Set(['valid']))
    expect(callsOf(layer())).toEqual({ certs: 1 })
    const start = performance.now()
    for (const raw of raws.slice(100)) await identify(raw)
    const cold = (performance.now() - start) / 400
    const [warm = ''] = raws
    const again = performance.now()
    for (let n = 0; n < 5_000; n += 1) void layer().credentials.identify(idTokenIn(layer(), warm), here)
    const hot = (performance.now() - again) / 5_000
    print(
      `an ID token as Bearer: ${(cold * 1_000).toFixed(0)} µs for the first time, ${(hot * 1_000).toFixed(1)} µs again`,
    )
  })
})

describe('bad ID tokens of one address', () => {
  const layer = useLayer({ ...allChannels, ...oneBurst })

  it('take from its bucket: then unknown with RATE_LIMITED there, and a good one known before is answered', async () => {
    const { credentials } = layer()
    const good = idTokenIn(layer(), signed(layer()))
    await credentials.identify(good, here)
    for (let n = 0; n < 20; n += 1) {
      const bad = idTokenIn(layer(), signed(layer(), { exp: S - 1, jti: n }))
      expect(await credentials.identify(bad, here)).toMatchObject({ reason: 'EXPIRED' })
    }
    const next = idTokenIn(layer(), signed(layer(), { jti: 'next' }))
    expect(await credentials.identify(next, here)).toMatchObject({ outage: { code: 'RATE_LIMITED' } })
    expect(await credentials.identify(next, elsewhere)).toMatchObject({ verdict: 'valid' })
    expect(credentials.identify(good, here)).toMatchObject({ verdict: 'valid' })
  })

  it('an expired one that an app sends again and again: takes one from its bucket', async () => {
    const { credentials, ask, issue } = layer()
    const expired = idTokenIn(layer(), signed(layer(), { exp: S - 1 }))
    for (let n = 0; n < 50; n += 1)
      expect(await credentials.identify(expired, here)).toMatchObject(invalidAs('EXPIRED'))
    expect(await ask(issue())).toMatchObject({ verdict: 'valid' })
    expect(await credentials.identify(idTokenIn(layer(), signed(layer())), here)).toMatchObject({ verdict: 'valid' })
  })
})

const invalidAs = (reason: string) => ({ verdict: 'invalid', reason })

function hs256(payload: object, secret: string): string {
  const content = jwt({ alg: 'HS256' }, payload).split('.').slice(0, 2).join('.')
  return `${content}.${createHmac('sha256', secret).update(content).digest('base64url')}`
}

function changed(token: string, payload: object): string {
  const [header, , signature] = token.split('.')
  return [header, Buffer.from(JSON.stringify(payload)).toString('base64url'), signature].join('.')
}
