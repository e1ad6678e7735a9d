import { readFileSync, writeFileSync } from 'node:fs'
import { describe, expect, it, vi } from 'vitest'
import { createClock } from '../../src/clock.ts'
import { createNonces } from '../../src/login/nonces.ts'
import { createRefreshEntries } from '../../src/login/refresh-entries.ts'
import { createSharedCodes } from '../../src/login/shared-codes.ts'
import { refreshKeyOf } from '../../src/login/token-set.ts'
import type { Redis, Script, WriteCommand } from '../../src/redis.ts'
import { createFamilies } from '../../src/tokens/families.ts'
import { readSent } from '../../src/tokens/shared-events.ts'
import { streamKey } from '../../src/tokens/shared-forgetting.ts'
import { createLeases } from '../../src/tokens/shared-leases.ts'
import { createSharedNames, currentVersions } from '../../src/tokens/shared-names.ts'
import { readOutcome } from '../../src/tokens/shared-outcomes.ts'
import { createSharedStore } from '../../src/tokens/shared-store.ts'
import { createSharedTombstones } from '../../src/tokens/shared-tombstones.ts'
import { digestOf } from '../../src/tokens/token-key.ts'
import { createTombstones } from '../../src/tokens/tombstones.ts'
import { createUserTombstones } from '../../src/tokens/user-tombstones.ts'
import { web } from '../harness/channels.ts'
import { plain } from '../harness/plain-record.ts'
import { collectReleasedEntries, type ReleasedEntries } from '../harness/released-entries.ts'

/**
 * A rolling upgrade: the new version reads what the last release has written to Redis. This file of entries was written by the
 * real code of that release. After a release, write it again:
 *
 *     WRITE_RELEASED_ENTRIES=yes npm run -s vitest -- test/tokens/released-entries
 *
 * A failure here means that this tree cannot follow the last release. A new layout needs a new number in `currentVersions` of
 * shared-names.ts. Of `records` (and their leases) the old ones may then be absent, but never read wrongly. Of the `others`
 * the old ones must be read: first a release that reads both and writes the old one, then a release that writes the new one.
 */
const file = new URL('released-entries.json', import.meta.url)
if (process.env.WRITE_RELEASED_ENTRIES !== undefined)
  writeFileSync(file, `${JSON.stringify(await collectReleasedEntries(), undefined, 2)}\n`)
const released: ReleasedEntries = JSON.parse(readFileSync(file, 'utf8'))
const { tokens, entries } = released

