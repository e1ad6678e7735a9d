import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto'
import type { JWK } from 'jose'

export type SigningAlgorithm = 'RS256' | 'ES256'

/** A private key with its times, which are epoch ms of the wall clock. */
export type SigningKey = {
  readonly kid: string
  readonly alg: SigningAlgorithm
  /** RFC 7638. The same for the same key, whatever its `kid`. */
  readonly thumbprint: string
  /** Only what everybody may see: the public members, `kid`, `use` and `alg`. */
  readonly publicJwk: JWK
  readonly privateKey: ReturnType<KeyObject['toCryptoKey']>
  /** -Infinity: it always was. */
  readonly publishedAt: number
  /** -Infinity: it always did. */
  readonly signingAt: number
  /** Infinity: never. */
  readonly retiredAt: number
}

/** Each problem names the member of the set that is wrong, as in `keys[0].retired_at: …`. It quotes no value. */
export class SigningKeysError extends Error {
  override readonly name = 'SigningKeysError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('; '))
    this.problems = problems
  }
}

/** Reading each one takes milliseconds, and verifiers fetch them all. */
const mostKeys = 100

/** Reads a private JWK set (RFC 7517 section 5) with times beside each key. Throws `SigningKeysError` with all problems at once. */
export function parseSigningKeys(text: string): readonly SigningKey[] {
  const problems: string[] = []
  const keys = parseKeySet(text).map((entry, index) =>
    parseKey(entry, (member, problem) => problems.push(`keys[${index}]${member && `.${member}`}: ${problem}`)),
  )
  const kids = keys.map((key) => key?.kid)
  kids.forEach((kid, index) => {
    if (kid !== undefined && kids.indexOf(kid) < index)
      problems.push(`keys[${index}].kid: another key has it too: expected a different one for each key`)
  })
  if (problems.length > 0) throw new SigningKeysError(problems)
  return keys.filter((key) => key !== undefined)
}

/** The entries of `keys`. A byte order mark is passed over. Throws `SigningKeysError`. */
function parseKeySet(text: string): readonly unknown[] {
  const set = parseJson(text.replace(/^\uFEFF/, ''))
  if (!isObject(set)) throw new SigningKeysError(['is not JSON: expected a JWK set, an object with the member keys'])
  const { keys } = set
  if (!Array.isArray(keys)) throw new SigningKeysError(['keys: is missing or not a list: expected a JWK set'])
  if (keys.length === 0) throw new SigningKeysError(['keys: is empty: expected at least one private key'])
  if (keys.length > mostKeys) throw new SigningKeysError([`keys: has more than ${mostKeys} keys`])
  return keys
}

type Entry = Readonly<Record<string, unknown>>
type Report = (member: string, problem: string) => void

function parseKey(entry: unknown, report: Report): SigningKey | undefined {
  if (!isObject(entry)) {
    report('', 'is not a key: expected a JWK, an object with the member kty')
    return undefined
  }
  const times = parseTimes(entry, report)
  const alg = algorithmOf(entry, report)
  const pair = alg && parsePair(entry, alg, report)
  if (entry.use !== undefined && entry.use !== 'sig') report('use', 'must be "sig", or left out')
  if (entry.kid !== undefined && !isKid(entry.kid)) report('kid', 'must be a text of 1 to 200 characters, or left out')
  if (alg === undefined || pair === undefined) return undefined
  const thumbprint = thumbprintOf(pair.publicJwk)
  const kid = isKid(entry.kid) ? entry.kid : thumbprint
  const privateKey = pair.privateKey.toCryptoKey(importAs[alg], false, ['sign'])
  return { kid, alg, thumbprint, publicJwk: { ...pair.publicJwk, kid, use: 'sig', alg }, privateKey, ...times }
}

