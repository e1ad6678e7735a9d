import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { Misconfigured } from '../../src/line/errors.ts'
import { type ApiToken, type ApiTokensOptions, createApiTokens, type VerifiedUser } from '../../src/login/api-tokens.ts'
import { parseSigningKeys } from '../../src/login/signing-key-set.ts'
import { createSigningKeys } from '../../src/login/signing-keys.ts'
import { START_MS } from '../harness/channels.ts'
import { keySetText, privateJwk, verifyWith } from '../harness/signing-keys.ts'

const [first, second] = [privateJwk('ES256', { kid: 'first' }), privateJwk('ES256', { kid: 'second' })]
const issuer = 'https://gateway.example'
const hour = 3_600_000

let now = START_MS
let file = parseSigningKeys(keySetText(first))
let left: { readonly channelId: string; readonly userId: string; readonly at: number }[] = []
beforeEach(() => {
  now = START_MS
  file = parseSigningKeys(keySetText(first))
  left = []
})

const signingKeys = createSigningKeys({ keys: () => file, wall: () => now, noSigner: () => new Misconfigured() })

function createTokens(options: Partial<ApiTokensOptions> = {}) {
  let signed = 0
  const given = { minted: 0, reused: 0 }
  const tokens = createApiTokens({
    signingKeys: {
      ...signingKeys,
      sign: (...what) => {
        signed += 1
        return signingKeys.sign(...what)
      },
    },
    issuer: () => issuer,
    audiences: ['api', 'https://other.example'],
    lifeMs: 300_000,
    type: 'at+jwt',
    wall: () => now,
    leftSince: (channelId, userId, since) =>
      left.some((one) => one.channelId === channelId && one.userId === userId && since <= one.at),
    givenOut: (source) => {
      given[source] += 1
    },
    ...options,
  })
  return { ...tokens, signed: () => signed, given }
}

const verified: VerifiedUser = {
  verdict: 'valid',
  key: 'digest',
  channelId: '1000000001',
  scopes: ['profile', 'openid'],
  userId: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f',
  expiresAt: START_MS + 30 * 24 * hour,
  reliableUntil: START_MS + hour,
}
const lifeOf = ({ expiresAt }: ApiToken) => expiresAt - now

describe('the token', () => {
  it('has the claims and the header of RFC 9068, and no name', async () => {
    const { token, ...rest } = await createTokens().tokenFor(verified, 'api')
    const { header, ...claims } = await verifyWith(signingKeys, token, { currentDate: new Date(now) })
    expect(header).toEqual({ alg: 'ES256', typ: 'at+jwt', kid: 'first' })
    expect(claims).toEqual({
      iss: issuer,
      sub: verified.userId,
      aud: 'api',
      iat: START_MS / 1_000,
      exp: START_MS / 1_000 + 300,
      jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
      client_id: '1000000001',
      scope: 'profile openid',
    })
    expect(rest).toMatchObject({ audience: 'api', scope: 'profile openid', expiresAt: START_MS + 300_000 })
  })

  it('API_TOKEN_TYPE: is its typ', async () => {
    const { token } = await createTokens({ type: 'JWT' }).tokenFor(verified, 'api')
    const options = { currentDate: new Date(now), typ: 'JWT' }
    expect((await verifyWith(signingKeys, token, options)).header.typ).toBe('JWT')
  })

  it('fewer scopes: only those that the credential has, and a token of its own', async () => {
    const tokens = createTokens()
    const narrow = await tokens.tokenFor(verified, 'api', ['openid', 'admin'])
    expect(decodeJwt(narrow.token).scope).toBe('openid')
    expect((await tokens.tokenFor(verified, 'api')).scope).toBe('profile openid')
    expect(tokens.tokenFor(verified, 'api', ['openid', 'profile'])).toMatchObject({ scope: 'profile openid' })
    expect(tokens.signed()).toBe(2)
  })

  it.each<[string, Partial<VerifiedUser>, number]>([
    ['API_TOKEN_SECONDS', {}, 300_000],
    ['the end of the credential', { expiresAt: START_MS + 20_000 }, 20_000],
    ['the time until which its record may be relied on', { reliableUntil: START_MS + 60_000 }, 60_000],
    ['whole seconds', { expiresAt: START_MS + 20_999 }, 20_000],
    ['at least two seconds for a record that is nearly stale', { reliableUntil: START_MS + 1_000 }, 2_000],
    ['never more than the credential has', { reliableUntil: START_MS, expiresAt: START_MS + 1_500 }, 1_000],
  ])('ends at the earliest: %s', async (_, facts, life) => {
    expect(lifeOf(await createTokens().tokenFor({ ...verified, ...facts }, 'api'))).toBe(life)
  })

  it('minted between two seconds: at least two whole seconds', async () => {
    now += 950
    const token = await createTokens().tokenFor({ ...verified, reliableUntil: now + 100 }, 'api')
    expect(lifeOf(token)).toBeGreaterThanOrEqual(2_000)
    expect(lifeOf(token)).toBeLessThan(3_000)
  })
})

