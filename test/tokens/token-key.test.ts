import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { digestOf, isWellFormed, toAccessToken } from '../../src/tokens/token-key.ts'

describe('a token', () => {
  it.each([
    ["as LINE's are", `eyJhbGciOiJIUzI1NiJ9.${'a'.repeat(100)}.${'b-_'.repeat(10)}`],
    ['of every character RFC 6750 allows', 'AZaz09-._~+/'],
    ['with padding', 'abc=='],
    ['of one character', 'a'],
    ['of 4,096 characters', 'a'.repeat(4_096)],
  ])('%s is one', (_, raw) => {
    expect(toAccessToken(raw)?.raw).toBe(raw)
  })

  it.each([
    ['nothing', ''],
    ['padding alone', '=='],
    ['padding in the middle', 'a=b'],
    ['a space', 'a b'],
    ['a line break at the end', 'abc\n'],
    ['a second parameter', 'abc&client_id=1'],
    ['a percent sign', 'a%20b'],
    ['a letter from elsewhere', 'tokén'],
    ['a control character', 'abc\u0000'],
    ['4,097 characters', 'a'.repeat(4_097)],
  ])('%s is none: LINE is not spent on it', (_, raw) => {
    expect(toAccessToken(raw)).toBeUndefined()
    expect(isWellFormed(raw)).toBe(false)
  })

  it('goes by the SHA-256 of the whole of it', () => {
    const raw = 'a'.repeat(200)
    expect(toAccessToken(raw)?.key).toBe(createHash('sha256').update(raw).digest('binary'))
  })
})

describe('a digest', () => {
  it('is the same for the same parts and for no others, however they are cut', () => {
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

  it('shows nothing of what it was made of', () => {
    const digest = digestOf('refresh', '1000000001', 'a-refresh-token')
    expect(digest).toHaveLength(32)
    for (const part of ['refresh', '1000000001', 'a-refresh-token']) expect(digest).not.toContain(part)
  })
})
