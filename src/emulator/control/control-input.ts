import type { TokenRequest } from '../platform/direct-actions.ts'

export function isRecord(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

/** Reads one member of a body. Throws a `TypeError` that names it and says what is allowed. */
type ReadMember<T> = (body: Record<string, unknown>, name: string) => T

/** The body of a control endpoint. Throws a `TypeError` if it is no object, or has a member that is not in `names`. */
function parseBody(input: unknown, names: readonly string[]): Record<string, unknown> {
  if (!isRecord(input)) throw new TypeError('The body must be an object')
  if (!Object.keys(input).every((name) => names.includes(name)))
    throw new TypeError(`The body has an unknown member: expected ${names.join(', ')}`)
  return input
}

/** Reads the body of `POST clock`. In ms. */
export function parseAdvance(input: unknown): number {
  const ms = parseBody(input, ['advanceMs']).advanceMs
  // Dates end at 8.64e15 ms.
  if (typeof ms === 'number' && ms >= 0 && ms <= 1e15) return ms
  throw new TypeError('advanceMs must be a number of ms, 0 or more')
}

/** Reads the body of `POST users/…/unlink`. */
export function parseChannelId(input: unknown): string | undefined {
  return optional(stringIn, parseBody(input, ['channelId']), 'channelId')
}

/** Reads which access tokens a body names: one, or all of a user. */
export function parseTokenChoice(input: unknown): { readonly accessToken: string } | { readonly userId: string } {
  const body = parseBody(input, ['accessToken', 'userId'])
  if ((body.accessToken === undefined) === (body.userId === undefined))
    throw new TypeError('The body must have exactly one of accessToken and userId')
  return body.userId === undefined
    ? { accessToken: stringIn(body, 'accessToken') }
    : { userId: stringIn(body, 'userId') }
}

function stringIn(body: Record<string, unknown>, name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`)
  return value
}

function secondsIn(body: Record<string, unknown>, name: string): number {
  const value = body[name]
  if (typeof value !== 'number' || Math.abs(value) > 1e11) throw new TypeError(`${name} must be a number of seconds`)
  return value
}

function optional<T>(read: ReadMember<T>, body: Record<string, unknown>, name: string): T | undefined {
  return body[name] === undefined ? undefined : read(body, name)
}

const tokenRequestReaders = {
  channelId: stringIn,
  userId: stringIn,
  scope: stringIn,
  expiresIn: secondsIn,
  nonce: stringIn,
  authTime: secondsIn,
  amr: stringsIn,
  es256: booleanIn,
}

/** Reads the body of `POST tokens`, a `TokenRequest`. */
export function parseTokenRequest(input: unknown): TokenRequest {
  const body = parseBody(input, Object.keys(tokenRequestReaders))
  const read = Object.entries(tokenRequestReaders).map(([name, read]) => [name, optional<unknown>(read, body, name)])
  return Object.fromEntries(read.filter(([, value]) => value !== undefined))
}

function stringsIn(body: Record<string, unknown>, name: string): string[] {
  const value = body[name]
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new TypeError(`${name} must be a list of strings`)
  }
  return value
}

function booleanIn(body: Record<string, unknown>, name: string): boolean {
  const value = body[name]
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`)
  return value
}
