import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { describe, expect, test } from 'vitest'
import {
  isEndedAtLine,
  login,
  open,
  refresh,
  refreshUse,
  type Session,
  uses,
  verify,
} from '../harness/forgetting-session.ts'
import { holdAnswers } from '../harness/held-answers.ts'
import { runClock } from '../harness/running-clock.ts'
import {
  codesOf,
  native,
  type Reply,
  type RunningGateway,
  type StartOptions,
  startRunningGateway,
  web,
} from '../harness/running-gateway.ts'

const deauthorize = 'mutation { deauthorize { deauthorized } }'
const logout = 'mutation ($input: LogoutInput) { logout(input: $input) { revoked } }'
const revoke = 'mutation ($input: RevokeTokenInput!) { revokeToken(input: $input) { revoked } }'
const severalChannels = {
  LINE_CHANNELS: JSON.stringify([web, native].map(({ id, secret, type }) => ({ id, secret, type }))),
}

describe('phone and laptop are logged in, the phone deauthorizes', () => {
  test.for(['login', 'login without openid', 'refresh', 'seen'] as const)(
    'the laptop (%s), of which only verifyAccessToken was asked: refused at once (C1)',
    (origin) =>
      withGateway(async (gateway) => {
        const [phone, laptop] = [
          await open(gateway, userOf(gateway), origin),
          await open(gateway, userOf(gateway), origin),
        ]
        expect(await uses.verifyAccessToken(gateway, laptop.accessToken)).toBe('served')
        expect((await gateway.ask(deauthorize, { token: phone.accessToken })).data).toEqual({
          deauthorize: { deauthorized: true },
        })
        expect(await usesOf(gateway, laptop)).toEqual(allRefused)
        expect(await refreshUse.refreshToken(gateway, laptop.refreshToken)).toBe('refused')
      }),
  )

  test('a user who was never on the phone is served as before (C1)', () =>
    withGateway(async (gateway) => {
      const [phone, other] = [
        await open(gateway, userOf(gateway), 'seen'),
        await open(gateway, userOf(gateway, 1), 'seen'),
      ]
      expect(await uses.verifyAccessToken(gateway, other.accessToken)).toBe('served')
      await gateway.ask(deauthorize, { token: phone.accessToken })
      gateway.emulator.calls.reset()
      for (let n = 0; n < 3; n += 1) expect(await uses.verifyAccessToken(gateway, other.accessToken)).toBe('served')
      expect(gateway.emulator.calls.total()).toBeLessThanOrEqual(1)
    }))

  test("the laptop's refresh in flight: its new tokens are refused (C1)", () =>
    withHeldAnswers(async (gateway, { answers }) => {
      const phone = await login(gateway, userOf(gateway), 'profile openid')
      const laptop = await login(gateway, userOf(gateway), 'profile openid')
      const refreshing = await hold(answers, () => refresh(gateway, laptop.refreshToken))
      const issued = JSON.parse(answers.bodies()[0] ?? '{}')
      await gateway.ask(deauthorize, { token: phone.accessToken })
      await answers.release()
      await refreshing.reply
      const renewed = { accessToken: issued.access_token, refreshToken: laptop.refreshToken }
      expect(await usesOf(gateway, renewed)).toEqual(allRefused)
      expect(await refreshUse.refreshToken(gateway, laptop.refreshToken)).toBe('refused')
    }))

  test("the laptop's verification in flight: the token is refused when it lands, and from then on (C1)", () =>
    withHeldAnswers(async (gateway, { answers }) => {
      const phone = await login(gateway, userOf(gateway), 'profile openid')
      const laptop = await open(gateway, userOf(gateway), 'seen')
      const verifying = await hold(answers, () => verify(gateway, laptop.accessToken))
      await gateway.ask(deauthorize, { token: phone.accessToken })
      await answers.release()
      expect((await verifying.reply).data?.verifyAccessToken).not.toMatchObject({ active: true })
      expect(await usesOf(gateway, laptop)).toEqual(allRefused)
    }))

  test('LINE does not say who the user is: LINE_UNAVAILABLE, nothing is reported as done, and that token is refused (C1)', () =>
    withGateway(async (gateway) => {
      const phone = await open(gateway, userOf(gateway), 'seen')
      expect(await uses.verifyAccessToken(gateway, phone.accessToken)).toBe('served')
      for (const endpoint of ['profile', 'userinfo'] as const) gateway.emulator.faults.set(endpoint, { status: 503 })
      const reply = await gateway.ask(deauthorize, { token: phone.accessToken })
      expect(codesOf(reply)).toEqual(['LINE_UNAVAILABLE'])
      expect(reply.data?.deauthorize ?? null).toBeNull()
      expect(await uses.verifyAccessToken(gateway, phone.accessToken)).toBe('refused')
    }))
})

