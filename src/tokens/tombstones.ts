import { type BoundedMap, createBoundedMap } from './bounded-map.ts'

/**
 * A tombstone marks a token or a session as dead, because a caller revoked it here. The key is the digest of an access
 * token, or of the first refresh token of a session. A tombstone is a fact that each use compares with: nobody searches for
 * the records that it concerns.
 */
export type Tombstones = {
  /** True while nothing is dead. Then a cache hit needs no further look. */
  isEmpty(): boolean
  /** Dead for `forMs`, whatever LINE answers. A tombstone that exists is kept, for the longer of the two times. */
  raise(key: string, stone: NewTombstone): void
  has(key: string): boolean
  find(key: string): Tombstone | undefined
  /** LINE has revoked it too. */
  confirm(key: string): void
  /** Another process has raised it or confirmed it. */
  learn(key: string, stone: LearnedTombstone): void
  /** `listener` gets each change that this process makes. The tombstones of strangers are left out. */
  onChange(listener: (key: string, stone: Tombstone) => void): void
  /** How many there are, with those that have ended and were not looked for since. */
  counts(): Readonly<Record<CountedAs, number>>
}

export type NewTombstone = {
  /** A session is marked by the key of a refresh token. */
  readonly kind: 'token' | 'session'
  readonly forMs: number
  readonly channelId: string
  /** LINE has accepted or issued the token to us. Anybody can raise a tombstone for other tokens. */
  readonly isOurs: boolean
}

/** Those of strangers are apart: LINE has never accepted their tokens here. */
export type CountedAs = NewTombstone['kind'] | 'stranger'

export type LearnedTombstone = Omit<NewTombstone, 'isOurs'> & { readonly isConfirmed: boolean }

export type Tombstone = Pick<NewTombstone, 'kind' | 'channelId' | 'isOurs'> & {
  /** Without LINE's confirmation, LINE may still accept the token: revoke it there again. */
  readonly isConfirmed: boolean
  readonly until: number
}

/**
 * With more than this of one kind, the least recently used one is dropped. LINE refuses a token that it has revoked, so
 * a confirmed tombstone is no great loss. That is why the kinds are kept apart: neither those nor the tombstones of
 * strangers can push out one that we need.
 */
const mostOfAKind = 100_000

/** `steady`: milliseconds on a clock that never runs fast. A tombstone must not end early. */
export function createTombstones(steady: () => number, most = mostOfAKind): Tombstones {
  const counts = { token: 0, session: 0, stranger: 0 }
  const [unconfirmed, confirmed, ofStrangers] = [createKind(), createKind(), createKind()] as const
  const kinds = [unconfirmed, confirmed, ofStrangers]
  let wasRaised = false
  let changed: (key: string, stone: Tombstone) => void = () => {}

  return { isEmpty, raise, has: (key) => find(key) !== undefined, find, confirm, learn, onChange, counts: () => counts }

  function onChange(listener: typeof changed): void {
    changed = listener
  }

  function isEmpty(): boolean {
    return !wasRaised || unconfirmed.size + confirmed.size + ofStrangers.size === 0
  }

  function raise(key: string, { forMs, isOurs, ...facts }: NewTombstone): void {
    const existing = find(key)
    change(key, existing, {
      ...(existing ?? { ...facts, isConfirmed: false }),
      isOurs: isOurs || existing?.isOurs === true,
      until: Math.max(steady() + forMs, existing?.until ?? 0),
    })
  }

  function confirm(key: string): void {
    const existing = find(key)
    if (existing !== undefined) change(key, existing, { ...existing, isConfirmed: true })
  }

  function learn(key: string, { forMs, isConfirmed, ...facts }: LearnedTombstone): void {
    const existing = find(key)
    put(key, {
      ...facts,
      isOurs: true,
      isConfirmed: isConfirmed || existing?.isConfirmed === true,
      until: Math.max(steady() + forMs, existing?.until ?? 0),
    })
  }

  function change(key: string, before: Tombstone | undefined, stone: Tombstone): void {
    put(key, stone)
    const isNew = before?.isOurs !== true || before.isConfirmed !== stone.isConfirmed || before.until < stone.until
    if (stone.isOurs && isNew) changed(key, stone)
  }

  function put(key: string, stone: Tombstone): void {
    wasRaised = true
    for (const kind of kinds) remove(kind, key)
    counts[countedAs(stone)] += 1
    kindOf(stone).set(key, stone)
  }

  function remove(kind: BoundedMap<Tombstone>, key: string): void {
    const stone = kind.peek(key)
    if (stone !== undefined) leave(stone)
    kind.delete(key)
  }

  function leave(stone: Tombstone): void {
    counts[countedAs(stone)] -= 1
  }

  function createKind(): BoundedMap<Tombstone> {
    return createBoundedMap<Tombstone>(most, (_, stone) => leave(stone))
  }

  function kindOf({ isOurs, isConfirmed }: Tombstone): BoundedMap<Tombstone> {
    if (!isOurs) return ofStrangers
    return isConfirmed ? confirmed : unconfirmed
  }

  function find(key: string): Tombstone | undefined {
    const stone = unconfirmed.get(key) ?? confirmed.get(key) ?? ofStrangers.get(key)
    if (stone === undefined || stone.until > steady()) return stone
    remove(kindOf(stone), key)
    return undefined
  }
}

function countedAs({ isOurs, kind }: Tombstone): CountedAs {
  return isOurs ? kind : 'stranger'
}
