import type { TokenRequest } from '../platform/mint.ts'

export function isRecord(input: unknown): input is Record<string, unknown> {
  return typeof input === 'object' && input !== null && !Array.isArray(input)
}

export function stringIn(input: unknown, name: string): string {
  const value = isRecord(input) ? input[name] : undefined
  if (typeof value !== 'string') throw new TypeError(`${name} is a string`)
  return value
}

export function numberIn(input: unknown, name: string): number {
  const value = isRecord(input) ? input[name] : undefined
  if (typeof value !== 'number') throw new TypeError(`${name} is a number`)
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

/** The body of `POST /emulator/tokens`: as issueTokens takes it. Throws TypeError naming what is wrong. */
export function parseTokenRequest(input: unknown): TokenRequest {
  if (!isRecord(input)) throw new TypeError('Not an object')
  for (const name of Object.keys(input)) {
    if (!Object.hasOwn(tokenRequestReaders, name)) throw new TypeError(`There is no "${name}"`)
  }
  const read = Object.entries(tokenRequestReaders).map(([name, read]) => [name, optional<unknown>(read, input, name)])
  return Object.fromEntries(read.filter(([, value]) => value !== undefined))
}

function stringsIn(input: unknown, name: string): string[] {
  const value = isRecord(input) ? input[name] : undefined
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new TypeError(`${name} is a list of strings`)
  }
  return value
}

function booleanIn(input: unknown, name: string): boolean {
  const value = isRecord(input) ? input[name] : undefined
  if (typeof value !== 'boolean') throw new TypeError(`${name} is true or false`)
  return value
}
