import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Replica, repeatedIfRedisWasLate, useFleet } from '../harness/fleet.ts'
import {
  deauthorize,
  exchange,
  logout,
  redirectUri,
  refresh,
  revoke,
  sessionIn,
  uses,
  verify,
} from '../harness/forgetting-session.ts'
import { manyUsers } from '../harness/many-users.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { callsTo, codesOf, web } from '../harness/running-gateway.ts'
import { timeUntil } from '../harness/time-until.ts'

const view = uses['viewer { displayName }']
const secret = () => randomBytes(32).toString('hex')
const [oldSecret, newSecret, foreignSecret] = [secret(), secret(), secret()]
const folder = mkdtempSync(join(tmpdir(), 'redis-dump-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

describeWithRedis('CACHE_SECRET', () => {
  const fleet = useFleet({
    replicas: 0,
    users: manyUsers(10),
    expectedErrors: /CACHE_SECRET/,
    redisSettings: ['--dir', folder, '--dbfilename', 'dump.rdb', '--rdbcompression', 'no'],
  })
  const busy = repeatedIfRedisWasLate(fleet)
  let oldFirst: Replica
  let newFirst: Replica
  let foreign: Replica
  beforeAll(async () => {
    const start = (CACHE_SECRET: string) => fleet().add({ CACHE_SECRET })
    ;[oldFirst, newFirst, foreign] = await Promise.all([
      start(`${oldSecret},${newSecret}`),
      start(`${newSecret},${oldSecret}`),
      start(foreignSecret),
    ])
  })
  const pairs = (): [Replica, Replica][] => [
    [oldFirst, newFirst],
    [newFirst, oldFirst],
  ]

  describe('changed over a list, "old,new" at one replica and "new,old" at another', () => {
    test('records and answers of refreshes: shared', busy, async () => {
      const { emulator } = fleet()
      for (const [one, other] of pairs()) {
        const { accessToken, refreshToken = '' } = emulator.issueTokens()
        for (const replica of [one, other]) expect(await view(replica, accessToken)).toBe('served')
        const answers = [await refresh(one, refreshToken), await refresh(other, refreshToken)]
        expect(sessionIn(answers[1]?.data?.refreshToken)).toEqual(sessionIn(answers[0]?.data?.refreshToken))
      }
      expect(callsTo(emulator)).toEqual({ verifyAccessToken: 2, profile: 2, token: 2 })
    })

    test('what one forgets: the other refuses it, and so does a token that it has not seen before', busy, async () => {
      const { emulator } = fleet()
      emulator.faults.set('revoke', { status: 503 })
      for (const [one, other] of pairs()) {
        const [seen, unseen] = [emulator.issueTokens().accessToken, emulator.issueTokens().accessToken]
        await Promise.all([view(one, seen), view(one, unseen)])
        await view(other, seen)
        await Promise.all([logout(one, seen), logout(one, unseen)])
        emulator.calls.reset()
        expect(await view(other, unseen)).toBe('refused')
        await timeUntil(async () => (await view(other, seen)) === 'refused', 30_000)
        expect(emulator.calls.of('verifyAccessToken')).toBe(0)
      }
    })

    test('a login begun at one replica: the other one accepts its nonce', busy, async () => {
      for (const [one, other] of pairs()) {
        const query = 'mutation ($input: StartLoginInput!) { startLogin(input: $input) { nonce } }'
        const { data } = await one.ask(query, { variables: { input: { redirectUri } } })
        const { nonce = '' } = (data?.startLogin ?? {}) as { nonce?: string }
        const idToken = fleet().emulator.issueTokens({ nonce }).idToken
        const verification = 'query ($input: VerifyIdTokenInput!) { verifyIdToken(input: $input) { sub } }'
        // Without a nonce in the input, a nonce of ours is refused: so the other replica knows that it is ours.
        expect(codesOf(await other.ask(verification, { variables: { input: { idToken } } }))).toEqual([
          'INVALID_ID_TOKEN',
        ])
        expect(codesOf(await other.ask(verification, { variables: { input: { idToken, nonce } } }))).toEqual([])
      }
    })
  })

  test(
    'two replicas with different secrets: nothing is shared, and each has one error line that names CACHE_SECRET',
    busy,
    async () => {
      const { emulator } = fleet()
      const token = emulator.issueTokens().accessToken
      for (const replica of [oldFirst, foreign]) expect(await view(replica, token)).toBe('served')
      expect(callsTo(emulator)).toEqual({ verifyAccessToken: 2, profile: 2 })
      for (const replica of [oldFirst, foreign])
        for (let n = 0; n < 10; n += 1) {
          const { accessToken } = emulator.issueTokens()
          await view(replica, accessToken)
          await logout(replica, accessToken)
        }
      const counts = () => [oldFirst, newFirst, foreign].map((replica) => errorsAboutSecret(replica).length)
      await timeUntil(() => !counts().includes(0), 30_000)
      print(`error lines about CACHE_SECRET after 20 logouts: ${counts()}`)
      expect(counts()).toEqual([1, 1, 1])
    },
  )

  test(
    'a dump of Redis: no token, code, user ID, name, secret or digest of them, and all keys but the streams end',
    busy,
    async () => {
      const secrets = new Set([web.secret, oldSecret, newSecret])
      for (const { userId, displayName, email = '', pictureUrl = '' } of fleet().emulator.users)
        for (const fact of [userId, displayName, email, pictureUrl]) secrets.add(fact)
      for (const replica of [oldFirst, newFirst])
        for (let n = 0; n < 5; n += 1) for (const one of await useTokens(replica, n)) secrets.add(one)

      const keys = await allKeys()
      const lasting = await Promise.all(keys.map((key) => fleet().redis.command('PTTL', key)))
      const types = await Promise.all(keys.map((key) => fleet().redis.command('TYPE', key)))
      // Besides the stream, one mark for each secret says since when Redis has its data.
      const endless = keys.filter((key, n) => lasting[n] === -1 && types[n] !== 'stream' && !key.endsWith('o'))
      const marks = keys.filter((key, n) => lasting[n] === -1 && key.endsWith('o'))
      const needles = [...secrets].flatMap(formsOf)
      await fleet().redis.command('SET', 'control', newSecret, 'PX', 60_000)
      await fleet().redis.command('SAVE')
      const dump = readFileSync(join(folder, 'dump.rdb'))
      const found = needles.filter((needle) => dump.includes(needle))
      print(
        `a dump of ${keys.length} keys, ${dump.length} bytes: ${found.length - 1} of ${needles.length} forms of secrets in it`,
      )
      expect(keys.length).toBeGreaterThan(20)
      expect(found.map(String)).toEqual([newSecret])
      expect(endless).toEqual([])
      expect(marks.length).toBeLessThanOrEqual(3)
    },
  )

  /** Uses a user's tokens in all ways. Returns all credentials that it used. */
  async function useTokens(replica: Replica, user: number): Promise<string[]> {
    const { emulator } = fleet()
    const userId = emulator.users[user]?.userId ?? ''
    const code = emulator.issueCode({ userId, redirectUri })
    const query = `mutation ($input: ExchangeLoginInput!) {
      exchangeLogin(input: $input) { tokens { accessToken refreshToken } idToken viewer { displayName isFriend } }
    }`
    const { data } = await replica.ask(query, { variables: { input: { code, redirectUri } } })
    const login = data?.exchangeLogin as { tokens: unknown; idToken: string } | undefined
    const session = sessionIn(login?.tokens)
    emulator.switches.refreshToken = 'rotate'
    const next = sessionIn((await refresh(replica, session.refreshToken)).data?.refreshToken)
    emulator.switches.refreshToken = 'same'
    const others = Array.from({ length: 3 }, () => emulator.issueTokens({ userId }))
    const [viewed, revoked, loggedOut] = others.map(({ accessToken }) => accessToken) as [string, string, string]
    const junk = `junk-${randomBytes(24).toString('hex')}`
    await Promise.all([viewed, revoked, loggedOut].map((token) => view(replica, token)))
    await Promise.all([verify(replica, junk), exchange(replica, `${junk}.code`), refresh(replica, `${junk}.refresh`)])
    await Promise.all([revoke(replica, { accessToken: revoked }), logout(replica, loggedOut, others[2]?.refreshToken)])
    if (user % 2 === 0) await deauthorize(replica, next.accessToken)
    const refreshTokens = others.map(({ refreshToken = '' }) => refreshToken)
    const mine = [session.accessToken, session.refreshToken, next.accessToken, next.refreshToken]
    return [
      code,
      login?.idToken ?? code,
      ...mine,
      viewed,
      revoked,
      loggedOut,
      ...refreshTokens,
      junk,
      `${junk}.code`,
      `${junk}.refresh`,
    ]
  }

  async function allKeys(): Promise<string[]> {
    const keys: string[] = []
    let cursor = '0'
    do {
      const [next, some] = (await fleet().redis.command('SCAN', cursor, 'COUNT', 1000)) as [string, string[]]
      keys.push(...some)
      cursor = next
    } while (cursor !== '0')
    return keys
  }
})

function errorsAboutSecret({ program }: Replica): string[] {
  return program
    .out()
    .split('\n')
    .filter((line) => line.includes('CACHE_SECRET') && line.includes('"level":50'))
}

/** The text, and its SHA-256 in all forms in which it could be stored. */
function formsOf(text: string): Buffer[] {
  const digest = createHash('sha256').update(text).digest()
  const texts = (['hex', 'base64', 'base64url'] as const).map((encoding) => Buffer.from(digest.toString(encoding)))
  return [Buffer.from(text), digest, ...texts]
}
