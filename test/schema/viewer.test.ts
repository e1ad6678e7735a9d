import { describe, expect, it } from 'vitest'
import {
  callsTo,
  foreign,
  noSourceLimit,
  useRunningGateway,
  useSharedGateway,
  web,
} from '../harness/running-gateway.ts'

const gateway = useSharedGateway(noSourceLimit)
const [verification, profile] = [{ verifyAccessToken: 1 }, { verifyAccessToken: 1, profile: 1 }]

describe('LINE is called only for the selected fields', () => {
  it.each([
    ['viewer { __typename }', verification],
    ['viewer { accessToken { expiresAt scopes channelId expiresIn verifiedAt } }', verification],
    ['viewer { displayName }', profile],
    ['viewer { id displayName pictureUrl statusMessage accessToken { expiresAt } }', profile],
    ['viewer { id }', profile],
    ['viewer { ...F }', profile],
    ['viewer { ... on Viewer { pictureUrl } }', profile],
    ['viewer { displayName @skip(if: true) accessToken { expiresIn } }', verification],
    ['viewer { accessToken { expiresIn } ... @include(if: false) { displayName } }', verification],
    ['a: viewer { displayName } b: viewer { statusMessage }', profile],
    ['viewer { id } viewer { displayName }', profile],
    ['viewer { isFriend }', { verifyAccessToken: 1, friendship: 1 }],
    ['viewer { isFriend displayName }', { verifyAccessToken: 1, profile: 1, friendship: 1 }],
  ])('{ %s }', async (selection, calls) => {
    const fragment = selection.includes('...F') ? 'fragment F on Viewer { statusMessage }' : ''
    const { errors } = await gateway().ask(`{ ${selection} } ${fragment}`, { token: gateway().issue().accessToken })
    expect(errors).toEqual([])
    expect(callsTo(gateway().emulator)).toEqual(calls)
  })
})

describe('the user', () => {
  it('has the values that LINE sent', async () => {
    const query =
      '{ viewer { id displayName pictureUrl large: pictureUrl(size: LARGE) small: pictureUrl(size: SMALL) statusMessage isFriend } }'
    const [user] = gateway().emulator.users
    const { data } = await gateway().ask(query, { token: gateway().issue().accessToken })
    expect(data?.viewer).toEqual({
      id: user?.userId,
      displayName: user?.displayName,
      pictureUrl: user?.pictureUrl,
      large: `${user?.pictureUrl}/large`,
      small: `${user?.pictureUrl}/small`,
      statusMessage: user?.statusMessage,
      isFriend: true,
    })
  })

  it('without a picture and a status message: both are null', async () => {
    const { accessToken } = gateway().issue({ userId: 'U0000aaaa1111bbbb2222cccc3333dddd' })
    const { data, errors } = await gateway().ask(
      '{ viewer { displayName pictureUrl(size: LARGE) statusMessage isFriend } }',
      { token: accessToken },
    )
    expect(errors).toEqual([])
    expect(data?.viewer).toEqual({ displayName: 'Tom', pictureUrl: null, statusMessage: null, isFriend: false })
  })

  it('with any characters in the name: returned unchanged', async () => {
    const names = gateway().emulator.users.map(({ displayName }) => displayName)
    const answers = gateway().emulator.users.map(async ({ userId }) => {
      const { data } = await gateway().ask('{ viewer { displayName } }', {
        token: gateway().issue({ userId }).accessToken,
      })
      return data?.viewer
    })
    expect(await Promise.all(answers)).toEqual(names.map((displayName) => ({ displayName })))
  })

  it('has the facts of the access token', async () => {
    const { accessToken } = gateway().issue({ expiresIn: 3600 })
    gateway().advance(1_500)
    const { data } = await gateway().ask(
      '{ viewer { accessToken { channelId scopes expiresAt expiresIn verifiedAt } } }',
      { token: accessToken },
    )
    expect(data?.viewer).toEqual({
      accessToken: {
        channelId: web.id,
        scopes: ['profile', 'openid'],
        expiresAt: '2026-01-01T00:59:59.500Z',
        expiresIn: 3598,
        verifiedAt: '2026-01-01T00:00:01.500Z',
      },
    })
  })
})

describe('isFriend', () => {
  const withoutBot = useRunningGateway({}, { channels: [{ ...web, linkedBot: false }] })

  it('without a linked official account: null', async () => {
    const reply = await withoutBot().ask('{ viewer { isFriend } }', { token: withoutBot().issue().accessToken })
    expect(reply).toMatchObject({ data: { viewer: { isFriend: null } }, errors: [] })
  })
})

