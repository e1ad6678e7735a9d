import { describe, expect, it } from 'vitest'
import { exchange, logIn } from '../harness/log-in.ts'
import {
  callsTo,
  codesOf,
  foreign,
  linesOf,
  noSourceLimit,
  useRunningGateway,
  web,
} from '../harness/running-gateway.ts'

const gateway = useRunningGateway(noSourceLimit)

const whoIs = (token: string) => gateway().ask('{ viewer { displayName } }', { token })
const isGood = async (token: string) => (await whoIs(token)).errors.length === 0
const revoke = (input: object) =>
  gateway().ask('mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }', {
    variables: { input },
  })
const logout = (token: string | undefined, input: object | null = null) =>
  gateway().ask('mutation ($input: LogoutInput) { logout(input: $input) { revoked } }', { token, variables: { input } })
const deauthorize = (token: string | undefined) => gateway().ask('mutation { deauthorize { deauthorized } }', { token })
const refresh = (refreshToken: string | undefined) =>
  gateway().ask('mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken } }', {
    variables: { input: { refreshToken } },
  })
const unavailable = { errors: [{ extensions: { code: 'LINE_UNAVAILABLE' } }] }

/** The tokens of a login through the gateway. */
async function loggedIn(): Promise<{ readonly accessToken: string; readonly refreshToken: string }> {
  const { input } = await logIn(gateway())
  return Object((await exchange(gateway(), input)).data?.exchangeLogin).tokens
}

