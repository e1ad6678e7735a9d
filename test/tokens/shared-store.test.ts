import { afterEach, expect, it } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createRedis, type Redis } from '../../src/redis.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { createRecord, withFacts } from '../../src/tokens/record.ts'
import { createSharedNames } from '../../src/tokens/shared-names.ts'
import { createSharedStore, type Entries, type Held } from '../../src/tokens/shared-store.ts'
import { digestOf } from '../../src/tokens/token-key.ts'
import { describeWithRedis, useKeptRedis } from '../harness/redis.ts'

const key = digestOf('a token')

describeWithRedis('the records of processes', () => {
  const { start } = useKeptRedis()
  let redis: Redis | undefined
  afterEach(() => redis?.close())

  async function begin() {
    const server = await start()
    const made = createRedis(server.url, { telemetry: createTelemetry({ logLevel: 'silent' }), lookUpMs: 20_000 })
    redis = made
    const names = createSharedNames({ secrets: ['x'.repeat(32)], lineUrl: 'https://line.example', unopened: () => {} })
    const clock = createClock()
    const store = createSharedStore({ redis: made, names, isOurs: () => true, clock })
    const now = clock.now()
    const record = createRecord({ channelId: '1', scopes: ['profile'], verifiedAt: now, expiresAt: now + 600_000 })
    const seen = async () => ((await store.look([key])) as readonly Entries[])[0] as Entries
    const enter = async (subject: 'verification' | 'profile') => {
      const entered = await store.enter(key, subject, await seen())
      return entered !== 'away' && entered !== 'refused' && entered.state === 'mine' ? entered.lease : expect.fail()
    }
    return { store, record, seen, enter, now }
  }

  it('LINE refuses the token while another process reads its profile: that answer does not store the record again', async () => {
    const { store, record, seen, enter } = await begin()
    await store.land(await enter('verification'), record)
    const reading = await enter('profile')
    const verifying = await enter('verification')
    expect(await store.conclude(verifying, { isRefused: true })).toBe(true)
    await store.land(reading, withFacts(record, { userId: 'U1' }))
    expect((await seen()).record).toBeUndefined()
  })

  it('two processes get different readings at once: the record has both', async () => {
    const { store, record, seen, enter, now } = await begin()
    await store.land(await enter('verification'), record)
    const profile = await enter('profile')
    const again: Held = await enter('verification')
    await store.land(again, withFacts(record, { verifiedAt: now + 1 }))
    const read = { displayName: 'A', pictureUrl: null, statusMessage: null, readAt: now + 2 }
    await store.land(profile, withFacts(record, { profile: read, verifiedAt: now + 2 }))
    expect((await seen()).record).toMatchObject({ verifiedAt: now + 2, profile: { displayName: 'A' } })
  })
})
