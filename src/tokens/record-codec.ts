import type { TokenRecord } from './record.ts'

/**
 * A record as it is kept: one string with a character for each byte, because a million records are paid for by the object
 * and, most of all, by the garbage collector. Nothing is unpacked that nobody asks for: a record is read where it lies.
 *
 * Layout: three times, the number of the grant, then fields that each begin with their length. Fields that are missing at
 * the end are left out.
 */

/** The few different things that tokens are good for; kept once and shared by all records. */
export type Grant = Pick<TokenRecord, 'channelId' | 'scopes'>

const timeBytes = 6
const grantBytes = 2
/** LINE's answers end at 64 KB, but what is no UTF-8 in them grows when it is read and written again. */
const lengthBytes = 3
const at = { verifiedAt: 0, expiresAt: 6, readAt: 12, grant: 18, fields: 20 }
const fields = { userId: 0, displayName: 1, pictureUrl: 2, statusMessage: 3, friendship: 4, family: 5, grant: 6 }
/** In place of a number: the grant is a field of the record's own. */
const unshared = 2 ** (8 * grantBytes) - 1

/** `grant` is the number of the record's grant among the shared ones, if it is one of them. */
export function writeRecord(record: TokenRecord, grant = unshared): string {
  const { profile, friendship } = record
  const head = [
    writeNumber(record.verifiedAt, timeBytes),
    writeNumber(record.expiresAt, timeBytes),
    writeNumber(profile?.readAt ?? 0, timeBytes),
    writeNumber(grant, grantBytes),
  ]
  const rest = [
    packUserId(profile?.userId ?? record.userId),
    encode(profile?.displayName),
    encode(packPicture(profile?.pictureUrl)),
    encode(profile?.statusMessage),
    friendship && String(friendship.isFriend)[0] + writeNumber(friendship.readAt, timeBytes),
    record.family,
    grant === unshared ? encode([record.channelId, ...record.scopes].join(' ')) : undefined,
  ]
  return [...head, ...rest.slice(0, rest.findLastIndex(isGiven) + 1).map(writeField)].join('')
}

/** What `writeRecord` wrote, as far as it is looked at. It is a value: what becomes of the store it came from is nothing to it. */
export class WrittenRecord implements TokenRecord {
  readonly #text: string
  readonly #grants: readonly Grant[]

  constructor(text: string, grants: readonly Grant[]) {
    this.#text = text
    this.#grants = grants
  }

  get channelId(): string {
    return this.#grant.channelId
  }

  get scopes(): readonly string[] {
    return this.#grant.scopes
  }

