import { setTimeout as sleep } from 'node:timers/promises'
import { decodeJwt } from 'jose'
import { afterAll, expect, test } from 'vitest'
import {
  type AskedFaceName,
  everyFace,
  exchange,
  faceNames,
  faceSettings,
  verdict,
  verdicts,
} from '../harness/faces.ts'
import { othersThan, type Replica, repeatedIfRedisWasLate, useFleet } from '../harness/fleet.ts'
import { deauthorize, login, logout, revoke, type Session } from '../harness/forgetting-session.ts'
import { jsonOf } from '../harness/forms.ts'
import { writeKeyFile } from '../harness/key-file.ts'
import { manyUsers } from '../harness/many-users.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { timeUntil, waitsText } from '../harness/time-until.ts'

const keyFile = writeKeyFile()
afterAll(() => keyFile.remove())

const users = manyUsers(100)
let used = 0

/** A user of whom no other test knows a token. */
function nextUser(): string {
  used += 1
  return users[used]?.userId ?? ''
}

const lifeSeconds = 30

describeWithRedis('three replicas with all faces', () => {
  const fleet = useFleet({
    isPatient: true,
    users,
    settings: {
      ...faceSettings,
      PUBLIC_URL: 'https://id.example',
      SIGNING_KEYS_FILE: keyFile.path,
      API_TOKEN_SECONDS: `${lifeSeconds}`,
    },
  })
  const busy = repeatedIfRedisWasLate(fleet)

  type Ending = (replica: Replica, session: Session) => Promise<unknown>
  const endings: Readonly<Record<string, Ending>> = {
    'revokeToken(accessToken)': (replica, { accessToken }) => revoke(replica, { accessToken }),
    'revokeToken(refreshToken)': (replica, { refreshToken }) => revoke(replica, { refreshToken }),
    logout: (replica, { accessToken }) => logout(replica, accessToken),
    deauthorize: (replica, { accessToken }) => deauthorize(replica, accessToken),
  }

  test.each(Object.keys(endings))('%s through one replica: each face of the others refuses', busy, async (name) => {
    const [first] = fleet().replicas as readonly [Replica]
    const session = await login(first, nextUser(), 'profile openid')
    for (const replica of fleet().replicas)
      expect(await verdicts(replica, session.accessToken)).toEqual(everyFace('good'))

    await endings[name]?.(first, session)
    expect(await verdicts(first, session.accessToken)).toEqual(everyFace('refused'))
    const lags = await lagsOf(session.accessToken, othersThan(fleet(), first))
    print(`${name}: refused by each face of the other replicas after ${waitsText(lags)}`)
    await expectRefusedFrom(fleet().replicas, session.accessToken)
  })

  test(
    'deauthorize through one replica: all replicas refuse the ID tokens of this user, and no others',
    busy,
    async () => {
      const [first] = fleet().replicas as readonly [Replica]
      const { emulator } = fleet()
      const userId = nextUser()
      const { accessToken, idToken = '' } = emulator.issueTokens({ es256: true, userId })
      const { idToken: other = '' } = emulator.issueTokens({ es256: true, userId: nextUser() })
      for (const replica of fleet().replicas) expect(await verdicts(replica, idToken)).toEqual(everyFace('good'))

      await deauthorize(first, accessToken)
      const lags = await lagsOf(idToken, fleet().replicas)
      print(`deauthorize: the user's ID token refused by each face of all replicas after ${waitsText(lags)}`)
      await expectRefusedFrom(fleet().replicas, idToken)
      for (const replica of fleet().replicas) expect(await verdicts(replica, other)).toEqual(everyFace('good'))
      await sleep(1_100)
      const { idToken: later = '' } = emulator.issueTokens({ es256: true, userId })
      for (const replica of fleet().replicas) expect(await verdicts(replica, later)).toEqual(everyFace('good'))
    },
  )

  test(
    'the JWTs of a revoked token: all have ended API_TOKEN_SECONDS later, and no replica makes a new one',
    busy,
    async () => {
      const [first] = fleet().replicas as readonly [Replica]
      const session = await login(first, nextUser(), 'profile openid')
      const tokens = await Promise.all(fleet().replicas.map((replica) => exchange(replica, session.accessToken)))
      const ends = tokens.map((reply) => (decodeJwt(String(jsonOf(reply).access_token)).exp ?? Infinity) * 1_000)
      await logout(first, session.accessToken)
      const revokedAt = Date.now()
      await lagsOf(session.accessToken, fleet().replicas)
      print(
        `JWTs of a revoked token end ${((Math.max(...ends) - revokedAt) / 1_000).toFixed(1)} s after the revocation at most`,
      )
      expect(Math.max(...ends)).toBeLessThanOrEqual(revokedAt + lifeSeconds * 1_000)
      for (const replica of fleet().replicas)
        expect(await verdict('token exchange', replica, session.accessToken)).toBe('refused')
    },
  )

  /** How long each face of each replica went on to accept a credential. */
  async function lagsOf(credential: string, replicas: readonly Replica[]): Promise<readonly number[]> {
    const pairs = replicas.flatMap((replica) => faceNames.map((name): [Replica, AskedFaceName] => [replica, name]))
    return Promise.all(
      pairs.map(([replica, name]) =>
        timeUntil(async () => (await verdict(name, replica, credential)) === 'refused', 30_000),
      ),
    )
  }

  /** Once a replica has heard of it, no face accepts it again. */
  async function expectRefusedFrom(replicas: readonly Replica[], credential: string): Promise<void> {
    for (let times = 0; times < 3; times += 1)
      for (const replica of replicas) expect(await verdicts(replica, credential)).toEqual(everyFace('refused'))
  }
})
