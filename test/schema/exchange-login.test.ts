import { describe, expect, it } from 'vitest'
import { exchange, exchangeLogin, logIn, redirectUri } from '../harness/log-in.ts'
import {
  callsTo,
  codesOf,
  liff,
  native,
  noSourceLimit,
  type RunningGateway,
  useRunningGateway,
  web,
} from '../harness/running-gateway.ts'

const gateway = useRunningGateway(noSourceLimit)
const several = useRunningGateway({ LINE_CHANNELS: JSON.stringify([web, native, liff]) })
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
        picture: gateway().emulator.users[0]?.pictureUrl,
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
    expect((await exchange(gateway(), { ...profileOnly.input, nonce: null })).data?.exchangeLogin).toMatchObject({
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

  const incomplete = [
    {},
    { expires_in: 'x', scope: 7, refresh_token: '', token_type: 1 },
    { expires_in: 2_592_000, scope: null },
    { expires_in: 2_592_000, scope: '' },
    { expires_in: 2_592_000, scope: '   ' },
    { expires_in: '2592000', scope: 'profile openid' },
    { expires_in: -1, scope: ['profile'] },
  ]

  it.each(incomplete)('if the rest of the token answer is %j: LINE is asked once for the rest (D4)', async (rest) => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('token', { body: { access_token: accessToken, ...rest } })
    const query = `mutation ($input: ExchangeLoginInput!) {
      exchangeLogin(input: $input) {
        tokens { tokenType expiresIn expiresAt refreshToken scopes }
        viewer { displayName }
      }
    }`
    const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri }, query)
    expect(errors).toEqual([])
    expect(data?.exchangeLogin).toEqual({
      tokens: {
        tokenType: 'Bearer',
        expiresIn: 2_592_000,
        expiresAt: '2026-01-31T00:00:00.000Z',
        refreshToken: null,
        scopes: ['profile', 'openid'],
      },
      viewer: { displayName: sakura.displayName },
    })
    expect(callsTo(gateway().emulator)).toEqual({ token: 1, verifyAccessToken: 1, profile: 1 })
  })

  it.each([
    ['a space in it', 'a b'],
    ['5,000 characters', 'x'.repeat(5_000)],
    ['é', 'é'],
  ])(
    'if the access token has %s: an outage for viewer and scopes, and the tokens are returned',
    async (_, accessToken) => {
      gateway().emulator.faults.set('token', { body: { access_token: accessToken, expires_in: 100 } })
      const query = `mutation ($input: ExchangeLoginInput!) {
        exchangeLogin(input: $input) { tokens { accessToken scopes } viewer { id } }
      }`
      const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri }, query)
      expect(data?.exchangeLogin).toEqual({ tokens: { accessToken, scopes: [] }, viewer: null })
      expect(codesOf({ errors })).toEqual(['LINE_UNAVAILABLE', 'LINE_UNAVAILABLE'])
    },
  )

  it('if LINE does not say the scopes and cannot be asked: no scopes, with an error (D4)', async () => {
    gateway().emulator.faults.set('token', { body: { access_token: gateway().issue().accessToken } })
    gateway().emulator.faults.set('verifyAccessToken', { status: 500 })
    const query = `mutation ($input: ExchangeLoginInput!) {
      exchangeLogin(input: $input) { tokens { accessToken expiresIn expiresAt scopes } }
    }`
    const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri }, query)
    expect(data?.exchangeLogin).toEqual({
      tokens: {
        accessToken: expect.any(String),
        expiresIn: 0,
        expiresAt: '2026-01-01T00:00:00.000Z',
        scopes: [],
      },
    })
    const extensions = { code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) }
    expect(errors).toMatchObject([{ path: ['exchangeLogin', 'tokens', 'scopes'], extensions }])
    expect(callsTo(gateway().emulator)).toEqual({ token: 1, verifyAccessToken: 1 })
  })
})

