import { randomBytes } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { lineTexts } from '../../src/line/line-texts.ts'
import { refusalWords } from '../../src/line/refusal-words.ts'
import { fastestMs } from '../harness/fastest.ts'

const secret = 'CaNaRy+se/cr=et~ü'
const nothing = { path: '/oauth2/v2.1/token' }
const form = (values: Record<string, string>) => ({ ...nothing, body: new URLSearchParams(values).toString() })
const described = (error_description: unknown) => ({ error: 'invalid_request', error_description })
const withheld = { error: 'invalid_request', description: '(withheld)' }

describe('the error word', () => {
  test.each([
    ['invalid_client', 'invalid_client'],
    ['unsupported_grant_type', 'unsupported_grant_type'],
    ['INVALID_CLIENT', 'other'],
    ['CaNaRy', 'other'],
    ['', 'other'],
    [7, 'other'],
    [['invalid_client'], 'other'],
    [{}, 'other'],
  ])('%j: %s (D3)', (error, word) => {
    expect(refusalWords({ error }, nothing)).toEqual({ error: word })
  })

  test.each([undefined, null, 'invalid_client', [], {}, { error: null, error_description: null, message: '' }])(
    'in %j: none (D3)',
    (body) => {
      expect(refusalWords(body, nothing)).toEqual({})
    },
  )
})

