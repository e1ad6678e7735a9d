import { describe, expect, it } from 'vitest'
import { InvalidIdToken } from '../../src/line/errors.ts'
import {
  allChannels,
  foreign,
  here,
  type Layer,
  liff,
  native,
  oneChannel,
  START_MS,
  times,
  useLayer,
  web,
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

  it('with a named channel: checked for that channel only, without a call', async () => {
    const { emulator, idTokens } = layer()
    const idToken = idTokenOf(layer(), { channelId: native.id })
    expect(await idTokens.verify(idToken, { channel: native }, here)).toMatchObject({ aud: native.id })
    await expect(idTokens.verify(idToken, { channel: liff }, here)).rejects.toMatchObject({ reason: 'AUDIENCE' })
    await expect(idTokens.verify(idToken, { channel: web }, here)).rejects.toMatchObject({ reason: 'ALGORITHM' })
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
    const { emulator, idTokens } = layer()
    const idToken = idTokenOf(layer(), { channelId: native.id })
    emulator.faults.set('certs', { status: 500, times: 1 })
    await expect(idTokens.verify(idToken, {}, here)).rejects.toMatchObject({ code: 'LINE_UNAVAILABLE' })
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

  it('issued by us: accepted once in the lifetime of the token', async () => {
    const { idTokens, nonces, clock } = layer()
    const nonce = nonces.issue()
    const idToken = idTokenOf(layer(), { nonce })
    expect(await idTokens.verify(idToken, { nonce }, here)).toMatchObject({ nonce })
    await expect(idTokens.verify(idToken, { nonce }, here)).rejects.toMatchObject({ reason: 'NONCE' })
    clock.advance(3_599_999)
    await expect(idTokens.verify(idToken, { nonce }, here)).rejects.toMatchObject({ reason: 'NONCE' })
  })

  it('issued by us, presented 20 times at once: accepted once', async () => {
    const { idTokens, nonces } = layer()
    const nonce = nonces.issue()
    const idToken = idTokenOf(layer(), { nonce })
    const all = await Promise.allSettled(times(20, () => idTokens.verify(idToken, { nonce }, here)))
    expect(all.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
  })

  it('issued by us, in tokens that are refused: not used up', async () => {
    const { idTokens, nonces, emulator } = layer()
    const nonce = nonces.issue()
    const [good, other] = [idTokenOf(layer(), { nonce }), idTokenOf(layer(), { nonce, channelId: foreign.id })]
    const body = { iss: 'https://evil.example', sub: 'U1', aud: web.id, exp: S + 60, iat: S, nonce }
    for (const idToken of [other, emulator.signIdToken(body, 'HS256'), `${good.slice(0, -2)}xx`]) {
      await expect(idTokens.verify(idToken, { nonce }, here)).rejects.toThrow(InvalidIdToken)
    }
    await expect(idTokens.verify(good, { nonce: 'another' }, here)).rejects.toMatchObject({ reason: 'NONCE' })
    expect(await idTokens.verify(good, { nonce }, here)).toMatchObject({ nonce })
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

function idTokenOf({ emulator }: Layer, request: Parameters<Layer['emulator']['issueTokens']>[0] = {}): string {
  return emulator.issueTokens(request).idToken ?? ''
}
