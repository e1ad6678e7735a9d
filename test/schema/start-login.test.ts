import { hash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { begin, redirectUri, startLogin } from '../harness/log-in.ts'
import { callsTo, native, useSharedGateway, web } from '../harness/running-gateway.ts'

const gateway = useSharedGateway()
const parametersOf = (url: string) => Object.fromEntries(new URL(url).searchParams)
const refused = async (input: object, argument: string, running = gateway()) => {
  const reply = await running.ask(startLogin, { variables: { input: { redirectUri, ...input } } })
  expect(reply).toMatchObject({
    data: { startLogin: null },
    errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }],
  })
}

describe('startLogin', () => {
  it('returns an authorization URL with all required parameters, and keeps the code verifier out of it', async () => {
    const login = await begin(gateway())
    expect(login.authorizationUrl).toMatch(`${gateway().emulator.url}/oauth2/v2.1/authorize?`)
    expect(parametersOf(login.authorizationUrl)).toEqual({
      response_type: 'code',
      client_id: web.id,
      redirect_uri: redirectUri,
      state: login.state,
      scope: 'profile openid',
      nonce: login.nonce,
      code_challenge: hash('sha256', login.codeVerifier, 'base64url'),
      code_challenge_method: 'S256',
    })
    expect(login).toMatchObject({ redirectUri, channelId: web.id })
    expect(login.authorizationUrl).not.toContain(login.codeVerifier)
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('creates a new state, nonce and code verifier each time', async () => {
    const logins = await Promise.all(Array.from({ length: 20 }, () => begin(gateway())))
    for (const name of ['state', 'nonce', 'codeVerifier'] as const) {
      expect(new Set(logins.map((login) => login[name])).size).toBe(20)
      for (const login of logins) expect(login[name]).toMatch(/^[\w-]{22,128}$/)
    }
    for (const { codeVerifier } of logins) expect(codeVerifier).toMatch(/^[A-Za-z0-9._~-]{43,128}$/)
  })

  it('sends every option to LINE', async () => {
    const { authorizationUrl } = await begin(gateway(), {
      scopes: ['openid', 'email', 'openid'],
      channelId: web.id,
      prompt: 'CONSENT',
      botPrompt: 'AGGRESSIVE',
      maxAge: 0,
      uiLocales: ['ja', 'en-GB'],
      initialAmrDisplay: 'lineqr',
      switchAmr: false,
      disableAutoLogin: true,
      disableIosAutoLogin: false,
      responseMode: 'FORM_POST',
    })
    expect(authorizationUrl).toContain('scope=openid%20email&')
    expect(parametersOf(authorizationUrl)).toMatchObject({
      scope: 'openid email',
      prompt: 'consent',
      bot_prompt: 'aggressive',
      max_age: '0',
      ui_locales: 'ja en-GB',
      initial_amr_display: 'lineqr',
      switch_amr: 'false',
      disable_auto_login: 'true',
      disable_ios_auto_login: 'false',
      response_mode: 'form_post',
    })
  })

  it.each(['myapp://line/back', 'http://localhost:3000/cb?next=/a&b=c', 'https://app.example/戻る'])(
    'accepts the redirect URI %s',
    async (uri) => {
      expect(parametersOf((await begin(gateway(), { redirectUri: uri })).authorizationUrl).redirect_uri).toBe(uri)
    },
  )
})

describe('an invalid argument: BAD_USER_INPUT names it', () => {
  it.each([
    ['redirectUri', { redirectUri: '' }],
    ['redirectUri', { redirectUri: '/callback' }],
    ['redirectUri', { redirectUri: 'https://app.example/#here' }],
    ['redirectUri', { redirectUri: 'javascript:alert(1)' }],
    ['redirectUri', { redirectUri: 'data:text/html,x' }],
    ['redirectUri', { redirectUri: `https://app.example/${'x'.repeat(2_000)}` }],
    ['scopes', { scopes: [] }],
    ['scopes', { scopes: ['email'] }],
    ['scopes', { scopes: ['profile', 'email'] }],
    ['scopes', { scopes: ['profile openid'] }],
    ['scopes', { scopes: ['profile', 'a"b'] }],
    ['scopes', { scopes: ['profile', ...Array.from({ length: 50 }, (_, n) => `s${n}`)] }],
    ['channelId', { channelId: native.id }],
    ['channelId', { channelId: '' }],
    ['maxAge', { maxAge: -1 }],
    ['uiLocales', { uiLocales: ['ja JP'] }],
    ['uiLocales', { uiLocales: Array(21).fill('ja') }],
    ['initialAmrDisplay', { initialAmrDisplay: 'line&qr' }],
  ])('%s: %j', async (argument, input) => {
    await refused(input, argument)
  })
})

describe('with LINE_REDIRECT_URIS', () => {
  const listed = useSharedGateway({ LINE_REDIRECT_URIS: `${redirectUri}, myapp://back` })

  it.each([redirectUri, 'myapp://back'])('%s, in the list: accepted', async (uri) => {
    expect((await begin(listed(), { redirectUri: uri })).redirectUri).toBe(uri)
  })

  it.each([
    `${redirectUri}/`,
    `${redirectUri}?a`,
    redirectUri.toUpperCase(),
    'https://evil.example/callback',
    `${redirectUri}@evil.example`,
  ])('%s, not in the list: refused', async (uri) => {
    await refused({ redirectUri: uri }, 'redirectUri', listed())
  })
})

describe('with several channels', () => {
  const several = useSharedGateway({ LINE_CHANNELS: JSON.stringify([web, native]) })

  it('channelId chooses one, and is required', async () => {
    expect(await begin(several(), { channelId: native.id })).toMatchObject({ channelId: native.id })
    await refused({}, 'channelId', several())
    await refused({ channelId: '1000000003' }, 'channelId', several())
  })
})
