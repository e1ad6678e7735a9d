import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Fault } from '../src/emulator/emulator.ts'
import {
  codesOf,
  native,
  noSourceLimit,
  type Reply,
  type RunningGateway,
  startRunningGateway,
  web,
} from './harness/running-gateway.ts'

/** Answers that LINE does not document, and the result that a caller of the GraphQL API gets. */

const channels = [web, native].map(({ id, secret, type }) => ({ id, secret, type }))

let gateway: RunningGateway
beforeAll(async () => {
  gateway = await startRunningGateway({ LINE_CHANNELS: JSON.stringify(channels), ...noSourceLimit })
})
/** The clock moves far enough that the gateway's channel tokens and keys of LINE are too old to be used again. */
afterEach(() => {
  gateway.emulator.faults.clear()
  gateway.advance(2 * 3_600_000)
})
afterAll(() => gateway.close())

const redirectUri = 'https://app.example/callback'
const bom = '\uFEFF'
const verification = { scope: 'profile openid', client_id: web.id, expires_in: 3_600 }
const profile = { userId: 'U1', displayName: 'Mia', pictureUrl: 'https://line.example/p', statusMessage: 'hi' }
const tokens = { access_token: 'new.access.token', expires_in: 3_600, scope: 'profile', token_type: 'Bearer' }

/** For each endpoint of LINE, an operation that reads its answer. */
const operations = {
  verifyAccessToken: () => viewer('accessToken { channelId }'),
  profile: () => viewer('displayName pictureUrl statusMessage'),
  userinfo: () => viewer('id', 'openid'),
  friendship: () => viewer('isFriend'),
  token: () => refresh(),
  revoke: () => revoke(),
  channelToken: () => deauthorize(),
  deauthorize: () => deauthorize(),
  certs: () => verifyIdToken(),
} as const

type Name = keyof typeof operations

describe('an unreadable answer', () => {
  const unreadable: readonly (readonly [what: string, fault: Fault])[] = [
    ['no JSON', { garbage: true }],
    [
      'a web page',
      { status: 200, body: '<!doctype html><title>Maintenance</title>', headers: { 'content-type': 'text/html' } },
    ],
    ['an empty body', { empty: true }],
    ['only a BOM', { status: 200, body: bom }],
    ['null', { status: 200, body: 'null' }],
    ['a list', { status: 200, body: '[]' }],
    ['a string', { status: 200, body: '"ok"' }],
    ['an empty object', { status: 200, body: {} }],
    ['half of the body', { truncated: true }],
    ['a compressed body', { gzip: true }],
    ['status 204', { status: 204 }],
    ['status 302', { status: 302, headers: { location: 'https://elsewhere.example/' } }],
    ['status 418', { status: 418, body: { error: 'invalid_request', message: 'no' } }],
    ['status 403', { status: 403, body: { message: 'Access Denied' } }],
    ['status 500', { status: 500, body: { message: 'Internal error' } }],
  ]
  /** Answers that are good for an endpoint all the same. Revoke and deauthorize have no body: only the status counts. */
  const readable: Partial<Record<Name, readonly string[]>> = {
    revoke: ['no JSON', 'a web page', 'an empty body', 'only a BOM', 'null', 'a list', 'a string', 'an empty object'],
    deauthorize: [
      'no JSON',
      'a web page',
      'an empty body',
      'only a BOM',
      'null',
      'a list',
      'a string',
      'an empty object',
      'status 204',
      'half of the body',
      'a compressed body',
    ],
  }

  describe.each(Object.entries(operations) as [Name, () => Promise<Reply>][])('of %s', (name, ask) => {
    const faults = unreadable.filter(([what]) => !readable[name]?.includes(what))
    // The emulator's answer to revoke has an empty body, which stays empty when it is compressed.
    const outages = name === 'revoke' ? faults.filter(([what]) => what !== 'a compressed body') : faults

    it.each(outages)('%s: LINE_UNAVAILABLE, never a refusal', async (_, fault) => {
      gateway.emulator.faults.set(name, fault)
      const { status, data, errors } = await ask()
      expect(codesOf({ errors })).toEqual(['LINE_UNAVAILABLE'])
      expect([1, 2]).toContain(errors[0]?.extensions.retryAfter)
      expect(status).toBe(200)
      const nothing = name === 'friendship' ? { isFriend: null } : null
      expect(Object.values(data ?? { none: nothing })).toEqual([nothing])
    })
  })

  it('to the exchange of a code: the code can be sent again after `retryAfter` (B7)', async () => {
    gateway.emulator.faults.set('token', { garbage: true })
    const { errors } = await exchange()
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['LINE_UNAVAILABLE'])
    expect(errors[0]?.extensions).toHaveProperty('retryAfter')
  })

  it('with a request ID: `lineRequestId` is in the error', async () => {
    gateway.emulator.faults.set('verifyAccessToken', {
      status: 200,
      body: {},
      headers: { 'x-line-request-id': '8d48c8577e739b9c' },
    })
    expect((await viewer('accessToken { channelId }')).errors[0]?.extensions).toEqual({
      code: 'LINE_UNAVAILABLE',
      retryAfter: 2,
      lineRequestId: '8d48c8577e739b9c',
    })
  })

  it('once: two seconds later the same token is valid', async () => {
    const { accessToken } = gateway.issue()
    gateway.emulator.faults.set('verifyAccessToken', { garbage: true, times: 1 })
    const ask = () => gateway.ask('{ viewer { accessToken { channelId } } }', { token: accessToken })
    expect(codesOf(await ask())).toEqual(['LINE_UNAVAILABLE'])
    gateway.advance(2_000)
    expect((await ask()).data).toEqual({ viewer: { accessToken: { channelId: web.id } } })
  })
})

