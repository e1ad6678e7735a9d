import { describe, expect, it } from 'vitest'
import { callsTo, codesOf, foreign, noSourceLimit, useSharedGateway, web } from '../harness/running-gateway.ts'

const gateway = useSharedGateway(noSourceLimit)

const all = 'active reason channelId scopes expiresAt expiresIn verifiedAt viewer { displayName }'
const one = `query ($token: String!) { verifyAccessToken(accessToken: $token) { ${all} } }`
const many = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { active reason channelId } }'

const verify = async (token: string, query = one) => {
  const { data, errors } = await gateway().ask(query, { variables: { token } })
  return { verification: data?.verifyAccessToken, errors }
}
const verifyMany = (tokens: readonly string[]) => gateway().ask(many, { variables: { tokens } })
const issueMany = (count: number) => Array.from({ length: count }, () => gateway().issue().accessToken)
const good = { active: true, reason: null, channelId: web.id }

describe('a valid token', () => {
  it('is active, with all its facts', async () => {
    expect(await verify(gateway().issue({ expiresIn: 100 }).accessToken)).toEqual({
      errors: [],
      verification: {
        ...good,
        scopes: ['profile', 'openid'],
        expiresAt: '2026-01-01T00:01:40.000Z',
        expiresIn: 100,
        verifiedAt: '2026-01-01T00:00:00.000Z',
        viewer: { displayName: 'Sakura Tanaka' },
      },
    })
  })

  it('without viewer selected: no profile call', async () => {
    const { accessToken } = gateway().issue()
    await verify(accessToken, 'query ($token: String!) { verifyAccessToken(accessToken: $token) { active expiresIn } }')
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1 })
  })

  it('while the profile fails: active, and viewer is null with its own error', async () => {
    gateway().emulator.faults.set('profile', { status: 500 })
    const { verification, errors } = await verify(gateway().issue().accessToken)
    expect(verification).toMatchObject({ active: true, viewer: null })
    expect(errors).toMatchObject([{ path: ['verifyAccessToken', 'viewer'], extensions: { code: 'LINE_UNAVAILABLE' } }])
  })
})

describe('a refused token: a result without an error, with the reason', () => {
  const refused = (reason: string) => ({
    errors: [],
    verification: {
      active: false,
      reason,
      channelId: null,
      scopes: null,
      expiresAt: null,
      expiresIn: null,
      verifiedAt: null,
      viewer: null,
    },
  })

  it('EXPIRED, REVOKED, WRONG_CHANNEL', async () => {
    const { emulator, issue } = gateway()
    const [expired, revoked] = [issue().accessToken, issue().accessToken]
    emulator.expireAccessToken(expired)
    emulator.revokeAccessToken(revoked)
    expect(await verify(expired)).toEqual(refused('EXPIRED'))
    expect(await verify(revoked)).toEqual(refused('REVOKED'))
    expect(await verify(issue({ channelId: foreign.id }).accessToken)).toEqual(refused('WRONG_CHANNEL'))
  })

  it('INVALID, if LINE gives no reason', async () => {
    gateway().emulator.faults.set('verifyAccessToken', { status: 400, body: { error: 'invalid_request' } })
    expect(await verify('good.looking.token')).toEqual(refused('INVALID'))
  })

  it.each(['', ' ', 'a b', 'トークン', 'a&b=c', 'x'.repeat(4097), '='])(
    'MALFORMED without a call to LINE: %s',
    async (token) => {
      expect(await verify(token)).toEqual(refused('MALFORMED'))
      expect(callsTo(gateway().emulator)).toEqual({})
    },
  )
})

it('a token while LINE is down: null and LINE_UNAVAILABLE, never inactive', async () => {
  gateway().emulator.faults.set('*', { status: 500 })
  const { verification, errors } = await verify(gateway().issue().accessToken)
  expect(verification).toBeNull()
  expect(errors).toMatchObject([
    { path: ['verifyAccessToken'], extensions: { code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) } },
  ])
})

