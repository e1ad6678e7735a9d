import { describe, expect, it } from 'vitest'
import { createChannels } from '../../src/line/channels.ts'
import { InvalidIdToken } from '../../src/line/errors.ts'
import { createIdTokens } from '../../src/login/id-tokens.ts'
import { createNonces } from '../../src/login/nonces.ts'
import { noRoom } from '../../src/tokens/waiting-room.ts'
import {
  allChannels,
  elsewhere,
  foreign,
  here,
  junk,
  type Layer,
  liff,
  native,
  oneBurst,
  oneChannel,
  START_MS,
  tally,
  times,
  useLayer,
  web,
  wordFor,
} from '../harness/token-layer.ts'

const S = START_MS / 1_000

describe('an ID token', () => {
  const layer = useLayer({ ...allChannels })

  it.each([web, native, liff])('of a channel of type $type: its claims', async ({ id }) => {
    const { emulator, idTokens } = layer()
    const { idToken = '' } = emulator.issueTokens({ channelId: id, amr: ['lineqr'], nonce: 'theirs' })
    expect(await idTokens.verify(idToken, {}, here)).toMatchObject({
      iss: 'https://access.line.me',
      aud: id,
      sub: emulator.users[0]?.userId,
      name: 'Sakura Tanaka',
      amr: ['lineqr'],
      nonce: 'theirs',
      authTime: null,
      email: null,
      iat: S,
      exp: S + 3_600,
    })
  })

  it.each([web, native, liff])('of a channel of type $type: both kinds are accepted (D2)', async ({ id }) => {
    const { idTokens } = layer()
    for (const es256 of [false, true]) {
      const idToken = idTokenOf(layer(), { channelId: id, es256 })
      expect(await idTokens.verify(idToken, {}, here)).toMatchObject({ aud: id })
    }
  })

  it('with a named channel: checked for that channel only, without a call', async () => {
    const { emulator, idTokens } = layer()
    const idToken = idTokenOf(layer(), { channelId: native.id })
    expect(await idTokens.verify(idToken, { channel: native }, here)).toMatchObject({ aud: native.id })
    await expect(idTokens.verify(idToken, { channel: liff }, here)).rejects.toMatchObject({ reason: 'AUDIENCE' })
    await expect(idTokens.verify(idToken, { channel: web }, here)).rejects.toMatchObject({ reason: 'AUDIENCE' })
    expect(emulator.calls.of('verifyIdToken')).toBe(0)
  })

  it.each(['', 'x', 'a.b.c', 'a.b', '..'])('%j: MALFORMED', async (idToken) => {
    await expect(layer().idTokens.verify(idToken, {}, here)).rejects.toMatchObject({ reason: 'MALFORMED' })
  })

  it('with a foreign audience or an unusable one: refused', async () => {
    const { emulator, idTokens } = layer()
    await expect(idTokens.verify(idTokenOf(layer(), { channelId: foreign.id }), {}, here)).rejects.toMatchObject({
      reason: 'AUDIENCE',
    })
    for (const aud of [undefined, 7, [web.id], '']) {
      const idToken = emulator.signIdToken({ iss: 'https://access.line.me', sub: 'U1', aud, exp: S, iat: S }, 'HS256')
      await expect(idTokens.verify(idToken, {}, here)).rejects.toThrow(InvalidIdToken)
    }
  })

  it('accepted until it expires, with a leeway of one minute', async () => {
    const { idTokens, clock } = layer()
    const idToken = idTokenOf(layer())
    clock.advance(3_659_999)
    expect(await idTokens.verify(idToken, {}, here)).toMatchObject({ aud: web.id })
    clock.advance(1)
    await expect(idTokens.verify(idToken, {}, here)).rejects.toMatchObject({ reason: 'EXPIRED' })
  })

  it('10 tokens signed with ES256: one call for the keys', async () => {
    const { emulator, idTokens } = layer()
    const tokens = times(10, () => idTokenOf(layer(), { channelId: native.id }))
    await Promise.all(tokens.map((idToken) => idTokens.verify(idToken, {}, here)))
    await idTokens.verify(tokens[0] ?? '', {}, here)
    expect(emulator.calls.of('certs')).toBe(1)
  })

  it("when LINE's keys cannot be fetched: LINE_UNAVAILABLE, and accepted after that", async () => {
    const { emulator, idTokens, clock } = layer()
    const idToken = idTokenOf(layer(), { channelId: native.id })
    emulator.faults.set('certs', { status: 500, times: 1 })
    await expect(idTokens.verify(idToken, {}, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE', retryAfter: 1 })
    clock.advance(1_000)
    expect(await idTokens.verify(idToken, {}, here)).toMatchObject({ aud: native.id })
  })
})

describe('the nonce', () => {
  const layer = useLayer(oneChannel)

  it('expected and equal: accepted; different: NONCE', async () => {
    const { idTokens } = layer()
    const idToken = idTokenOf(layer(), { nonce: 'theirs' })
    expect(await idTokens.verify(idToken, { nonce: 'theirs' }, here)).toMatchObject({ nonce: 'theirs' })
    for (const nonce of ['other', 'their', 'theirss', '']) {
      await expect(idTokens.verify(idToken, { nonce }, here)).rejects.toMatchObject({ reason: 'NONCE' })
    }
  })

  it('expected and missing: NONCE', async () => {
    const { idTokens, nonces } = layer()
    const idToken = idTokenOf(layer())
    for (const nonce of ['theirs', nonces.issue()]) {
      await expect(idTokens.verify(idToken, { nonce }, here)).rejects.toMatchObject({ reason: 'NONCE' })
    }
  })

  it('issued by us: compared and never used up, 20 times at once and an hour later (D1)', async () => {
    const { idTokens, nonces, clock } = layer()
    const nonce = nonces.issue()
    const idToken = idTokenOf(layer(), { nonce })
    const all = await Promise.all(times(20, () => idTokens.verify(idToken, { nonce }, here)))
    clock.advance(3_600_000)
    expect(all).toEqual(times(20, () => all[0]))
    expect(await idTokens.verify(idToken, { nonce }, here)).toEqual(all[0])
    await expect(idTokens.verify(idToken, {}, here)).rejects.toMatchObject({ reason: 'NONCE' })
  })

  it("not expected: the client's own is accepted, one issued by us is refused", async () => {
    const { idTokens, nonces } = layer()
    expect(await idTokens.verify(idTokenOf(layer()), {}, here)).toMatchObject({ nonce: null })
    const theirs = idTokenOf(layer(), { nonce: 'theirs' })
    for (let n = 0; n < 3; n += 1) expect(await idTokens.verify(theirs, {}, here)).toMatchObject({ nonce: 'theirs' })
    const ours = idTokenOf(layer(), { nonce: nonces.issue() })
    await expect(idTokens.verify(ours, {}, here)).rejects.toMatchObject({ reason: 'NONCE' })
  })
})

describe('the guard of ID tokens that callers send', () => {
  const layer = useLayer({ ...allChannels, FAILED_TOKENS_BURST: '5', ...oneBurst })
  const outcomesOf = async (checks: readonly Promise<unknown>[]) =>
    tally((await Promise.allSettled(checks)).map((one) => (one.status === 'rejected' ? one.reason.code : 'good')))
  const forged = (kind: 'HS256' | 'ES256', n: number) =>
    `${layer()
      .emulator.signIdToken({ ...claims, sub: `U${n}` }, kind, web.id)
      .slice(0, -8)}AAAAAAAA`
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const claims = { iss: 'https://access.line.me', aud: web.id, exp: S + 3_600, iat: S }

  it('bad ones, each kind, all at once: the burst is checked, the others are RATE_LIMITED (D14)', async () => {
    const { idTokens } = layer()
    const bad = [...times(4, (n) => forged('HS256', n)), 'x', 'a.b.c', 'x'.repeat(9_000), ...times(8, () => 'y')]
    const checks = bad.map((idToken) => idTokens.verifyGuarded(idToken, {}, here))
    expect(await outcomesOf(checks)).toEqual({ INVALID_ID_TOKEN: 5, RATE_LIMITED: 10 })
    await expect(idTokens.verifyGuarded('x', {}, here)).rejects.toMatchObject({
      code: 'RATE_LIMITED',
      retryAfter: 1_000,
    })
    await expect(idTokens.verifyGuarded('x', {}, elsewhere)).rejects.toMatchObject({ reason: 'MALFORMED' })
  })

  it("bad ones that wait for LINE's keys: no more than the burst is checked (D14)", async () => {
    const { idTokens } = layer()
    const checks = times(50, (n) => idTokens.verifyGuarded(forged('ES256', n), {}, here))
    expect(await outcomesOf(checks)).toEqual({ INVALID_ID_TOKEN: 5, RATE_LIMITED: 45 })
  })

  it('with invented kids while LINE is well: limited like other bad ones; given back to those who come again (D14)', async () => {
    const { idTokens, emulator, clock } = layer()
    const invented = (n: number) => `${part({ alg: 'ES256', kid: `k${n}` })}.${part(claims)}.AAAA`
    const codes: string[] = []
    for (let n = 0; n < 50; n += 1) {
      codes.push(Object(await idTokens.verifyGuarded(invented(n), {}, here).catch((error) => error)).code)
    }
    expect(tally(codes)).toEqual({ INVALID_ID_TOKEN: 1, LINE_UNAVAILABLE: 4, RATE_LIMITED: 45 })
    emulator.rotateSigningKey()
    const fresh = times(4, (n) => emulator.issueTokens({ es256: true, nonce: `n${n}` }).idToken ?? '')
    const all = () => outcomesOf(fresh.map((idToken) => idTokens.verifyGuarded(idToken, {}, elsewhere)))
    expect(await all()).toEqual({ LINE_UNAVAILABLE: 4 })
    clock.advance(10_000)
    expect(await all()).toEqual({ good: 4 })
    const bad = times(10, () => idTokens.verifyGuarded('x', {}, elsewhere))
    expect(await outcomesOf(bad)).toEqual({ INVALID_ID_TOKEN: 5, RATE_LIMITED: 5 })
  })

  it("120 wait for LINE's keys, which never come: more of that network are refused at once (D14)", async () => {
    const { idTokens, emulator } = layer()
    emulator.faults.set('certs', { hang: true })
    const tokens = times(120, (n) => forged('ES256', n))
    const soon = { ...here, deadline: performance.now() + 5_000 }
    const checks = tokens.map((token) => idTokens.verifyGuarded(token, {}, soon).catch((error) => error))
    const first20 = await Promise.all(checks.slice(100))
    expect(first20).toEqual(times(20, () => noRoom))
    expect(performance.now()).toBeLessThan(soon.deadline)
    expect(await idTokens.verifyGuarded(idTokenOf(layer()), {}, here)).toMatchObject({ aud: web.id })
    const another = idTokens.verifyGuarded(forged('ES256', 0), {}, { ...soon, clientAddress: '192.0.2.2' })
    expect(await another.catch((error) => error)).not.toBe(noRoom)
    expect(new Set(await Promise.all(checks))).not.toContain(undefined)
  })

  it('good ones: never limited, however many and how often', async () => {
    const { idTokens } = layer()
    const good = times(100, (n) => layer().emulator.issueTokens({ es256: n % 2 === 0, nonce: `n${n}` }).idToken ?? '')
    for (let round = 0; round < 2; round += 1) {
      const checks = good.map((idToken) => idTokens.verifyGuarded(idToken, {}, here))
      expect(await outcomesOf(checks)).toEqual({ good: 100 })
    }
  })

  it('a bad one after each new good one: never limited; after each known good one: limited', async () => {
    const { idTokens, emulator } = layer()
    const nth = (n: number) => emulator.issueTokens({ nonce: `n${n}` }).idToken ?? ''
    const codes: unknown[] = []
    for (let n = 0; n < 40; n += 1) {
      await idTokens.verifyGuarded(nth(n % 20), {}, here)
      codes.push(Object(await idTokens.verifyGuarded('x', {}, here).catch((error) => error)).code)
    }
    expect(codes.slice(0, 20)).toEqual(times(20, () => 'INVALID_ID_TOKEN'))
    expect(tally(codes.slice(20).map(String))).toEqual({ INVALID_ID_TOKEN: 4, RATE_LIMITED: 16 })
  })

  it('an empty bucket: a good one seen before is answered, a new one is RATE_LIMITED (D14)', async () => {
    const { idTokens, emulator } = layer()
    const [seen, unseen] = [idTokenOf(layer()), emulator.issueTokens({ nonce: 'other' }).idToken ?? '']
    await idTokens.verifyGuarded(seen, {}, here)
    await Promise.allSettled(times(5, () => idTokens.verifyGuarded('x', {}, here)))
    expect(await idTokens.verifyGuarded(seen, {}, here)).toMatchObject({ aud: web.id })
    await expect(idTokens.verifyGuarded(unseen, {}, here)).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    expect(await idTokens.verify(unseen, {}, here)).toMatchObject({ aud: web.id })
  })

  it('a good one with a wrong nonce, again and again: takes nothing from the bucket of the others (D14)', async () => {
    const { idTokens, emulator, ask, issue } = layer()
    const seen = idTokenOf(layer())
    await idTokens.verifyGuarded(seen, {}, here)
    const checks = times(50, () => idTokens.verifyGuarded(seen, { nonce: 'wrong' }, here))
    expect(await outcomesOf(checks)).toEqual({ INVALID_ID_TOKEN: 50 })
    expect(await idTokens.verifyGuarded(emulator.issueTokens({ nonce: 'n' }).idToken ?? '', {}, here)).toBeDefined()
    expect(wordFor(await ask(issue()))).toBe('valid')
  })

  it('a new one with a wrong nonce: counts like any bad one', async () => {
    const seen = idTokenOf(layer())
    const checks = times(50, () => layer().idTokens.verifyGuarded(seen, { nonce: 'wrong' }, here))
    expect(await outcomesOf(checks)).toEqual({ INVALID_ID_TOKEN: 5, RATE_LIMITED: 45 })
  })

  it.each([
    ['expired', 'EXPIRED', { exp: S - 3_600 }],
    ['for another channel', 'AUDIENCE', { aud: foreign.id }],
    ['from the future', 'ISSUED_AT', { iat: S + 3_600, exp: S + 7_200 }],
  ])('the same one, %s, again and again: takes one from the bucket in 30 s', async (_, reason, more) => {
    const { idTokens, emulator, clock } = layer()
    const sent = (n: number) => emulator.signIdToken({ ...claims, sub: `U${n}`, ...more }, 'HS256', web.id)
    const checksOf = (count: number) => times(count, (n) => idTokens.verifyGuarded(sent(n % 4), {}, here))
    for (const check of checksOf(100)) await expect(check).rejects.toMatchObject({ reason })
    expect(await idTokens.verifyGuarded(idTokenOf(layer(), { nonce: 'n' }), {}, here)).toBeDefined()
    clock.advance(29_999)
    for (const check of checksOf(100)) await expect(check).rejects.toMatchObject({ reason })
    clock.advance(1)
    expect(await outcomesOf(checksOf(4))).toEqual({ INVALID_ID_TOKEN: 2, RATE_LIMITED: 2 })
  })

  it("a good one with a new key of LINE's, again and again in the cool-down: takes one from the bucket", async () => {
    const { idTokens, emulator, clock } = layer()
    const invented = `${part({ alg: 'ES256', kid: 'k' })}.${part(claims)}.AAAA`
    await expect(idTokens.verifyGuarded(invented, {}, elsewhere)).rejects.toMatchObject({ reason: 'SIGNATURE' })
    emulator.rotateSigningKey()
    const fresh = idTokenOf(layer(), { es256: true })
    const checks = times(50, () => idTokens.verifyGuarded(fresh, {}, here))
    expect(await outcomesOf(checks)).toEqual({ LINE_UNAVAILABLE: 50 })
    clock.advance(10_000)
    expect(await idTokens.verifyGuarded(fresh, {}, here)).toMatchObject({ aud: web.id })
    expect(await outcomesOf(times(6, () => idTokens.verifyGuarded('x', {}, here)))).toEqual({
      INVALID_ID_TOKEN: 5,
      RATE_LIMITED: 1,
    })
  })

  it('bad ID tokens and bad access tokens: one bucket', async () => {
    const { idTokens, ask } = layer()
    await Promise.allSettled(times(5, () => idTokens.verifyGuarded('x', {}, here)))
    expect(wordFor(await ask(junk(1)))).toBe('RATE_LIMITED')
    expect(wordFor(await ask(junk(1), 'verification', elsewhere))).toBe('MALFORMED')
  })

  it("an outage of LINE's keys: takes nothing from the bucket", async () => {
    const { idTokens, emulator } = layer()
    emulator.faults.set('certs', { status: 500 })
    const checks = times(20, (n) => idTokens.verifyGuarded(forged('ES256', n), {}, here))
    expect(await outcomesOf(checks)).toEqual({ LINE_UNAVAILABLE: 20 })
    await expect(idTokens.verifyGuarded('x', {}, here)).rejects.toMatchObject({ reason: 'MALFORMED' })
  })
})

describe('a user who has left the service', () => {
  const layer = useLayer(oneChannel)

  it('ID tokens issued up to then: EXPIRED, after all checks of the token; later ones are good', async () => {
    const asked: unknown[] = []
    const sighting = { number: 0, at: START_MS }
    const leftUsers = {
      begin: () => sighting,
      sight: () => sighting,
      hasLeft: ({ aud, sub, iat }: { aud: string; sub: string; iat: number }) => {
        asked.push([aud, sub, iat])
        return iat <= S
      },
    }
    const { verify, verifyGuarded } = createIdTokens({
      channels: createChannels([web]),
      keySet: { keyOf: () => undefined, has: () => false },
      nonces: createNonces(['secret']),
      buckets: { limitFor: () => undefined, count: () => {} },
      wall: () => START_MS,
      now: () => START_MS,
      leftUsers,
    })
    const { emulator } = layer()
    const signed = (iat: number) =>
      emulator.signIdToken({ iss: 'https://access.line.me', sub: 'U1', aud: web.id, exp: S + 60, iat }, 'HS256', web.id)
    await expect(verifyGuarded(signed(S), {}, here)).rejects.toMatchObject({ reason: 'EXPIRED' })
    expect(await verifyGuarded(signed(S + 1), {}, here)).toMatchObject({ sub: 'U1' })
    await expect(verifyGuarded(`${signed(S).slice(0, -4)}AAAA`, {}, here)).rejects.toMatchObject({
      reason: 'SIGNATURE',
    })
    expect(asked).toEqual([
      [web.id, 'U1', S],
      [web.id, 'U1', S + 1],
    ])
    // LINE's own answer to a login is newer than the departure.
    expect(await verify(signed(S), {}, here)).toMatchObject({ sub: 'U1' })
  })
})

function idTokenOf({ emulator }: Layer, request: Parameters<Layer['emulator']['issueTokens']>[0] = {}): string {
  return emulator.issueTokens(request).idToken ?? ''
}
