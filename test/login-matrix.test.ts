import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Channel, Emulator, Switches } from '../src/emulator/emulator.ts'
import { isInFull } from './harness/in-full.ts'
import {
  codesOf,
  liff,
  native,
  noSourceLimit,
  type RunningGateway,
  startRunningGateway,
  web,
} from './harness/running-gateway.ts'

/**
 * Every channel type, with every way to get tokens, to every end of a session. It runs through the GraphQL API, once for
 * each possible behaviour of LINE where LINE's documentation is silent. Without `isInFull`: each pair of two of these three.
 */

const redirectUri = 'https://app.example/callback'
const hourMs = 3_600_000

const behaviours: readonly Partial<Switches>[] = [
  {},
  { refreshToken: 'omit' },
  { refreshToken: 'rotate' },
  { refreshLifetime: '10-days-after-expiry' },
  { refreshRevokesOldAccessTokens: true },
  { refreshRevokesOldAccessTokens: true, refreshToken: 'rotate' },
  { verifyTexts: 'old' },
  { idTokenTexts: 'observed' },
  { revokeUnknown: 'error' },
  { revokeKillsRefreshToken: true },
  { revokeKillsRefreshToken: true, revokeUnknown: 'error' },
  { wideCoordinates: true },
  { autoLoginFails: true },
  { expiredText: 'no', revokedText: 'no', invalidText: 'no', deniedText: 'no' },
]

type Session = { readonly accessToken: string; readonly refreshToken: string | null }

/** The ways to start a session. The user is the first one of the emulator. */
const flows: Readonly<Record<string, (gateway: RunningGateway, channel: Channel) => Promise<Session>>> = {
  'a code with PKCE': logInAtThePage,
  'a code without PKCE': logInWithTheSecretAlone,
  'tokens from elsewhere': async ({ emulator }, { id }) => {
    const { accessToken, refreshToken = null } = emulator.issueTokens({ channelId: id })
    return { accessToken, refreshToken }
  },
}