describe('revokeToken', () => {
  it('of an access token: REVOKED here and at LINE; its refresh token still works', async () => {
    const { accessToken, refreshToken } = gateway().issue()
    expect(await isGood(accessToken)).toBe(true)
    expect(await revoke({ accessToken })).toMatchObject({ data: { revokeToken: { revoked: true } }, errors: [] })
    expect((await whoIs(accessToken)).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', reason: 'REVOKED' } },
    ])
    expect(callsTo(gateway().emulator).revoke).toBe(1)
    expect(codesOf(await refresh(refreshToken))).toEqual([])
  })

  it('of a refresh token: the access tokens issued from it through the gateway are refused, no others', async () => {
    const { accessToken, refreshToken } = await loggedIn()
    const later = Object((await refresh(refreshToken)).data?.refreshToken).accessToken
    const { accessToken: other } = await loggedIn()
    expect(await revoke({ refreshToken })).toMatchObject({ data: { revokeToken: { revoked: true } } })
    expect(await Promise.all([accessToken, later, other].map(isGood))).toEqual([false, false, true])
    expect(codesOf(await refresh(refreshToken))).toEqual(['INVALID_GRANT'])
  })

  it.each([
    ['accessToken', { reset: true }],
    ['accessToken', { status: 503 }],
    ['accessToken', { status: 401, body: { message: 'x' } }],
    ['refreshToken', { reset: true }],
    ['refreshToken', { status: 503 }],
  ] as const)(
    'of an %s while LINE fails with %j: refused here at once, and a second attempt reaches LINE',
    async (kind, fault) => {
      const tokens = await loggedIn()
      gateway().emulator.calls.reset()
      gateway().emulator.faults.set('revoke', fault)
      expect(await revoke({ [kind]: tokens[kind] })).toMatchObject({ data: { revokeToken: null }, ...unavailable })
      expect(await isGood(tokens.accessToken)).toBe(false)
      expect(callsTo(gateway().emulator)).toEqual({ revoke: 1 })
      gateway().emulator.faults.clear()
      gateway().advance(2_000)
      expect(await revoke({ [kind]: tokens[kind] })).toMatchObject({
        data: { revokeToken: { revoked: true } },
        errors: [],
      })
      expect(callsTo(gateway().emulator)).toEqual({ revoke: 2 })
      expect(await isGood(tokens.accessToken)).toBe(false)
      expect((await gateway().send('/health')).status).toBe(200)
    },
  )

  it('of a token that is already invalid: revoked is true', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.revokeAccessToken(accessToken)
    for (const token of [accessToken, 'never.was.one', 'a b']) {
      expect(await revoke({ accessToken: token })).toMatchObject({
        data: { revokeToken: { revoked: true } },
        errors: [],
      })
    }
    gateway().emulator.switches.revokeUnknown = 'error'
    expect(await revoke({ refreshToken: 'never-was-one' })).toMatchObject({
      data: { revokeToken: { revoked: true } },
      errors: [],
    })
  })

  it('of a token of another channel: revoked is false, without a revoke call', async () => {
    const { accessToken } = gateway().issue({ channelId: foreign.id })
    expect(await revoke({ accessToken })).toMatchObject({ data: { revokeToken: { revoked: false } }, errors: [] })
    expect(callsTo(gateway().emulator).revoke).toBeUndefined()
  })

  it.each([
    [{}, 'input'],
    [{ accessToken: null, refreshToken: null }, 'input'],
    [{ accessToken: 'a.b.c', refreshToken: 'd' }, 'input'],
    [{ accessToken: '' }, 'accessToken'],
    [{ refreshToken: '' }, 'refreshToken'],
    [{ refreshToken: 'x'.repeat(4_097) }, 'refreshToken'],
    [{ refreshToken: 'x', channelId: foreign.id }, 'channelId'],
  ])('of %j: BAD_USER_INPUT for %s, without a call to LINE', async (input, argument) => {
    expect(await revoke(input)).toMatchObject({
      data: { revokeToken: null },
      errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }],
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('logout', () => {
  it('revokes the access token, and the refresh token if it is sent', async () => {
    const [alone, both] = [await loggedIn(), await loggedIn()]
    expect(await logout(alone.accessToken)).toMatchObject({ data: { logout: { revoked: true } }, errors: [] })
    expect(await logout(both.accessToken, { refreshToken: both.refreshToken })).toMatchObject({
      data: { logout: { revoked: true } },
    })
    expect(await isGood(alone.accessToken)).toBe(false)
    expect(await isGood(both.accessToken)).toBe(false)
    expect(codesOf(await refresh(alone.refreshToken))).toEqual([])
    expect(codesOf(await refresh(both.refreshToken))).toEqual(['INVALID_GRANT'])
  })

  it('without a valid access token of ours: UNAUTHENTICATED, without a revoke call', async () => {
    expect((await logout(undefined)).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', reason: 'MISSING' } },
    ])
    expect((await logout('never.was.one')).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', reason: 'MALFORMED' } },
    ])
    expect((await logout(gateway().issue({ channelId: foreign.id }).accessToken)).errors).toMatchObject([
      { extensions: { reason: 'WRONG_CHANNEL' } },
    ])
    expect(callsTo(gateway().emulator).revoke).toBeUndefined()
  })

  it('with an expired access token: the refresh token is revoked', async () => {
    const { accessToken, refreshToken } = gateway().issue({ expiresIn: 10 })
    gateway().advance(10_000)
    expect(await logout(accessToken, { refreshToken })).toMatchObject({ data: { logout: { revoked: true } } })
    expect(codesOf(await refresh(refreshToken))).toEqual(['INVALID_GRANT'])
  })

  it('while LINE fails: the tokens are refused here, and a second attempt reaches LINE', async () => {
    const { accessToken, refreshToken } = await loggedIn()
    gateway().emulator.faults.set('revoke', { status: 500 })
    expect(await logout(accessToken, { refreshToken })).toMatchObject({ data: { logout: null }, ...unavailable })
    expect(await isGood(accessToken)).toBe(false)
    expect(codesOf(await refresh(refreshToken))).toEqual(['INVALID_GRANT'])
    gateway().emulator.faults.clear()
    gateway().emulator.calls.reset()
    expect(await logout(accessToken, { refreshToken })).toMatchObject({
      data: { logout: { revoked: true } },
      errors: [],
    })
    expect(callsTo(gateway().emulator)).toEqual({ revoke: 2 })
  })

  it('during a verification of the same token: the token is refused afterwards', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('profile', { latencyMs: 400 })
    const verification = whoIs(accessToken)
    await expect.poll(() => callsTo(gateway().emulator).profile, { timeout: 30_000 }).toBe(1)
    expect(await logout(accessToken)).toMatchObject({ data: { logout: { revoked: true } } })
    await verification
    expect(await isGood(accessToken)).toBe(false)
  })
})

