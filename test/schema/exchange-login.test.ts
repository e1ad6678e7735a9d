import { describe, expect, it } from 'vitest'
import { begin, exchange, exchangeLogin, logIn, redirectUri, visit } from '../harness/log-in.ts'
import { callsTo, codesOf, liff, native, noSourceLimit, useRunningGateway, web } from '../harness/running-gateway.ts'

const gateway = useRunningGateway({ LINE_TIMEOUT_MS: '2000', ...noSourceLimit })
const tokensOnly = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { tokens { accessToken } } }'
const sakura = { id: 'U4af4980629c1d3b5e7f90a2b4c6d8e0f', displayName: 'Sakura Tanaka' }
const spent = [{ extensions: { code: 'INVALID_GRANT' } }]

describe('a login', () => {
  it('from its beginning to its end', async () => {
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

  it('is as good as a verification: its token is known at once', async () => {
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

  it('costs one call where only the tokens are wanted', async () => {
    const { input } = await logIn(gateway())
    expect((await exchange(gateway(), input, tokensOnly)).errors).toEqual([])
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  it('without openid has no ID token, and without profile no name', async () => {
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

describe('the tokens are never lost', () => {
  it.each([
    ['profile', { status: 500 }, 'viewer', 'LINE_UNAVAILABLE'],
    ['profile', { reset: true }, 'viewer', 'LINE_UNAVAILABLE'],
    ['profile', { status: 429 }, 'viewer', 'LINE_RATE_LIMITED'],
  ] as const)('though %s answers %j', async (endpoint, fault, field, code) => {
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
  ])('though the ID token is %s', async (reason, idToken) => {
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
    'though LINE answers them with %j',
    async (nonsense) => {
      gateway().emulator.faults.set('token', {
        body: { ...answered({}), expires_in: undefined, scope: undefined, ...nonsense },
      })
      const { data } = await exchange(gateway(), { code: 'x', redirectUri }, tokensOnly)
      expect(data?.exchangeLogin).toEqual({ tokens: { accessToken: 'access.token.x' } })
    },
  )
})

describe('the nonce', () => {
  it('that is another one is told, and the tokens are kept', async () => {
    const { input } = await logIn(gateway())
    const { data, errors } = await exchange(gateway(), { ...input, nonce: 'another' })
    expect(data?.exchangeLogin).toMatchObject({ tokens: { tokenType: 'Bearer' }, viewer: sakura, idTokenClaims: null })
    expect(errors).toMatchObject([
      { path: ['exchangeLogin', 'idTokenClaims'], extensions: { code: 'INVALID_ID_TOKEN', reason: 'NONCE' } },
    ])
  })

  it('is compared though nobody asked for the claims', async () => {
    const { input } = await logIn(gateway())
    const { data, errors } = await exchange(gateway(), { ...input, nonce: 'another' }, tokensOnly)
    expect(data?.exchangeLogin).toMatchObject({ tokens: { accessToken: expect.any(String) } })
    expect(errors).toMatchObject([
      { path: ['exchangeLogin', 'idTokenClaims'], extensions: { code: 'INVALID_ID_TOKEN', reason: 'NONCE' } },
    ])
  })

  it('of ours has to be given where the ID token has one', async () => {
    const { input } = await logIn(gateway())
    expect(codesOf(await exchange(gateway(), { ...input, nonce: null }))).toEqual(['INVALID_ID_TOKEN'])
  })

  it('of ours is good once', async () => {
    const login = await begin(gateway())
    const twice = [await visit(login.authorizationUrl), await visit(login.authorizationUrl)]
    const { nonce, codeVerifier } = login
    const replies = []
    for (const back of twice) {
      replies.push(await exchange(gateway(), { code: back.searchParams.get('code'), redirectUri, nonce, codeVerifier }))
    }
    expect(replies.map(codesOf)).toEqual([[], ['INVALID_ID_TOKEN']])
    expect(replies[1]?.errors[0]?.extensions.reason).toBe('NONCE')
  })

  it('that somebody else made is compared where it is given, and let be where it is not', async () => {
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
  it('reaches LINE once, however many bring it', async () => {
    const { input } = await logIn(gateway())
    const replies = await Promise.all(Array.from({ length: 20 }, () => exchange(gateway(), input, tokensOnly)))
    replies.push(await exchange(gateway(), input, tokensOnly))
    expect(replies.filter(({ errors }) => errors.length === 0)).toHaveLength(1)
    expect(replies.filter((reply) => codesOf(reply)[0] === 'INVALID_GRANT')).toHaveLength(20)
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  it.each([
    ['of another verifier', { codeVerifier: 'x'.repeat(43) }],
    ['of no verifier', { codeVerifier: null }],
    ['of another redirect URI', { redirectUri: 'https://app.example/other' }],
    ['nobody issued', { code: 'nobody-issued-this' }],
  ])('%s is refused', async (_, wrong) => {
    const { input } = await logIn(gateway())
    expect(await exchange(gateway(), { ...input, ...wrong })).toMatchObject({ data: null, errors: spent })
  })

  it('too old is refused', async () => {
    const { input } = await logIn(gateway())
    gateway().advance(600_000)
    expect(await exchange(gateway(), input)).toMatchObject({ data: null, errors: spent })
  })

  it.each([{ commitThenReset: true }, { hang: true }, { status: 500 }, { garbage: true }] as const)(
    'that may be spent (%j) is not tried again, and nobody is told to',
    async (fault) => {
      const { input } = await logIn(gateway())
      gateway().emulator.faults.set('token', { ...fault, times: 1 })
      const { errors } = await exchange(gateway(), input)
      expect(errors).toMatchObject([{ extensions: { code: 'LINE_UNAVAILABLE' } }])
      expect(errors[0]?.extensions).not.toHaveProperty('retryAfter')
      expect(await exchange(gateway(), input)).toMatchObject({ errors: spent })
      expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
    },
  )

  it('that LINE would not look at is good still', async () => {
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
  ])('is not risked where %s cannot be right', async (argument, wrong) => {
    const reply = await exchange(gateway(), { code: 'x', redirectUri, ...wrong })
    expect(reply).toMatchObject({ data: null, errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }] })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('apps and LIFF', () => {
  const several = useRunningGateway({ LINE_CHANNELS: JSON.stringify([web, native, liff]) })

  it.each([native, liff])(
    'of the channel $type log in without a secret, with an ID token signed by LINE',
    async ({ id, type }) => {
      const { input } = await logIn(several(), { channelId: id })
      const { data, errors } = await exchange(several(), { ...input, channelId: id })
      expect(errors).toEqual([])
      expect(data?.exchangeLogin).toMatchObject({ viewer: sakura, idTokenClaims: { aud: id } })
      const { tokens } = Object(data?.exchangeLogin)
      expect(tokens.refreshToken === null).toBe(type === 'liff')
      expect(tokens.expiresIn).toBe(type === 'liff' ? 43_200 : 2_592_000)
    },
  )

  it('a code of one channel is worth nothing in another', async () => {
    const { input } = await logIn(several(), { channelId: native.id })
    expect(await exchange(several(), { ...input, channelId: liff.id }, exchangeLogin)).toMatchObject({ errors: spent })
  })
})
