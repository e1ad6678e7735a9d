import { describe, expect, it } from 'vitest'
import { exchange, logIn } from '../harness/log-in.ts'
import { callsTo, codesOf, foreign, noSourceLimit, useRunningGateway, web } from '../harness/running-gateway.ts'

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

/** A login through the gateway: tokens it has issued itself. */
async function loggedIn(): Promise<{ readonly accessToken: string; readonly refreshToken: string }> {
  const { input } = await logIn(gateway())
  return Object((await exchange(gateway(), input)).data?.exchangeLogin).tokens
}

describe('revokeToken', () => {
  it('kills an access token here and at LINE, and not its refresh token', async () => {
    const { accessToken, refreshToken } = gateway().issue()
    expect(await isGood(accessToken)).toBe(true)
    expect(await revoke({ accessToken })).toMatchObject({ data: { revokeToken: { revoked: true } }, errors: [] })
    expect((await whoIs(accessToken)).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', reason: 'REVOKED' } },
    ])
    expect(callsTo(gateway().emulator).revoke).toBe(1)
    expect(codesOf(await refresh(refreshToken))).toEqual([])
  })

  it('kills a refresh token and all access tokens that came of it through us, and no others', async () => {
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
    'of an %s refuses it at once though LINE fails (%j), and trying again reaches LINE',
    async (kind, fault) => {
      const tokens = await loggedIn()
      gateway().emulator.calls.reset()
      gateway().emulator.faults.set('revoke', fault)
      expect(await revoke({ [kind]: tokens[kind] })).toMatchObject({ data: null, ...unavailable })
      expect(await isGood(tokens.accessToken)).toBe(false)
      expect(callsTo(gateway().emulator)).toEqual({ revoke: 1 })
      gateway().emulator.faults.clear()
      expect(await revoke({ [kind]: tokens[kind] })).toMatchObject({
        data: { revokeToken: { revoked: true } },
        errors: [],
      })
      expect(callsTo(gateway().emulator)).toEqual({ revoke: 2 })
      expect(await isGood(tokens.accessToken)).toBe(false)
      expect((await gateway().send('/health')).status).toBe(200)
    },
  )

  it('of what is dead already is done already', async () => {
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

  it('does not pretend to have killed a token of somebody else', async () => {
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
  ])('%j is not one token', async (input, argument) => {
    expect(await revoke(input)).toMatchObject({
      data: null,
      errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }],
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('logout', () => {
  it('ends the access token, and the session where the refresh token comes along', async () => {
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

  it('needs somebody to log out', async () => {
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

  it('still ends a session whose access token is over', async () => {
    const { accessToken, refreshToken } = gateway().issue({ expiresIn: 10 })
    gateway().advance(10_000)
    expect(await logout(accessToken, { refreshToken })).toMatchObject({ data: { logout: { revoked: true } } })
    expect(codesOf(await refresh(refreshToken))).toEqual(['INVALID_GRANT'])
  })

  it('holds here though LINE fails, and trying again reaches LINE', async () => {
    const { accessToken, refreshToken } = await loggedIn()
    gateway().emulator.faults.set('revoke', { status: 500 })
    expect(await logout(accessToken, { refreshToken })).toMatchObject({ data: null, ...unavailable })
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

  it('wins against a verification under way', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('profile', { latencyMs: 400 })
    const asked = whoIs(accessToken)
    await expect.poll(() => callsTo(gateway().emulator).profile, { timeout: 5_000 }).toBe(1)
    expect(await logout(accessToken)).toMatchObject({ data: { logout: { revoked: true } } })
    await asked
    expect(await isGood(accessToken)).toBe(false)
  })
})

describe('deauthorize', () => {
  it('ends all tokens of the user here and at LINE, and nobody else', async () => {
    const { accessToken, refreshToken } = await loggedIn()
    const [second, stranger] = [
      gateway().issue().accessToken,
      gateway().issue({ userId: 'U0000aaaa1111bbbb2222cccc3333dddd' }).accessToken,
    ]
    expect(await Promise.all([second, stranger].map(isGood))).toEqual([true, true])
    expect(await deauthorize(accessToken)).toMatchObject({ data: { deauthorize: { deauthorized: true } }, errors: [] })
    gateway().emulator.calls.reset()
    expect(await Promise.all([accessToken, second, stranger].map(isGood))).toEqual([false, false, true])
    expect(callsTo(gateway().emulator)).toEqual({})
    expect(codesOf(await refresh(refreshToken))).toEqual(['INVALID_GRANT'])
  })

  it('holds here though LINE fails, and trying again reaches LINE', async () => {
    const { accessToken } = await loggedIn()
    gateway().emulator.faults.set('deauthorize', { status: 500 })
    expect(await deauthorize(accessToken)).toMatchObject({ data: null, ...unavailable })
    expect(await isGood(accessToken)).toBe(false)
    gateway().emulator.faults.clear()
    expect(await deauthorize(accessToken)).toMatchObject({ data: { deauthorize: { deauthorized: true } }, errors: [] })
    expect(callsTo(gateway().emulator)).toMatchObject({ deauthorize: 2, channelToken: 1 })
  })

  it('needs somebody to leave', async () => {
    expect((await deauthorize(undefined)).errors).toMatchObject([
      { extensions: { code: 'UNAUTHENTICATED', reason: 'MISSING' } },
    ])
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  const withoutSecret = useRunningGateway({ LINE_CHANNELS: JSON.stringify([{ id: web.id, type: 'native' }]) })

  it('says so where the channel has no secret, and forgets nothing', async () => {
    const { accessToken } = withoutSecret().issue()
    const reply = await withoutSecret().ask('mutation { deauthorize { deauthorized } }', { token: accessToken })
    expect(reply).toMatchObject({ data: null, errors: [{ extensions: { code: 'BAD_REQUEST' } }] })
    expect((await withoutSecret().ask('{ viewer { id } }', { token: accessToken })).errors).toEqual([])
  })
})

it('several endings in one request happen one after the other', async () => {
  const { accessToken } = gateway().issue()
  const query = 'mutation { first: logout { revoked } second: logout { revoked } third: deauthorize { deauthorized } }'
  const { errors, data } = await gateway().ask(query, { token: accessToken })
  expect(data).toBeNull()
  expect(errors[0]).toMatchObject({ path: ['second'], extensions: { code: 'UNAUTHENTICATED', reason: 'REVOKED' } })
})
