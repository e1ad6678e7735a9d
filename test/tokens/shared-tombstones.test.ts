import { afterEach, expect, it } from 'vitest'
import { createClock, systemSources } from '../../src/clock.ts'
import { createRedis, type Redis } from '../../src/redis.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import { createSharedNames } from '../../src/tokens/shared-names.ts'
import { createSharedTombstones } from '../../src/tokens/shared-tombstones.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'

const [former, next] = ['o'.repeat(32), 'n'.repeat(32)]

describeWithRedis('tombstones in Redis', () => {
  const { start } = useKeptRedis()
  let redis: Redis | undefined
  afterEach(async () => redis?.close())

  it.each([
    ['before', [former, next]],
    ['after', [next, former]],
  ])('two departures of a user under two secrets: the later one counts (%s the change)', async (_, secrets) => {
    redis = createRedis((await start()).url, { telemetry: createTelemetry({ logLevel: 'silent' }), lookUpMs: 20_000 })
    const now = Date.now()
    for (const [secret, at] of [
      [former, now - 20_000],
      [next, now - 10_000],
    ] as const)
      await redis.write(learnerWith(redis, [secret]).shared.commandsFor(departureAt(at)))
    const { shared, users, clock } = learnerWith(redis, secrets)
    await shared.learnUser('1', 'U1')
    expect(Math.round(clock.toWall(users.find('1', 'U1')?.at ?? 0))).toBe(now - 10_000)
  })
})

const departureAt = (at: number) => ({
  ...({ kind: 'user', channelId: '1', userId: 'U1', raisedAt: at, at, isLeaving: true } as const),
})

function learnerWith(redis: Redis, secrets: readonly string[]) {
  const clock = createClock(systemSources)
  const users = createUserTombstones(clock)
  const shared = createSharedTombstones({
    channels: { isOurs: () => true },
    redis,
    names: createSharedNames({ secrets, lineUrl: 'https://line.example', unopened: () => {} }),
    tombstones: createTombstones(clock.steady),
    users,
    families: createFamilies(),
    dropped: () => {},
    clock,
    isTold: () => false,
    longestLifeMs: 1_000_000,
  })
  return { shared, users, clock }
}