describe.each(
  behaviours.map((switches) => [Object.entries(switches).flat().join(' ') || 'default', switches] as const),
)('LINE behaviour "%s":', (_, switches) => {
  const row = behaviours.indexOf(switches)
  let gateway: RunningGateway
  beforeAll(async () => {
    const channels = [web, native, liff].map(({ id, secret, type }) => ({ id, secret, type }))
    gateway = await startRunningGateway({ LINE_CHANNELS: JSON.stringify(channels), ...noSourceLimit }, { switches })
  })
  afterAll(() => gateway.close())

  describe.each([web, native, liff])('a $type channel', (channel) => {
    it('a code that met an outage: its tokens the next time, then INVALID_GRANT (B7)', async () => {
      const input = await codeFromThePage(gateway, channel)
      gateway.emulator.faults.set('token', { status: 502, times: 1 })
      expect((await exchange(gateway, input)).errors).toMatchObject([
        { extensions: { code: 'LINE_UNAVAILABLE', retryAfter: expect.any(Number) } },
      ])
      expect(await exchange(gateway, input)).toMatchObject({ data: { exchangeLogin: { tokens: {} } }, errors: [] })
      expect(codesOf(await exchange(gateway, input))).toEqual(['INVALID_GRANT'])
    })

    it('a code whose tokens were lost on the way: INVALID_GRANT the next time (B7)', async () => {
      const input = await codeFromThePage(gateway, channel)
      gateway.emulator.faults.set('token', { commitThenReset: true, times: 1 })
      const answers = [await exchange(gateway, input), await exchange(gateway, input)]
      expect(answers.map(codesOf)).toEqual([['LINE_UNAVAILABLE'], ['INVALID_GRANT']])
    })

    it('a wrong nonce: the tokens, and no user (D12)', async () => {
      const input = await codeFromThePage(gateway, channel)
      const { data, errors } = await exchange(gateway, { ...input, nonce: 'another' })
      expect(data?.exchangeLogin).toEqual({
        tokens: { tokenType: 'Bearer' },
        viewer: null,
        idToken: null,
        idTokenClaims: null,
      })
      expect(errors.map(({ extensions }) => extensions.reason)).toEqual(['NONCE', 'NONCE', 'NONCE'])
    })

    const column = [web, native, liff].indexOf(channel)
    describe.each(flowsOf(row + column))('with %s', (_, start) => {
      it('viewer: the user, the channel, the scopes and the lifetime', async () => {
        const session = await start(gateway, channel)
        const { data, errors } = await gateway.ask(
          '{ viewer { id displayName accessToken { channelId scopes expiresIn } } }',
          { token: session.accessToken },
        )
        const [user] = gateway.emulator.users
        const expiresIn = channel.type === 'liff' ? 12 * 3_600 : 30 * 86_400
        expect(errors).toEqual([])
        expect(data?.viewer).toEqual({
          id: user?.userId,
          displayName: user?.displayName,
          accessToken: { channelId: channel.id, scopes: ['profile', 'openid'], expiresIn },
        })
      })

      if (channel.type === 'liff') {
        it('no refresh token', async () => {
          expect((await start(gateway, channel)).refreshToken).toBeNull()
        })
      } else {
        it('two refreshes: the tokens of each one work', async () => {
          const first = await start(gateway, channel)
          const second = await refreshed(gateway, channel, first)
          expect(second.refreshToken === first.refreshToken).toBe(switches.refreshToken !== 'rotate')
          expect(await verdictHere(gateway, second.accessToken)).toBe('good')
          const third = await refreshed(gateway, channel, second)
          expect(await verdictAtLine(gateway, third.accessToken)).toBe('good')
          expect(await verdictHere(gateway, third.accessToken)).toBe('good')
          expect(new Set([first, second, third].map(({ accessToken }) => accessToken)).size).toBe(3)
        })

        it('the access token from before a refresh, re-checked: active or refused, as LINE says', async () => {
          const first = await start(gateway, channel)
          expect(await verdictHere(gateway, first.accessToken)).toBe('good')
          await refreshed(gateway, channel, first)
          gateway.advance(hourMs)
          const killed = switches.refreshRevokesOldAccessTokens === true
          expect(await verdictHere(gateway, first.accessToken)).toBe(killed ? 'refused' : 'good')
        })
      }

      it('logout: both tokens are refused, here and at LINE', async () => {
        const session = await start(gateway, channel)
        const { data, errors } = await gateway.ask(
          'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }',
          {
            token: session.accessToken,
            variables: { input: session.refreshToken === null ? null : { refreshToken: session.refreshToken } },
          },
        )
        expect({ data, errors }).toEqual({ data: { logout: { revoked: true } }, errors: [] })
        await expectDead(gateway, channel, session)
      })

      it('logout of a session that LINE has ended: revoked', async () => {
        const session = await start(gateway, channel)
        expect(await verdictHere(gateway, session.accessToken)).toBe('good')
        gateway.emulator.revokeAccessToken(session.accessToken)
        const { data, errors } = await gateway.ask('mutation { logout { revoked } }', { token: session.accessToken })
        expect({ data, errors }).toEqual({ data: { logout: { revoked: true } }, errors: [] })
        expect(await verdictHere(gateway, session.accessToken)).toBe('refused')
      })

      it('deauthorize: all tokens of the user are refused, and the next login needs consent', async () => {
        const session = await start(gateway, channel)
        const other = await start(gateway, channel)
        for (const { accessToken } of [session, other]) {
          expect((await gateway.ask('{ viewer { id } }', { token: accessToken })).errors).toEqual([])
        }
        gateway.advance(1)
        const answer = await gateway.ask('mutation { deauthorize { deauthorized } }', { token: session.accessToken })
        expect(answer.errors).toEqual([])
        expect(answer.data).toEqual({ deauthorize: { deauthorized: true } })
        await expectDead(gateway, channel, session)
        await expectDead(gateway, channel, other)
        expect(await page(gateway, channel, {})).toContain('Allow access?')
      })
    })
  })
})

/** All flows, or one of them: the next number is the next one. */
function flowsOf(number: number) {
  const all = Object.entries(flows)
  return isInFull ? all : all.filter((_, n) => n === number % all.length)
}

/** The whole login: startLogin, LINE's pages, then exchangeLogin with the values from startLogin. */
async function logInAtThePage(gateway: RunningGateway, channel: Channel): Promise<Session> {
  const { code, codeVerifier, nonce } = await codeFromThePage(gateway, channel)
  return exchanged(gateway, channel, code, { codeVerifier, nonce })
}

/** A login up to its code: the input of exchangeLogin. */
async function codeFromThePage(gateway: RunningGateway, channel: Channel) {
  const started = await gateway.ask(
    `mutation ($input: StartLoginInput!) {
      startLogin(input: $input) { authorizationUrl state nonce codeVerifier channelId }
    }`,
    { variables: { input: { redirectUri, channelId: channel.id, disableAutoLogin: true } } },
  )
  const kept = started.data?.startLogin as Readonly<Record<string, string>>
  expect(kept.channelId).toBe(channel.id)
  const callback = await followed(String(kept.authorizationUrl), gateway.emulator)
  expect(callback.get('state')).toBe(kept.state)
  const { codeVerifier, nonce } = kept
  return { code: String(callback.get('code')), redirectUri, channelId: channel.id, codeVerifier, nonce }
}

function exchange(gateway: RunningGateway, input: object) {
  return gateway.ask(
    `mutation ($input: ExchangeLoginInput!) {
      exchangeLogin(input: $input) { tokens { tokenType } viewer { id } idToken idTokenClaims { sub } }
    }`,
    { variables: { input } },
  )
}

