import { generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint, type JWK } from 'jose'
import { describe, expect, it } from 'vitest'
import { Misconfigured } from '../../src/line/errors.ts'
import { makeDevelopmentKeys } from '../../src/login/development-keys.ts'
import { parseSigningKeys, SigningKeysError } from '../../src/login/signing-key-set.ts'
import { signerAt } from '../../src/login/signing-key-states.ts'
import { createSigningKeys } from '../../src/login/signing-keys.ts'
import { START_MS } from '../harness/channels.ts'
import { keySetText, type PrivateJwk, privateJwk, verifyWith } from '../harness/signing-keys.ts'

const rsa = privateJwk('RS256')
const [first, second, third] = [privateJwk(), privateJwk(), privateJwk()]
const hour = 3_600_000
const iso = (time: number) => new Date(time).toISOString()

/** The keys of a file at a time that the test moves. */
function keysOf(...entries: readonly PrivateJwk[]) {
  const clock = { now: START_MS }
  const keys = parseSigningKeys(keySetText(...entries))
  const signing = createSigningKeys({ keys: () => keys, wall: () => clock.now, noSigner: () => new Misconfigured() })
  const servedKids = () => signing.publicKeys().keys.map(({ kid }) => kid)
  const signingKid = () => signerAt(keys, clock.now)?.kid
  return { ...signing, clock, servedKids, signingKid }
}

function problemsOf(text: string): readonly string[] {
  try {
    parseSigningKeys(text)
    return []
  } catch (error) {
    if (error instanceof SigningKeysError) return error.problems
    throw error
  }
}

describe('a key set that can be used', () => {
  it.each([
    ['RS256', rsa],
    ['ES256', first],
  ])('%s without alg, kid and times: signs, and its kid is its thumbprint', async (alg, jwk) => {
    const keys = keysOf(jwk)
    const kid = await calculateJwkThumbprint(jwk as JWK)
    const { jwt } = await keys.sign({ sub: 'U1' }, 'at+jwt')
    expect((await verifyWith(keys, jwt)).header).toEqual({ alg, typ: 'at+jwt', kid })
    expect([keys.signingKid(), keys.algorithms(), keys.isServed({ kid, thumbprint: kid })]).toEqual([kid, [alg], true])
  })

  it('the public keys: only public members, whatever else the file has', () => {
    const [key] = keysOf({ ...rsa, kid: 'k', 'x-note': 'canary', published_at: iso(START_MS) }).publicKeys().keys
    expect(key).toEqual({ kty: 'RSA', n: rsa.n, e: rsa.e, kid: 'k', use: 'sig', alg: 'RS256' })
    expect(keysOf({ ...first, ext: true, key_ops: ['sign'] }).publicKeys().keys[0]).toEqual({
      ...{ kty: 'EC', crv: 'P-256', x: first.x, y: first.y, use: 'sig', alg: 'ES256' },
      kid: expect.any(String),
    })
  })

  it('a byte order mark and CRLF: passed over', () => {
    expect(problemsOf(`\uFEFF${JSON.stringify({ keys: [first] }, undefined, 2).replaceAll('\n', '\r\n')}\r\n`)).toEqual(
      [],
    )
  })

  it.each<[string, unknown, number]>([
    ['UTC', '2026-01-01T01:00:00Z', START_MS + hour],
    ['small letters', '2026-01-01t01:00:00z', START_MS + hour],
    ['an offset', '2026-01-01T10:00:00.5+09:00', START_MS + hour + 500],
    ['the basic form of an offset', '2026-01-01T10:00+0900', START_MS + hour],
    ['hours alone as an offset', '2026-01-01T10:00:00+09', START_MS + hour],
    ['a date alone', '2026-01-02', START_MS + 24 * hour],
    ['seconds', START_MS / 1_000 + 3_600, START_MS + hour],
    ['fractions of a second', START_MS / 1_000 + 0.5, START_MS + 500],
  ])('a time in %s', (_, published_at, expected) => {
    expect(parseSigningKeys(keySetText({ ...first, published_at }))[0]?.publishedAt).toBe(expected)
  })
})

it.each(['published_at', 'signing_at', 'retired_at'])('%s that is null: as one that is absent', (member) => {
  const [key] = parseSigningKeys(keySetText({ ...first, [member]: null }))
  expect(key).toMatchObject({ publishedAt: -Infinity, signingAt: -Infinity, retiredAt: Infinity })
})

