import { describe, expect, it } from 'vitest'
import { readBearer } from '../../src/http/bearer.ts'
import { toAccessToken } from '../../src/tokens/token-key.ts'
import { incoming } from '../harness/incoming.ts'

const bearerIn = (authorization: string) => readBearer(incoming({ authorization }), toAccessToken)

describe('the access token of a request', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['Bearer    abc', 'abc'],
    ['Bearer abc  ', 'abc'],
    ['Bearer aZ09-._~+/==', 'aZ09-._~+/=='],
    [`Bearer ${'x'.repeat(4096)}`, 'x'.repeat(4096)],
  ])('is taken from %j', (header, raw) => {
    expect(bearerIn(header)).toMatchObject({ raw })
  })

  it('has a name of its own in our memory, which tells nothing of it', () => {
    const keyIn = (header: string) => String(Object(bearerIn(header)).key)
    expect(keyIn('Bearer abcdefgh').length).toBeGreaterThan(31)
    expect(keyIn('Bearer abcdefgh')).not.toContain('abc')
    expect(keyIn('Bearer abcdefgh')).toBe(keyIn('bearer  abcdefgh '))
    expect(keyIn('Bearer abcdefgh')).not.toBe(keyIn('Bearer abcdefgi'))
  })

  it('is missing where there is no header or an empty one', () => {
    expect(readBearer(incoming({}), toAccessToken)).toBe('MISSING')
    expect(bearerIn('')).toBe('MISSING')
  })

  it.each([
    'abc',
    'Bearer',
    'Bearer ',
    'Bearerabc',
    'Bearer\tabc',
    'Bearer abc def',
    'Bearer abc, Bearer def',
    'Bearer abc&access_token=def',
    'Bearer "abc"',
    'Bearer =abc',
    'Bearer a%20b',
    'Bearer トークン',
    'Basic dXNlcjpwYXNz',
    'DPoP abc',
    'X Bearer abc',
    ' Bearer abc',
    `Bearer ${'x'.repeat(4097)}`,
  ])('is malformed in %j', (header) => {
    expect(bearerIn(header)).toBe('MALFORMED')
  })
})
