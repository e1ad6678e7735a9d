import { createHmac } from 'node:crypto'
import type { Answer } from '../../harness/check-driver.ts'
import type { Observations } from './check.ts'

/** The status, error and text of a refusal by the token, verify and revoke endpoints. */
export function refusalOf({ status, body }: Answer): Observations {
  return { status, error: body.error, text: body.error_description }
}

/** The same without the text, for refusals whose text LINE does not document. */
export function errorOf({ status, body }: Answer): Observations {
  return { status, error: body.error }
}

/** The status of a refusal by the resource endpoints, and whether it has a text. */
export function deniedBy({ status, body }: Answer): Observations {
  return { status, hasMessage: typeof body.message === 'string' && body.message !== '' }
}

/** The types of the named members; `undefined` if a member is absent. */
export function typesOf(body: Answer['body'], ...names: readonly string[]): Observations {
  return Object.fromEntries(names.map((name) => [name, Array.isArray(body[name]) ? 'array' : typeof body[name]]))
}

export function textIn(body: Answer['body'], name: string): string {
  const value = body[name]
  if (typeof value !== 'string') throw new TypeError(`The answer has no string "${name}"`)
  return value
}

export function isWithin(value: unknown, least: number, most: number): boolean {
  return typeof value === 'number' && value >= least && value <= most
}

export function wordsIn(value: unknown): readonly string[] {
  return String(value)
    .split(' ')
    .filter((word) => word !== '')
    .sort()
}

/** The parts of a JWT, decoded without a check of the signature. */
export function jwtParts(token: string): { readonly header: Answer['body']; readonly claims: Answer['body'] } {
  const [header = '', claims = ''] = token.split('.')
  return { header: decoded(header), claims: decoded(claims) }
}

export function isSignedWith(secret: string, token: string): boolean {
  const [header = '', claims = '', signature = ''] = token.split('.')
  return createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url') === signature
}

/** The same token with a wrong signature in the right format. */
export function forged(token: string): string {
  const parts = token.split('.')
  const signature = Buffer.from(parts[2] ?? '', 'base64url').map((byte) => byte ^ 0xff)
  return `${parts[0]}.${parts[1]}.${Buffer.from(signature).toString('base64url')}`
}

/** The parameters of the redirect to the app. Without such a redirect: whether the login continues. */
export function callbackOf({ status, headers }: Answer, redirectUri: string): Observations {
  const location = String(headers.location ?? '')
  if (!location.startsWith(redirectUri)) return { loginContinues: status < 400 }
  const parameters = Object.fromEntries(new URL(location).searchParams)
  return { ...parameters }
}

/** A page of LINE's own, and whether there was a redirect. */
export function pageOf({ status, headers }: Answer): Observations {
  const type = String(headers['content-type'] ?? '').split(';')[0]
  return { status, type, callback: headers.location !== undefined }
}

function decoded(part: string): Answer['body'] {
  const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString())
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