describe('a wrong nonce', () => {
  const nonceFailure = (field: string) => ({
    path: ['exchangeLogin', field],
    extensions: { code: 'INVALID_ID_TOKEN', reason: 'NONCE' },
  })
  const selections: Record<string, string> = {
    viewer: 'viewer { id }',
    idToken: 'idToken',
    idTokenClaims: 'idTokenClaims { sub }',
  }

  type Wrong = () => Promise<object>
  const wrong: readonly [string, Wrong][] = [
    ['different from that of the ID token', async () => ({ ...(await logIn(gateway())).input, nonce: 'another' })],
    ['made by startLogin but not sent', async () => ({ ...(await logIn(gateway())).input, nonce: null })],
    ['sent, and there is no ID token', async () => (await logIn(gateway(), { scopes: ['profile'] })).input],
    ['sent, and the ID token has none', async () => ({ ...issueCode({}), nonce: 'theirs' })],
    ['empty in the ID token', async () => ({ ...issueCode({ nonce: '' }), nonce: 'theirs' })],
  ]

  it.each(wrong)('%s: NONCE on each selected field, and the tokens are returned (D12)', async (_, inputOf) => {
    for (const fields of [['viewer'], ['idToken'], ['idTokenClaims'], ['viewer', 'idToken', 'idTokenClaims']]) {
      const selection = fields.map((field) => selections[field]).join(' ')
      const query = `mutation ($input: ExchangeLoginInput!) {
        exchangeLogin(input: $input) { tokens { accessToken } ${selection} }
      }`
      const { data, errors } = await exchange(gateway(), await inputOf(), query)
      expect(data?.exchangeLogin).toEqual({
        tokens: { accessToken: expect.any(String) },
        ...Object.fromEntries(fields.map((field) => [field, null])),
      })
      const inOrder = errors.toSorted((a, b) => fields.indexOf(`${a.path?.[1]}`) - fields.indexOf(`${b.path?.[1]}`))
      expect(inOrder).toMatchObject(fields.map(nonceFailure))
    }
    expect(callsTo(gateway().emulator)).toEqual({ token: 4 })
  })

  it.each(wrong.filter(([name]) => name.includes('sent, and') || name.includes('different')))(
    '%s, and only the tokens are selected: NONCE beside them (D12)',
    async (_, inputOf) => {
      const { data, errors } = await exchange(gateway(), await inputOf(), tokensOnly)
      expect(data?.exchangeLogin).toMatchObject({ tokens: { accessToken: expect.any(String) } })
      expect(errors).toMatchObject([nonceFailure('idTokenClaims')])
    },
  )

  type Trouble = (running: RunningGateway) => void
  const troubles: readonly [string, Trouble][] = [
    ["LINE's keys cannot be fetched", ({ emulator }) => emulator.faults.set('certs', { status: 500 })],
    ["LINE's keys never come", ({ emulator }) => emulator.faults.set('certs', { hang: true })],
    ['our clock says that it has expired', ({ setWall }) => setWall(3 * 3_600_000)],
    ['our clock says that it is from the future', ({ setWall }) => setWall(-3 * 3_600_000)],
  ]

  it.each(troubles)('while %s: NONCE on each field all the same (D12)', async (_, trouble) => {
    trouble(several())
    for (const nonce of ['another', null]) {
      const { input } = await logIn(several(), { channelId: native.id })
      const query = `mutation ($input: ExchangeLoginInput!) {
        exchangeLogin(input: $input) { tokens { tokenType } ${Object.values(selections).join(' ')} }
      }`
      const { data, errors } = await exchange(several(), { ...input, nonce, channelId: native.id }, query)
      const nothing = { viewer: null, idToken: null, idTokenClaims: null }
      expect(data?.exchangeLogin).toEqual({ tokens: { tokenType: 'Bearer' }, ...nothing })
      expect(errors.map(({ extensions }) => extensions.reason)).toEqual(['NONCE', 'NONCE', 'NONCE'])
    }
    expect(callsTo(several().emulator)).toEqual({ token: 2 })
  })

  it.each<[string, object, object?]>([
    ['not signed by LINE', { alg: 'HS256' }],
    ['with an algorithm that is not accepted', { alg: 'none' }],
    ['with an unknown kid', { alg: 'ES256', kid: 'x' }],
    ['of another issuer', { alg: 'HS256' }, { iss: 'https://elsewhere.example' }],
    ['longer than 8,192 characters', { alg: 'HS256' }, { pad: 'x'.repeat(9_000) }],
  ])('in an ID token %s: NONCE (D12)', async (_, header, more = {}) => {
    const parts = [header, { iss: 'https://access.line.me', aud: web.id, nonce: 'theirs', ...more }]
    const idToken = `${parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.AAAA`
    const body = { access_token: gateway().issue().accessToken, expires_in: 100, scope: 'openid', id_token: idToken }
    gateway().emulator.faults.set('token', { body })
    const query = 'mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { viewer { id } idToken } }'
    const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri, nonce: 'another' }, query)
    expect(data?.exchangeLogin).toEqual({ viewer: null, idToken: null })
    expect(errors.map(({ extensions }) => extensions.reason)).toEqual(['NONCE', 'NONCE'])
  })

  it('under an alias: the path has the alias', async () => {
    const { input } = await logIn(gateway())
    const query = 'mutation ($input: ExchangeLoginInput!) { a: exchangeLogin(input: $input) { tokens { scopes } } }'
    const { errors } = await exchange(gateway(), { ...input, nonce: 'another' }, query)
    expect(errors).toMatchObject([{ path: ['a', 'idTokenClaims'], extensions: { reason: 'NONCE' } }])
  })
})