describe('a logout while LINE is down', () => {
  test('LINE is told within 20 s of its recovery, without anybody asking (C2)', () =>
    withGateway(async (gateway) => {
      const session = await login(gateway, userOf(gateway), 'profile openid')
      gateway.emulator.faults.set('*', { status: 503 })
      expect(codesOf(await logOut(gateway, session))).toContain('LINE_UNAVAILABLE')
      gateway.emulator.faults.clear()
      expect(await isToldSoon(gateway, session)).toBe(true)
    }))

  test('600 junk revokes from 40 addresses: both tokens are refused as before (C2)', () =>
    withGateway(
      async (gateway) => {
        const session = await login(gateway, userOf(gateway), 'profile openid')
        gateway.emulator.faults.set('*', { status: 503 })
        await logOut(gateway, session)
        for (let n = 0; n < 40; n += 1) await revokeJunk(gateway, n)
        expect(await usesOf(gateway, session)).toEqual(allRefused)
        gateway.emulator.faults.clear()
        expect(await usesOf(gateway, session)).toEqual(allRefused)
      },
      { TRUSTED_PROXIES: '127.0.0.1' },
    ))
})

describe('the logout of a good session', () => {
  test.for(['login', 'refresh', 'seen'] as const)(
    'at an address that a neighbour has limited (%s): both tokens are refused, here and at LINE (C3)',
    (origin) =>
      withGateway(async (gateway) => {
        const session = await open(gateway, userOf(gateway), origin)
        await uses.verifyAccessToken(gateway, session.accessToken)
        await limitAddress(gateway)
        expect((await logOut(gateway, session)).data).toEqual({ logout: { revoked: true } })
        expect(await usesOf(gateway, session)).toEqual(allRefused)
        expect(await refreshUse.refreshToken(gateway, session.refreshToken)).not.toBe('served')
        expect(await areEndedAtLine(gateway, session)).toEqual([true, true])
      }),
  )

  test.for(['access_token', 'refresh_token'])(
    'several channels, LINE fails for the %s: a second logout makes its call and succeeds (C3)',
    async (failing) => {
      const calls = failCallsWith(failing)
      await withGateway(
        async (gateway) => {
          const { accessToken, refreshToken = '' } = gateway.issue()
          await uses.verifyAccessToken(gateway, accessToken)
          const session = { accessToken, refreshToken }
          expect(codesOf(await logOut(gateway, session))).toEqual(['LINE_UNAVAILABLE'])
          calls.pass()
          // A failure is remembered for some seconds.
          gateway.advance(30_000)
          expect((await logOut(gateway, session)).data).toEqual({ logout: { revoked: true } })
          expect(await areEndedAtLine(gateway, session)).toEqual([true, true])
        },
        severalChannels,
        { dispatcher: calls.dispatcher },
      )
    },
  )
})

test('evicted, verified again, then its refresh token is revoked: refused at once (C4)', () =>
  withGateway(
    async (gateway) => {
      for (const origin of ['login', 'login without openid', 'refresh'] as const) {
        const session = await open(gateway, userOf(gateway), origin)
        for (let n = 0; n < 20; n += 1) await verify(gateway, gateway.issue().accessToken)
        expect(await uses.verifyAccessToken(gateway, session.accessToken)).toBe('served')
        await gateway.ask(revoke, { variables: { input: { refreshToken: session.refreshToken } } })
        expect(await usesOf(gateway, session)).toEqual(allRefused)
      }
    },
    { CACHE_MAX_TOKENS: '10' },
  ))

describe('a refresh token with the wrong channelId', () => {
  test('LINE issued it through us: revoked at its own channel (C6)', () =>
    withGateway(async (gateway) => {
      const { refreshToken = '' } = gateway.issue()
      const query = 'mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken } }'
      expect((await gateway.ask(query, { variables: { input: { refreshToken, channelId: web.id } } })).errors).toEqual(
        [],
      )
      const input = { refreshToken, channelId: native.id }
      expect((await gateway.ask(revoke, { variables: { input } })).data).toEqual({ revokeToken: { revoked: true } })
      expect(await isEndedAtLine(gateway, 'refresh', refreshToken)).toBe(true)
      expect(codesOf(await gateway.ask(query, { variables: { input: { refreshToken, channelId: web.id } } }))).toEqual([
        'INVALID_GRANT',
      ])
    }, severalChannels))

  test('nobody knows it, and LINE refuses it: revoked is false (C6)', () =>
    withGateway(
      async (gateway) => {
        const { refreshToken } = gateway.issue()
        const input = { refreshToken, channelId: native.id }
        expect((await gateway.ask(revoke, { variables: { input } })).data).toEqual({ revokeToken: { revoked: false } })
      },
      severalChannels,
      { switches: { revokeUnknown: 'error' } },
    ))
})

