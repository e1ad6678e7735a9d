/** What an entry is about. A token, a session (by the key of its first refresh token) and a user can have several entries. */
export type SharedKind = 'access' | 'refresh' | 'code' | 'user' | 'stream'

/** The letter at the end of an entry's key, which says what the entry is. */
export type EntrySuffix =
  | 'r' // record of an access token
  | 't' // tombstone of an access token
  | 's' // tombstone of a session
  | 'u' // tombstone of a user
  | 'f' // family: the session that a refresh token belongs to
  | 'a' // answer of a refresh
  | 'c' // code
  | 'l' // lease of a verification or a refresh
  | 'p' // lease of a profile
  | 'i' // lease of a userinfo
  | 'd' // lease of a friendship
  | 'o' // outcome of an exchange

/** The name of one thing in Redis. Only who has CACHE_SECRET can make it, or read what is stored under it. */
export type SharedName = {
  /** `{…}` and the suffix. */
  keyOf(suffix: EntrySuffix): string
  /** Encrypts a value for this name and suffix. */
  seal(suffix: EntrySuffix, value: Buffer): Buffer
  /** `undefined`: it was not sealed for this name and suffix, so it is not used. It is counted. */
  open(suffix: EntrySuffix, sealed: Buffer): Buffer | undefined
}

/** The same thing under each secret in CACHE_SECRET. Written under the first one, read under all of them. */
export type SharedNameSet = { readonly write: SharedName; readonly read: readonly [SharedName, ...SharedName[]] }

export type SharedNames = {
  /** For records, leases, answers and codes: they have the version of this release. */
  entriesOf(kind: SharedKind, key: string): SharedNameSet
  /** For tombstones, families and the stream: the release before must read them too, so they have a version of their own. */
  tombstonesOf(kind: SharedKind, key: string): SharedNameSet
}
