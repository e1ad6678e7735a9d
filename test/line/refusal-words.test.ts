import { describe, expect, test } from 'vitest'
import { refusalWords } from '../../src/line/refusal-words.ts'

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
})