describe('a BOM, line breaks, another order and unknown members', () => {
  const changed = (body: object) =>
    `${bom}${JSON.stringify({ 新: [null], ...reversed(body), error: null }, null, 2)}\r\n`

  it.each([
    ['verifyAccessToken', verification, { accessToken: { channelId: web.id } }],
    ['profile', profile, { displayName: 'Mia', pictureUrl: 'https://line.example/p', statusMessage: 'hi' }],
    ['userinfo', { sub: 'U1' }, { id: 'U1' }],
    ['friendship', { friendFlag: true }, { isFriend: true }],
  ] as const)('%s: the same result', async (name, body, expected) => {
    gateway.emulator.faults.set(name, { status: 200, body: changed(body), headers: { 'content-type': 'text/plain' } })
    const { data, errors } = await operations[name]()
    expect({ data, errors }).toEqual({ data: { viewer: expected }, errors: [] })
  })

  it('tokens: the same result', async () => {
    gateway.emulator.faults.set('token', { status: 200, body: changed(tokens) })
    const { data, errors } = await refresh()
    expect(errors).toEqual([])
    expect(data).toMatchObject({ refreshToken: { accessToken: 'new.access.token', scopes: ['profile'] } })
  })

  it('a refusal: the same result', async () => {
    const refused = { error: 'invalid_request', error_description: 'The access token expired' }
    const body = `${bom}\n${JSON.stringify({ hint: 1, ...refused })}`
    gateway.emulator.faults.set('verifyAccessToken', { status: 400, body })
    const { errors } = await viewer('accessToken { channelId }')
    expect(errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason: 'EXPIRED' })
  })
})