const allRefused = {
  verifyAccessToken: 'refused',
  'viewer { accessToken }': 'refused',
  'viewer { id }': 'refused',
  'viewer { displayName }': 'refused',
}

async function usesOf(gateway: RunningGateway, { accessToken }: Session): Promise<Record<string, string>> {
  const reactions: Record<string, string> = {}
  for (const [use, ask] of Object.entries(uses)) reactions[use] = await ask(gateway, accessToken)
  return reactions
}

async function withGateway(
  act: (gateway: RunningGateway) => Promise<void>,
  settings: NodeJS.ProcessEnv = {},
  options: StartOptions = {},
): Promise<void> {
  const gateway = await startRunningGateway({ LOG_LEVEL: 'silent', ...settings }, options)
  const stopClock = runClock(gateway)
  try {
    await act(gateway)
  } finally {
    stopClock()
    await gateway.close()
  }
}

async function withHeldAnswers(
  act: (gateway: RunningGateway, held: ReturnType<typeof holdAnswers>) => Promise<void>,
): Promise<void> {
  const agent = new Agent()
  const held = holdAnswers(agent)
  await withGateway((gateway) => act(gateway, held).finally(held.answers.release), {}, { dispatcher: held.dispatcher })
  await agent.destroy()
}

/** Asks, and holds LINE's answer back. Later answers pass. The reply is in an object, so that nobody waits for it yet. */
async function hold(
  answers: ReturnType<typeof holdAnswers>['answers'],
  ask: () => Promise<Reply>,
): Promise<{ readonly reply: Promise<Reply> }> {
  answers.hold()
  const reply = ask()
  while (answers.waiting() === 0) await sleep(1)
  answers.pass()
  return { reply }
}

/** LINE does not know the path of a revocation with this parameter, until `pass`. */
function failCallsWith(parameter: string) {
  let failing = true
  const isMeant = (path: string, body: unknown) => path.endsWith('/revoke') && String(body).includes(`${parameter}=`)
  const dispatcher = new Agent().compose((dispatch) => (options, handler) => {
    const { path, body } = options
    return dispatch(failing && isMeant(path, body) ? { ...options, path: '/nowhere' } : options, handler)
  })
  return { dispatcher, pass }

  function pass(): void {
    failing = false
  }
}

function logOut(gateway: RunningGateway, { accessToken, refreshToken }: Session): Promise<Reply> {
  return gateway.ask(logout, { token: accessToken, variables: { input: { refreshToken } } })
}

/** Fifteen revocations of tokens that LINE never issued, each request from another address. */
async function revokeJunk(gateway: RunningGateway, n: number): Promise<void> {
  const fields = Array.from(
    { length: 15 },
    (_, m) => `f${m}: revokeToken(input: { accessToken: "junk-${n}-${m}" }) { revoked }`,
  )
  await gateway.ask(`mutation { ${fields.join(' ')} }`, {
    headers: { 'x-forwarded-for': `203.0.${n >> 8}.${n & 255}` },
  })
}

/** The clock runs, so on a slow machine the bucket fills while it is emptied. */
async function limitAddress(gateway: RunningGateway): Promise<void> {
  for (let n = 0; !codesOf(await verify(gateway, `junk-${n}`)).includes('RATE_LIMITED'); n += 1);
}

async function areEndedAtLine(gateway: RunningGateway, { accessToken, refreshToken }: Session): Promise<boolean[]> {
  return [await isEndedAtLine(gateway, 'access', accessToken), await isEndedAtLine(gateway, 'refresh', refreshToken)]
}

async function isToldSoon(gateway: RunningGateway, session: Session): Promise<boolean> {
  const end = performance.now() + 20_000
  while ((await areEndedAtLine(gateway, session)).includes(false)) {
    if (performance.now() > end) return false
    await sleep(100)
  }
  return true
}

function userOf({ emulator }: RunningGateway, n = 0): string {
  return emulator.users[n]?.userId ?? ''
}