describe('the description', () => {
  test('of both shapes: as LINE sent it (D3)', () => {
    expect(refusalWords(described('invalid client_secret'), form({ code: 'x-1' }))).toEqual({
      error: 'invalid_request',
      description: 'invalid client_secret',
    })
    expect(refusalWords({ message: 'Access Denied' }, nothing)).toEqual({ description: 'Access Denied' })
  })

  test.each([
    'x'.repeat(201),
    'two\nlines',
    'tab\t',
    'a\u001b[31m',
    'ログイン',
    'e\u0301',
    'NUL\0',
    7,
    ['text'],
    { text: 'text' },
    true,
  ])('that is not printable ASCII of at most 200 characters: withheld, %j (D3)', (text) => {
    expect(refusalWords(described(text), nothing)).toEqual(withheld)
  })

  test('of 200 characters: written (D3)', () => {
    expect(refusalWords(described('x'.repeat(200)), nothing).description).toHaveLength(200)
  })

  test.each([
    ['a query', (value: string) => ({ path: `/verify?access_token=${encodeURIComponent(value)}` })],
    ['the Authorization header', (value: string) => ({ ...nothing, headers: { authorization: `Bearer ${value}` } })],
    ['a form', (value: string) => form({ grant_type: 'refresh_token', refresh_token: value })],
    ['JSON', (value: string) => ({ ...nothing, body: JSON.stringify({ userAccessToken: value }) })],
  ])('with a value that was sent in %s: withheld, in every spelling (D3)', (_, sentIn) => {
    const ascii = secret.replace('ü', 'u')
    const twice = encodeURIComponent(encodeURIComponent(secret))
    const spellings = [
      encodeURIComponent(secret),
      encodeURIComponent(secret).toLowerCase(),
      encodeURIComponent(secret).replaceAll('%2B', '+'),
      new URLSearchParams({ secret }).toString(),
      twice,
    ]
    for (const text of spellings) expect(refusalWords(described(`not ${text}!`), sentIn(secret))).toEqual(withheld)
    for (const text of [ascii, ascii.toUpperCase(), encodeURI(ascii), encodeURIComponent(ascii)])
      expect(refusalWords(described(`not ${text}!`), sentIn(ascii))).toEqual(withheld)
    expect(refusalWords(described('not valid'), sentIn(secret)).description).toBe('not valid')
  })

  test.each(['100%', '%', '%zz', '%4', '%41%', 'a+b', ' ', 'a b', '%E0%A4%A'])(
    'with the odd value %j that was sent: withheld (D3)',
    (value) => {
      expect(refusalWords(described(`<${value}>41 no`), form({ code: value }))).toEqual(withheld)
    },
  )

  test.each(['eyJhbGciOiJIUzI1NiJ9', 'a part of 0123456789abcdefghij: no', '0123456789ABCDEF0123456789ABCDEF'])(
    'with what looks like a credential, sent or not: withheld, %j (D3)',
    (text) => expect(refusalWords(described(text), nothing)).toEqual(withheld),
  )

  test.each([
    'LOGIN_MULTI_LINKED_BOT_PROMPT feature license is required.',
    'The access token not JWS',
    'redirect_uri https://app.example/callback/1 does not match',
  ])('with long words of LINE: written, %j (D3)', (text) => {
    expect(refusalWords({ message: text }, nothing)).toEqual({ description: text })
  })

  test('of every value in a form: redirect URI, verifier, nonce, secret and the others (D3)', () => {
    const values = {
      code: 'code-1',
      redirect_uri: 'https://a.example/cb?x=1&y=%20',
      code_verifier: 'v'.repeat(43),
      nonce: 'nonce-1',
      client_secret: 'secret-1',
      client_id: '2000000001',
    }
    for (const value of Object.values(values)) {
      expect(refusalWords(described(`"${value}" does not match`), form(values))).toEqual(withheld)
      expect(refusalWords(described(encodeURIComponent(value)), form(values))).toEqual(withheld)
    }
    expect(refusalWords(described('does not match'), form({ ...values, nonce: '' })).description).toBe('does not match')
  })

  const values = {
    code: 'b5fd32eacc791df',
    redirect_uri: 'https://app.example/cb?next=/a&x="y z"',
    code_verifier: 'abcdefghij.klmnopqrst~uvwxyzABCD_EFGHIJ.KLMNOP',
    client_secret: 'correcthorsebattery',
    refresh_token: 'tok/en+with=odd&chars-ü',
  }
  const times = (count: number, change: (text: string) => string) => (text: string) =>
    Array.from({ length: count }).reduce<string>((changed) => change(changed), text)
  const bytes = (text: string) =>
    [...Buffer.from(text)].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  const unicode = (text: string) => text.replace(/./g, (one) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`)
  const htmlNames: Record<string, string> = { '&': '&amp;', '"': '&quot;', '/': '&#x2F;', '+': '&#43;', ü: '&#252;' }
  const html = (text: string) => text.replace(/[&"/+ü]/g, (one) => htmlNames[one] ?? one)
  const json = (text: string) => unicodeOnly(JSON.stringify(text).slice(1, -1).replaceAll('/', '\\/'))
  const unicodeOnly = (text: string) => text.replace(/[^\x20-\x7e]/g, unicode)

  test.each<[string, (text: string) => string]>([
    ['percent-encoded three times', times(3, encodeURIComponent)],
    ['each byte percent-encoded', bytes],
    [
      'each byte percent-encoded, and three times more',
      (text) => times(3, encodeURIComponent)(bytes(text.slice(0, 9))),
    ],
    ['in JSON with escaped slashes', json],
    ['in JSON in JSON', times(2, json)],
    ['as \\uXXXX', (text) => unicode(text.slice(0, 20))],
    ['in HTML', html],
    ['in HTML, percent-encoded', (text) => encodeURIComponent(html(text))],
    ['as numbers of HTML', (text) => text.slice(0, 20).replace(/./g, (one) => `&#${one.charCodeAt(0)};`)],
    ['without its last character', (text) => unicodeOnly(text.slice(0, -1))],
    ['without its first character', (text) => unicodeOnly(text.slice(1))],
    ['without its query', (text) => unicodeOnly(text.split('?')[0] as string)],
    ['with spaces', (text) => unicodeOnly([...text].join(' '))],
    ['in groups', (text) => unicodeOnly(text.replace(/.{4}/g, '$&-'))],
    ['with asterisks', (text) => unicodeOnly(`${text.slice(0, 17)}****`)],
  ])('with a value %s: withheld (D3)', (_, spelled) => {
    for (const value of Object.values(values))
      expect(refusalWords(described(`bad ${spelled(value)}!`.slice(0, 200)), form(values))).toEqual(withheld)
  })

  test.each([16, 24, 32, 40, 60])('with %i characters of a random token that was sent: withheld (D3)', (length) => {
    for (const encoding of ['base64', 'base64url', 'hex'] as const)
      for (let n = 0; n < 500; n += 1) {
        const token = randomBytes(120).toString(encoding)
        const text = `token ${token.slice(40, 40 + length)}... is invalid`
        expect(refusalWords(described(text), form({ refresh_token: token }))).toEqual(withheld)
        if (length >= 32) expect(refusalWords(described(text), nothing)).toEqual(withheld)
      }
  })

  test.each([...lineTexts])('that LINE is known to write: written, %j (D3)', (text) => {
    const sent = { ...values, grant_type: 'authorization_code', id_token_key_type: 'JWK' }
    expect(refusalWords(described(text), form(sent))).toMatchObject({ description: text })
    const callback = 'https://app.example/redirect_uri/code_verifier?refresh_token=1'
    expect(refusalWords(described(text), form({ redirect_uri: callback }))).toMatchObject({ description: text })
    expect(refusalWords(described(text), form({ code: text }))).toEqual(withheld)
  })

  test.each([
    ['invalid refresh_token', { grant_type: 'refresh_token' }],
    ['grant_type authorization_code is not allowed', { grant_type: 'authorization_code' }],
    ['The key type JWK is not allowed', { id_token_key_type: 'JWK' }],
    ['grant_type client_credentials is not allowed', { grant_type: 'client_credentials' }],
    ['[userAccessToken] must not be blank', {}],
  ])('with a constant of ours: written, %j (D3)', (text, sent) => {
    expect(refusalWords(described(text), form(sent)).description).toBe(text)
  })

  test('with an email address: withheld (D3)', () => {
    expect(refusalWords(described('code of Brown <brown@example.com>'), nothing)).toEqual(withheld)
  })

  test('with escapes without an end: withheld within 50 ms (D3)', () => {
    const odd = `%${'25'.repeat(90)}41`
    const read = () => refusalWords(described(odd), form({ refresh_token: `%${'25'.repeat(2_000)}` }))
    expect(read()).toEqual(withheld)
    expect(fastestMs(read)).toBeLessThan(50)
  })
})
