import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf, isWellFormed, toAccessToken } from '../../src/tokens/token-key.ts'

describe('an access token', () => {
  it.each([
    ["as LINE's are", `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(100)}.${'b-_'.repeat(10)}`],
    ['of all characters that RFC 6750 allows', 'AZaz09-._~+/'],
    ['with padding', 'abc=='],
    ['of one character', 'a'],
    ['of 4,096 characters', 'a'.repeat(4_096)],
  ])('%s: accepted', (_, raw) => {
    expect(toAccessToken(raw)?.raw).toBe(raw)
  })

  it.each([
    ['that is empty', ''],
    ['of padding only', '=='],
    ['with padding in the middle', 'a=b'],
    ['with a space', 'a b'],
    ['with a line break at the end', 'abc\n'],
    ['with a second parameter', 'abc&client_id=1'],
    ['with a percent sign', 'a%20b'],
    ['with a letter that is not ASCII', 'tokén'],
    ['with a control character', 'abc\u0000'],
    ['of 4,097 characters', 'a'.repeat(4_097)],
  ])('%s: undefined', (_, raw) => {
    expect(toAccessToken(raw)).toBeUndefined()
    expect(isWellFormed(raw)).toBe(false)
  })

  it('its key: the SHA-256 of the whole token', () => {
    const raw = 'a'.repeat(200)
    expect(toAccessToken(raw)?.key).toBe(createHash('sha256').update(raw).digest('binary'))
  })
})

describe('a digest', () => {
  it('equal parts: equal digests; other parts: other digests, also where the same text is cut differently', () => {
    const parts = fc.array(fc.string({ maxLength: 4, unit: 'binary' }), { minLength: 2, maxLength: 4 })
    fc.assert(
      fc.property(parts, parts, (one, other) => {
        const isSame = JSON.stringify(one) === JSON.stringify(other)
        expect(digestOf(...one) === digestOf(...other)).toBe(isSame)
      }),
    )
    expect(digestOf('ab', 'c')).not.toBe(digestOf('a', 'bc'))
    expect(digestOf('a', 'b')).not.toBe(digestOf('ab'))
  })

  it('is 32 characters and contains none of its parts', () => {
    const digest = digestOf('refresh', '1000000001', 'a-refresh-token')
    expect(digest).toHaveLength(32)
    for (const part of ['refresh', '1000000001', 'a-refresh-token']) expect(digest).not.toContain(part)
  })
})