/** A login without PKCE and nonce. Only the channel secret protects the exchange. */
function logInWithTheSecretAlone(gateway: RunningGateway, channel: Channel): Promise<Session> {
  return exchanged(gateway, channel, gateway.emulator.issueCode({ channelId: channel.id, redirectUri }), {})
}

async function exchanged(gateway: RunningGateway, channel: Channel, code: string, more: object): Promise<Session> {
  const { data, errors } = await gateway.ask(
    `mutation ($input: ExchangeLoginInput!) {
      exchangeLogin(input: $input) {
        tokens { accessToken refreshToken scopes }
        idTokenClaims { sub aud nonce }
      }
    }`,
    { variables: { input: { code, redirectUri, channelId: channel.id, ...more } } },
  )
  expect(errors).toEqual([])
  const nonce = 'nonce' in more ? more.nonce : null
  const idTokenClaims = { sub: gateway.emulator.users[0]?.userId, aud: channel.id, nonce }
  expect(data?.exchangeLogin).toMatchObject({ tokens: { scopes: ['profile', 'openid'] }, idTokenClaims })
  const login = data?.exchangeLogin as { readonly tokens: Session }
  return login.tokens
}

/** Does the steps of the browser at LINE's pages. Returns the parameters that LINE sends back to the app. */
async function followed(authorizationUrl: string, emulator: Emulator): Promise<URLSearchParams> {
  const shown = await fetch(authorizationUrl, { redirect: 'manual' })
  expect(shown.status).toBe(200)
  await shown.body?.cancel()
  const form = new URLSearchParams({ user: emulator.users[0]?.userId ?? '', decision: 'allow' })
  const login = `${emulator.url}/emulator/login${new URL(authorizationUrl).search}`
  const { headers } = await fetch(login, { method: 'POST', body: form, redirect: 'manual' })
  return new URL(headers.get('location') ?? '').searchParams
}

/** The page that LINE shows after the user has chosen an account. */
async function page({ emulator }: RunningGateway, channel: Channel, more: object): Promise<string> {
  const request = { response_type: 'code', client_id: channel.id, redirect_uri: redirectUri, state: 's' }
  const query = new URLSearchParams({ ...request, scope: 'profile openid', ...more })
  const form = new URLSearchParams({ user: emulator.users[0]?.userId ?? '' })
  const answer = await fetch(`${emulator.url}/emulator/login?${query}`, { method: 'POST', body: form })
  return answer.text()
}

async function refreshed(gateway: RunningGateway, channel: Channel, { refreshToken }: Session): Promise<Session> {
  const { data, errors } = await refresh(gateway, channel, String(refreshToken))
  expect(errors).toEqual([])
  // Within 30 seconds the same refresh token gets the same answer again.
  gateway.advance(31_000)
  return data?.refreshToken as Session
}

function refresh(gateway: RunningGateway, { id }: Channel, refreshToken: string) {
  return gateway.ask(
    'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken refreshToken } }',
    { variables: { input: { refreshToken, channelId: id } } },
  )
}

async function expectDead(gateway: RunningGateway, channel: Channel, session: Session): Promise<void> {
  const { data, errors } = await gateway.ask('{ viewer { id } }', { token: session.accessToken })
  expect(data).toEqual({ viewer: null })
  expect(errors[0]?.extensions).toEqual({ code: 'UNAUTHENTICATED', reason: 'REVOKED' })
  expect(await verdictAtLine(gateway, session.accessToken)).toBe('refused')
  if (session.refreshToken === null) return
  expect(codesOf(await refresh(gateway, channel, session.refreshToken))).toEqual(['INVALID_GRANT'])
  const { id: client_id, secret: client_secret } = channel
  const form = { grant_type: 'refresh_token', refresh_token: session.refreshToken, client_id, client_secret }
  const atLine = await fetch(`${gateway.emulator.url}/oauth2/v2.1/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  })
  expect(await atLine.json()).toMatchObject({ error: 'invalid_grant' })
}

async function verdictHere(gateway: RunningGateway, token: string): Promise<'good' | 'refused'> {
  const query = 'query ($token: String!) { verifyAccessToken(accessToken: $token) { active } }'
  const { data, errors } = await gateway.ask(query, { variables: { token } })
  expect(errors).toEqual([])
  const verification = data?.verifyAccessToken as { readonly active: boolean } | undefined
  return verification?.active === true ? 'good' : 'refused'
}

/** Calls LINE directly, without the gateway. */
async function verdictAtLine({ emulator }: RunningGateway, token: string): Promise<'good' | 'refused'> {
  const { status } = await fetch(`${emulator.url}/oauth2/v2.1/verify?access_token=${encodeURIComponent(token)}`)
  return status === 200 ? 'good' : 'refused'
}
