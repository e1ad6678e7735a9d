import { LRUCache } from 'lru-cache'
import type { TokenRecord } from './record.ts'

export type RecordStore = {
  get(key: string): TokenRecord | undefined
  /** Without counting as use. */
  peek(key: string): TokenRecord | undefined
  /** Answers the record as it is kept. */
  set(key: string, record: TokenRecord): TokenRecord
  delete(key: string): void
  entries(): Iterable<readonly [key: string, record: TokenRecord]>
  size(): number
}

/**
 * A record as it is kept: one flat object, because a million records are paid for by the object and by the pointer, and
 * most of all by the garbage collector. Times are whole tenths of a second since 2026, which V8 keeps in the object itself
 * until 2032; tenths are cut off downwards, so that nothing ever looks younger or lives longer than it does.
 */
type Packed = {
  readonly grant: Grant
  readonly verifiedAt: number
  readonly expiresAt: number
  readonly readAt: number
  readonly userId: string | undefined
  /** `undefined`: there is no profile. */
  readonly displayName: string | undefined
  readonly pictureUrl: string | null
  readonly statusMessage: string | null
  readonly rest: Rest | undefined
}

/** The few different things that all tokens are good for: shared by them. */
type Grant = Pick<TokenRecord, 'channelId' | 'scopes'>
/** What most tokens never have. */
type Rest = Pick<TokenRecord, 'friendship' | 'family'>

const tenthMs = 100
const epoch = Date.UTC(2026, 0, 1) / tenthMs
/** LINE decides which scopes there are; if it ever sent a new list with each token, we would stop to share them. */
const mostGrants = 1_000

/** The least recently used records go first when there are more than `max`. */
export function createRecordStore(max: number): RecordStore {
  const kept = new LRUCache<string, Packed>({ max })
  const grants = new Map<string, Grant>()

  return { get, peek, set, delete: (key) => void kept.delete(key), entries, size: () => kept.size }

  function get(key: string): TokenRecord | undefined {
    const packed = kept.get(key)
    return packed && unpack(packed)
  }

  function peek(key: string): TokenRecord | undefined {
    const packed = kept.peek(key)
    return packed && unpack(packed)
  }

  function set(key: string, record: TokenRecord): TokenRecord {
    const packed = pack(record, shared(record))
    kept.set(key, packed)
    return unpack(packed)
  }

  function* entries(): Generator<readonly [string, TokenRecord]> {
    for (const [key, packed] of kept.entries()) yield [key, unpack(packed)]
  }

  function shared({ channelId, scopes }: TokenRecord): Grant {
    const name = `${channelId} ${scopes.join(' ')}`
    const known = grants.get(name)
    if (known !== undefined) return known
    const grant = Object.freeze({ channelId, scopes: Object.freeze([...scopes]) })
    if (grants.size < mostGrants) grants.set(name, grant)
    return grant
  }
}

function pack(record: TokenRecord, grant: Grant): Packed {
  const { profile, friendship, family } = record
  return {
    grant,
    verifiedAt: toTenths(record.verifiedAt),
    expiresAt: toTenths(record.expiresAt),
    readAt: profile === undefined ? 0 : toTenths(profile.readAt),
    userId: packUserId(profile?.userId ?? record.userId),
    displayName: profile?.displayName,
    pictureUrl: packPicture(profile?.pictureUrl ?? null),
    statusMessage: profile?.statusMessage ?? null,
    rest: friendship === undefined && family === undefined ? undefined : { friendship, family },
  }
}

function unpack(packed: Packed): TokenRecord {
  const { grant, displayName, statusMessage, rest } = packed
  const userId = unpackUserId(packed.userId)
  const pictureUrl = unpackPicture(packed.pictureUrl)
  const hasProfile = userId !== undefined && displayName !== undefined
  return {
    channelId: grant.channelId,
    scopes: grant.scopes,
    verifiedAt: toMs(packed.verifiedAt),
    expiresAt: toMs(packed.expiresAt),
    profile: hasProfile ? { userId, displayName, pictureUrl, statusMessage, readAt: toMs(packed.readAt) } : undefined,
    friendship: rest?.friendship,
    userId,
    family: rest?.family,
  }
}

/** A user ID is `U` and 16 bytes in hexadecimal: half as long as 16 characters of a byte each. */
function packUserId(userId: string | undefined): string | undefined {
  if (userId === undefined) return undefined
  return /^U[0-9a-f]{32}$/.test(userId) ? Buffer.from(userId.slice(1), 'hex').toString('latin1') : otherId + userId
}

function unpackUserId(packed: string | undefined): string | undefined {
  if (packed === undefined || packed.length > 16) return packed?.slice(otherId.length)
  return `U${Buffer.from(packed, 'latin1').toString('hex')}`
}

/** Before any other ID: longer by itself than those of 16 characters. */
const otherId = 'not hexadecimal: '

/** Where LINE keeps the pictures of its users. Addresses are absolute, so a path alone says: there. */
const pictureHost = 'https://profile.line-scdn.net'

function packPicture(pictureUrl: string | null): string | null {
  if (!pictureUrl?.startsWith(`${pictureHost}/`)) return pictureUrl
  // A slice would keep the whole address alive; going through bytes makes it a string of its own.
  return Buffer.from(pictureUrl.slice(pictureHost.length)).toString()
}

function unpackPicture(packed: string | null): string | null {
  return packed?.startsWith('/') ? pictureHost + packed : packed
}

function toTenths(epochMs: number): number {
  return Math.floor(epochMs / tenthMs) - epoch
}

function toMs(tenths: number): number {
  return (tenths + epoch) * tenthMs
}