describe('a key set that is refused: the member is named, and no value is quoted', () => {
  const secret = { kty: 'oct', k: 'canary', alg: 'HS256' }
  const { d: _, ...publicOnly } = first
  const { qi: __, ...withoutQi } = rsa
  const short = generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey.export({ format: 'jwk' })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ format: 'jwk' })
  const at = (times: object) => keySetText({ ...first, ...times })

  it.each<[string, string, RegExp]>([
    ['nothing', '', /^is not JSON/],
    ['broken JSON', '{"keys":["canary"', /^is not JSON/],
    ['a list', '[]', /^is not JSON: expected a JWK set/],
    ['null', 'null', /^is not JSON/],
    ['one key instead of a set', JSON.stringify(first), /^keys: is missing/],
    ['keys that are no list', '{"keys":{}}', /^keys: is missing or not a list/],
    ['an empty set', '{"keys":[]}', /^keys: is empty/],
    ['a key that is no object', keySetText('canary'), /^keys\[0\]: is not a key/],
    ['a key that is null', keySetText(null), /^keys\[0\]: is not a key/],
    ['a secret for HS256', keySetText(secret), /^keys\[0\]\.kty: /],
    ['no kty', keySetText({ ...first, kty: undefined }), /^keys\[0\]\.kty: /],
    ['HS256 with an EC key', at({ alg: 'HS256' }), /^keys\[0\]\.alg: must be "ES256"/],
    ['PS256', keySetText({ ...rsa, alg: 'PS256' }), /^keys\[0\]\.alg: must be "RS256"/],
    ['an algorithm that is no text', at({ alg: 1 }), /^keys\[0\]\.alg: /],
    ['another curve', keySetText(p384), /^keys\[0\]\.crv: must be "P-256"/],
    ['a short RSA key', keySetText(short), /^keys\[0\]\.n: is too short/],
    [
      'an RSA key whose e is 1',
      keySetText({ ...rsa, e: 'AQ', d: 'AQ', dp: 'AQ', dq: 'AQ' }),
      /^keys\[0\]\.e: is too small/,
    ],
    ['an RSA key whose e is even', keySetText({ ...rsa, e: 'AQAA' }), /^keys\[0\]: its members do not make/],
    ['101 keys', keySetText(...Array.from({ length: 101 }, () => first)), /^keys: has more than 100/],
    ['a public EC key', keySetText(publicOnly), /^keys\[0\]\.d: is missing/],
    ['an RSA key without qi', keySetText(withoutQi), /^keys\[0\]\.qi: is missing/],
    ['a private member that is no text', at({ d: 5 }), /^keys\[0\]\.d: must be a text in base64url/],
    ['a private member of another key', at({ d: second.d }), /^keys\[0\]: its members do not make/],
    ['a point that is not on the curve', at({ x: second.x }), /^keys\[0\]: its members do not make/],
    ['a key for encryption', at({ use: 'enc' }), /^keys\[0\]\.use: /],
    ['an empty kid', at({ kid: '' }), /^keys\[0\]\.kid: /],
    ['a kid that is a number', at({ kid: 7 }), /^keys\[0\]\.kid: /],
    ['a kid twice', keySetText({ ...first, kid: 'canary' }, { ...second, kid: 'canary' }), /^keys\[1\]\.kid: another/],
    ['a key twice', keySetText(first, first), /^keys\[1\]\.kid: another/],
    [
      'a retirement before the signing',
      at({ signing_at: iso(2), retired_at: iso(1) }),
      /^keys\[0\]\.retired_at: is be/,
    ],
    ['a signing before the publication', at({ published_at: 2, signing_at: 1 }), /^keys\[0\]\.signing_at: is before/],
    [
      'a retirement before the publication',
      at({ published_at: 2, retired_at: 1 }),
      /^keys\[0\]\.retired_at: is before/,
    ],
  ])('%s', (_, text, problem) => {
    const problems = problemsOf(text)
    expect(problems[0]).toMatch(problem)
    expect(problems).toHaveLength(1)
    expect(problems.join()).not.toContain('canary')
  })

  const wrongTimes = ['canary', '', '2026-01-01T00:00:00', '2026-02-30', '2026-13-01T00:00:00Z', '2026-01-01T25:00:00Z']
  const wrong = [...wrongTimes, '1767225600', '2026-01-01 01:00:00Z', true, {}, [], -1, START_MS]
  describe.each(['published_at', 'signing_at', 'retired_at'])('%s', (member) => {
    it.each(wrong.map((value) => [JSON.stringify(value), value]))('%s', (_, value) => {
      expect(problemsOf(keySetText(second, { ...first, [member]: value }))).toEqual([
        expect.stringMatching(`^keys\\[1\\]\\.${member}: is no time`),
      ])
    })
  })

  it('several faults: all are named at once', () => {
    const problems = problemsOf(keySetText(secret, { ...first, retired_at: 'x', use: 'enc' }))
    expect(problems.map((problem) => problem.split(':')[0])).toEqual([
      'keys[0].kty',
      'keys[1].retired_at',
      'keys[1].use',
    ])
  })
})

