import { z } from 'zod'
import type { Clock } from '../clock.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { Family } from './families.ts'
import type { LearnedTombstone, Tombstone } from './tombstones.ts'
import type { Departure } from './user-tombstones.ts'

/**
 * What one process tells the others. Tombstones are also stored under keys of their own, in the same form. Times are epoch ms
 * of the wall clock. The release before this one reads these texts too, so members are only added.
 */
export type SharedEvent = TombstoneEvent | RefusalEvent | PauseEvent | AnchorEvent
export type TombstoneEvent = TokenEvent | UserEvent

/** A token or a session is dead. */
export type TokenEvent = {
  readonly kind: 'token' | 'session'
  readonly key: string
  readonly channelId: string
  readonly isConfirmed: boolean
  readonly until: number
}

/** A user left the service. */
export type UserEvent = Departure & { readonly kind: 'user'; readonly channelId: string; readonly userId: string }

/** LINE has refused a token that it had accepted before. */
export type RefusalEvent = { readonly kind: 'refused'; readonly key: string; readonly reason: TokenRefusal }

/** LINE answered 429: nobody calls this endpoint before `until`. */
export type PauseEvent = { readonly kind: 'paused'; readonly endpoint: string; readonly until: number }

/** The first entry of an empty stream. If it is gone, the stream was lost. */
export type AnchorEvent = { readonly kind: 'anchor' }

/** The session of a refresh token, for processes that have not seen its login. */
export type FamilyFacts = Omit<Family, 'begunAt'>

/** SHA-256. In memory it has one character a byte, which would be longer as JSON. */
const key = z
  .string()
  .regex(/^[\w-]{43}$/)
  .transform((text) => Buffer.from(text, 'base64url').toString('latin1'))
const id = z.string().min(1).max(256)
const time = z.number()
const token = { key, channelId: id, isConfirmed: z.boolean(), until: time }
const user = { channelId: id, userId: id, raisedAt: time, at: time, isLeaving: z.boolean() }
const reason = z.enum(['MALFORMED', 'EXPIRED', 'REVOKED', 'WRONG_CHANNEL', 'INVALID'])

const event = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('token'), ...token }),
  z.object({ kind: z.literal('session'), ...token }),
  z.object({ kind: z.literal('user'), ...user }),
  z.object({ kind: z.literal('refused'), key, reason }),
  z.object({ kind: z.literal('paused'), endpoint: id, until: time }),
  z.object({ kind: z.literal('anchor') }),
])
const sent = z.object({ from: id, sentAt: time, event })
const family = z.object({ id: key, channelId: id, begunTime: time, userId: id.optional() })

/** An event in the stream. `from`: the process that wrote it. */
export type SentEvent = { readonly from: string; readonly sentAt: number; readonly event: SharedEvent }

export const writeSent = ({ event, ...text }: SentEvent): Buffer => toBytes({ ...text, event: packed(event) })
/** `undefined`: a later release has written it, and we do not know what it means. */
export const readSent = (bytes: Buffer): SentEvent | undefined => parse(sent, bytes)

export const writeTombstone = (text: TombstoneEvent): Buffer => toBytes(packed(text))
export function readTombstone(bytes: Buffer): TombstoneEvent | undefined {
  const read = parse(event, bytes)
  return read?.kind === 'token' || read?.kind === 'session' || read?.kind === 'user' ? read : undefined
}

export function writeFamily(
  { id, channelId, begunTime, userId }: FamilyFacts,
  { toWall }: Pick<Clock, 'toWall'>,
): Buffer {
  return toBytes({ id: packKey(id), channelId, begunTime: toWall(begunTime), userId })
}
export function readFamily(bytes: Buffer, { fromWall }: Pick<Clock, 'fromWall'>): FamilyFacts | undefined {
  const read = parse(family, bytes)
  return read && { ...read, begunTime: fromWall(read.begunTime), userId: read.userId }
}

export function toTokenEvent(
  key: string,
  { kind, channelId, isConfirmed, until }: Tombstone,
  clock: Clock,
): TokenEvent {
  return { kind, key, channelId, isConfirmed, until: Math.round(clock.wall() + until - clock.steady()) }
}

/** `forMs` is 0 or less if it has ended. */
export function fromTokenEvent({ kind, channelId, isConfirmed, until }: TokenEvent, clock: Clock): LearnedTombstone {
  return { kind, channelId, isConfirmed, forMs: until - clock.wall() }
}

export function toUserEvent(channelId: string, userId: string, departure: Departure, { toWall }: Clock): UserEvent {
  const { raisedAt, at, isLeaving } = departure
  return { kind: 'user', channelId, userId, raisedAt: toWall(raisedAt), at: toWall(at), isLeaving }
}

export function fromUserEvent({ raisedAt, at, isLeaving }: UserEvent, { fromWall }: Clock): Departure {
  return { raisedAt: fromWall(raisedAt), at: fromWall(at), isLeaving }
}

function packed(event: SharedEvent): SharedEvent {
  return 'key' in event ? { ...event, key: packKey(event.key) } : event
}

function packKey(text: string): string {
  return Buffer.from(text, 'latin1').toString('base64url')
}

function toBytes(text: object): Buffer {
  return Buffer.from(JSON.stringify(text))
}

function parse<Text extends z.ZodType>(rule: Text, bytes: Buffer): z.output<Text> | undefined {
  try {
    return rule.safeParse(JSON.parse(bytes.toString())).data
  } catch {
    return undefined
  }
}
