import type { Origin } from './families.ts'
import type { TokenRecord } from './record.ts'
import { decodeText, encodeText, hasField, readField, readNumber, writeFields, writeNumber } from './record-bytes.ts'

/**
 * A record is stored as one string of bytes. A million records as objects take twice the memory, and the garbage
 * collector visits each of them. A stored record is not unpacked: its getters read the bytes.
 *
 * Layout: three times, the number of a `ChannelScopes`, then the fields of the table `layout`.
 */

/** The channel and scopes of a token. Most tokens have the same few, so each is stored once and has a number. */
export type ChannelScopes = Pick<TokenRecord, 'channelId' | 'scopes'>

const timeBytes = 6
const numberBytes = 2
const verifiedAtByte = 0
const expiresAtByte = verifiedAtByte + timeBytes
const profileReadAtByte = expiresAtByte + timeBytes
const channelScopesByte = profileReadAtByte + timeBytes
const firstFieldByte = channelScopesByte + numberBytes

/** Stored instead of a number: the channel and scopes are in the field `channelScopes`. */
const notShared = 2 ** (8 * numberBytes) - 1

/**
 * The fields in their order. Each function returns the bytes to store. `undefined`: the field is missing. Other versions read
 * them in Redis by their numbers: a new field comes last, and a removed or changed one needs a new number in `currentVersions`.
 */
const layout = {
  userId: ({ userId }: TokenRecord) => packUserId(userId),
  displayName: ({ profile }: TokenRecord) => encodeText(profile?.displayName),
  pictureUrl: ({ profile }: TokenRecord) => encodeText(packPicture(profile?.pictureUrl)),
  statusMessage: ({ profile }: TokenRecord) => encodeText(profile?.statusMessage),
  friendship: ({ friendship }: TokenRecord) =>
    friendship && String(friendship.isFriend)[0] + writeNumber(friendship.readAt, timeBytes),
  family: ({ family }: TokenRecord) => family,
  channelScopes: ({ channelId, scopes }: TokenRecord, number: number) =>
    number === notShared ? encodeText([channelId, ...scopes].join(' ')) : undefined,
}

const packers = Object.values(layout)
const fieldNumber = (name: keyof typeof layout) => Object.keys(layout).indexOf(name)
const userIdField = fieldNumber('userId')
const displayNameField = fieldNumber('displayName')
const pictureUrlField = fieldNumber('pictureUrl')
const statusMessageField = fieldNumber('statusMessage')
const friendshipField = fieldNumber('friendship')
const familyField = fieldNumber('family')
const channelScopesField = fieldNumber('channelScopes')

/** `number`: the number of the record's channel and scopes, if they are shared. */
export function writeRecord(record: TokenRecord, number = notShared): string {
  const head = [
    writeNumber(record.verifiedAt, timeBytes),
    writeNumber(record.expiresAt, timeBytes),
    writeNumber(record.profile?.readAt ?? 0, timeBytes),
    writeNumber(number, numberBytes),
  ]
  return head.join('') + writeFields(packers.map((pack) => pack(record, number)))
}

/** What is kept of a record that had to make room. */
export function writeOrigin({ channelId, userId, family, verifiedAt, expiresAt }: Origin): string {
  const times = writeNumber(verifiedAt, timeBytes) + writeNumber(expiresAt, timeBytes)
  return times + writeFields([encodeText(channelId), packUserId(userId), family])
}

export function readOrigin(text: string): Origin {
  const [channelId, userId, family] = [0, 1, 2].map((number) => readField(text, 2 * timeBytes, number))
  const [verifiedAt = 0, expiresAt = 0] = [0, timeBytes].map((from) => readNumber(text, from, timeBytes))
  return { channelId: decodeText(channelId) ?? '', userId: unpackUserId(userId), family, verifiedAt, expiresAt }
}

/** A stored record. It can be read even after the store has dropped it. */
export class StoredRecord implements TokenRecord {
  readonly #text: string
  readonly #shared: readonly ChannelScopes[]

  constructor(text: string, shared: readonly ChannelScopes[]) {
    this.#text = text
    this.#shared = shared
  }

  get channelId(): string {
    return this.#channelScopes.channelId
  }

  get scopes(): readonly string[] {
    return this.#channelScopes.scopes
  }

  get verifiedAt(): number {
    return readNumber(this.#text, verifiedAtByte, timeBytes)
  }

  get expiresAt(): number {
    return readNumber(this.#text, expiresAtByte, timeBytes)
  }

  get userId(): string | undefined {
    return unpackUserId(readField(this.#text, firstFieldByte, userIdField))
  }

  get family(): string | undefined {
    return readField(this.#text, firstFieldByte, familyField)
  }

  get profile(): TokenRecord['profile'] {
    return hasField(this.#text, firstFieldByte, displayNameField) ? new StoredProfile(this.#text) : undefined
  }

  get friendship(): TokenRecord['friendship'] {
    const bytes = readField(this.#text, firstFieldByte, friendshipField)
    if (bytes === undefined) return undefined
    return { isFriend: bytes[0] === 'n' ? null : bytes[0] === 't', readAt: readNumber(bytes, 1, timeBytes) }
  }

  get #channelScopes(): ChannelScopes {
    const number = readNumber(this.#text, channelScopesByte, numberBytes)
    return this.#shared[number] ?? parseChannelScopes(readField(this.#text, firstFieldByte, channelScopesField))
  }
}

class StoredProfile implements NonNullable<TokenRecord['profile']> {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  get displayName(): string {
    return decodeText(readField(this.#text, firstFieldByte, displayNameField)) ?? ''
  }

  get pictureUrl(): string | null {
    return unpackPicture(decodeText(readField(this.#text, firstFieldByte, pictureUrlField))) ?? null
  }

  get statusMessage(): string | null {
    return decodeText(readField(this.#text, firstFieldByte, statusMessageField)) ?? null
  }

  get readAt(): number {
    return readNumber(this.#text, profileReadAtByte, timeBytes)
  }
}

function parseChannelScopes(bytes: string | undefined): ChannelScopes {
  const [channelId = '', ...scopes] = (decodeText(bytes) ?? '').split(' ')
  return Object.freeze({ channelId, scopes: Object.freeze(scopes) })
}

/** A user ID of LINE is `U` and 32 hexadecimal digits. The digits are stored as 16 bytes. */
function packUserId(userId: string | undefined): string | undefined {
  if (userId === undefined) return undefined
  return /^U[0-9a-f]{32}$/.test(userId)
    ? Buffer.from(userId.slice(1), 'hex').toString('latin1')
    : encodeText(otherIdPrefix + userId)
}

function unpackUserId(packed: string | undefined): string | undefined {
  if (packed === undefined || packed.length > userIdBytes) return decodeText(packed)?.slice(otherIdPrefix.length)
  return `U${Buffer.from(packed, 'latin1').toString('hex')}`
}

const userIdBytes = 16
/** Stored before any other ID. It is longer than 16 bytes, so such an ID is never read as 16 bytes of digits. */
const otherIdPrefix = 'not hexadecimal: '

/** The host of LINE's profile pictures. Picture URLs are absolute, so a stored path means a path on this host. */
const pictureHost = 'https://profile.line-scdn.net'

function packPicture(pictureUrl: string | null | undefined): string | null | undefined {
  return pictureUrl?.startsWith(`${pictureHost}/`) ? pictureUrl.slice(pictureHost.length) : pictureUrl
}

function unpackPicture(packed: string | undefined): string | undefined {
  return packed?.startsWith('/') ? pictureHost + packed : packed
}
