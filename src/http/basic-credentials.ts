import { decoded } from './form.ts'

export type NameAndSecret = { readonly id: string; readonly secret: string }

/**
 * The readings of an `Authorization: Basic …` header (RFC 7617). OAuth clients percent-encode both parts (RFC 6749 section
 * 2.3.1), but many do not, so there are up to two readings. Empty: another scheme, or malformed.
 */
export function readBasic(authorization: string): readonly NameAndSecret[] {
  const [, base64 = ''] = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(authorization) ?? []
  const text = Buffer.from(base64, 'base64').toString('utf8')
  const colon = text.indexOf(':')
  if (colon < 0) return []
  const raw = { id: text.slice(0, colon), secret: text.slice(colon + 1) }
  const [id, secret] = [decoded(raw.id), decoded(raw.secret)]
  const isSame = id === raw.id && secret === raw.secret
  return id === undefined || secret === undefined || isSame ? [raw] : [raw, { id, secret }]
}