describe('a token with', () => {
  const ask = (scope: string, selection: string) =>
    gateway().ask(`{ viewer { ${selection} } }`, { token: gateway().issue({ scope }).accessToken })
  const forbidden = (requiredScope: string) => ({
    status: 200,
    data: { viewer: null },
    errors: [{ extensions: { code: 'FORBIDDEN', requiredScope } }],
  })

  it('openid only: `id` comes from userinfo', async () => {
    const [user] = gateway().emulator.users
    expect(await ask('openid', 'id accessToken { scopes }')).toMatchObject({
      data: { viewer: { id: user?.userId, accessToken: { scopes: ['openid'] } } },
      errors: [],
    })
    expect(callsTo(gateway().emulator)).toEqual({ verifyAccessToken: 1, userinfo: 1 })
  })

  it.each(['displayName', 'id displayName', 'pictureUrl', 'id statusMessage'])(
    'openid only: %s is FORBIDDEN',
    async (selection) => {
      expect(await ask('openid', selection)).toMatchObject(forbidden('profile'))
    },
  )

  it('openid only: `isFriend` is FORBIDDEN and null, the other fields are returned', async () => {
    const { data, errors } = await ask('openid', 'id isFriend')
    expect(data).toMatchObject({ viewer: { id: expect.stringMatching(/^U/), isFriend: null } })
    expect(errors).toMatchObject([
      { path: ['viewer', 'isFriend'], extensions: { code: 'FORBIDDEN', requiredScope: 'profile' } },
    ])
  })

  it('profile only: all fields are returned', async () => {
    expect(await ask('profile', 'id displayName isFriend')).toMatchObject({
      data: { viewer: { displayName: 'Sakura Tanaka' } },
      errors: [],
    })
  })

  it('neither scope: `id` is FORBIDDEN, `accessToken` is returned', async () => {
    expect(await ask('friends', 'id')).toMatchObject(forbidden('openid'))
    expect(await ask('friends', 'accessToken { scopes }')).toMatchObject({
      data: { viewer: { accessToken: { scopes: ['friends'] } } },
      errors: [],
    })
  })

  it('the scope, but LINE answers 403: LINE_UNAVAILABLE, not FORBIDDEN', async () => {
    gateway().emulator.faults.set('profile', { status: 403, body: { message: 'Access Denied' } })
    expect(await ask('profile openid', 'displayName')).toMatchObject({
      errors: [{ extensions: { code: 'LINE_UNAVAILABLE' } }],
    })
  })
})

describe('an invalid token', () => {
  const refusedFor = (reason: string) => ({
    status: 200,
    data: { viewer: null, __typename: 'Query' },
    errors: [{ path: ['viewer'], extensions: { code: 'UNAUTHENTICATED', reason } }],
  })
  const ask = (token: string | undefined, accept = 'application/json') =>
    gateway().ask('{ viewer { id } __typename }', { token, headers: { accept } })

  it.each(['application/json', 'application/graphql-response+json'])(
    'does not change the other fields, in %s',
    async (accept) => {
      expect(await ask(undefined, accept)).toMatchObject(refusedFor('MISSING'))
      expect(await ask('a b', accept)).toMatchObject(refusedFor('MALFORMED'))
      expect(callsTo(gateway().emulator)).toEqual({})
    },
  )

  it('that expired: EXPIRED', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.expireAccessToken(accessToken)
    expect(await ask(accessToken)).toMatchObject(refusedFor('EXPIRED'))
  })

  it('that was revoked: REVOKED', async () => {
    const { accessToken } = gateway().issue()
    gateway().emulator.revokeAccessToken(accessToken)
    expect(await ask(accessToken)).toMatchObject(refusedFor('REVOKED'))
  })

  it('of another channel: WRONG_CHANNEL', async () => {
    expect(await ask(gateway().issue({ channelId: foreign.id }).accessToken)).toMatchObject(refusedFor('WRONG_CHANNEL'))
  })

  it.each([
    ['MALFORMED', 'The access token malformed'],
    ['EXPIRED', 'access token expired'],
    ['INVALID', 'an unknown text'],
  ])('is %s if LINE says "%s"', async (reason, text) => {
    gateway().emulator.faults.set('verifyAccessToken', {
      status: 400,
      body: { error: 'invalid_request', error_description: text },
    })
    expect(await ask(`good.looking.${reason}`)).toMatchObject(refusedFor(reason))
  })

  it.each([
    ['a longer channel ID', { client_id: `${web.id}0` }, 'WRONG_CHANNEL'],
    ['an empty channel ID', { client_id: '' }, 'WRONG_CHANNEL'],
    ['no time left', { expires_in: 0 }, 'EXPIRED'],
    ['a negative time left', { expires_in: -1 }, 'EXPIRED'],
  ])('with %s in a 200 answer of LINE: refused', async (_, facts, reason) => {
    const body = { client_id: web.id, expires_in: 100, scope: 'profile', ...facts }
    gateway().emulator.faults.set('verifyAccessToken', { body })
    expect(await ask(`good.token.${_.length}`)).toMatchObject(refusedFor(reason))
  })

  it('that expires between the verification and the profile call: EXPIRED', async () => {
    gateway().emulator.faults.set('profile', { status: 401, body: { message: 'The access token expired' } })
    const { accessToken } = gateway().issue()
    expect(await ask(accessToken)).toMatchObject(refusedFor('EXPIRED'))
    gateway().emulator.faults.clear()
    expect(await gateway().ask('{ viewer { accessToken { expiresIn } } }', { token: accessToken })).toMatchObject({
      data: { viewer: null },
    })
  })

  it('outside the Authorization header: not read, MISSING', async () => {
    const { accessToken } = gateway().issue()
    const places = [
      await gateway().send(`/graphql?query={viewer{id}}&access_token=${accessToken}`),
      await gateway().send('/graphql?query={viewer{id}}', {
        headers: { cookie: `access_token=${accessToken}`, 'x-access-token': accessToken },
      }),
    ]
    for (const { errors } of places) expect(errors).toMatchObject([{ extensions: { reason: 'MISSING' } }])
  })
})
