import { describe, expect, it } from 'vitest'
import { begin, exchange, exchangeLogin, logIn, redirectUri, visit } from '../harness/log-in.ts'
import { callsTo, codesOf, liff, native, noSourceLimit, useRunningGateway, web } from '../harness/running-gateway.ts'

const gateway = useRunningGateway(noSourceLimit)
const tokensOnly = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { accessToken } } }'
const sakura = { id: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f', displayName: 'Sakura Tanaka' }
const refused = [{ extensions: { code: 'INVALID_GRANT' } }]

describe('a login', () => {
  it('with a code from LINE: tokens, viewer and claims are returned', async () => {
    const { input, state, nonce, back } = await logIn(gateway(), { scopes: ['profile', 'openid', 'email'] })
    expect(back.searchParams.get('state')).toBe(state)
    const { data, errors, status } = await exchange(gateway(), input)
    expect(errors).toEqual([])
    expect(status).toBe(200)
    expect(data?.exchangeLogin).toEqual({
      tokens: {
        accessToken: expect.any(String),
        tokenType: 'Bearer',
        expiresIn: 2_592_000,
        expiresAt: '2026-01-31T00:00:00.000Z',
        refreshToken: expect.any(String),
        scopes: ['profile', 'openid'],
      },
      viewer: sakura,
      idToken: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      idTokenClaims: {
        iss: 'https://access.line.me',
        sub: sakura.id,
        aud: web.id,
        exp: '2026-01-01T01:00:00.000Z',
        iat: '2026-01-01T00:00:00.000Z',
        authTime: null,
        nonce,
        amr: ['pwd'],
        name: sakura.displayName,
        picture: expect.stringContaining('https://'),
        email: 'sakura.tanaka@example.com',
      },
    })
  })

  it('counts as a verification: its access token needs no verify call', async () => {
    const { input } = await logIn(gateway())
    const { data } = await exchange(gateway(), input)
    const { tokens } = Object(data?.exchangeLogin)
    const reply = await gateway().ask('{ viewer { displayName accessToken { channelId scopes } } }', {
      token: tokens.accessToken,
    })
    expect(reply.data).toEqual({
      viewer: { displayName: sakura.displayName, accessToken: { channelId: web.id, scopes: ['profile', 'openid'] } },
    })
    expect(callsTo(gateway().emulator)).toEqual({ token: 1, profile: 1 })
  })

  it('with only the tokens selected: one call to LINE', async () => {
    const { input } = await logIn(gateway())
    expect((await exchange(gateway(), input, tokensOnly)).errors).toEqual([])
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  it('without openid: no ID token; without profile: the viewer is FORBIDDEN', async () => {
    const profileOnly = await logIn(gateway(), { scopes: ['profile'] })
    expect((await exchange(gateway(), profileOnly.input)).data?.exchangeLogin).toMatchObject({
      idToken: null,
      idTokenClaims: null,
      viewer: sakura,
    })
    const openidOnly = await logIn(gateway(), { scopes: ['openid'] })
    const { data, errors } = await exchange(gateway(), openidOnly.input)
    expect(data?.exchangeLogin).toMatchObject({ viewer: null, idTokenClaims: { sub: sakura.id, name: null } })
    expect(errors).toMatchObject([
      { path: ['exchangeLogin', 'viewer'], extensions: { code: 'FORBIDDEN', requiredScope: 'profile' } },
    ])
  })
})

describe('tokens are returned', () => {
  it.each([
    ['profile', { status: 500 }, 'viewer', 'LINE_UNAVAILABLE'],
    ['profile', { reset: true }, 'viewer', 'LINE_UNAVAILABLE'],
    ['profile', { status: 429 }, 'viewer', 'LINE_RATE_LIMITED'],
  ] as const)('if %s fails with %j', async (endpoint, fault, field, code) => {
    const { input } = await logIn(gateway())
    gateway().emulator.faults.set(endpoint, fault)
    const { data, errors } = await exchange(gateway(), input)
    expect(data?.exchangeLogin).toMatchObject({
      tokens: { tokenType: 'Bearer' },
      [field]: null,
      idTokenClaims: { sub: sakura.id },
    })
    expect(errors).toMatchObject([{ path: ['exchangeLogin', field], extensions: { code } }])
  })

  const answered = (more: object) => ({
    access_token: 'access.token.x',
    expires_in: 100,
    refresh_token: 'refresh',
    scope: 'openid',
    token_type: 'Bearer',
    ...more,
  })

  it.each([
    ['MALFORMED', 'not.a.jwt'],
    ['ALGORITHM', 'eyJhbGciOiJub25lIn0.e30.'],
    ['SIGNATURE', 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA'],
  ])('if the ID token is refused with %s', async (reason, idToken) => {
    gateway().emulator.faults.set('token', { body: answered({ id_token: idToken }) })
    const query =
      'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { accessToken } idToken idTokenClaims { sub } } }'
    const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri }, query)
    expect(data?.exchangeLogin).toEqual({ tokens: { accessToken: 'access.token.x' }, idToken, idTokenClaims: null })
    expect(errors).toMatchObject([
      { path: ['exchangeLogin', 'idTokenClaims'], extensions: { code: 'INVALID_ID_TOKEN', reason } },
    ])
  })

  it.each([{}, { expires_in: 'x', scope: 7, refresh_token: '' }])(
    'if the rest of the token answer is %j',
    async (nonsense) => {
      gateway().emulator.faults.set('token', {
        body: { ...answered({}), expires_in: undefined, scope: undefined, ...nonsense },
      })
      const { data } = await exchange(gateway(), { code: 'x', redirectUri }, tokensOnly)
      expect(data?.exchangeLogin).toEqual({ tokens: { accessToken: 'access.token.x' } })
    },
  )
})

describe('nonce', () => {
  it('different from that of the ID token: NONCE, and the tokens are returned', async () => {
    const { input } = await logIn(gateway())
    const { data, errors } = await exchange(gateway(), { ...input, nonce: 'another' })
    expect(data?.exchangeLogin).toMatchObject({ tokens: { tokenType: 'Bearer' }, viewer: sakura, idTokenClaims: null })
    expect(errors).toMatchObject([
      { path: ['exchangeLogin', 'idTokenClaims'], extensions: { code: 'INVALID_ID_TOKEN', reason: 'NONCE' } },
    ])
  })

  it('different, with no claims selected: NONCE, and the tokens are returned', async () => {
    const { input } = await logIn(gateway())
    const { data, errors } = await exchange(gateway(), { ...input, nonce: 'another' }, tokensOnly)
    expect(data?.exchangeLogin).toMatchObject({ tokens: { accessToken: expect.any(String) } })
    expect(errors).toMatchObject([
      { path: ['exchangeLogin', 'idTokenClaims'], extensions: { code: 'INVALID_ID_TOKEN', reason: 'NONCE' } },
    ])
  })

  it('made by startLogin but not sent: INVALID_ID_TOKEN', async () => {
    const { input } = await logIn(gateway())
    expect(codesOf(await exchange(gateway(), { ...input, nonce: null }))).toEqual(['INVALID_ID_TOKEN'])
  })

  it('made by startLogin: compared, not used up (D1)', async () => {
    const login = await begin(gateway())
    const twice = [await visit(login.authorizationUrl), await visit(login.authorizationUrl)]
    const { nonce, codeVerifier } = login
    const replies = []
    for (const back of twice) {
      replies.push(await exchange(gateway(), { code: back.searchParams.get('code'), redirectUri, nonce, codeVerifier }))
    }
    expect(replies.map(codesOf)).toEqual([[], []])
  })

  it('made by the client: compared if it is sent, and not required', async () => {
    const code = () => gateway().emulator.issueCode({ redirectUri, nonce: 'theirs' })
    expect(codesOf(await exchange(gateway(), { code: code(), redirectUri }))).toEqual([])
    expect(codesOf(await exchange(gateway(), { code: code(), redirectUri, nonce: 'theirs' }))).toEqual([])
    expect(codesOf(await exchange(gateway(), { code: code(), redirectUri, nonce: 'other' }))).toEqual([
      'INVALID_ID_TOKEN',
    ])
    const none = gateway().emulator.issueCode({ redirectUri })
    expect(codesOf(await exchange(gateway(), { code: none, redirectUri, nonce: 'other' }))).toEqual([
      'INVALID_ID_TOKEN',
    ])
  })
})

describe('a code', () => {
  it('sent 21 times: one call to LINE, one login, the others are INVALID_GRANT', async () => {
    const { input } = await logIn(gateway())
    const replies = await Promise.all(Array.from({ length: 20 }, () => exchange(gateway(), input, tokensOnly)))
    replies.push(await exchange(gateway(), input, tokensOnly))
    expect(replies.filter(({ errors }) => errors.length === 0)).toHaveLength(1)
    expect(replies.filter((reply) => codesOf(reply)[0] === 'INVALID_GRANT')).toHaveLength(20)
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  it.each([
    ['with a wrong code verifier', { codeVerifier: 'x'.repeat(43) }],
    ['without its code verifier', { codeVerifier: null }],
    ['with a different redirect URI', { redirectUri: 'https://app.example/other' }],
    ['that LINE never issued', { code: 'never-issued' }],
  ])('%s: INVALID_GRANT', async (_, wrong) => {
    const { input } = await logIn(gateway())
    expect(await exchange(gateway(), { ...input, ...wrong })).toMatchObject({ data: null, errors: refused })
  })

  it('older than ten minutes: INVALID_GRANT', async () => {
    const { input } = await logIn(gateway())
    gateway().advance(600_000)
    expect(await exchange(gateway(), input)).toMatchObject({ data: null, errors: refused })
  })

  it.each([{ commitThenReset: true }, { status: 500 }, { garbage: true }] as const)(
    'after %j, so perhaps used up: no retryAfter, and it is not sent to LINE again',
    async (fault) => {
      const { input } = await logIn(gateway())
      gateway().emulator.faults.set('token', { ...fault, times: 1 })
      const { errors } = await exchange(gateway(), input)
      expect(errors).toMatchObject([{ extensions: { code: 'LINE_UNAVAILABLE' } }])
      expect(errors[0]?.extensions).not.toHaveProperty('retryAfter')
      expect(await exchange(gateway(), input)).toMatchObject({ errors: refused })
      expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
    },
  )

  it('after LINE_RATE_LIMITED: still usable', async () => {
    const { input } = await logIn(gateway())
    gateway().emulator.faults.set('token', { status: 429, headers: { 'retry-after': '3' }, times: 1 })
    expect((await exchange(gateway(), input)).errors).toMatchObject([
      { extensions: { code: 'LINE_RATE_LIMITED', retryAfter: 3 } },
    ])
    gateway().advance(3_000)
    expect((await exchange(gateway(), input)).errors).toEqual([])
  })

  it.each([
    ['code', { code: '' }],
    ['code', { code: 'x'.repeat(4_097) }],
    ['redirectUri', { redirectUri: 'nowhere' }],
    ['codeVerifier', { codeVerifier: 'short' }],
    ['codeVerifier', { codeVerifier: `${'x'.repeat(43)}+` }],
    ['nonce', { nonce: '' }],
    ['nonce', { nonce: 'x'.repeat(1_001) }],
    ['channelId', { channelId: '7' }],
  ])('with an invalid %s: BAD_USER_INPUT without a call to LINE', async (argument, wrong) => {
    const reply = await exchange(gateway(), { code: 'x', redirectUri, ...wrong })
    expect(reply).toMatchObject({ data: null, errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }] })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('a code that LINE does not answer before the deadline', () => {
  const impatient = useRunningGateway({ LINE_TIMEOUT_MS: '1000', ...noSourceLimit })

  it('perhaps used up: no retryAfter, and it is not sent to LINE again', async () => {
    const { input } = await logIn(impatient())
    // Opens the connection, so that the code is on its way to LINE before the deadline, however slow the machine is.
    const query = '{ verifyAccessToken(accessToken: "not.a.token") { active } }'
    await expect.poll(async () => codesOf(await impatient().ask(query)), { timeout: 30_000 }).toEqual([])
    impatient().emulator.calls.reset()
    impatient().emulator.faults.set('token', { hang: true })
    const { errors } = await exchange(impatient(), input)
    expect(errors).toMatchObject([{ extensions: { code: 'LINE_UNAVAILABLE' } }])
    expect(errors[0]?.extensions).not.toHaveProperty('retryAfter')
    impatient().emulator.faults.clear()
    expect(await exchange(impatient(), input)).toMatchObject({ errors: refused })
    expect(callsTo(impatient().emulator)).toEqual({ token: 1 })
  })
})

describe('apps and LIFF', () => {
  const several = useRunningGateway({ LINE_CHANNELS: JSON.stringify([web, native, liff]) })

  it.each([native, liff])('$type: a login gives an ID token signed by LINE', async ({ id, type }) => {
    const { input } = await logIn(several(), { channelId: id })
    const { data, errors } = await exchange(several(), { ...input, channelId: id })
    expect(errors).toEqual([])
    expect(data?.exchangeLogin).toMatchObject({ viewer: sakura, idTokenClaims: { aud: id } })
    const { tokens } = Object(data?.exchangeLogin)
    expect(tokens.refreshToken === null).toBe(type === 'liff')
    expect(tokens.expiresIn).toBe(type === 'liff' ? 43_200 : 2_592_000)
  })

  it('a code of another channel: INVALID_GRANT', async () => {
    const { input } = await logIn(several(), { channelId: native.id })
    expect(await exchange(several(), { ...input, channelId: liff.id }, exchangeLogin)).toMatchObject({
      errors: refused,
    })
  })
})