describe('a member that is missing, null or empty', () => {
  const absent = [
    ['missing', undefined],
    ['null', null],
    ['empty', ''],
  ] as const

  it.each(absent)('pictureUrl and statusMessage %s: null', async (_, value) => {
    const body = { ...profile, pictureUrl: value, statusMessage: value }
    gateway.emulator.faults.set('profile', { status: 200, body })
    const { data, errors } = await operations.profile()
    expect(errors).toEqual([])
    expect(data).toEqual({ viewer: { displayName: 'Mia', pictureUrl: null, statusMessage: null } })
  })

  it.each(absent)('pictureUrl %s, in another size: null', async (_, value) => {
    gateway.emulator.faults.set('profile', { status: 200, body: { ...profile, pictureUrl: value } })
    expect((await viewer('pictureUrl(size: LARGE)')).data).toEqual({ viewer: { pictureUrl: null } })
  })

  it('displayName empty: an empty name', async () => {
    gateway.emulator.faults.set('profile', { status: 200, body: { ...profile, displayName: '' } })
    expect((await viewer('displayName')).data).toEqual({ viewer: { displayName: '' } })
  })

  it.each(absent)('refresh_token %s after a refresh: the refresh token that was sent', async (_, value) => {
    const { refreshToken } = gateway.issue()
    gateway.emulator.faults.set('token', { status: 200, body: { ...tokens, refresh_token: value } })
    expect((await refresh(refreshToken)).data).toMatchObject({ refreshToken: { refreshToken } })
  })

  it.each(absent)('refresh_token and id_token %s after a login: null', async (_, value) => {
    gateway.emulator.faults.set('token', {
      status: 200,
      body: { ...tokens, refresh_token: value, id_token: value },
    })
    const { data, errors } = await exchange()
    expect(errors).toEqual([])
    expect(data).toEqual({
      exchangeLogin: {
        tokens: { accessToken: 'new.access.token', refreshToken: null, tokenType: 'Bearer', scopes: ['profile'] },
        idToken: null,
        idTokenClaims: null,
      },
    })
  })

  it.each(absent)('token_type and scope %s: `Bearer` and no scopes', async (_, value) => {
    gateway.emulator.faults.set('token', { status: 200, body: { ...tokens, token_type: value, scope: value } })
    expect((await refresh()).data).toMatchObject({ refreshToken: { tokenType: 'Bearer', scopes: [] } })
  })

  it.each([...absent, ['a string', '3600'] as const, ['zero', 0] as const])(
    'expires_in %s: the tokens are returned, with a lifetime of 0',
    async (_, value) => {
      gateway.emulator.faults.set('token', { status: 200, body: { ...tokens, expires_in: value } })
      const { data, errors } = await refresh()
      expect(errors).toEqual([])
      expect(data).toMatchObject({ refreshToken: { accessToken: 'new.access.token', expiresIn: 0 } })
    },
  )

  it.each([
    ['verifyAccessToken', verification, 'client_id'],
    ['verifyAccessToken', verification, 'expires_in'],
    ['verifyAccessToken', verification, 'scope'],
    ['profile', profile, 'userId'],
    ['profile', profile, 'displayName'],
    ['userinfo', { sub: 'U1' }, 'sub'],
    ['friendship', { friendFlag: true }, 'friendFlag'],
    ['token', tokens, 'access_token'],
    ['channelToken', { access_token: 't', expires_in: 900 }, 'access_token'],
    ['channelToken', { access_token: 't', expires_in: 900 }, 'expires_in'],
  ] as const)('%s: %o without %s is LINE_UNAVAILABLE', async (name, body, member) => {
    for (const value of [undefined, null]) {
      gateway.emulator.faults.set(name, { status: 200, body: { ...body, [member]: value } })
      // Each of them is of the same user, who may have left before.
      gateway.advance(1)
      expect(codesOf(await operations[name]())).toEqual(['LINE_UNAVAILABLE'])
    }
  })
})

describe('a value of another type', () => {
  it.each([
    ['verifyAccessToken', { ...verification, client_id: Number(web.id) }],
    ['verifyAccessToken', { ...verification, client_id: [web.id] }],
    ['verifyAccessToken', { ...verification, expires_in: '3600' }],
    ['verifyAccessToken', { ...verification, scope: ['profile'] }],
    ['profile', { ...profile, userId: 1 }],
    ['profile', { ...profile, displayName: { ja: 'Mia' } }],
    ['userinfo', { sub: 1 }],
    ['friendship', { friendFlag: 'yes' }],
    ['friendship', { friendFlag: 1 }],
    ['token', { ...tokens, access_token: 1 }],
  ] as const)('%s: %o is LINE_UNAVAILABLE', async (name, body) => {
    gateway.emulator.faults.set(name, { status: 200, body })
    expect(codesOf(await operations[name]())).toEqual(['LINE_UNAVAILABLE'])
  })

  it.each([
    ['true', true],
    ['false', false],
  ])('friendFlag as the string %j: accepted, as in LINE’s Android SDK', async (friendFlag, isFriend) => {
    gateway.emulator.faults.set('friendship', { status: 200, body: { friendFlag } })
    expect((await viewer('isFriend')).data).toEqual({ viewer: { isFriend } })
  })

  it('pictureUrl as a number: null', async () => {
    gateway.emulator.faults.set('profile', { status: 200, body: { ...profile, pictureUrl: 7 } })
    expect((await viewer('pictureUrl')).data).toEqual({ viewer: { pictureUrl: null } })
  })

  it('pictureUrl with http, as in old answers: returned', async () => {
    const pictureUrl = 'http://dl.profile.line.naver.jp/x'
    gateway.emulator.faults.set('profile', { status: 200, body: { ...profile, pictureUrl } })
    expect((await viewer('pictureUrl(size: SMALL)')).data).toEqual({ viewer: { pictureUrl: `${pictureUrl}/small` } })
  })
})

