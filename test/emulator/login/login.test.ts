import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { credentials, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, get, post } = useEmulator()

const authorizationRequest = {
  response_type: 'code',
  client_id: web.id,
  redirect_uri: 'https://app.example/callback',
  state: 'state',
  scope: 'profile openid',
}

describe('consent', () => {
  test('is asked for once; prompt=consent asks again', async () => {
    expect(await choose()).toMatchObject({ status: 200, text: expect.stringContaining('Allow access?') })
    expect((await allow()).get('code')).toBeTruthy()
    expect((await choose()).status).toBe(302)
    expect((await choose({ prompt: 'consent' })).status).toBe(200)
  })

  test('for an additional scope: asked for again', async () => {
    await allow()
    expect((await choose({ scope: 'profile openid email' })).status).toBe(200)
  })

  test('denied: ACCESS_DENIED with the state, spaces encoded as plus', async () => {
    const { headers } = await choose({}, { decision: 'cancel' })
    expect(headers.location).toBe(
      'https://app.example/callback?error=ACCESS_DENIED&error_description=The+resource+owner+denied+the+request.&state=state',
    )
  })

  test('without the e-mail checkbox: no `email` in the ID token; with it: `email`', async () => {
    const scope = 'profile openid email'
    const declined = await allow({ scope })
    expect(await claimsFor(declined)).not.toHaveProperty('email')
    const granted = await allow({ scope }, { email: 'on' })
    expect(await claimsFor(granted)).toMatchObject({ email: 'sakura.tanaka@example.com' })
    expect((await choose({ scope })).status).toBe(302)
  })

  test('after the user unlinks the app: asked for again', async () => {
    await allow()
    emulator().unlink(userId())
    expect((await choose()).status).toBe(200)
  })
})

test('the ID token has the nonce and the login method', async () => {
  expect(await claimsFor(await allow({ nonce: 'once' }))).toMatchObject({ nonce: 'once', amr: ['pwd'] })
  expect(await claimsFor(await allow({ initial_amr_display: 'lineqr' }))).toMatchObject({ amr: ['lineqr'] })
})

describe('the add-friend option', () => {
  test('is reported only when the consent page showed it', async () => {
    expect((await allow()).has('friendship_status_changed')).toBe(false)
    const bot = { bot_prompt: 'normal', prompt: 'consent' }
    expect((await allow(bot)).has('friendship_status_changed')).toBe(false)
    const nonFriend = { user: userId(1) }
    expect((await allow(bot, nonFriend)).get('friendship_status_changed')).toBe('false')
    expect((await allow(bot, { ...nonFriend, friend: 'on' })).get('friendship_status_changed')).toBe('true')
    expect((await allow(bot, nonFriend)).has('friendship_status_changed')).toBe(false)
  })

  test('ticked: the user becomes a friend', async () => {
    await allow({ bot_prompt: 'aggressive' }, { user: userId(1), friend: 'on' })
    expect(emulator().users[1]?.isFriend).toBe(true)
  })
})

test('form_post: a form that a script sends, and a button for browsers without scripts', async () => {
  const state = '"><i>'
  const { status, headers, text } = await choose({ response_mode: 'form_post', state }, { decision: 'allow' })
  expect(status).toBe(200)
  expect(headers.location).toBeUndefined()
  expect(text).toContain('<form method="post" action="https://app.example/callback">')
  expect(text).toMatch(/<input type="hidden" name="code" value="[\w-]{20}">/)
  expect(text).toContain('name="state" value="&quot;&gt;&lt;i&gt;"')
  expect(text).toContain('<button class="main">Continue</button>')
  expect(text).toContain('<script type="module" src="/emulator/submit.js"></script>')
  expect((await get('/emulator/submit.js')).text).toContain('document.forms[0].submit()')
})

test.each([
  [{ origin: 'https://evil.example', 'sec-fetch-site': 'cross-site' }, 403],
  [{ origin: 'https://evil.example' }, 403],
  [{ origin: 'null', 'sec-fetch-site': 'cross-site' }, 403],
  [{ origin: 'null' }, 403],
  [{ 'sec-fetch-site': 'cross-site' }, 403],
  [{ origin: 'null', 'sec-fetch-site': 'same-origin' }, 302],
  [{ origin: 'http://127.0.0.1:4001', 'sec-fetch-site': 'same-origin' }, 302],
  [{ origin: 'http://localhost:3000', 'sec-fetch-site': 'cross-site' }, 302],
  [{}, 302],
])('the form of a page, as a browser sends it with %j: %i', async (headers: Record<string, string>, expected) => {
  const { status, headers: sent } = await choose({}, { decision: 'allow' }, headers)
  expect([status, sent['set-cookie'] !== undefined]).toEqual([expected, expected === 302])
})

test('a redirect URI with a custom scheme: redirected', async () => {
  const { headers } = await choose({ redirect_uri: 'myapp://login' }, { decision: 'allow' })
  expect(headers.location).toMatch(/^myapp:\/\/login\?code=/)
})

test('the form: an unknown channel is refused, an unknown user gets the login page again', async () => {
  expect((await choose({ client_id: '9' })).status).toBe(400)
  expect(await choose({}, { user: 'U0' })).toMatchObject({ status: 200, text: expect.stringContaining('Log in as') })
})

function userId(index = 0): string {
  return emulator().users[index]?.userId ?? ''
}

/** Posts the login form as the first user. */
function choose(given: Record<string, string> = {}, form: Record<string, string> = {}, headers = {}) {
  const query = new URLSearchParams({ ...authorizationRequest, ...given })
  return post(`/emulator/login?${query}`, { user: userId(), ...form }, headers)
}

/** Logs in and consents; returns the parameters of the callback. */
async function allow(given: Record<string, string> = {}, form: Record<string, string> = {}): Promise<URLSearchParams> {
  const { headers } = await choose(given, { decision: 'allow', ...form })
  return new URL(String(headers.location)).searchParams
}

async function claimsFor(callback: URLSearchParams) {
  const form = {
    grant_type: 'authorization_code',
    code: callback.get('code') ?? '',
    redirect_uri: authorizationRequest.redirect_uri,
  }
  return decodeJwt(Object((await post('/oauth2/v2.1/token', { ...form, ...credentials })).body).id_token)
}
