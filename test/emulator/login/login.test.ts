import { decodeJwt } from 'jose'
import { describe, expect, test } from 'vitest'
import { credentials, useEmulator, web } from '../../harness/emulator-client.ts'

const { emulator, post } = useEmulator()

const asked = {
  response_type: 'code',
  client_id: web.id,
  redirect_uri: 'https://app.example/callback',
  state: 'state',
  scope: 'profile openid',
}

describe('consent', () => {
  test('is asked for, then remembered; prompt=consent asks again', async () => {
    expect(await choose()).toMatchObject({ status: 200, text: expect.stringContaining('Allow access?') })
    expect((await allow()).get('code')).toBeTruthy()
    expect((await choose()).status).toBe(302)
    expect((await choose({ prompt: 'consent' })).status).toBe(200)
  })

  test('for more than before is asked for again', async () => {
    await allow()
    expect((await choose({ scope: 'profile openid email' })).status).toBe(200)
  })

  test('denied: ACCESS_DENIED, plus-encoded, with the state', async () => {
    const { headers } = await choose({}, { decision: 'cancel' })
    expect(headers.location).toBe(
      'https://app.example/callback?error=ACCESS_DENIED&error_description=The+resource+owner+denied+the+request.&state=state',
    )
  })

  test('email can be declined alone, and is in the ID token when it is not', async () => {
    const scope = 'profile openid email'
    const declined = await allow({ scope })
    expect(await claimsFor(declined)).not.toHaveProperty('email')
    const granted = await allow({ scope }, { email: 'on' })
    expect(await claimsFor(granted)).toMatchObject({ email: 'sakura.tanaka@example.com' })
    expect((await choose({ scope })).status).toBe(302)
  })

  test('is forgotten when the user unlinks the app', async () => {
    await allow()
    emulator().unlink(userId())
    expect((await choose()).status).toBe(200)
  })
})

test('the nonce and how the user logged in are in the ID token', async () => {
  expect(await claimsFor(await allow({ nonce: 'once' }))).toMatchObject({ nonce: 'once', amr: ['pwd'] })
  expect(await claimsFor(await allow({ initial_amr_display: 'lineqr' }))).toMatchObject({ amr: ['lineqr'] })
})

describe('the add-friend option', () => {
  test('is reported only when it was shown', async () => {
    expect((await allow()).has('friendship_status_changed')).toBe(false)
    const bot = { bot_prompt: 'normal', prompt: 'consent' }
    expect((await allow(bot)).has('friendship_status_changed')).toBe(false)
    const stranger = { user: userId(1) }
    expect((await allow(bot, stranger)).get('friendship_status_changed')).toBe('false')
    expect((await allow(bot, { ...stranger, friend: 'on' })).get('friendship_status_changed')).toBe('true')
    expect((await allow(bot, stranger)).has('friendship_status_changed')).toBe(false)
  })

  test('makes a friend', async () => {
    await allow({ bot_prompt: 'aggressive' }, { user: userId(1), friend: 'on' })
    expect(emulator().users[1]?.isFriend).toBe(true)
  })
})

test('form_post: a form that sends itself, and a button for who runs no script', async () => {
  const state = '"><i>'
  const { status, headers, text } = await choose({ response_mode: 'form_post', state }, { decision: 'allow' })
  expect(status).toBe(200)
  expect(headers.location).toBeUndefined()
  expect(text).toContain('<form method="post" action="https://app.example/callback">')
  expect(text).toMatch(/<input type="hidden" name="code" value="[\w-]{20}">/)
  expect(text).toContain('name="state" value="&quot;&gt;&lt;i&gt;"')
  expect(text).toContain('<button class="main">Continue</button>')
  expect(text).toContain('<script>document.forms[0].submit()</script>')
})

test('a custom scheme is redirected to as well', async () => {
  const { headers } = await choose({ redirect_uri: 'myapp://login' }, { decision: 'allow' })
  expect(headers.location).toMatch(/^myapp:\/\/login\?code=/)
})

test('the form is judged like the page: a bad callback URL is refused, an unknown user chooses again', async () => {
  expect((await choose({ client_id: '9' })).status).toBe(400)
  expect(await choose({}, { user: 'U0' })).toMatchObject({ status: 200, text: expect.stringContaining('Log in as') })
})

function userId(index = 0): string {
  return emulator().users[index]?.userId ?? ''
}

/** Posts the login form as the first user. */
function choose(given: Record<string, string> = {}, form: Record<string, string> = {}) {
  return post(`/emulator/login?${new URLSearchParams({ ...asked, ...given })}`, { user: userId(), ...form })
}

/** Logs in and consents; returns the parameters of the callback. */
async function allow(given: Record<string, string> = {}, form: Record<string, string> = {}): Promise<URLSearchParams> {
  const { headers } = await choose(given, { decision: 'allow', ...form })
  return new URL(String(headers.location)).searchParams
}

async function claimsFor(callback: URLSearchParams) {
  const form = { grant_type: 'authorization_code', code: callback.get('code') ?? '', redirect_uri: asked.redirect_uri }
  return decodeJwt(Object((await post('/oauth2/v2.1/token', { ...form, ...credentials })).body).id_token)
}