describe('a nonce', () => {
  it('made by startLogin: the login, then verifyIdToken of its ID token, twice and again: accepted (D1, D12)', async () => {
    const { input } = await logIn(gateway())
    const { data, errors } = await exchange(gateway(), input)
    expect(errors).toEqual([])
    const { idToken, idTokenClaims } = Object(data?.exchangeLogin)
    const query = `query ($input: VerifyIdTokenInput!) {
      verifyIdToken(input: $input) { sub nonce } again: verifyIdToken(input: $input) { sub nonce }
    }`
    const { sub, nonce } = idTokenClaims
    for (let n = 0; n < 2; n += 1) {
      const checked = await gateway().ask(query, { variables: { input: { idToken, nonce: input.nonce } } })
      expect(checked.errors).toEqual([])
      expect(checked.data).toEqual({ verifyIdToken: { sub, nonce }, again: { sub, nonce } })
    }
  })

  it('made by the client: not required', async () => {
    for (const nonce of ['theirs', undefined]) {
      expect(codesOf(await exchange(gateway(), { ...issueCode({ nonce: 'theirs' }), nonce }))).toEqual([])
    }
  })

  it('with an ID token that fails another check: that error on the claims, and viewer and idToken are returned', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('token', {
      body: { access_token: accessToken, expires_in: 100, scope: 'profile openid', id_token: 'not.a.jwt' },
    })
    const { data, errors } = await exchange(gateway(), { code: 'x', redirectUri, nonce: 'n' })
    expect(data?.exchangeLogin).toMatchObject({ viewer: sakura, idToken: 'not.a.jwt', idTokenClaims: null })
    expect(errors).toMatchObject([{ path: ['exchangeLogin', 'idTokenClaims'], extensions: { reason: 'MALFORMED' } }])
    const query = `mutation ($input: ExchangeLoginInput!) { exchangeLogin(input: $input) { viewer { id } idToken } }`
    const beside = await exchange(gateway(), { code: 'y', redirectUri, nonce: 'n' }, query)
    expect(beside.data?.exchangeLogin).toEqual({ viewer: { id: sakura.id }, idToken: 'not.a.jwt' })
    expect(beside.errors).toMatchObject(errors.map(({ path, extensions }) => ({ path, extensions })))
  })
})

function issueCode(request: { readonly nonce?: string }) {
  return { code: gateway().emulator.issueCode({ redirectUri, ...request }), redirectUri }
}

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
    expect(await exchange(gateway(), { ...input, ...wrong })).toMatchObject({
      data: { exchangeLogin: null },
      errors: refused,
    })
  })

  it('older than ten minutes: INVALID_GRANT', async () => {
    const { input } = await logIn(gateway())
    gateway().advance(600_000)
    expect(await exchange(gateway(), input)).toMatchObject({ data: { exchangeLogin: null }, errors: refused })
  })

  it.each([{ status: 500 }, { status: 502 }, { garbage: true }, { reset: true }, { status: 403, body: {} }] as const)(
    'after %j: an outage with retryAfter, then its tokens (B7)',
    async (fault) => {
      const { input } = await logIn(gateway())
      gateway().emulator.faults.set('token', { ...fault, times: 1 })
      const { data, errors, headers } = await exchange(gateway(), input)
      expect(data).toEqual({ exchangeLogin: null })
      expect(errors).toMatchObject([{ extensions: { code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) } }])
      expect(Number(headers['retry-after'])).toBeGreaterThan(0)
      expect((await exchange(gateway(), input)).errors).toEqual([])
      expect(await exchange(gateway(), input)).toMatchObject({ errors: refused })
      expect(callsTo(gateway().emulator)).toMatchObject({ token: 2 })
    },
  )

  it('that LINE used before its answer was lost: an outage, then INVALID_GRANT from LINE (B7)', async () => {
    const { input } = await logIn(gateway())
    gateway().emulator.faults.set('token', { commitThenReset: true, times: 1 })
    expect((await exchange(gateway(), input)).errors).toMatchObject([{ extensions: { code: 'LINE_UNAVAILABLE' } }])
    for (let n = 0; n < 2; n += 1) expect(await exchange(gateway(), input)).toMatchObject({ errors: refused })
    expect(callsTo(gateway().emulator)).toEqual({ token: 2 })
  })

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
    expect(reply).toMatchObject({
      data: { exchangeLogin: null },
      errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }],
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('a code that LINE does not answer before the deadline', () => {
  const impatient = useRunningGateway({ LINE_TIMEOUT_MS: '1000', ...noSourceLimit })

  it('an outage with retryAfter, then its tokens (B7)', async () => {
    const { input } = await logIn(impatient())
    impatient().emulator.faults.set('token', { hang: true })
    const { errors } = await exchange(impatient(), input)
    expect(errors).toMatchObject([{ extensions: { code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) } }])
    impatient().emulator.faults.clear()
    await expect
      .poll(async () => codesOf(await exchange(impatient(), input, tokensOnly)), { timeout: 30_000 })
      .toEqual([])
  })
})

describe('apps and LIFF', () => {
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
