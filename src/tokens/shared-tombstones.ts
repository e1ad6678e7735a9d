import type { Clock } from '../clock.ts'
import type { Channels } from '../line/channels.ts'
import { type CommandOptions, patientOptions, type Redis, type WriteCommand } from '../redis.ts'
import type { EntrySuffix } from '../telemetry/metric-labels.ts'
import type { Families, Family, Origin } from './families.ts'
import {
  fromTokenEvent,
  fromUserEvent,
  type RefusalEvent,
  readFamily,
  readTombstone,
  type TokenEvent,
  type TombstoneEvent,
  writeFamily,
  writeTombstone,
} from './shared-events.ts'
import type { SharedNameSet, SharedNames } from './shared-names.ts'
import { readShared, type Wanted } from './shared-read.ts'
import type { Tombstones } from './tombstones.ts'
import type { UserTombstones } from './user-tombstones.ts'

/**
 * The tombstones and sessions in Redis. This process learns from them what others were told. It compares tokens only with what
 * it has learned, so nothing else has to know of Redis.
 */
export type SharedTombstones = {
  /** Learns the tombstone of a token or of a user, as it is stored. */
  learn(stored: Buffer): void
  learnEvent(event: TombstoneEvent): void
  /**
   * Learns the tombstones of the sessions and users of these tokens, if the stream has not told them. Resolves with whether
   * Redis told them.
   */
  learnAbout(origins: readonly Origin[]): Promise<boolean>
  /** Learns the session of a refresh token, and the tombstones that concern it. */
  learnSession(refreshKey: string, options?: CommandOptions): Promise<void>
  /** False: Redis is away, so the user may have left all the same. */
  learnUser(channelId: string, userId: string): Promise<boolean>
  /** The commands that store a tombstone, and delete what it or a refusal ends. */
  commandsFor(event: TombstoneEvent | RefusalEvent): readonly WriteCommand[]
  /** The command that stores the session of a refresh token. */
  commandForFamily(refreshKey: string, family: Family): WriteCommand
}

export type SharedTombstonesOptions = {
  readonly redis: Redis
  readonly names: SharedNames
  readonly channels: Pick<Channels, 'isOurs'>
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  readonly families: Families
  /** A token is dead, so its record is dropped. Otherwise the record would be good again if its tombstone had to make room. */
  readonly dropped: (key: string) => void
  readonly clock: Clock
  /** Whether the stream has told us all that can concern a token which LINE confirmed at this time (process time, ms). */
  readonly isTold: (verifiedAt: number) => boolean
  /** How long sessions are kept, and departures of users: as long as a refresh token can live (ms). */
  readonly longestLifeMs: number
}

