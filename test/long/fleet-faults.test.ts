import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { askSpread, type Fleet, type Replica, replicaAt, useFleet } from '../harness/fleet.ts'
import { logout, refreshUse, uses } from '../harness/forgetting-session.ts'
import { failuresIn, lookUpsText, startLookUps } from '../harness/look-ups.ts'
import { manyUsers } from '../harness/many-users.ts'
import { print } from '../harness/print.ts'
import { describeWithRedis } from '../harness/redis.ts'
import { faultMs, redisFaults, setDelay, settingsForFaults } from '../harness/redis-faults.ts'
import { timeUntil } from '../harness/time-until.ts'

const lookUpsPerSecond = 300
/** A second or two are usual. It only ends a wait for what never comes. */
const longestRecoveryMs = 60_000
/** So does this one, for look-ups in a fault. They wait for Redis once, and 0.1 to 1.6 s are usual. */
const longestAnswerMs = 60_000
/** The load goes on until all is normal, or for so long. A machine that is too slow for it is normal only without it. */
const longestLoadMs = 5_000

const folder = mkdtempSync(join(tmpdir(), 'redis-faults-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

/** Each fault has one of the two latencies in turn: both take three minutes. `FAULTS=all` runs all 32. */
const isEachAtBoth = process.env.FAULTS === 'all'

describeWithRedis('Redis in trouble, 300 look-ups a second at three replicas', () => {
  describe.each([0, 12])('%i ms of latency', (latencyMs) => {
    const fleet = useFleet({
      proxies: true,
      users: manyUsers(200),
      redisSettings: settingsForFaults(folder),
      // Operators must hear of a Redis that is full, read-only or closed to us.
      expectedErrors: /REDIS_URL: Redis refuses/,
    })
    beforeAll(() => setDelay(fleet(), latencyMs))

    const faults = redisFaults(folder, latencyMs)
    test.each(isEachAtBoth ? faults : faults.filter((_, n) => (n % 2 === 0) === (latencyMs === 0)))(
      '$name: no request fails, and all is normal after its end',
      async (fault) => {
        const load = await startLookUps(fleet(), lookUpsPerSecond)
        await sleep(300)
        const end = performance.now() + faultMs
        await fault.begin(fleet())
        const refreshed = await refreshAtAll()
        await sleep(end - performance.now())
        // The fault goes on until then, so that a look-up that waits for its end is found, and a slow machine is not.
        const areAnswered = await load.answered(longestAnswerMs)
        await fault.end(fleet())
        const recovery = recoveryOf(fleet())
        await Promise.race([recovery, sleep(longestLoadMs)])
        const lookUps = await load.stop()
        const { sharingAfter, forgettingAfter } = await recovery
        const after = `normal after ${sharingAfter.toFixed(0)} ms, a logout everywhere after ${forgettingAfter.toFixed(0)} ms`
        print(
          `${fault.name}, +${latencyMs} ms: ${lookUpsText(lookUps)}; ${after}; ${refreshed.longestMs} ms for a refresh`,
        )
        expect(areAnswered).toBe(true)
        expect(failuresIn(lookUps)).toEqual([])
        expect(refreshed.reactions).toEqual(['served', 'served', 'served'])
      },
    )

    async function refreshAtAll() {
      const start = performance.now()
      const reactions = await askSpread(fleet(), 3, (replica) =>
        refreshUse.refreshToken(replica, fleet().emulator.issueTokens().refreshToken ?? ''),
      )
      return { reactions, longestMs: Math.round(performance.now() - start) }
    }
  })
})

/** How long it takes from now until records are shared, and until a logout counts everywhere, in ms. Throws if it never does. */
async function recoveryOf(fleet: Fleet) {
  const untilShared = fleet.replicas.map((replica, n) =>
    timeUntil(() => sharesRecords(fleet, replica, replicaAt(fleet, n + 1)), longestRecoveryMs, {
      what: 'Sharing records',
    }),
  )
  const sharingAfter = Math.max(...(await Promise.all(untilShared)))
  return { sharingAfter, forgettingAfter: sharingAfter + (await timeToForget(fleet)) }
}

/** Whether the other replica answers a new token of this one without a verification of its own. */
async function sharesRecords(fleet: Fleet, one: Replica, other: Replica): Promise<boolean> {
  const { accessToken } = fleet.emulator.issueTokens()
  const here = await verifiedAt(one, accessToken)
  return here !== undefined && here === (await verifiedAt(other, accessToken))
}

async function verifiedAt(replica: Replica, token: string): Promise<string | undefined> {
  const { data } = await replica.ask('{ viewer { accessToken { verifiedAt } } }', { token })
  return (data?.viewer as { accessToken: { verifiedAt: string } } | null | undefined)?.accessToken.verifiedAt
}

/** How long all replicas need to refuse a token that one of them forgets. */
async function timeToForget(fleet: Fleet): Promise<number> {
  const { accessToken } = fleet.emulator.issueTokens()
  const view = uses['viewer { displayName }']
  for (const replica of fleet.replicas) await view(replica, accessToken)
  const start = performance.now()
  await logout(replicaAt(fleet, 0), accessToken)
  for (const replica of fleet.replicas)
    await timeUntil(async () => (await view(replica, accessToken)) === 'refused', longestRecoveryMs, {
      what: 'A logout',
    })
  return performance.now() - start
}