  get verifiedAt(): number {
    return readNumber(this.#text, at.verifiedAt, timeBytes)
  }

  get expiresAt(): number {
    return readNumber(this.#text, at.expiresAt, timeBytes)
  }

  get profile(): TokenRecord['profile'] {
    return hasField(this.#text, fields.displayName) ? new WrittenProfile(this.#text) : undefined
  }

  get friendship(): TokenRecord['friendship'] {
    const text = readField(this.#text, fields.friendship)
    if (text === undefined) return undefined
    return { isFriend: text[0] === 'n' ? null : text[0] === 't', readAt: readNumber(text, 1, timeBytes) }
  }

  get userId(): string | undefined {
    return unpackUserId(readField(this.#text, fields.userId))
  }

  get family(): string | undefined {
    return readField(this.#text, fields.family)
  }

  get #grant(): Grant {
    const number = readNumber(this.#text, at.grant, grantBytes)
    return this.#grants[number] ?? readGrant(decode(readField(this.#text, fields.grant)) ?? '')
  }
}

class WrittenProfile implements NonNullable<TokenRecord['profile']> {
  readonly #text: string

  constructor(text: string) {
    this.#text = text
  }

  get userId(): string {
    return unpackUserId(readField(this.#text, fields.userId)) ?? ''
  }

  get displayName(): string {
    return decode(readField(this.#text, fields.displayName)) ?? ''
  }

  get pictureUrl(): string | null {
    return unpackPicture(decode(readField(this.#text, fields.pictureUrl))) ?? null
  }

  get statusMessage(): string | null {
    return decode(readField(this.#text, fields.statusMessage)) ?? null
  }

  get readAt(): number {
    return readNumber(this.#text, at.readAt, timeBytes)
  }
}

function readGrant(text: string): Grant {
  const [channelId = '', ...scopes] = text.split(' ')
  return Object.freeze({ channelId, scopes: Object.freeze(scopes) })
}

/** Least significant byte first. Fractions are cut off: nothing may look younger or live longer than it does. */
function writeNumber(value: number, bytes: number): string {
  let written = ''
  let rest = Math.max(Math.floor(value), 0)
  for (let index = 0; index < bytes; index++) {
    written += String.fromCharCode(rest % 256)
    rest = Math.floor(rest / 256)
  }
  return written
}

function readNumber(text: string, from: number, bytes: number): number {
  let value = 0
  for (let index = from + bytes - 1; index >= from; index--) value = value * 256 + text.charCodeAt(index)
  return value
}

function isGiven(field: string | undefined): boolean {
  return field !== undefined
}

/** The length is one more than it is: zero says that there is no such field, which an empty one is. */
function writeField(bytes: string | undefined): string {
  return bytes === undefined ? missing : writeNumber(bytes.length + 1, lengthBytes) + bytes
}

const missing = writeNumber(0, lengthBytes)

function readField(text: string, field: number): string | undefined {
  const from = startOf(text, field)
  const length = lengthAt(text, from)
  return length < 0 ? undefined : text.slice(from + lengthBytes, from + lengthBytes + length)
}

function hasField(text: string, field: number): boolean {
  return lengthAt(text, startOf(text, field)) >= 0
}

function startOf(text: string, field: number): number {
  let from = at.fields
  for (let before = 0; before < field; before++) from += lengthBytes + Math.max(lengthAt(text, from), 0)
  return from
}

/** -1 where there is no such field; past the end there is none either. */
function lengthAt(text: string, from: number): number {
  return from < text.length ? readNumber(text, from, lengthBytes) - 1 : -1
}

/** UTF-8, a character a byte: with one wide character among them, a string would take two bytes for every other as well. */
function encode(text: string | null | undefined): string | undefined {
  if (text == null) return undefined
  return isAscii(text) ? text : Buffer.from(text).toString('latin1')
}

function decode(bytes: string | undefined): string | undefined {
  return bytes === undefined || isAscii(bytes) ? bytes : Buffer.from(bytes, 'latin1').toString()
}

/** The same in UTF-8 as it is. */
function isAscii(text: string): boolean {
  return !/[^\0-\x7f]/.test(text)
}

/** A user ID is `U` and 16 bytes in hexadecimal: half as long as 16 characters of a byte each. */
function packUserId(userId: string | undefined): string | undefined {
  if (userId === undefined) return undefined
  return /^U[0-9a-f]{32}$/.test(userId)
    ? Buffer.from(userId.slice(1), 'hex').toString('latin1')
    : encode(otherId + userId)
}

function unpackUserId(packed: string | undefined): string | undefined {
  if (packed === undefined || packed.length > userIdBytes) return decode(packed)?.slice(otherId.length)
  return `U${Buffer.from(packed, 'latin1').toString('hex')}`
}

const userIdBytes = 16
/** Before any other ID: longer by itself than those of 16 bytes. */
const otherId = 'not hexadecimal: '

/** Where LINE keeps the pictures of its users. Addresses are absolute, so a path alone says: there. */
const pictureHost = 'https://profile.line-scdn.net'

function packPicture(pictureUrl: string | null | undefined): string | null | undefined {
  return pictureUrl?.startsWith(`${pictureHost}/`) ? pictureUrl.slice(pictureHost.length) : pictureUrl
}

function unpackPicture(packed: string | undefined): string | undefined {
  return packed?.startsWith('/') ? pictureHost + packed : packed
}
