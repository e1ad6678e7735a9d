import { describe, expect, it } from 'vitest'
import { begin, exchange, logIn } from '../harness/log-in.ts'
import { codesOf, liff, native, useRunningGateway, web } from '../harness/running-gateway.ts'

const LINE_CHANNELS = JSON.stringify([web, native, liff])
const gateway = useRunningGateway({ NODE_ENV: 'development', LINE_CHANNELS })
const inProduction = useRunningGateway({ LINE_CHANNELS })

const mutate = (name: string, type: string, selection: string) => (input: object, running: typeof gateway) =>
  running().ask(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, { variables: { input } })
const refresh = mutate('refreshToken', 'RefreshTokenInput', 'accessToken')
const revoke = mutate('revokeToken', 'RevokeTokenInput', 'revoked')

describe('several channels, in development: an operation without channelId', () => {
  it('a login: the first channel', async () => {
    expect(await begin(gateway())).toMatchObject({ channelId: web.id })
    const { input } = await logIn(gateway())
    const { data, errors } = await exchange(gateway(), input)
    expect([errors, data]).toMatchObject([[], { exchangeLogin: { idTokenClaims: { aud: web.id } } }])
  })

  it('a refresh and a revocation of its token: done', async () => {
    const { refreshToken } = gateway().issue({ channelId: web.id })
    expect(codesOf(await refresh({ refreshToken }, gateway))).toEqual([])
    expect((await revoke({ refreshToken }, gateway)).data).toEqual({ revokeToken: { revoked: true } })
    expect(codesOf(await refresh({ refreshToken }, gateway))).toEqual(['INVALID_GRANT'])
  })

  it('a refresh in a session that began here: its own channel', async () => {
    const { input } = await logIn(gateway(), { channelId: native.id })
    const { data } = await exchange(gateway(), { ...input, channelId: native.id })
    const { refreshToken } = Object(data?.exchangeLogin).tokens
    expect(codesOf(await refresh({ refreshToken }, gateway))).toEqual([])
  })

  it('a refresh token of another channel: INVALID_GRANT whose message names channelId', async () => {
    const { refreshToken } = gateway().issue({ channelId: native.id })
    const { errors } = await refresh({ refreshToken }, gateway)
    expect(errors).toMatchObject([
      { message: expect.stringContaining('channelId'), extensions: { code: 'INVALID_GRANT' } },
    ])
    expect(codesOf(await refresh({ refreshToken, channelId: native.id }, gateway))).toEqual([])
  })

  it('a code of another channel: INVALID_GRANT whose message names channelId, and the code still works', async () => {
    const { input } = await logIn(gateway(), { channelId: native.id })
    for (let n = 0; n < 2; n += 1) {
      const { errors } = await exchange(gateway(), input)
      expect(errors).toMatchObject([
        { message: expect.stringContaining('channelId'), extensions: { code: 'INVALID_GRANT' } },
      ])
    }
    expect(codesOf(await exchange(gateway(), { ...input, channelId: native.id }))).toEqual([])
  })

  it.each([web, native])('a refresh token of the $type channel that is new here: revoked at LINE', async ({ id }) => {
    const { refreshToken } = gateway().issue({ channelId: id })
    expect((await revoke({ refreshToken }, gateway)).data).toEqual({ revokeToken: { revoked: true } })
    expect(gateway().emulator.calls.byEndpoint()).toMatchObject({ revoke: 3, token: 0 })
    expect(codesOf(await refresh({ refreshToken, channelId: id }, gateway))).toEqual(['INVALID_GRANT'])
    gateway().emulator.calls.reset()
    expect((await revoke({ refreshToken, channelId: id }, gateway)).data).toEqual({ revokeToken: { revoked: true } })
  })

  it('a refresh token that LINE refuses for each channel: revoked is false; one that LINE knows: true, twice', async () => {
    const { refreshToken } = gateway().issue({ channelId: native.id })
    gateway().emulator.switches.revokeUnknown = 'error'
    const revoked: unknown[] = []
    for (const token of [refreshToken, refreshToken, 'unknown'])
      revoked.push(Object((await revoke({ refreshToken: token }, gateway)).data?.revokeToken).revoked)
    expect(revoked).toEqual([true, true, false])
  })

  it('a revocation that one channel does not confirm: an error, not revoked', async () => {
    const { refreshToken } = gateway().issue({ channelId: native.id })
    gateway().emulator.faults.set('revoke', { status: 500, times: 2 })
    expect(codesOf(await revoke({ refreshToken }, gateway))).toEqual(['LINE_UNAVAILABLE'])
  })

  it.each([web, native])(
    'a logout with an expired access token of the $type channel: its session has ended',
    async ({ id }) => {
      const { accessToken, refreshToken } = gateway().issue({ channelId: id })
      gateway().emulator.expireAccessToken(accessToken)
      const logout = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'
      const { data } = await gateway().ask(logout, { token: accessToken, variables: { input: { refreshToken } } })
      expect(data).toEqual({ logout: { revoked: true } })
      expect(codesOf(await refresh({ refreshToken, channelId: id }, gateway))).toEqual(['INVALID_GRANT'])
    },
  )

  it.each([web, native, liff])('tokens of the $type channel: accepted', async ({ id: channelId }) => {
    const { accessToken, idToken } = gateway().issue({ channelId })
    const verify = `query ($input: VerifyIdTokenInput!) { viewer { displayName accessToken { channelId } } verifyIdToken(input: $input) { aud } }`
    const { data } = await gateway().ask(verify, { token: accessToken, variables: { input: { idToken } } })
    const viewer = { displayName: 'Sakura Tanaka', accessToken: { channelId } }
    expect(data).toEqual({ viewer, verifyIdToken: { aud: channelId } })
  })
})

it('several channels, in production: BAD_USER_INPUT that names channelId', async () => {
  const { refreshToken } = inProduction().issue({ channelId: web.id })
  for (const answer of [refresh({ refreshToken }, inProduction), revoke({ refreshToken }, inProduction)])
    expect(await answer).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT', argument: 'channelId' } }] })
})
