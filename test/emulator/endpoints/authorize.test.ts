import { jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { START_MS, useEmulator, web } from '../../harness/emulator-client.ts'

const strictChannel = { ...web, id: '1000000008', callbackUrls: ['https://app.example/callback'] }
const { emulator, get, post } = useEmulator({ channels: [web, strictChannel] })

const authorizationRequest = {
  response_type: 'code',
  client_id: web.id,
  redirect_uri: 'https://app.example/callback',
  state: 'a state+with/odd=chars&é',
  scope: 'profile openid',
}

describe('a request without a valid channel and redirect URI', () => {
  test.each([
    ['an unknown channel', { client_id: '9' }, 'Invalid client_id value.'],
    ['no redirect URI', { redirect_uri: '' }, 'Invalid redirect_uri value.'],
    [
      'an unregistered redirect URI',
      { client_id: strictChannel.id, redirect_uri: 'https://evil.example/' },
      'Invalid redirect_uri',
    ],
    [
      'a redirect URI that only starts like a registered one',
      { client_id: strictChannel.id, redirect_uri: `${authorizationRequest.redirect_uri}.evil` },
      'Invalid redirect',
    ],
    ['a redirect URI with javascript:', { redirect_uri: 'javascript:alert(1)' }, 'Invalid redirect_uri'],
  ])('%s: an error page, no redirect', async (_, given, text) => {
    const { status, headers, text: page } = await authorize(given)
    expect(status).toBe(400)
    expect(headers.location).toBeUndefined()
    expect(headers['content-type']).toBe('text/html;charset=UTF-8')
    expect(page).toContain(text)
  })

  test('a registered URL with more parameters in its query: accepted', async () => {
    const given = { client_id: strictChannel.id, redirect_uri: 'https://app.example/callback?tab=1' }
    expect((await authorize(given)).status).toBe(200)
  })
})

describe('a wrong request with a valid redirect URI', () => {
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
  ])('%s for %o, with the unchanged state', async (error, given) => {
    const { status, headers } = await authorize(given)
    const location = String(headers.location)
    expect(status).toBe(302)
    expect(location).toMatch(/^https:\/\/app\.example\/callback\?error=[A-Z_]+&error_description=\w+\+/)
    expect(Object.fromEntries(new URL(location).searchParams)).toMatchObject({
      error,
      state: authorizationRequest.state,
    })
  })

  test('without a state: INVALID_REQUEST', async () => {
    const location = new URL(String((await authorize({ state: '' })).headers.location))
    expect(location.searchParams.get('error')).toBe('INVALID_REQUEST')
  })

  test('the query of the redirect URI is unchanged', async () => {
    const redirect_uri = 'https://app.example/cb?a=1%202&b=%2F'
    const { headers } = await authorize({ redirect_uri, prompt: 'none' })
    expect(headers.location).toMatch(/^https:\/\/app\.example\/cb\?a=1%202&b=%2F&error=LOGIN_REQUIRED&/)
  })
})

describe('the login page', () => {
  test('has a button for each user, with the name escaped, and loads files of the emulator only', async () => {
    const [first] = emulator().users
    if (first !== undefined) first.displayName = '<b>"O\'Neil" & Co</b>'
    const { status, text, headers } = await authorize()
    expect(status).toBe(200)
    expect(text.match(/Log in as/g)).toHaveLength(5)
    expect(text).toContain('Log in as <bdi dir="auto">&lt;b&gt;&quot;O&#39;Neil&quot; &amp; Co&lt;/b&gt;</bdi>')
    expect(text).not.toMatch(/<script|<style|url\(|src="(?!\/emulator\/)|<link [^>]*href="(?!\/emulator\/|data:,")/)
    expect(headers['content-security-policy']).toContain("default-src 'none'")
  })

  test('escapes markup in the query', async () => {
    const { text } = await get(
      `/oauth2/v2.1/authorize?${new URLSearchParams(authorizationRequest)}&x="><script>alert(1)</script>`,
    )
    expect(text).not.toContain('<script>alert')
  })

  test('accepts all documented parameters', async () => {
    const others = { ui_locales: 'ja-JP', bot_prompt: 'normal', switch_amr: 'false', disable_auto_login: 'true' }
    expect((await authorize({ ...others, initial_amr_display: 'lineqr', max_age: '0', nonce: 'n' })).status).toBe(200)
  })
})

describe('prompt=none', () => {
  test('with a session and consent: a code; amr is linesso, auth_time is the time of the login', async () => {
    const cookie = await logIn()
    emulator().advanceClock(5000)
    const code = await silently({ max_age: '60' }, cookie)
    const idToken = await idTokenFor(code.get('code') ?? '')
    expect(code.get('state')).toBe(authorizationRequest.state)
    expect(idToken).toMatchObject({ amr: ['linesso'], auth_time: START_MS / 1000 })
  })

  test('without consent: INTERACTION_REQUIRED; with a session older than max_age: LOGIN_REQUIRED', async () => {
    const cookie = await logIn()
    expect((await silently({ scope: 'openid email' }, cookie)).get('error')).toBe('INTERACTION_REQUIRED')
    emulator().advanceClock(61_000)
    expect((await silently({ max_age: '60' }, cookie)).get('error')).toBe('LOGIN_REQUIRED')
  })
})

describe('switch: auto login fails', () => {
  test('the callback has another state and an unusable code', async () => {
    emulator().switches.autoLoginFails = true
    const { searchParams } = new URL(String((await authorize()).headers.location))
    expect(searchParams.get('state')).not.toBe(authorizationRequest.state)
    expect(await idTokenFor(searchParams.get('code') ?? '')).toMatchObject({ error: 'invalid_grant' })
  })

  test('with disable_auto_login=true: the login page', async () => {
    emulator().switches.autoLoginFails = true
    expect((await authorize({ disable_auto_login: 'true' })).status).toBe(200)
  })
})

test('a JARM response mode: one signed parameter with all values', async () => {
  const { headers } = await authorize({ response_mode: 'jwt', prompt: 'none' })
  const { searchParams } = new URL(String(headers.location))
  const key = new TextEncoder().encode(web.secret)
  const response = searchParams.get('response') ?? ''
  const { payload } = await jwtVerify(response, key, { currentDate: new Date(START_MS), audience: web.id })
  expect([...searchParams.keys()]).toEqual(['response'])
  expect(payload).toMatchObject({ error: 'LOGIN_REQUIRED', state: authorizationRequest.state })
})

function authorize(given: Record<string, string> = {}, headers: Record<string, string> = {}) {
  return get(`/oauth2/v2.1/authorize?${new URLSearchParams({ ...authorizationRequest, ...given })}`, headers)
}

async function silently(given: Record<string, string>, cookie: string): Promise<URLSearchParams> {
  const { headers } = await authorize({ prompt: 'none', ...given }, { cookie })
  return new URL(String(headers.location)).searchParams
}

/** Returns the session cookie. */
async function logIn(): Promise<string> {
  const user = emulator().users[0]?.userId ?? ''
  const { headers } = await post(`/emulator/login?${new URLSearchParams(authorizationRequest)}`, {
    user,
    decision: 'allow',
  })
  return String(headers['set-cookie']).split(';')[0] ?? ''
}

/** The claims, or the error body. */
async function idTokenFor(code: string): Promise<unknown> {
  const form = { grant_type: 'authorization_code', code, redirect_uri: authorizationRequest.redirect_uri }
  const { body } = await post('/oauth2/v2.1/token', { ...form, client_id: web.id, client_secret: web.secret })
  const { id_token: idToken } = Object(body)
  return idToken === undefined ? body : JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url').toString())
}
