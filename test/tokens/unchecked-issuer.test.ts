import { describe, expect, it } from 'vitest'
import { uncheckedIssuerOf } from '../../src/tokens/unchecked-issuer.ts'
import { print } from '../harness/print.ts'

const line = 'https://access.line.me'
const part = (text: string | Uint8Array) => Buffer.from(text).toString('base64url')
const header = part('{"alg":"ES256"}')
const jwt = (payload: string | Uint8Array) => `${header}.${part(payload)}.c2ln`

describe('the issuer of a text that was not checked', () => {
  it.each<[string, string]>([
    ['as a JWT has it', jwt(`{"iss":"${line}","sub":"U1"}`)],
    ['twice: the last one', jwt(`{"iss":"https://other.example","iss":"${line}"}`)],
    ['written with escapes', jwt(`{"i\\u0073s":"https:\\/\\/access.line.me"}`)],
    ['after spaces and line ends', jwt(` \r\n\t{ "iss" : "${line}" } `)],
    ['after a byte order mark', jwt(`\uFEFF{"iss":"${line}"}`)],
    ['in the alphabet of base64', `${header}.${Buffer.from(`{"iss":"${line}","~":"??>>"}`).toString('base64')}.c2ln`],
    ['with padding inside', `${header}.${Buffer.from(`{"iss":"${line}"}`).toString('base64')}=.c2ln`],
    ['with a character that base64 does not have', `${header}.~${part(`{"iss":"${line}"}`)}.c2ln`],
    ['without a signature', `${header}.${part(`{"iss":"${line}"}`)}.`],
    ['in two parts', `${header}.${part(`{"iss":"${line}"}`)}`],
    ['in five parts', `${jwt(`{"iss":"${line}"}`)}.a.b`],
    ['with an empty header', `.${part(`{"iss":"${line}"}`)}.`],
  ])('%s: is found', (_, text) => {
    expect(uncheckedIssuerOf(text)).toBe(line)
  })

  it.each<[string, string]>([
    ['no dot', part(`{"iss":"${line}"}`)],
    ['no payload', `${header}..c2ln`],
    ['dots only', '..'],
    ['binary', jwt(Uint8Array.from({ length: 200 }, (_, n) => (n * 37) % 256))],
    ['binary that begins with {', jwt(Uint8Array.from([0x7b, 0xff, 0xfe, 0x00, 0x7d]))],
    ['a list', jwt(`["${line}"]`)],
    ['null', jwt('null')],
    ['a number', jwt('7')],
    ['no iss', jwt('{"sub":"U1"}')],
    ['iss of an inner object', jwt(`{"a":{"iss":"${line}"}}`)],
    ['half of the JSON', jwt(`{"iss":"${line}"`)],
    ['4,000 brackets', jwt(`{"a":${'['.repeat(4_000)}`)],
  ])('%s: none, without an error', (_, text) => {
    expect(uncheckedIssuerOf(text)).toBeUndefined()
  })

  it('of the prototype: it is no issuer', () => {
    expect(uncheckedIssuerOf(jwt('{"__proto__":{"iss":"x"}}'))).not.toBe(line)
  })

  it('costs little', () => {
    const binary = jwt(Uint8Array.from({ length: 100 }, (_, n) => (n * 37) % 256))
    const usual = jwt(JSON.stringify({ iss: line, sub: 'U'.repeat(33), name: 'x'.repeat(200) }))
    const worst = jwt(`{"a":[${'{},'.repeat(1_800)}`)
    for (const [name, text] of Object.entries({ binary, usual, worst })) {
      const start = performance.now()
      for (let n = 0; n < 2_000; n += 1) uncheckedIssuerOf(text)
      print(
        `${name}, ${text.length} characters: ${((performance.now() - start) / 2).toFixed(2)} µs a look at the issuer`,
      )
    }
  })
})
