import { describe, expect, it } from 'vitest'
import { callsTo, codesOf, liff, native, noSourceLimit, useRunningGateway, web } from '../harness/running-gateway.ts'

const gateway = useRunningGateway(noSourceLimit)
const query = `mutation ($input: RefreshTokenInput!) {
  refreshToken(input: $input) { accessToken tokenType expiresIn expiresAt refreshToken scopes }
}`
const refresh = (refreshToken: string | undefined, more: object = {}, running = gateway()) =>
  running.ask(query, { variables: { input: { refreshToken, ...more } } })
const tokensIn = async (reply: ReturnType<typeof refresh>) => Object((await reply).data?.refreshToken)

describe('a refresh', () => {
  it('gives a new access token that needs no verify call', async () => {
    const { accessToken, refreshToken } = gateway().issue()
    gateway().advance(86_400_000)
    const { data, errors } = await refresh(refreshToken)
    expect(errors).toEqual([])
    expect(data?.refreshToken).toEqual({
      accessToken: expect.any(String),
      tokenType: 'Bearer',
      expiresIn: 2_592_000,
      expiresAt: '2026-02-01T00:00:00.000Z',
      refreshToken,
      scopes: ['profile', 'openid'],
    })
    const { accessToken: fresh } = Object(data?.refreshToken)
    expect(fresh).not.toBe(accessToken)
    expect(await gateway().ask('{ viewer { accessToken { channelId } } }', { token: fresh })).toMatchObject({
      data: { viewer: { accessToken: { channelId: web.id } } },
    })
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  it.each([
    ['same', true],
    ['omit', true],
    ['rotate', false],
  ] as const)('returns the refresh token to store, if LINE answers with: %s', async (answer, isSame) => {
    gateway().emulator.switches.refreshToken = answer
    const { refreshToken } = gateway().issue()
    const first = await tokensIn(refresh(refreshToken))
    expect(first.refreshToken === refreshToken).toBe(isSame)
    gateway().advance(31_000)
    expect(codesOf(await refresh(first.refreshToken))).toEqual([])
  })

  it('sent 50 times at once and again within 30 seconds: one call to LINE, one answer', async () => {
    gateway().emulator.switches.refreshToken = 'rotate'
    const { refreshToken } = gateway().issue()
    const all = await Promise.all(Array.from({ length: 50 }, () => tokensIn(refresh(refreshToken))))
    gateway().advance(29_000)
    all.push(await tokensIn(refresh(refreshToken)))
    expect(new Set(all.map((tokens) => JSON.stringify(tokens))).size).toBe(1)
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  it('whose caller hangs up: is completed, and the answer is there for the retry', async () => {
    gateway().emulator.switches.refreshToken = 'rotate'
    const refreshToken = await hangUpDuringRefresh()
    expect(codesOf(await refresh(refreshToken))).toEqual([])
    expect(callsTo(gateway().emulator)).toEqual({ token: 1 })
  })

  /** LINE takes longer with each attempt, until the caller of a slow machine hangs up before the answer. */
  async function hangUpDuringRefresh(): Promise<string | undefined> {
    for (let latencyMs = 300; ; latencyMs *= 2) {
      gateway().emulator.calls.reset()
      gateway().emulator.faults.set('token', { latencyMs })
      const { refreshToken } = gateway().issue()
      const hangUp = new AbortController()
      const answer = fetch(`${gateway().url}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ query, variables: { input: { refreshToken } } }),
        signal: hangUp.signal,
      })
      const hungUp = answer.then(
        () => false,
        () => true,
      )
      await expect.poll(() => callsTo(gateway().emulator).token, { timeout: 30_000 }).toBe(1)
      hangUp.abort()
      if (await hungUp) return refreshToken
    }
  }
})

it.each([[{ scope: 7 }], [{ expires_in: null }], [{ token_type: 5, refresh_token: 8, id_token: 9 }]])(
  'an answer of LINE with no more than %j: LINE is asked once, and the token is good (D4)',
  async (rest) => {
    const { accessToken } = gateway().issue()
    gateway().emulator.faults.set('token', { body: { access_token: accessToken, ...rest } })
    const query = `mutation {
    a: refreshToken(input: { refreshToken: "r" }) { tokenType expiresIn refreshToken scopes }
    b: refreshToken(input: { refreshToken: "r" }) { tokenType expiresIn refreshToken scopes }
  }`
    const { data, errors } = await gateway().ask(query)
    const answer = { tokenType: 'Bearer', expiresIn: 2_592_000, refreshToken: 'r', scopes: ['profile', 'openid'] }
    expect({ data, errors }).toEqual({ data: { a: answer, b: answer }, errors: [] })
    const viewer = await gateway().ask('{ viewer { displayName } }', { token: accessToken })
    expect(viewer.errors).toEqual([])
    expect(callsTo(gateway().emulator)).toEqual({ token: 1, verifyAccessToken: 1, profile: 1 })
  },
)

describe('a failed refresh', () => {
  it('that LINE refuses: INVALID_GRANT', async () => {
    const { refreshToken } = gateway().issue()
    gateway().emulator.unlink('U4af4980629c1d3b5e7f90a2b4c6d8e0f')
    for (const token of [refreshToken, 'never-issued']) {
      expect(await refresh(token)).toMatchObject({
        status: 200,
        data: { refreshToken: null },
        errors: [{ path: ['refreshToken'], extensions: { code: 'INVALID_GRANT' } }],
      })
    }
  })

  it.each([
    [{ status: 500 }, 'LINE_UNAVAILABLE'],
    [{ reset: true }, 'LINE_UNAVAILABLE'],
    [{ status: 401, body: { error: 'invalid_grant' } }, 'LINE_UNAVAILABLE'],
    [{ status: 400, body: { error: 'invalid_scope', error_description: 'invalid_grant' } }, 'LINE_UNAVAILABLE'],
    [{ status: 400, body: 'invalid_grant' }, 'LINE_UNAVAILABLE'],
    [{ body: { access_token: 7 } }, 'LINE_UNAVAILABLE'],
    [{ status: 429 }, 'LINE_RATE_LIMITED'],
  ] as const)('with %j: %s with retryAfter, and a later refresh succeeds', async (fault, code) => {
    const { refreshToken } = gateway().issue()
    gateway().emulator.faults.set('token', { ...fault, times: 1 })
    const { errors } = await refresh(refreshToken)
    expect(errors).toMatchObject([{ extensions: { code, retryAfter: expect.any(Number) } }])
    gateway().advance(60_000)
    expect(codesOf(await refresh(refreshToken))).toEqual([])
  })

  it.each([
    ['refreshToken', { refreshToken: '' }],
    ['refreshToken', { refreshToken: 'x'.repeat(4_097) }],
    ['channelId', { channelId: native.id }],
  ])('with an invalid %s: BAD_USER_INPUT without a call to LINE', async (argument, wrong) => {
    expect(await refresh('x', wrong)).toMatchObject({ errors: [{ extensions: { code: 'BAD_USER_INPUT', argument } }] })
    expect(callsTo(gateway().emulator)).toEqual({})
  })
})

describe('with several channels', () => {
  const several = useRunningGateway({ LINE_CHANNELS: JSON.stringify([web, native, liff]) })

  it('a refresh token: works for its own channel only', async () => {
    const { refreshToken } = several().issue({ channelId: native.id })
    expect(await refresh(refreshToken, {}, several())).toMatchObject({
      errors: [{ extensions: { argument: 'channelId' } }],
    })
    expect(codesOf(await refresh(refreshToken, { channelId: web.id }, several()))).toEqual(['INVALID_GRANT'])
    expect(codesOf(await refresh(refreshToken, { channelId: native.id }, several()))).toEqual([])
  })
})