describe('the states of a key', () => {
  const rotated = () =>
    keysOf(
      { ...first, kid: 'old', retired_at: iso(START_MS + 3 * hour) },
      { ...second, kid: 'new', published_at: iso(START_MS + hour), signing_at: iso(START_MS + 3 * hour) },
    )

  it.each<[string, number, string[], string]>([
    ['before the publication', 0, ['old'], 'old'],
    ['the moment before it', hour - 1, ['old'], 'old'],
    ['published', hour, ['old', 'new'], 'old'],
    ['the moment before it signs', 3 * hour - 1, ['old', 'new'], 'old'],
    ['signs, and the other one is retired', 3 * hour, ['old', 'new'], 'new'],
    ['the last token of the other one has just not ended', 4 * hour + 300_000 - 1, ['old', 'new'], 'new'],
    ['it has ended, with the leeway', 4 * hour + 300_000, ['new'], 'new'],
  ])('%s', async (_, passed, served, signing) => {
    const keys = rotated()
    keys.clock.now += passed
    expect([keys.servedKids(), keys.signingKid()]).toEqual([served, signing])
    expect((await keys.sign({}, 'JWT')).kid).toBe(signing)
  })

  it('of several keys that may sign, the latest signing_at signs; with the same one, the first in the file', () => {
    const [early, late] = [{ signing_at: 10 }, { signing_at: 20 }]
    const set = [
      { ...first, kid: 'none' },
      { ...second, kid: 'late', ...late },
      { ...third, kid: 'early', ...early },
    ]
    expect(keysOf(...set).signingKid()).toBe('late')
    expect(keysOf({ ...first, kid: 'a', ...late }, { ...second, kid: 'b', ...late }).signingKid()).toBe('a')
    expect(keysOf({ ...first, kid: 'a' }, { ...second, kid: 'b', published_at: 5 }).signingKid()).toBe('a')
  })

  it('one key under two IDs: served while one of them is', async () => {
    const keys = keysOf({ ...first, kid: 'old', retired_at: 1 }, { ...first, kid: 'new' })
    const { thumbprint, kid } = await keys.sign({}, 'JWT')
    expect([kid, keys.isServed({ kid, thumbprint })]).toEqual(['new', true])
  })

  it('a key that has got another ID: what it signed under the old one is not handed out', async () => {
    const { kid, thumbprint } = await keysOf({ ...first, kid: 'old' }).sign({}, 'JWT')
    expect(keysOf({ ...first, kid: 'new' }).isServed({ kid, thumbprint })).toBe(false)
  })

  it('a key signs only where it is published, whatever its signing_at', () => {
    const keys = keysOf(first, { ...second, kid: 'later', published_at: iso(START_MS + hour) })
    expect(keys.servedKids()).not.toContain('later')
    expect(keys.signingKid()).not.toBe('later')
  })

  it('when the last key is retired, nothing signs: Misconfigured', async () => {
    const keys = keysOf({ ...first, retired_at: iso(START_MS + hour) })
    keys.clock.now += hour
    expect(keys.signingKid()).toBeUndefined()
    await expect(keys.sign({}, 'JWT')).rejects.toBeInstanceOf(Misconfigured)
    expect(keys.servedKids()).toHaveLength(1)
  })
})

it('the key of development: RS256, and it signs as soon as it is ready', async () => {
  const source = makeDevelopmentKeys()
  await source.ready
  const keys = createSigningKeys({ ...source, wall: () => START_MS, noSigner: () => new Misconfigured() })
  const { jwt } = await keys.sign({ sub: 'U1' }, 'at+jwt')
  expect(await verifyWith(keys, jwt)).toMatchObject({ sub: 'U1', header: { alg: 'RS256' } })
})
