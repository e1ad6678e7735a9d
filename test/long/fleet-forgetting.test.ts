import { expect, test } from 'vitest'
import { type Replica, repeatedIfRedisWasLate, replicaAt, useFleet } from '../harness/fleet.ts'
import {
  deauthorize,
  login,
  logout,
  type Reaction,
  refresh,
  refreshUse,
  revoke,
  type Session,
  sessionIn,
  uses,
  verify,
} from '../harness/forgetting-session.ts'
import { manyUsers } from '../harness/many-users.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { codesOf } from '../harness/running-gateway.ts'
import { timeUntil, waitsText } from '../harness/time-until.ts'

/** A session whose two access tokens come from two replicas, and a second session of the same user at a third one. */
type Sessions = Session & { readonly secondToken: string; readonly otherToken: string }

const view = uses['viewer { displayName }']
const times = 12
/** Much longer than it takes: it only ends a wait for what never comes. */
const longestMs = 30_000

describeWithRedis('what one replica forgets', () => {
  const fleet = useFleet({ isPatient: true, users: manyUsers(100) })
  const busy = repeatedIfRedisWasLate(fleet)
  let nextUser = 0

  test.each<
    [string, (replica: Replica, sessions: Sessions) => Promise<unknown>, (keyof Sessions)[], (keyof Sessions)[]]
  >([
    [
      'logout with the refresh token',
      (replica, { accessToken, refreshToken }) => logout(replica, accessToken, refreshToken),
      ['accessToken', 'secondToken', 'refreshToken'],
      ['otherToken'],
    ],
    [
      'revokeToken with the access token',
      (replica, { accessToken }) => revoke(replica, { accessToken }),
      ['accessToken'],
      ['secondToken', 'otherToken'],
    ],
    [
      'revokeToken with the refresh token',
      (replica, { refreshToken }) => revoke(replica, { refreshToken }),
      ['accessToken', 'secondToken', 'refreshToken'],
      ['otherToken'],
    ],
    [
      'deauthorize',
      (replica, { accessToken }) => deauthorize(replica, accessToken),
      ['accessToken', 'secondToken', 'otherToken', 'refreshToken'],
      [],
    ],
  ])('%s: refused at all others, and nothing else is', busy, async (name, act, dead, alive) => {
    const waits: number[] = []
    for (let n = 0; n < times; n += 1) {
      const sessions = await openSessions(n)
      await act(replicaAt(fleet(), n), sessions)
      const others = [1, 2].map((more) => replicaAt(fleet(), n + more))
      waits.push(
        ...(await Promise.all(others.flatMap((replica) => dead.map((token) => refusedAt(replica, sessions, token))))),
      )
      for (const replica of fleet().replicas)
        for (const token of alive) expect(await view(replica, sessions[token])).toBe('served')
    }
    print(`${name}, ${times} times, from its answer to the refusal at another replica: ${waitsText(waits)}`)
  })

  test('tokens and a session: the others refuse them from memory, although LINE still accepts them', busy, async () => {
    const { emulator } = fleet()
    const sessions = await openSessions(0)
    emulator.faults.set('revoke', { status: 503 })
    emulator.calls.reset()
    expect(codesOf(await logout(replicaAt(fleet(), 0), sessions.accessToken, sessions.refreshToken))).toEqual([
      'LINE_UNAVAILABLE',
    ])
    for (const replica of fleet().replicas)
      for (const token of ['accessToken', 'secondToken', 'refreshToken'] as const)
        await refusedAt(replica, sessions, token)
    const { verifyAccessToken, token } = emulator.calls.byEndpoint()
    expect({ verifyAccessToken, token }).toEqual({ verifyAccessToken: 0, token: 0 })
  })

  test(
    'a replica that starts later refuses the tokens, the session, and the ID tokens of the user who left',
    busy,
    async () => {
      const { emulator } = fleet()
      const loggedOut = await openSessions(0)
      const left = await openSessions(1)
      const [leftId, bystanderId] = [idTokenOf(nextUser - 1), idTokenOf(nextUser)]
      expect(await verifyIdToken(replicaAt(fleet(), 0), leftId)).toEqual([])
      emulator.faults.set('revoke', { status: 503 })
      await logout(replicaAt(fleet(), 0), loggedOut.accessToken, loggedOut.refreshToken)
      await deauthorize(replicaAt(fleet(), 1), left.accessToken)

      const late = await fleet().add()
      emulator.calls.reset()
      const asked = {
        'token of the session': await view(late, loggedOut.accessToken),
        'second token of the session': await view(late, loggedOut.secondToken),
        'refresh token of the session': await refreshUse.refreshToken(late, loggedOut.refreshToken),
        'other session': await view(late, loggedOut.otherToken),
        'token of the user who left': await view(late, left.secondToken),
        'token of another session of that user': await view(late, left.otherToken),
        'ID token of that user': await verifyIdToken(late, leftId),
        'ID token of another user': await verifyIdToken(late, bystanderId),
      }
      await late.kill()
      print(`a replica that starts later: ${JSON.stringify(asked)}`)
      expect(asked).toEqual({
        'token of the session': 'refused',
        'second token of the session': 'refused',
        'refresh token of the session': 'refused',
        'other session': 'served',
        'token of the user who left': 'refused',
        'token of another session of that user': 'refused',
        'ID token of that user': ['INVALID_ID_TOKEN'],
        'ID token of another user': [],
      })
      expect(emulator.calls.of('token')).toBe(0)
    },
  )

  test(
    'LINE rotates: the last refresh token ends the tokens of all replicas that refreshed the session before',
    busy,
    async () => {
      const { emulator } = fleet()
      emulator.switches.refreshToken = 'rotate'
      const sessions = [await login(replicaAt(fleet(), 0), emulator.users[nextUser++]?.userId ?? '', 'profile openid')]
      for (let n = 1; n < 4; n += 1) {
        const { data } = await refresh(replicaAt(fleet(), n), sessions.at(-1)?.refreshToken ?? '')
        sessions.push(sessionIn(data?.refreshToken))
      }
      emulator.switches.refreshToken = 'same'
      const tokens = sessions.map(({ accessToken }) => accessToken)
      for (const replica of fleet().replicas)
        expect(await Promise.all(tokens.map((token) => view(replica, token)))).toEqual(Array(4).fill('served'))
      emulator.faults.set('revoke', { status: 503 })
      await revoke(replicaAt(fleet(), 2), { refreshToken: sessions.at(-1)?.refreshToken })
      for (const replica of fleet().replicas)
        for (const token of tokens) expect(await reactionSoon(replica, token, 'refused')).toBe('refused')
    },
  )

  test(
    'a profile under way at one replica while another one logs its token out: refused by all, 10 of 10',
    busy,
    async () => {
      const { emulator } = fleet()
      const [first, second, third] = [0, 1, 2].map((n) => replicaAt(fleet(), n)) as [Replica, Replica, Replica]
      const tokens = Array.from({ length: 10 }, () => emulator.issueTokens().accessToken)
      await Promise.all(tokens.map((token) => verify(first, token)))
      emulator.faults.set('revoke', { status: 503 })
      emulator.faults.set('profile', { latencyMs: 300 })
      const landing = tokens.map((token) => view(second, token))
      await timeUntil(() => emulator.calls.of('profile') === 10, longestMs)
      await Promise.all(tokens.map((token) => logout(first, token)))
      await Promise.all(landing)
      for (const replica of [third, second, first])
        for (const token of tokens) expect(await reactionSoon(replica, token, 'refused')).toBe('refused')
    },
  )

  /** Opens two sessions of a new user. All replicas know all their tokens, but the other session: one replica has seen it. */
  async function openSessions(n: number): Promise<Sessions> {
    const userId = fleet().emulator.users[nextUser++]?.userId ?? ''
    const [first, second, third] = [n, n + 1, n + 2].map((at) => replicaAt(fleet(), at)) as [Replica, Replica, Replica]
    const session = await login(first, userId, 'profile openid')
    const again = sessionIn((await refresh(second, session.refreshToken)).data?.refreshToken)
    const otherToken = fleet().emulator.issueTokens({ userId }).accessToken
    await view(third, otherToken)
    for (const replica of fleet().replicas)
      await Promise.all([session, again].map(({ accessToken }) => view(replica, accessToken)))
    return { ...session, secondToken: again.accessToken, otherToken }
  }

  async function refusedAt(replica: Replica, sessions: Sessions, name: keyof Sessions): Promise<number> {
    const ask = name === 'refreshToken' ? refreshUse.refreshToken : view
    return timeUntil(async () => (await ask(replica, sessions[name])) === 'refused', longestMs, {
      everyMs: 1,
      what: `${name}: refused at replica ${fleet().replicas.indexOf(replica)}`,
    })
  }

  /** The reaction as soon as it is this one, or the last one. */
  async function reactionSoon(replica: Replica, token: string, wanted: Reaction): Promise<Reaction> {
    await timeUntil(async () => (await view(replica, token)) === wanted, longestMs).catch(() => undefined)
    return view(replica, token)
  }

  async function verifyIdToken(replica: Replica, idToken: string): Promise<string[]> {
    const query = 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }'
    return codesOf(await replica.ask(query, { variables: { input: { idToken } } }))
  }

  function idTokenOf(user: number): string {
    const userId = fleet().emulator.users[user]?.userId ?? ''
    return fleet().emulator.issueTokens({ userId, es256: true }).idToken ?? ''
  }
})