describe('the two formats of a refusal', () => {
  const oauth = (error: string, error_description?: string) => ({ error, error_description })
  const plain = (message: string) => ({ message })

  it.each([
    [oauth('invalid_request', 'The access token expired'), 'EXPIRED'],
    [oauth('invalid_request', 'access token expired'), 'EXPIRED'],
    [oauth('invalid_request', 'The access token revoked'), 'REVOKED'],
    [oauth('invalid_request', 'The access token not JWS'), 'MALFORMED'],
    [oauth('invalid_request', 'The access token malformed'), 'MALFORMED'],
    [oauth('invalid_request', 'a new text'), 'INVALID'],
    [oauth('invalid_request', ''), 'INVALID'],
    [oauth('invalid_request'), 'INVALID'],
  ])('verify: 400 with %o is %s', async (body, reason) => {
    gateway.emulator.faults.set('verifyAccessToken', { status: 400, body })
    expect((await operations.verifyAccessToken()).errors[0]?.extensions).toMatchObject({
      code: 'UNAUTHENTICATED',
      reason,
    })
  })

  it.each([
    [400, plain('The access token expired')],
    [400, oauth('INVALID_REQUEST', 'The access token expired')],
    [400, oauth('server_error', 'The access token expired')],
    [401, oauth('invalid_request', 'The access token expired')],
    [200, oauth('invalid_request', 'The access token expired')],
  ])('verify: %i with %o is LINE_UNAVAILABLE, not a refusal', async (status, body) => {
    gateway.emulator.faults.set('verifyAccessToken', { status, body })
    expect(codesOf(await operations.verifyAccessToken())).toEqual(['LINE_UNAVAILABLE'])
  })

  it.each([
    ['profile', plain('The access token expired'), 'EXPIRED'],
    ['profile', plain('The access token revoked'), 'REVOKED'],
    ['profile', plain('invalid token'), 'INVALID'],
    ['profile', oauth('invalid_token', 'The access token expired'), 'INVALID'],
    ['profile', oauth('invalid_token'), 'INVALID'],
    ['profile', 'Unauthorized', 'INVALID'],
    ['profile', '', 'INVALID'],
    ['userinfo', plain('The access token revoked'), 'REVOKED'],
    ['userinfo', oauth('invalid_token', 'The access token revoked'), 'INVALID'],
    ['friendship', plain('invalid token'), 'INVALID'],
    ['friendship', oauth('invalid_token', 'The access token expired'), 'INVALID'],
  ] as const)('%s: 401 with %o is UNAUTHENTICATED with reason %s', async (name, body, reason) => {
    gateway.emulator.faults.set(name, { status: 401, body })
    const { data, errors } = await operations[name]()
    expect(errors[0]?.extensions).toMatchObject({ code: 'UNAUTHENTICATED', reason })
    expect(codesOf({ errors })).toHaveLength(1)
    expect(data).toEqual({ viewer: name === 'friendship' ? { isFriend: null } : null })
  })

  it.each([plain('There is no login bot linked to this channel.'), plain('Bot not found')])(
    'friendship: 400 with %o means that no account is linked',
    async (body) => {
      gateway.emulator.faults.set('friendship', { status: 400, body })
      const { data, errors } = await viewer('isFriend')
      expect({ data, errors }).toEqual({ data: { viewer: { isFriend: null } }, errors: [] })
    },
  )

  it.each([oauth('invalid_request'), 'Bad Request', ''])(
    'friendship: 400 with %o is LINE_UNAVAILABLE',
    async (body) => {
      gateway.emulator.faults.set('friendship', { status: 400, body })
      expect(codesOf(await viewer('isFriend'))).toEqual(['LINE_UNAVAILABLE'])
    },
  )

  it.each([
    oauth('invalid_grant', 'invalid refresh token'),
    oauth('invalid_grant', 'invalid refresh_token'),
    oauth('invalid_grant'),
  ])('refresh: 400 with %o is INVALID_GRANT', async (body) => {
    gateway.emulator.faults.set('token', { status: 400, body })
    expect(codesOf(await refresh())).toEqual(['INVALID_GRANT'])
  })

  it.each([
    [400, plain('invalid refresh token')],
    [400, oauth('invalid_scope', 'invalid scope')],
    [400, oauth('INVALID_GRANT', 'invalid refresh token')],
    [401, oauth('invalid_grant', 'invalid refresh token')],
  ])('refresh: %i with %o is LINE_UNAVAILABLE, because the fault can be ours or LINE’s', async (status, body) => {
    gateway.emulator.faults.set('token', { status, body })
    expect(codesOf(await refresh())).toEqual(['LINE_UNAVAILABLE'])
  })

  it.each([
    oauth('invalid_grant', 'invalid authorization code'),
    oauth('invalid_grant', 'redirect_uri does not match'),
    oauth('invalid_grant'),
  ])('login: 400 with %o is INVALID_GRANT', async (body) => {
    gateway.emulator.faults.set('token', { status: 400, body })
    expect(codesOf(await exchange())).toEqual(['INVALID_GRANT'])
  })

  it('revoke: 400 invalid_request means that the token was revoked before', async () => {
    gateway.emulator.faults.set('revoke', { status: 400, body: oauth('invalid_request') })
    expect((await revoke()).data).toEqual({ revokeToken: { revoked: true } })
  })

  it('revoke: 400 with another error is LINE_UNAVAILABLE', async () => {
    gateway.emulator.faults.set('revoke', { status: 400, body: oauth('invalid_scope') })
    expect(codesOf(await revoke())).toEqual(['LINE_UNAVAILABLE'])
  })

  it('deauthorize: 400 with a message means that it was done before', async () => {
    gateway.emulator.faults.set('deauthorize', { status: 400, body: plain('invalid token') })
    expect((await deauthorize()).data).toEqual({ deauthorize: { deauthorized: true } })
  })

  it('deauthorize: 400 in the other format is LINE_UNAVAILABLE', async () => {
    gateway.emulator.faults.set('deauthorize', { status: 400, body: oauth('invalid_request') })
    expect(codesOf(await deauthorize())).toEqual(['LINE_UNAVAILABLE'])
  })
})