describe(`what release ${released.release} has written to Redis`, () => {
  const unopened = vi.fn()
  const clock = createClock({ wall: () => released.writtenAt, monotonic: () => released.writtenAt })
  const names = createSharedNames({ secrets: [released.secret], lineUrl: released.lineUrl, unopened })
  const redis = redisWith(entries)
  const isOurs = (channelId: string) => channelId === web.id
  const store = createSharedStore({ redis, names, isOurs, clock })
  const tombstones = createTombstones(clock.steady)
  const users = createUserTombstones(clock)
  const families = createFamilies()
  const shared = createSharedTombstones({
    redis,
    names,
    channels: { isOurs },
    tombstones,
    users,
    families,
    dropped: () => {},
    clock,
    isTold: () => false,
    longestLifeMs: 1,
  })
  const valuesOf = (keys: readonly string[]) => keys.map(redis.at)
  /** Records with another number are absent for both versions. */
  const inSameLayout = it.runIf(released.versions.records[0] === currentVersions.records[0])

  inSameLayout('a record: the same facts', async () => {
    const [found] = await lookAt(tokens.known)
    if (found?.record === undefined) expect.fail('its layout has changed: see the comment at the top of this file')
    expect(JSON.parse(JSON.stringify(plain(found.record)))).toEqual(released.record)
    expect(found?.tombstone).toBeUndefined()
  })

  inSameLayout('a record that came with a refresh: its session', async () => {
    const [found] = await lookAt(released.refreshedAccess)
    expect(found?.record?.family).toBe(refreshKeyOf(web.id, tokens.first))
  })

  it('the tombstone of an access token', async () => {
    const [found] = await lookAt(tokens.revoked)
    expect(found?.record).toBeUndefined()
    shared.learn(found?.tombstone ?? Buffer.alloc(0))
    expect(tombstones.find(digestOf(tokens.revoked))).toMatchObject({
      kind: 'token',
      channelId: web.id,
      isConfirmed: true,
    })
  })

  it('the tombstone of a session', async () => {
    const key = refreshKeyOf(web.id, tokens.revokedSession)
    await shared.learnSession(key)
    expect(tombstones.find(key)).toMatchObject({ kind: 'session', channelId: web.id, isConfirmed: true })
  })

  it('the tombstone of a user', async () => {
    expect(await shared.learnUser(web.id, released.departedUser)).toBe(true)
    expect(users.find(web.id, released.departedUser)).toMatchObject({ isLeaving: false, isLearned: true })
  })

  it('the session of a refresh token: its first one, its channel and its user', async () => {
    const key = refreshKeyOf(web.id, tokens.refreshed)
    await shared.learnSession(key)
    const id = refreshKeyOf(web.id, tokens.first)
    expect(families.find(key)).toMatchObject({ id, channelId: web.id, userId: released.user })
  })

  it('the answer of a refresh: the same tokens', () => {
    const entry = createRefreshEntries({ redis, names, times: clock }).of(refreshKeyOf(web.id, tokens.first), {})
    const answer = entry.lookForSuccess(valuesOf(entry.watched), Buffer.alloc(0))
    expect(answer?.tokens).toMatchObject({ accessToken: released.refreshedAccess, refreshToken: tokens.refreshed })
  })

  it('a code that was used: spent', async () => {
    const exchangeOnce = createSharedCodes({ redis, names, leases: createLeases(redis), times: clock })
    const mark = digestOf('code', web.id, released.code)
    const end = await exchangeOnce(mark, performance.now() + 1_000, () => expect.unreachable())
    expect(end).toBe('spent')
  })

  inSameLayout('a token that LINE refused a moment ago: its refusal', () => {
    const key = digestOf(tokens.junk)
    const { lease } = store.read(key, 'verification', valuesOf(store.keysOf(key, 'verification')))
    const outcome = typeof lease === 'object' ? readOutcome(lease.outcome, '') : lease
    expect(outcome).toMatchObject({ verdict: 'invalid', reason: 'MALFORMED' })
  })

  it('all but the records of this tree: where that release reads them', () => {
    expect(released.versions.others).toContain(currentVersions.others[0])
    expect(streamKey).toBe(released.streamKey)
  })

  it('the stream: each event', () => {
    const name = names.tombstonesOf('stream', 'events')
    const events = released.stream.map((value) =>
      readSent(name.open('e', Buffer.from(value, 'base64')) ?? Buffer.alloc(0)),
    )
    const kinds = new Set(events.map((sent) => sent?.event.kind))
    expect([...kinds].sort()).toEqual(['anchor', 'paused', 'refused', 'session', 'token', 'user'])
  })

  it('a nonce of startLogin: ours', () => {
    expect(createNonces([released.secret]).isOurs(released.nonce)).toBe(true)
  })

  it('nothing that was read could not be opened', () => {
    expect(unopened).not.toHaveBeenCalled()
  })

  async function lookAt(token: string) {
    const found = await store.look([digestOf(token)])
    return found === 'away' ? [] : found
  }
})

/** It can be read. Of the scripts it knows the one that looks for a used code. */
function redisWith(values: Readonly<Record<string, string>>): Redis & { at(key: string): Buffer | undefined } {
  const at = (key: string) => (values[key] === undefined ? undefined : Buffer.from(values[key], 'base64'))
  return {
    at,
    read: async (keys) => keys.map(at),
    run: async ({ name }: Script, [key = '']) => (name === 'enterCode' ? [1, at(key) ?? null] : 'away'),
    write: async (_: readonly WriteCommand[]) => 'away',
    openStream: () => expect.unreachable(),
    close: async () => {},
  }
}
