import { createHmac, createSecretKey, type KeyObject } from 'node:crypto'
import type { EntrySuffix } from '../telemetry/metric-labels.ts'
import { createBoundedMap } from './bounded-map.ts'
import { createSharedSeal, type SharedSeal } from './shared-seal.ts'

/** What an entry is about. A token, a session (by the key of its first refresh token) and a user can have several entries. */
export type SharedKind = 'access' | 'refresh' | 'code' | 'user' | 'stream'

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
export type SharedNameSet = {
  readonly write: SharedName
  readonly read: readonly [SharedName, ...SharedName[]]
  /** For an entry whose key does not tell under which of them it was sealed, as in the stream. */
  open(suffix: EntrySuffix, sealed: Buffer): Buffer | undefined
}

export type SharedNames = {
  /** For records and their leases, answers of refreshes, and codes. */
  entriesOf(kind: SharedKind, key: string): SharedNameSet
  /** For tombstones, families and the stream. */
  tombstonesOf(kind: SharedKind, key: string): SharedNameSet
}

export type SharedNamesOptions = {
  /** CACHE_SECRET. */
  readonly secrets: readonly string[]
  /** LINE_API_URL. What one LINE answered is never used for another one. */
  readonly lineUrl: string
  /** An entry was not sealed for its place: it was changed, moved or cut, or its writer does not have our secret. */
  readonly unopened: (suffix: EntrySuffix) => void
  readonly versions?: Versions
}

/**
 * Of each list, the first version is written and all are read. `records`: records of access tokens and their leases. A process
 * with another version asks LINE. `others`: what the release before must read too. Without its leases and answers, two
 * processes would show LINE the same refresh token.
 */
type Versions = { readonly records: readonly [number]; readonly others: readonly [number, ...number[]] }
export const currentVersions: Versions = { records: [1], others: [1] }

/** A token is named several times on its way. So many names are kept that this costs one HMAC. */
const mostKept = 1_000
const idBytes = 32

/**
 * A name is one HMAC-SHA512 under a secret, of the version, the kind, LINE's URL and the key. Half of it is the ID in Redis,
 * the other half is the key for AES-256-GCM. Nothing in Redis can be compared with a digest made without the secret.
 */
export function createSharedNames(options: SharedNamesOptions): SharedNames {
  const { records, others } = options.versions ?? currentVersions
  const secrets = options.secrets.map((secret) => createSecretKey(secret, 'utf8'))
  const world = { lineUrl: options.lineUrl, seal: createSharedSeal(), unopened: options.unopened }
  const othersOf = nameSets(secrets, others, world)
  if (records.join() === others.join()) return { entriesOf: othersOf, tombstonesOf: othersOf }
  const recordsOf = nameSets(secrets, records, world)
  const entriesOf = (kind: SharedKind, key: string) => (kind === 'access' ? recordsOf : othersOf)(kind, key)
  return { entriesOf, tombstonesOf: othersOf }
}

type World = Pick<SharedNamesOptions, 'lineUrl' | 'unopened'> & { readonly seal: SharedSeal }

function nameSets(secrets: readonly KeyObject[], versions: readonly number[], world: World) {
  const kept = createBoundedMap<NameSet>(mostKept)
  const places = new Map<SharedKind, readonly Place[]>()

  return (kind: SharedKind, key: string): SharedNameSet => {
    const known = kept.get(`${kind} ${key}`)
    if (known !== undefined) return known
    const made = new NameSet(placesOf(kind).map((place) => new Name(place, key)) as [Name, ...Name[]], world)
    kept.set(`${kind} ${key}`, made)
    return made
  }

  function placesOf(kind: SharedKind): readonly Place[] {
    const known = places.get(kind)
    if (known !== undefined) return known
    const made = secrets.flatMap((secret) => versions.map((version) => placeOf(secret, version, kind, world)))
    places.set(kind, made)
    return made
  }
}

/** What all names of a kind under one secret have in common. */
type Place = World & { readonly secret: KeyObject; readonly prefix: Buffer }

/** JSON says itself where it ends, so no two places with keys behind them are the same bytes. */
function placeOf(secret: KeyObject, version: number, kind: SharedKind, world: World): Place {
  return { ...world, secret, prefix: Buffer.from(JSON.stringify([version, kind, world.lineUrl])) }
}

class NameSet implements SharedNameSet {
  readonly read: readonly [Name, ...Name[]]
  readonly #unopened: World['unopened']

  constructor(names: readonly [Name, ...Name[]], { unopened }: World) {
    this.read = names
    this.#unopened = unopened
  }

  get write(): Name {
    return this.read[0]
  }

  open(suffix: EntrySuffix, sealed: Buffer): Buffer | undefined {
    for (const name of this.read) {
      const value = name.unseal(suffix, sealed)
      if (value !== undefined) return value
    }
    this.#unopened(suffix)
    return undefined
  }
}

/** It computes its HMAC when it is first used: with several secrets, most names are made for the second one in vain. */
class Name implements SharedName {
  readonly #place: Place
  readonly #key: string
  #digest: Buffer | undefined
  #id: string | undefined
  #sealingKey: KeyObject | undefined

  constructor(place: Place, key: string) {
    this.#place = place
    this.#key = key
  }

  keyOf(suffix: EntrySuffix): string {
    return `{${this.#idText()}}${suffix}`
  }

  seal(suffix: EntrySuffix, value: Buffer): Buffer {
    return this.#place.seal.seal(value, this.#keyForSeal(), this.#idText() + suffix)
  }

  open(suffix: EntrySuffix, sealed: Buffer): Buffer | undefined {
    const value = this.unseal(suffix, sealed)
    if (value === undefined) this.#place.unopened(suffix)
    return value
  }

  /** As `open`, but not counted. */
  unseal(suffix: EntrySuffix, sealed: Buffer): Buffer | undefined {
    return this.#place.seal.unseal(sealed, this.#keyForSeal(), this.#idText() + suffix)
  }

  #idText(): string {
    this.#id ??= this.#halves().toString('base64url', 0, idBytes)
    return this.#id
  }

  #keyForSeal(): KeyObject {
    this.#sealingKey ??= createSecretKey(this.#halves().subarray(idBytes))
    return this.#sealingKey
  }

  /** Two bytes a character, so that every text has bytes of its own: a user ID can have any character. */
  #halves(): Buffer {
    const { secret, prefix } = this.#place
    this.#digest ??= createHmac('sha512', secret).update(prefix).update(this.#key, 'utf16le').digest()
    return this.#digest
  }
}