it('a refused code: the answer quotes neither the code nor the text of LINE', async () => {
  const text = 'secret text of LINE'
  gateway.emulator.faults.set('token', { status: 400, body: { error: 'invalid_grant', error_description: text } })
  const reply = await exchange()
  expect(reply.text).not.toContain(text)
  expect(reply.text).not.toContain('aCodeOfLine')
})

it('startLogin: enum values are in lower case in the authorization URL', async () => {
  const { data } = await gateway.ask(
    `mutation ($input: StartLoginInput!) { startLogin(input: $input) { authorizationUrl } }`,
    {
      variables: {
        input: { redirectUri, channelId: web.id, prompt: 'NONE', botPrompt: 'AGGRESSIVE', responseMode: 'FORM_POST' },
      },
    },
  )
  const login = data?.startLogin as { readonly authorizationUrl: string }
  const { prompt, bot_prompt, response_mode } = Object.fromEntries(new URL(login.authorizationUrl).searchParams)
  expect({ prompt, bot_prompt, response_mode }).toEqual({
    prompt: 'none',
    bot_prompt: 'aggressive',
    response_mode: 'form_post',
  })
})

function viewer(fields: string, scope?: string): Promise<Reply> {
  return gateway.ask(`{ viewer { ${fields} } }`, { token: gateway.issue({ ...(scope && { scope }) }).accessToken })
}

function refresh(refreshToken = gateway.issue().refreshToken): Promise<Reply> {
  return gateway.ask(
    `mutation ($input: RefreshTokenInput!) {
      refreshToken(input: $input) { accessToken refreshToken tokenType expiresIn scopes }
    }`,
    { variables: { input: { refreshToken, channelId: web.id } } },
  )
}

function exchange(): Promise<Reply> {
  return gateway.ask(
    `mutation ($input: ExchangeLoginInput!) {
      exchangeLogin(input: $input) {
        tokens { accessToken refreshToken tokenType scopes }
        idToken
        idTokenClaims { sub }
      }
    }`,
    { variables: { input: { code: 'aCodeOfLine', redirectUri, channelId: web.id } } },
  )
}

function revoke(): Promise<Reply> {
  const { accessToken } = gateway.issue()
  return gateway.ask('mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }', {
    variables: { input: { accessToken } },
  })
}

/** By a user of its own: what fails here is tried again in the background, and ends the user's other tokens. */
function deauthorize(): Promise<Reply> {
  const { accessToken } = gateway.issue({ userId: 'U0000aaaa1111bbbb2222cccc3333dddd' })
  return gateway.ask('mutation { deauthorize { deauthorized } }', { token: accessToken })
}

function verifyIdToken(): Promise<Reply> {
  const { idToken } = gateway.issue({ channelId: native.id })
  return gateway.ask('query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }', {
    variables: { input: { idToken } },
  })
}

function reversed(body: object): object {
  return Object.fromEntries(Object.entries(body).reverse())
}