describe('deauthorize', () => {
  it('refuses all tokens of the user here and at LINE, and those of no other user', async () => {
    const { accessToken, refreshToken } = await loggedIn()
    const [second, otherUsers] = [
      gateway().issue().accessToken,
      gateway().issue({ userId: 'U0000aaaa1111bbbb2222cccc3333dddd' }).accessToken,
    ]
    expect(await Promise.all([second, otherUsers].map(isGood))).toEqual([true, true])
    gateway().advance(1)
    expect(await deauthorize(accessToken)).toMatchObject({ data: { deauthorize: { deauthorized: true } }, errors: [] })
    gateway().emulator.calls.reset()
    expect(await Promise.all([accessToken, second, otherUsers].map(isGood))).toEqual([false, false, true])
    expect(callsTo(gateway().emulator)).toEqual({})
    expect(codesOf(await refresh(refreshToken))).toEqual(['INVALID_GRANT'])
  })

  it('while LINE fails: the tokens are refused here, and a second attempt reaches LINE', async () => {
    const { accessToken } = await loggedIn()
    gateway().emulator.faults.set('deauthorize', { status: 500 })
    expect(await deauthorize(accessToken)).toMatchObject({ data: { deauthorize: null }, ...unavailable })
    expect(await isGood(accessToken)).toBe(false)
    gateway().emulator.faults.clear()
    expect(await deauthorize(accessToken)).toMatchObject({ data: { deauthorize: { deauthorized: true } }, errors: [] })
    expect(callsTo(gateway().emulator)).toMatchObject({ deauthorize: 2, channelToken: 1 })
  })

  it('without an access token: UNAUTHENTICATED, without a call to LINE', async () => {
    expect((await deauthorize(undefined)).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', reason: 'MISSING' } },
    ])
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  const withoutSecret = useRunningGateway({ LINE_CHANNELS: JSON.stringify([{ id: web.id, type: 'native' }]) })

  it('for a channel without a secret: MISCONFIGURED, logged with the setting, and the token still works (D3)', async () => {
    const { accessToken } = withoutSecret().issue()
    const reply = await withoutSecret().ask('mutation { deauthorize { deauthorized } }', { token: accessToken })
    expect(reply).toMatchObject({ data: { deauthorize: null }, errors: [{ extensions: { code: 'MISCONFIGURED' } }] })
    expect(reply.text).not.toContain('retryAfter')
    expect(linesOf(withoutSecret(), 'error')).toMatchObject([{ setting: 'LINE_CHANNELS', channelId: web.id }])
    expect((await withoutSecret().ask('{ viewer { id } }', { token: accessToken })).errors).toEqual([])
  })
})

it('several mutations in one request: run one after the other, and a failure hides no other result (D11)', async () => {
  const { accessToken } = gateway().issue()
  const query = 'mutation { first: logout { revoked } second: logout { revoked } third: deauthorize { deauthorized } }'
  const { errors, data } = await gateway().ask(query, { token: accessToken })
  expect(data).toEqual({ first: { revoked: true }, second: null, third: null })
  const extensions = { code: 'UNAUTHENTICATED', reason: 'REVOKED' }
  expect(errors).toMatchObject([
    { path: ['second'], extensions },
    { path: ['third'], extensions },
  ])
})