export function createSharedTombstones(options: SharedTombstonesOptions): SharedTombstones {
  const { redis, names, channels, tombstones, users, families, dropped, clock, isTold, longestLifeMs } = options

  return { learn, learnEvent, learnAbout, learnSession, learnUser, commandsFor, commandForFamily }

  function learn(stored: Buffer): void {
    const event = readTombstone(stored)
    if (event !== undefined) learnEvent(event)
  }

  /** Replicas can have other channels while they are changed: a token of one that we lack is refused here anyway. */
  function learnEvent(event: TombstoneEvent): void {
    if (!channels.isOurs(event.channelId)) return
    if (event.kind === 'user') users.learn(event.channelId, event.userId, fromUserEvent(event, clock))
    else learnDead(event)
  }

  function learnDead(event: TokenEvent): void {
    const stone = fromTokenEvent(event, clock)
    if (stone.forMs <= 0) return
    tombstones.learn(event.key, stone)
    if (stone.kind === 'token') dropped(event.key)
  }

  async function learnAbout(origins: readonly Origin[]): Promise<boolean> {
    return learnFrom(origins.filter(({ verifiedAt }) => !isTold(verifiedAt)).flatMap(wantedAbout))
  }

  async function learnSession(refreshKey: string, options = patientOptions()): Promise<void> {
    const [tombstone, stored] = (await read([sessionOf(refreshKey), familyOf(refreshKey)], options)) ?? []
    const family = stored && readFamily(stored, clock)
    if (tombstone !== undefined) learn(tombstone)
    if (family === undefined) return
    const isFirst = family.id === refreshKey
    const [first] = isFirst ? [] : ((await read([familyOf(family.id)], options)) ?? [])
    const userId = family.userId ?? (first && readFamily(first, clock)?.userId)
    families.learn(refreshKey, { ...family, userId })
    await learnFrom(
      wantedAbout({ channelId: family.channelId, family: isFirst ? undefined : family.id, userId }),
      options,
    )
  }

  function learnUser(channelId: string, userId: string): Promise<boolean> {
    return learnFrom(wantedAbout({ channelId, family: undefined, userId }))
  }

  /** Whether Redis told what there is. */
  async function learnFrom(wanted: readonly Wanted[], limits?: CommandOptions): Promise<boolean> {
    const found = await read(wanted, limits)
    for (const stored of found ?? []) if (stored !== undefined) learn(stored)
    return found !== undefined
  }

  /** `undefined`: Redis is away. */
  async function read(wanted: readonly Wanted[], limits?: CommandOptions) {
    if (wanted.length === 0) return []
    const found = await readShared(redis, wanted, limits)
    return found === 'away' ? undefined : found.map(({ value }) => value)
  }

  function wantedAbout({ channelId, family, userId }: Pick<Origin, 'channelId' | 'family' | 'userId'>) {
    const ofSession = family === undefined ? [] : [sessionOf(family)]
    return userId === undefined ? ofSession : [...ofSession, ...oneByOne(userOf(channelId, userId))]
  }

  function sessionOf(refreshKey: string): Wanted {
    return { names: names.tombstonesOf('refresh', refreshKey), suffix: 's' }
  }

  function familyOf(refreshKey: string): Wanted {
    return { names: names.tombstonesOf('refresh', refreshKey), suffix: 'f' }
  }

  function userOf(channelId: string, userId: string): Wanted {
    return { names: names.tombstonesOf('user', `${channelId} ${userId}`), suffix: 'u' }
  }

  function commandsFor(event: TombstoneEvent | RefusalEvent): readonly WriteCommand[] {
    if (event.kind === 'refused') return deleteIn(names.entriesOf('access', event.key), 'r')
    const value = writeTombstone(event)
    if (event.kind === 'user') return [setIn(userOf(event.channelId, event.userId), value, longestLifeMs)]
    const forMs = Math.max(Math.ceil(event.until - clock.wall()), 1)
    if (event.kind === 'session') return [setIn(sessionOf(event.key), value, forMs)]
    const ofToken = { names: names.tombstonesOf('access', event.key), suffix: 't' as const }
    return [setIn(ofToken, value, forMs), ...deleteIn(names.entriesOf('access', event.key), 'r')]
  }

  function commandForFamily(refreshKey: string, family: Family): WriteCommand {
    const isOnlyGuess = family.id === refreshKey && family.userId === undefined
    // Another process may know that it continues an earlier session.
    return { ...setIn(familyOf(refreshKey), writeFamily(family, clock), longestLifeMs), ifAbsent: isOnlyGuess }
  }
}

/** A user can have left several times, told under different secrets: the latest departure counts, wherever it is. */
function oneByOne({ names, suffix }: Wanted): readonly Wanted[] {
  if (names.read.length === 1) return [{ names, suffix }]
  return names.read.map((name) => ({ names: { write: name, read: [name] }, suffix }))
}

function setIn({ names, suffix }: Wanted, value: Buffer, forMs: number) {
  return { set: names.write.keyOf(suffix), value: names.write.seal(suffix, value), forMs }
}

function deleteIn({ read }: SharedNameSet, suffix: EntrySuffix): readonly WriteCommand[] {
  return read.map((name) => ({ delete: name.keyOf(suffix) }))
}
