import { createBoundedMap } from './bounded-map.ts'

/** Where a token comes from: its channel, its session and its user. The last two can be unknown. */
export type Origin = {
  readonly channelId: string
  /** The key of the first refresh token of the session. */
  readonly family: string | undefined
  readonly userId: string | undefined
  /** The start of the last call to LINE that proved it valid (process time, ms). */
  readonly verifiedAt: number
  /** Process time (ms). */
  readonly expiresAt: number
}

/** A session that LINE began through us. LINE may replace its refresh token by another one: all of them are one family. */
export type Family = {
  /** The key of its first refresh token. */
  readonly id: string
  readonly channelId: string
  /** The `count` of the tombstones of users when the call to LINE began that started it. `undefined`: in another process. */
  readonly begunAt: number | undefined
  /** When that call began (process time, ms). */
  readonly begunTime: number
  /** `undefined` until an answer of LINE contains the user ID. */
  userId: string | undefined
}

/** The refresh tokens that LINE issued through us, by their keys. They are bounded apart from the records of access tokens. */
export type Families = {
  /** LINE issued the refresh token in a login. */
  begin(refreshKey: string, start: Omit<Family, 'id'>): Family
  /** LINE issued the refresh token for another one, or gave back the same. */
  continueWith(refreshKey: string, replaced: string, start: Omit<Family, 'id'>): Family
  /** `undefined`: the refresh token was not issued through us, or too long ago. */
  find(refreshKey: string): Family | undefined
  /** The user of a token: its own, else that of its session. `undefined`: it is not known. */
  userOf(origin: Pick<Origin, 'userId' | 'family'>): string | undefined
  /** A token of the family turned out to be this user's. */
  learnUser(family: string, userId: string): void
  /** Another process knows the family of the refresh token. */
  learn(refreshKey: string, family: Omit<Family, 'begunAt'>): void
  /** `listener` gets each family that this process makes or changes, with the key of the refresh token. */
  onChange(listener: (refreshKey: string, family: Family) => void): void
}

const mostKnown = 100_000

export function createFamilies(most = mostKnown): Families {
  const families = createBoundedMap<Family>(most)
  let changed: (refreshKey: string, family: Family) => void = () => {}

  return { begin, continueWith, find, userOf, learnUser, learn, onChange }

  function onChange(listener: typeof changed): void {
    changed = listener
  }

  function begin(refreshKey: string, start: Omit<Family, 'id'>): Family {
    return put(refreshKey, { ...start, id: refreshKey })
  }

  function continueWith(refreshKey: string, replaced: string, start: Omit<Family, 'id'>): Family {
    const family = families.get(replaced) ?? begin(replaced, start)
    return families.get(refreshKey) === family ? family : put(refreshKey, family)
  }

  function put(refreshKey: string, family: Family): Family {
    families.set(refreshKey, family)
    changed(refreshKey, family)
    return family
  }

  function find(refreshKey: string): Family | undefined {
    return families.get(refreshKey)
  }

  function userOf({ userId, family }: Pick<Origin, 'userId' | 'family'>): string | undefined {
    return userId ?? (family === undefined ? undefined : find(family)?.userId)
  }

  function learnUser(id: string, userId: string): void {
    const family = families.peek(id)
    if (family === undefined || family.userId === userId) return
    family.userId = userId
    changed(id, family)
  }

  /** All refresh tokens of a family share one object, so that they learn the user together. */
  function learn(refreshKey: string, { id, userId, ...start }: Omit<Family, 'begunAt'>): void {
    const family = families.get(refreshKey) ?? families.get(id) ?? { ...start, id, userId, begunAt: undefined }
    family.userId ??= userId
    families.set(id, family)
    families.set(refreshKey, family)
  }
}