describe('many tokens', () => {
  it('are answered in their order, with one call for a repeated token', async () => {
    const [first = '', second = ''] = issueMany(2)
    const revoked = gateway().issue().accessToken
    gateway().emulator.revokeAccessToken(revoked)
    const { data, errors } = await verifyMany([revoked, first, 'a b', second, first, revoked])
    const bad = (reason: string) => ({ active: false, reason, channelId: null })
    expect(errors).toEqual([])
    expect(data?.verifyAccessTokens).toEqual([bad('REVOKED'), good, bad('MALFORMED'), good, good, bad('REVOKED')])
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 3 })
  })

  it('100: answered; 101: BAD_USER_INPUT', async () => {
    const { data, errors } = await verifyMany(issueMany(100))
    expect(errors).toEqual([])
    expect(data?.verifyAccessTokens).toEqual(Array(100).fill(good))
    gateway().emulator.calls.reset()
    const tooMany = await verifyMany(issueMany(101))
    expect(tooMany).toMatchObject({
      data: { verifyAccessTokens: null },
      errors: [{ extensions: { code: 'BAD_USER_INPUT', argument: 'accessTokens' } }],
    })
    expect(callsTo(gateway().emulator)).toEqual({})
  })

  it('are counted over all fields and aliases of an operation', async () => {
    const [tokens, more] = [issueMany(60), issueMany(40)]
    const query = `query ($tokens: [String!]!, $more: [String!]!, $one: String!) {
      verifyAccessTokens(accessTokens: $tokens) { active }
      others: verifyAccessTokens(accessTokens: $more) { active }
      last: verifyAccessToken(accessToken: $one) { active }
    }`
    const { data, errors } = await gateway().ask(query, { variables: { tokens, more, one: 'x.y.z' } })
    expect(data?.others).toHaveLength(40)
    expect(data?.last).toBeNull()
    expect(errors).toMatchObject([{ path: ['last'], extensions: { code: 'BAD_USER_INPUT', argument: 'accessToken' } }])
    const once = await gateway().ask(query, { variables: { tokens, more: more.slice(1), one: tokens[0] ?? '' } })
    expect(once).toMatchObject({ errors: [], data: { last: { active: true } } })
  })

  it('a list that is too long beside another field: null with its error, and the other field has its result (D11)', async () => {
    const query = `query ($tokens: [String!]!, $one: String!) {
      one: verifyAccessToken(accessToken: $one) { active }
      many: verifyAccessTokens(accessTokens: $tokens) { active }
    }`
    const [one = ''] = issueMany(1)
    const { data, errors } = await gateway().ask(query, { variables: { tokens: issueMany(101), one } })
    expect(data).toEqual({ one: { active: true }, many: null })
    expect(errors).toMatchObject([{ path: ['many'], extensions: { code: 'BAD_USER_INPUT' } }])
  })

  it('none: an empty list', async () => {
    expect(await verifyMany([])).toMatchObject({ data: { verifyAccessTokens: [] }, errors: [] })
  })

  it('while LINE is down: null and an error for an unknown token, results for the known ones', async () => {
    const [known = '', cold = '', also = ''] = issueMany(3)
    await verifyMany([known, also])
    gateway().emulator.faults.set('*', { reset: true })
    const reply = await verifyMany([known, cold, 'a b', also])
    expect(reply.status).toBe(200)
    expect(reply.data?.verifyAccessTokens).toEqual([
      good,
      null,
      { active: false, reason: 'MALFORMED', channelId: null },
      good,
    ])
    expect(codesOf(reply)).toEqual(['LINE_UNAVAILABLE'])
    expect(reply.errors[0]?.path).toEqual(['verifyAccessTokens', 1])
  })

  it('with viewer selected: the user of each, with one call for a repeated token', async () => {
    const tokens = gateway().emulator.users.map(({ userId }) => gateway().issue({ userId }).accessToken)
    const query = 'query ($tokens: [String!]!) { verifyAccessTokens(accessTokens: $tokens) { viewer { displayName } } }'
    const { data } = await gateway().ask(query, { variables: { tokens: [...tokens, ...tokens] } })
    const whose = gateway().emulator.users.map(({ displayName }) => ({ viewer: { displayName } }))
    expect(data?.verifyAccessTokens).toEqual([...whose, ...whose])
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: tokens.length, profile: tokens.length })
  })
})

it('the Bearer token does not change the result', async () => {
  const { accessToken } = gateway().issue()
  const query = `query ($token: String!) { verifyAccessToken(accessToken: $token) { active } viewer { displayName } }`
  const { data } = await gateway().ask(query, { token: accessToken, variables: { token: 'a b' } })
  expect(data).toEqual({ verifyAccessToken: { active: false }, viewer: { displayName: 'Sakura Tanaka' } })
})