const importAs = {
  RS256: { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' },
  ES256: { name: 'ECDSA', namedCurve: 'P-256' },
} as const

function algorithmOf({ kty, crv, alg }: Entry, report: Report): SigningAlgorithm | undefined {
  if (kty !== 'RSA' && kty !== 'EC') {
    report('kty', 'must be "RSA" or "EC": other keys cannot sign these tokens')
    return undefined
  }
  const own = kty === 'RSA' ? 'RS256' : 'ES256'
  if (alg !== undefined && alg !== own) report('alg', `must be "${own}" for this kty, or left out`)
  if (kty === 'EC' && crv !== 'P-256') report('crv', 'must be "P-256"')
  return (alg === undefined || alg === own) && (kty === 'RSA' || crv === 'P-256') ? own : undefined
}

const membersOf = {
  RS256: { public: ['n', 'e'], private: ['d', 'p', 'q', 'dp', 'dq', 'qi'] },
  ES256: { public: ['x', 'y'], private: ['d'] },
} as const

function parsePair(entry: Entry, alg: SigningAlgorithm, report: Report) {
  const { public: shown, private: secret } = membersOf[alg]
  const absent = [...shown, ...secret].filter((member) => entry[member] === undefined)
  for (const member of absent) report(member, 'is missing: expected a whole private key')
  const wrong = [...shown, ...secret].filter((member) => entry[member] !== undefined && !isBase64url(entry[member]))
  for (const member of wrong) report(member, 'must be a text in base64url')
  if (absent.length + wrong.length > 0) return undefined
  const pair = importPair(entry)
  if (pair === undefined) {
    report('', 'its members do not make a private key')
    return undefined
  }
  return isStrong(pair.privateKey, report) ? pair : undefined
}

/** RFC 7518 section 3.3. With an exponent of 1 everybody can sign; an even one never makes a pair. */
function isStrong({ asymmetricKeyDetails }: KeyObject, report: Report): boolean {
  const { modulusLength = 2048, publicExponent = 65537n } = asymmetricKeyDetails ?? {}
  if (modulusLength < 2048) report('n', 'is too short: expected an RSA key of at least 2048 bits')
  if (publicExponent < 3n) report('e', 'is too small: expected an odd number of at least 3, as "AQAB"')
  return modulusLength >= 2048 && publicExponent >= 3n
}

/** A key whose public and private members do not belong together would sign what nobody accepts. */
function importPair(entry: Entry): { readonly privateKey: KeyObject; readonly publicJwk: JWK } | undefined {
  try {
    const privateKey = createPrivateKey({ key: entry as JWK, format: 'jwk' })
    const publicKey = createPublicKey({ key: entry as JWK, format: 'jwk' })
    const sample = Buffer.from('sample')
    if (!verify('sha256', sample, publicKey, sign('sha256', sample, privateKey))) return undefined
    return { privateKey, publicJwk: publicKey.export({ format: 'jwk' }) as JWK }
  } catch {
    return undefined
  }
}

/** RFC 7638 section 3: the required members in the order of their names. */
function thumbprintOf({ kty, n, e, crv, x, y }: JWK): string {
  const members = kty === 'RSA' ? { e, kty, n } : { crv, kty, x, y }
  return createHash('sha256').update(JSON.stringify(members)).digest('base64url')
}

function parseTimes(entry: Entry, report: Report): Pick<SigningKey, 'publishedAt' | 'signingAt' | 'retiredAt'> {
  const publishedAt = parseTime(entry, 'published_at', report)
  const signingAt = parseTime(entry, 'signing_at', report)
  const retiredAt = parseTime(entry, 'retired_at', report)
  if (isBefore(signingAt, publishedAt)) report('signing_at', 'is before published_at')
  if (isBefore(retiredAt, signingAt)) report('retired_at', 'is before signing_at')
  else if (isBefore(retiredAt, publishedAt)) report('retired_at', 'is before published_at')
  return {
    publishedAt: publishedAt ?? Number.NEGATIVE_INFINITY,
    signingAt: signingAt ?? Number.NEGATIVE_INFINITY,
    retiredAt: retiredAt ?? Number.POSITIVE_INFINITY,
  }
}

function isBefore(time: number | undefined, other: number | undefined): boolean {
  return time !== undefined && other !== undefined && time < other
}

function parseTime(entry: Entry, member: string, report: Report): number | undefined {
  const value = entry[member] ?? undefined
  if (value === undefined) return undefined
  const time = typeof value === 'string' ? epochMs(value) : typeof value === 'number' ? value * 1_000 : Number.NaN
  if (time >= 0 && time <= latestMs) return time
  report(member, 'is no time: expected one such as "2026-01-31T12:00:00Z", or the seconds since 1970 as a number')
  return undefined
}

/** The year 2500. Greater numbers are milliseconds. */
const latestMs = Date.UTC(2500)
/** ISO 8601 with a time zone, or RFC 3339, which takes small letters too. A date alone is its first moment in UTC. */
const isoTime = /^(\d{4}-\d\d-\d\d)(T\d\d:\d\d(:\d\d([.,]\d{1,9})?)?(Z|[+-]\d\d(:?\d\d)?))?$/i

function epochMs(text: string): number {
  const date = isoTime.exec(text)?.[1]
  // The parser takes February 30 for March 2.
  if (date === undefined || new Date(date).toJSON()?.slice(0, 10) !== date) return Number.NaN
  return Date.parse(
    text
      .toUpperCase()
      .replace(',', '.')
      .replace(/([+-]\d\d)(\d\d)$/, '$1:$2')
      .replace(/(T.*[+-]\d\d)$/, '$1:00'),
  )
}

function isKid(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= 200
}

function isBase64url(value: unknown): boolean {
  return typeof value === 'string' && /^[\w-]+$/.test(value)
}

function isObject(value: unknown): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
