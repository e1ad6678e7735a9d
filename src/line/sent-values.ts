/** Finds out whether a text of LINE quotes what was sent to LINE. */

/** The parts of a request that hold values of the caller or of the settings. */
export type SentValues = {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

/** A value with the name of its parameter. */
export type SentValue = { readonly name: string; readonly value: string }

/** Their values are constants of ours, and words of LINE's texts. */
const constants = new Set(['grant_type', 'id_token_key_type'])

/** The values of the query, of the body and of the Authorization header, as the caller or the settings gave them. */
export function valuesIn({ path, headers, body = '' }: SentValues): readonly SentValue[] {
  const bearer = headers?.authorization?.replace(/^Bearer /, '') ?? ''
  const sent = [...new URLSearchParams(path.split('?')[1]), ...bodyValues(body), ['authorization', bearer] as const]
  return sent.flatMap(([name, value]) => (value === '' || constants.has(name) ? [] : [{ name, value }]))
}

function bodyValues(body: string): readonly (readonly [name: string, value: string])[] {
  if (body.startsWith('{')) return Object.entries(JSON.parse(body)).map(([name, value]) => [name, String(value)])
  return [...new URLSearchParams(body)]
}

/**
 * True if `text` holds one of the values, a part of one, or what looks like another credential or an email address.
 * Escapes, letter case and characters between the letters do not matter.
 */
export function quotes(text: string, values: readonly SentValue[]): boolean {
  const unescaped = unescapeAll(text)
  if (escapes.test(unescaped) || holdsCredential(text) || holdsCredential(unescaped)) return true
  const [folded, bare] = [fold(unescaped), bareOf(unescaped)]
  return values.some(({ name, value }) => {
    const plain = unescapeAll(value)
    return text.includes(value) || folded.includes(fold(plain)) || sharesPart(bare, bareOf(plain), name)
  })
}

/** LINE's tokens, codes and secrets mix letters with digits, or small with large letters. */
function holdsCredential(text: string): boolean {
  return text.includes('@') || (text.match(/[\w.~+/=%-]{12,}/g)?.some(isMixed) ?? false)
}

/** A short number, as in the path of a URL, is no credential. */
function isMixed(run: string): boolean {
  return run
    .split(/[^\w-]+/)
    .some((word) => (/\d/.test(word) ? word.length > 4 : word.split(/[_-]+/).some((part) => !plainWord.test(part))))
}

/** Large letters, small letters, or words in camel case, such as `userAccessToken`. */
const plainWord = /^(?:[A-Z]*|[A-Z]?[a-z]*|[A-Z]?[a-z]{2,}(?:[A-Z][a-z]{2,})*)$/

/** Both without escapes and signs. Eight characters are enough, or all but one of a shorter value. */
function sharesPart(text: string, value: string, name: string): boolean {
  const size = name === 'redirect_uri' ? partOfUri : Math.min(longestPart, Math.max(value.length - 1, shortestPart))
  if (value.length < size) return false
  for (let start = 0; start + size <= text.length; start += 1) {
    if (value.includes(text.slice(start, start + size))) return true
  }
  return false
}

const longestPart = 8
const shortestPart = 5
/** Redirect URIs have words in common with LINE's texts, such as `callback`. */
const partOfUri = 12

function fold(text: string): string {
  return text.replaceAll('+', ' ').toLowerCase()
}

function bareOf(text: string): string {
  return text.toLowerCase().replace(/[^a-z\d]+/g, '')
}

/** The escapes of percent-encoding, JSON and HTML. */
const escapes =
  /%[\da-f]{2}|(?:\\u[\da-f]{4})+|\\x[\da-f]{2}|\\[/"'\\]|&#\d{1,7};|&#x[\da-f]{1,6};|&(?:amp|lt|gt|quot|apos);/i
const everyEscape = new RegExp(escapes, 'gi')
const characters: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }
/** An escaped text can be escaped again. */
const mostRounds = 5

/** The UTF-8 bytes as one character each, so that a character is the same in each kind of escape. */
function unescapeAll(text: string): string {
  let bytes = bytesOf(text)
  for (let round = 0; round < mostRounds && escapes.test(bytes); round += 1)
    bytes = bytes.replace(everyEscape, withoutEscape)
  return bytes
}

function withoutEscape(escaped: string): string {
  const code = Number.parseInt(escaped.replace(/^(?:%|\\x|&#x)/i, ''), 16)
  if (/^(?:%|\\x)/i.test(escaped)) return String.fromCharCode(code)
  if (/^\\u/i.test(escaped)) return bytesOf(escaped.replace(/\\u(....)/gi, (_, hex) => character(`0x${hex}`)))
  if (/^&#x/i.test(escaped)) return bytesOf(character(code))
  if (escaped.startsWith('&#')) return bytesOf(character(escaped.slice(2, -1)))
  return characters[escaped.slice(1, -1).toLowerCase()] ?? escaped.slice(1)
}

function character(code: number | string): string {
  return String.fromCodePoint(Math.min(Number(code), 0x10_ff_ff))
}

function bytesOf(text: string): string {
  return Buffer.from(text).toString('latin1')
}