describe('the audience', () => {
  it('one of API_AUDIENCES, by default the first', () => {
    const { audienceOf } = createTokens()
    const asked = [undefined, 'api', 'https://other.example', issuer, '', 'API'].map(audienceOf)
    expect(asked).toEqual(['api', 'api', 'https://other.example', undefined, undefined, undefined])
  })

  it('without API_AUDIENCES: the issuer, also where it is known only later', () => {
    let own = ''
    const { audienceOf } = createTokens({ audiences: [], issuer: () => own })
    own = 'http://localhost:4000'
    expect([undefined, own, 'api'].map(audienceOf)).toEqual([own, own, undefined])
  })
})

describe('a token is used again', () => {
  it('at once, for the same credential and audience', async () => {
    const tokens = createTokens()
    const token = await tokens.tokenFor(verified, 'api')
    expect(tokens.tokenFor({ ...verified, reliableUntil: now + 2 * hour }, 'api')).toBe(token)
    expect(await tokens.tokenFor(verified, 'https://other.example')).not.toBe(token)
    expect(await tokens.tokenFor({ ...verified, key: 'another' }, 'api')).not.toBe(token)
    expect(tokens.signed()).toBe(3)
  })

  it.each([
    ['API_TOKEN_SECONDS', 300_000, {}],
    ['its own life where that is shorter', 60_000, { reliableUntil: START_MS + 60_000 }],
  ])('while more than half is left of %s', async (_, life, facts) => {
    const tokens = createTokens()
    const token = await tokens.tokenFor({ ...verified, ...facts }, 'api')
    now += life / 2 - 1
    expect(tokens.tokenFor(verified, 'api')).toBe(token)
    now += 1
    const next = await tokens.tokenFor(verified, 'api')
    expect(next.token).not.toBe(token.token)
    expect(lifeOf(next)).toBe(300_000)
  })

  it('by all who ask at the same time: one signature', async () => {
    const tokens = createTokens()
    const all = await Promise.all(Array.from({ length: 100 }, () => tokens.tokenFor(verified, 'api')))
    expect(new Set(all.map(({ token }) => token)).size).toBe(1)
    expect(tokens.signed()).toBe(1)
    expect(tokens.given).toEqual({ minted: 1, reused: 99 })
    tokens.tokenFor(verified, 'api')
    expect(tokens.given).toEqual({ minted: 1, reused: 100 })
  })

  it('not after a failure: the next one tries again', async () => {
    const tokens = createTokens()
    file = []
    await expect(tokens.tokenFor(verified, 'api')).rejects.toBeInstanceOf(Misconfigured)
    file = parseSigningKeys(keySetText(first))
    expect(await tokens.tokenFor(verified, 'api')).toMatchObject({ audience: 'api' })
    expect(tokens.given).toEqual({ minted: 1, reused: 0 })
  })

  it('not when its key has left the file, also where another key has its kid', async () => {
    const tokens = createTokens()
    const token = await tokens.tokenFor(verified, 'api')
    file = parseSigningKeys(keySetText({ ...second, kid: 'first' }))
    const next = await tokens.tokenFor(verified, 'api')
    expect(next.token).not.toBe(token.token)
    expect(await verifyWith(signingKeys, next.token, { currentDate: new Date(now) })).toMatchObject({ aud: 'api' })
  })

  it('also when a newer key signs, as long as its own key is served', async () => {
    const tokens = createTokens()
    const token = await tokens.tokenFor(verified, 'api')
    file = parseSigningKeys(keySetText({ ...first, retired_at: START_MS / 1_000 }, second))
    expect(tokens.tokenFor(verified, 'api')).toBe(token)
  })

  it('not when the wall clock was set back: others would see a token of the future', async () => {
    const tokens = createTokens()
    const token = await tokens.tokenFor(verified, 'api')
    now -= hour
    expect((await tokens.tokenFor(verified, 'api')).token).not.toBe(token.token)
  })

  it('not when LINE now says that the credential ends earlier', async () => {
    const tokens = createTokens()
    await tokens.tokenFor(verified, 'api')
    const next = await tokens.tokenFor({ ...verified, expiresAt: START_MS + 100_000 }, 'api')
    expect(lifeOf(next)).toBe(100_000)
  })

  it('not when its user has left since, but those of other users', async () => {
    const tokens = createTokens()
    const token = await tokens.tokenFor(verified, 'api')
    const other = { ...verified, key: 'other', userId: 'U2' }
    const otherToken = await tokens.tokenFor(other, 'api')
    left.push({ channelId: verified.channelId, userId: verified.userId, at: now })
    now += 1_000
    expect((await tokens.tokenFor(verified, 'api')).token).not.toBe(token.token)
    expect(tokens.tokenFor(other, 'api')).toBe(otherToken)
  })

  it('not when its user left while it was signed', async () => {
    const tokens = createTokens()
    const before = tokens.tokenFor(verified, 'api')
    left.push({ channelId: verified.channelId, userId: verified.userId, at: now })
    now += 1_000
    const after = await tokens.tokenFor(verified, 'api')
    expect(after.token).not.toBe((await before).token)
    expect(tokens.tokenFor(verified, 'api')).toBe(after)
  })

  it('of 10,000 tokens; the one that was used least recently goes first', async () => {
    const fast = { sign: async () => ({ jwt: 'jwt', kid: 'k', thumbprint: 't' }), isServed: () => true }
    const tokens = createTokens({ signingKeys: fast })
    const keyed = (index: number) => ({ ...verified, key: String(index) })
    await Promise.all(Array.from({ length: 10_001 }, (_, index) => tokens.tokenFor(keyed(index), 'api')))
    expect(tokens.tokenFor(keyed(1), 'api')).not.toBeInstanceOf(Promise)
    expect(tokens.tokenFor(keyed(0), 'api')).toBeInstanceOf(Promise)
  })
})

it('a rotation: none of the tokens handed out is refused by a verifier that has just fetched the keys', async () => {
  const at = (time: number) => new Date(START_MS + time).toISOString()
  file = parseSigningKeys(
    keySetText(
      { ...first, retired_at: at(2 * hour) },
      { ...second, published_at: at(60_000), signing_at: at(2 * hour) },
    ),
  )
  const tokens = createTokens({ lifeMs: hour })
  const kids = new Set<unknown>()
  const inUse: ApiToken[] = []
  for (let user = 0; now < START_MS + 5 * hour; now += 397_000, user += 1) {
    const credential = { ...verified, key: String(user % 7), reliableUntil: now + 24 * hour }
    inUse.push(await tokens.tokenFor(credential, 'api'))
    for (const { token, expiresAt } of inUse.slice(-10)) {
      if (expiresAt <= now) continue
      const { header } = await verifyWith(signingKeys, token, { currentDate: new Date(now), issuer, audience: 'api' })
      kids.add(header.kid)
    }
  }
  expect([...kids]).toEqual(['first', 'second'])
  expect(signingKeys.publicKeys().keys.map(({ kid }) => kid)).toEqual(['second'])
})
