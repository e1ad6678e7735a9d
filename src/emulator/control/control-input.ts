import type { TokenRequest } from '../platform/direct-actions.ts'

export function isRecord(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

export function stringIn(input: unknown, name: string): string {
  const value = isRecord(input) ? input[name] : undefined
  if (typeof value !== 'string') throw new TypeError(`${name} must be a string`)
  return value
}

export function numberIn(input: unknown, name: string): number {
  const value = isRecord(input) ? input[name] : undefined
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`)
  return value
}

/** Undefined when the member is absent. */
export function optional<T>(read: (input: unknown, name: string) => T, input: unknown, name: string): T | undefined {
  return isRecord(input) && input[name] !== undefined ? read(input, name) : undefined
}

const tokenRequestReaders = {
  channelId: stringIn,
  userId: stringIn,
  scope: stringIn,
  expiresIn: numberIn,
  nonce: stringIn,
  authTime: numberIn,
  amr: stringsIn,
  es256: booleanIn,
}

/** Reads the body of `POST /emulator/tokens`, a `TokenRequest`. Throws a `TypeError` that names the wrong member. */
export function parseTokenRequest(input: unknown): TokenRequest {
  if (!isRecord(input)) throw new TypeError('The body must be an object')
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(tokenRequestReaders, name)) throw new TypeError(`Unknown member "${name}"`)
  }
  const read = Object.entries(tokenRequestReaders).map(([name, read]) => [name, optional<unknown>(read, input, name)])
  return Object.fromEntries(read.filter(([, value]) => value !== undefined))
}

function stringsIn(input: unknown, name: string): string[] {
  const value = isRecord(input) ? input[name] : undefined
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new TypeError(`${name} must be a list of strings`)
  }
  return value
}

function booleanIn(input: unknown, name: string): boolean {
  const value = isRecord(input) ? input[name] : undefined
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be true or false`)
  return value
}
