import fc from 'fast-check'
import { expect, it } from 'vitest'
import { seal, unseal } from '../../src/tokens/seal.ts'

const value = '{"accessToken":"eyJhbGciOiJIUzI1NiJ9.secret","refreshToken":"rrrrrrrrrrrrrrrrrrrr"}'

it('any value, with the same credential: unsealed unchanged', () => {
  const text = fc.string({ unit: 'binary', maxLength: 200 })
  fc.assert(
    fc.property(text, text, (sealedValue, credential) => {
      expect(unseal(seal(sealedValue, credential, 'refresh'), credential, 'refresh')).toBe(sealedValue.toWellFormed())
    }),
  )
})

it('a sealed value: shows no part of the value or the credential', () => {
  const sealed = seal(value, 'the-refresh-token', 'refresh')
  for (const secret of ['accessToken', 'secret', 'rrrr', 'the-refresh-token']) {
    expect(sealed.includes(secret)).toBe(false)
    expect(sealed.toString('base64').includes(Buffer.from(secret).toString('base64').slice(0, -4))).toBe(false)
  }
})

it('another credential or another label: throws', () => {
  const sealed = seal(value, 'the-refresh-token', 'refresh')
  for (const [credential, label] of [
    ['another-refresh-token', 'refresh'],
    ['the-refresh-token ', 'refresh'],
    ['', 'refresh'],
    ['the-refresh-token', 'login'],
  ] as const) {
    expect(() => unseal(sealed, credential, label)).toThrow()
  }
})

it('any changed or missing byte: throws', () => {
  const sealed = seal('short', 'credential', 'refresh')
  for (let at = 0; at < sealed.length; at += 1) {
    const forged = Buffer.from(sealed)
    forged[at] = (forged[at] ?? 0) ^ 1
    expect(() => unseal(forged, 'credential', 'refresh')).toThrow()
    expect(() => unseal(sealed.subarray(0, at), 'credential', 'refresh')).toThrow()
  }
})

it('the same value sealed 100 times: 100 different IVs', () => {
  const all = Array.from({ length: 100 }, () => seal(value, 'credential', 'refresh').toString('base64'))
  expect(new Set(all.map((sealed) => sealed.slice(0, 16))).size).toBe(100)
})
