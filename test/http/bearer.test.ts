import { describe, expect, it } from 'vitest'
import { readBearer } from '../../src/http/bearer.ts'
import { toAccessToken } from '../../src/tokens/token-key.ts'
import { incoming } from '../harness/incoming.ts'

const bearerIn = (authorization: string) => readBearer(incoming({ authorization }), toAccessToken)

describe('the Bearer token of a request', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer abc', 'abc'],
    ['BEARER abc', 'abc'],
    ['Bearer    abc', 'abc'],
    ['Bearer abc  ', 'abc'],
    ['Bearer aZ09-._~+/==', 'aZ09-._~+/=='],
    [`Bearer ${'x'.repeat(4096)}`, 'x'.repeat(4096)],
  ])('%j: the token', (header, raw) => {
    expect(bearerIn(header)).toMatchObject({ raw })
  })

  it('its key: the same for the same token, without a part of the token', () => {
    const keyIn = (header: string) => String(Object(bearerIn(header)).key)
    expect(keyIn('Bearer abcdefgh').length).toBeGreaterThan(31)
    expect(keyIn('Bearer abcdefgh')).not.toContain('abc')
    expect(keyIn('Bearer abcdefgh')).toBe(keyIn('bearer  abcdefgh '))
    expect(keyIn('Bearer abcdefgh')).not.toBe(keyIn('Bearer abcdefgi'))
  })

  it('no header or an empty one: MISSING', () => {
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
  ])('%j: MALFORMED', (header) => {
    expect(bearerIn(header)).toBe('MALFORMED')
  })
})
