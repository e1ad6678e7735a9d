import { jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { START_MS, useEmulator, web } from '../../harness/emulator-client.ts'

const strict = { ...web, id: '1000000008', callbackUrls: ['https://app.example/callback'] }
const { emulator, get, post } = useEmulator({ channels: [web, strict] })

const asked = {
  response_type: 'code',
  client_id: web.id,
  redirect_uri: 'https://app.example/callback',
  state: 'a state+with/odd=chars&é',
  scope: 'profile openid',
}

describe('what is not redirected', () => {
  test.each([
    ['an unknown channel', { client_id: '9' }, 'Invalid client_id value.'],
    ['no redirect URI', { redirect_uri: '' }, 'Invalid redirect_uri value.'],
    ['an unregistered one', { client_id: strict.id, redirect_uri: 'https://evil.example/' }, 'Invalid redirect_uri'],
    [
      'one that only begins alike',
      { client_id: strict.id, redirect_uri: `${asked.redirect_uri}.evil` },
      'Invalid redirect',
    ],
    ['a script', { redirect_uri: 'javascript:alert(1)' }, 'Invalid redirect_uri'],
  ])('%s gets a page', async (_, given, text) => {
    const { status, headers, text: page } = await authorize(given)
    expect(status).toBe(400)
    expect(headers.location).toBeUndefined()
    expect(headers['content-type']).toBe('text/html;charset=UTF-8')
    expect(page).toContain(text)
  })

  test('a registered URL with more in its query is fine', async () => {
    const given = { client_id: strict.id, redirect_uri: 'https://app.example/callback?tab=1' }
    expect((await authorize(given)).status).toBe(200)
  })
})

describe('what is returned as an error', () => {
  test.each([
    ['UNSUPPORTED_RESPONSE_TYPE', { response_type: 'token' }],
    ['INVALID_REQUEST', { response_mode: 'fragment' }],
    ['INVALID_SCOPE', { scope: 'email' }],
    ['INVALID_SCOPE', { scope: 'profile email' }],
    ['INVALID_SCOPE', { scope: 'profile friends' }],
    ['INVALID_SCOPE', { scope: '' }],
    ['INVALID_REQUEST', { prompt: 'always' }],
    ['INVALID_REQUEST', { max_age: 'soon' }],
    ['INVALID_REQUEST', { code_challenge: 'x'.repeat(43), code_challenge_method: 'plain' }],
    ['INVALID_REQUEST', { code_challenge: 'short', code_challenge_method: 'S256' }],
    ['LOGIN_REQUIRED', { prompt: 'none' }],
  ])('%s for %o, with the state as it came', async (error, given) => {
    const { status, headers } = await authorize(given)
    const location = String(headers.location)
    expect(status).toBe(302)
    expect(location).toMatch(/^https:\/\/app\.example\/callback\?error=[A-Z_]+&error_description=\w+\+/)
    expect(Object.fromEntries(new URL(location).searchParams)).toMatchObject({ error, state: asked.state })
  })

  test('a missing state is an error too, without a state', async () => {
    const location = new URL(String((await authorize({ state: '' })).headers.location))
    expect(location.searchParams.get('error')).toBe('INVALID_REQUEST')
  })

  test('the query of the redirect URI stays as it is', async () => {
    const redirect_uri = 'https://app.example/cb?a=1%202&b=%2F'
    const { headers } = await authorize({ redirect_uri, prompt: 'none' })
    expect(headers.location).toMatch(/^https:\/\/app\.example\/cb\?a=1%202&b=%2F&error=LOGIN_REQUIRED&/)
  })
})

describe('the login page', () => {
  test('has a button for each user, escaped, and loads nothing from elsewhere', async () => {
    const [first] = emulator().users
    if (first !== undefined) first.displayName = '<b>"O\'Neil" & Co</b>'
    const { status, text, headers } = await authorize()
    expect(status).toBe(200)
    expect(text.match(/Log in as/g)).toHaveLength(5)
    expect(text).toContain('Log in as <bdi dir="auto">&lt;b&gt;&quot;O&#39;Neil&quot; &amp; Co&lt;/b&gt;</bdi>')
    expect(text).not.toMatch(/<script|src=|url\(/)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
  })

  test('puts nothing of the query into the page as markup', async () => {
    const { text } = await get(`/oauth2/v2.1/authorize?${new URLSearchParams(asked)}&x="><script>alert(1)</script>`)
    expect(text).not.toContain('<script>alert')
  })

  test('takes every documented parameter', async () => {
    const rest = { ui_locales: 'ja-JP', bot_prompt: 'normal', switch_amr: 'false', disable_auto_login: 'true' }
    expect((await authorize({ ...rest, initial_amr_display: 'lineqr', max_age: '0', nonce: 'n' })).status).toBe(200)
  })
})

describe('prompt=none', () => {
  test('an open session with consent gives a code at once; amr linesso, auth_time of the login', async () => {
    const cookie = await logIn()
    emulator().advanceClock(5000)
    const code = await silently({ max_age: '60' }, cookie)
    const idToken = await idTokenFor(code.get('code') ?? '')
    expect(code.get('state')).toBe(asked.state)
    expect(idToken).toMatchObject({ amr: ['linesso'], auth_time: START_MS / 1000 })
  })

  test('a session too old is LOGIN_REQUIRED, missing consent INTERACTION_REQUIRED', async () => {
    const cookie = await logIn()
    expect((await silently({ scope: 'openid email' }, cookie)).get('error')).toBe('INTERACTION_REQUIRED')
    emulator().advanceClock(61_000)
    expect((await silently({ max_age: '60' }, cookie)).get('error')).toBe('LOGIN_REQUIRED')
  })
})

describe('switch: auto login fails', () => {
  test('the callback has a foreign state and a code that does not work', async () => {
    emulator().switches.autoLoginFails = true
    const { searchParams } = new URL(String((await authorize()).headers.location))
    expect(searchParams.get('state')).not.toBe(asked.state)
    expect(await idTokenFor(searchParams.get('code') ?? '')).toMatchObject({ error: 'invalid_grant' })
  })

  test('disable_auto_login=true helps', async () => {
    emulator().switches.autoLoginFails = true
    expect((await authorize({ disable_auto_login: 'true' })).status).toBe(200)
  })
})

test('the JARM modes wrap everything in one signed parameter', async () => {
  const { headers } = await authorize({ response_mode: 'jwt', prompt: 'none' })
  const { searchParams } = new URL(String(headers.location))
  const key = new TextEncoder().encode(web.secret)
  const response = searchParams.get('response') ?? ''
  const { payload } = await jwtVerify(response, key, { currentDate: new Date(START_MS), audience: web.id })
  expect([...searchParams.keys()]).toEqual(['response'])
  expect(payload).toMatchObject({ error: 'LOGIN_REQUIRED', state: asked.state })
})

function authorize(given: Record<string, string> = {}, headers: Record<string, string> = {}) {
  return get(`/oauth2/v2.1/authorize?${new URLSearchParams({ ...asked, ...given })}`, headers)
}

async function silently(given: Record<string, string>, cookie: string): Promise<URLSearchParams> {
  const { headers } = await authorize({ prompt: 'none', ...given }, { cookie })
  return new URL(String(headers.location)).searchParams
}

/** Returns the session cookie. */
async function logIn(): Promise<string> {
  const user = emulator().users[0]?.userId ?? ''
  const { headers } = await post(`/emulator/login?${new URLSearchParams(asked)}`, { user, decision: 'allow' })
  return String(headers['set-cookie']).split(';')[0] ?? ''
}

/** The claims, or the error body. */
async function idTokenFor(code: string): Promise<unknown> {
  const form = { grant_type: 'authorization_code', code, redirect_uri: asked.redirect_uri }
  const { body } = await post('/oauth2/v2.1/token', { ...form, client_id: web.id, client_secret: web.secret })
  const { id_token: idToken } = Object(body)
  return idToken === undefined ? body : JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url').toString())
}
