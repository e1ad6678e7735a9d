import { isIP, isIPv4 } from 'node:net'
import { z } from 'zod'
import { plainAddress } from '../http/network.ts'
import { isEncryptedOrLoopback, isRedirectUri, redirectUriRule } from './uri-rules.ts'

/**
 * One rule for each kind of setting. Every rule has its own error message, because a message of zod can quote the value.
 */

const text = (fits: (value: string) => boolean, error: string, missing = error) =>
  z.string({ error: ({ input }) => (input === undefined ? missing : error) }).refine(fits, { error })
export const oneOf = <const T extends readonly string[]>(...words: T) =>
  z.enum(words, { error: `must be one of: ${words.join(', ')}` })
export const flag = oneOf('true', 'false', '1', '0').transform((word) => word === 'true' || word === '1')
export const list = (item: z.ZodType<string, string>) =>
  z.preprocess(
    (all) => (typeof all === 'string' ? all.split(',').map((one) => one.trim()) : (all ?? [])),
    z.array(item),
  )

export const whole = (least: number, most: number, reason = '') =>
  text(
    (digits) => /^\d+$/.test(digits) && Number(digits) >= least && Number(digits) <= most,
    `must be a whole number from ${least} to ${most}, in plain digits${reason}`,
  ).transform(Number)
export const workerCount = text(
  (count) => count === 'auto' || (/^\d+$/.test(count) && Number(count) >= 1 && Number(count) <= 256),
  'must be a whole number from 1 to 256, in plain digits, or auto for one process a core',
).transform((count) => (count === 'auto' ? count : Number(count)))
/** At the lowest rate, a client waits for a day. */
export const rate = text(
  (digits) => /^\d+(\.\d+)?$/.test(digits) && Number(digits) >= 0.00001 && Number(digits) <= 1_000_000,
  'must be a number from 0.00001 to 1000000, in plain digits such as 2 or 0.5',
).transform(Number)

/** A record with a profile takes about 300 bytes; long names and status messages take more. */
const bytesPerRecord = 400
/** A JavaScript Map holds 2^24 entries. */
const mostInMap = 16_000_000
/** The records in memory may fill half of a heap of this size. */
export function recordCount(heapBytes: number) {
  const fitting = Math.floor(heapBytes / 2 / bytesPerRecord)
  if (fitting >= mostInMap) return { most: mostInMap, rule: whole(1, mostInMap) }
  const reason =
    ': more do not fit into half of the heap of this process. Set NODE_OPTIONS=--max-old-space-size=MB for a larger heap'
  return { most: fitting, rule: whole(1, fitting, reason) }
}

const origin = (prefix: string) =>
  text(
    (url) => /^https?:\/\/[^/?#@\\\s]+\/?$/i.test(url) && URL.canParse(url) && isEncryptedOrLoopback(new URL(url)),
    `${prefix} such as https://host: https (http on loopback only), without path, query, fragment or user`,
  ).transform((url) => new URL(url).origin)
export const lineUrl = origin('must be an origin')
export const publicUrl = origin('must be the origin of this gateway as others reach it,')
/** StringOrURI of RFC 7519 section 2: with a colon it is a URI. */
export const audience = text(
  (name) => name.length <= 200 && /^[\x21-\x7e]+$/.test(name) && (!name.includes(':') || URL.canParse(name)),
  'must be a name or a URI of at most 200 printable ASCII characters, without spaces',
)
export const redirectUri = text(isRedirectUri, redirectUriRule)
export const corsOrigin = text((origin) => {
  if (origin.includes('*') || !URL.canParse(origin)) return false
  const { protocol, host } = new URL(origin)
  return host !== '' && origin === `${protocol}//${host}`
}, 'must be an origin as browsers send it: scheme://host or scheme://host:port in lower case, without path or *')

export const host = text(
  (name) => isIP(name) !== 0 || /^[a-z0-9.-]+$/i.test(name),
  'must be an IP address or a host name, without scheme, port or brackets',
)
export const addressBlock = text((block) => {
  const [address = '', prefix, ...rest] = block.split('/')
  if (isIP(address) === 0 || address.includes('%') || rest.length > 0) return false
  if (prefix === undefined) return true
  const [least, most] = isIPv4(address) ? [0, 32] : [isIPv4(plainAddress(address)) ? 96 : 0, 128]
  return /^\d{1,3}$/.test(prefix) && Number(prefix) >= least && Number(prefix) <= most
}, 'must be an IPv4 or IPv6 address, or a CIDR block such as 10.0.0.0/8 (::ffff:10.0.0.0/104 is the same block)')

export const proxyUrl = text(
  (url) => /^https?:\/\/[^/?#\\\s]+\/?$/i.test(url) && URL.canParse(url) && isDecodable(new URL(url)),
  'must be http://host:port or https://host:port, also with user:password@: percent-encode their special characters',
)
export const anyText = z.string()

export const redisUrl = text(
  (url) => redisParts.test(url) && URL.canParse(url) && isDecodable(new URL(url)) && hasWholeCredentials(new URL(url)),
  'must be redis://host:port/number or rediss://host:port/number, also with user:password@ or :password@: percent-encode their special characters; the number is that of the database; without query or fragment',
)
/** Port and database number can be left out. The client would take members of a query as its own settings. */
const redisParts = /^rediss?:\/\/([^/?#@\\\s]+@)?([a-z0-9._-]+|\[[0-9a-f:.]+\])(:0*[1-9]\d*)?(\/\d{0,5})?$/i
/** Several secrets in a list are for a change of the secret. */
export const cacheSecrets = list(
  text((secret) => Buffer.byteLength(secret) >= 32, 'is too short: expected 32 bytes or more, without a comma'),
).refine((all) => new Set(all).size === all.length, { error: 'has the same secret twice: expected each secret once' })

export const channel = z
  .strictObject(
    {
      id: text(
        (id) => /^\d{1,20}$/.test(id),
        'must be 1 to 20 digits, as a string',
        'is missing: expected the ID of a LINE Login channel (LINE_CHANNELS takes several channels)',
      ),
      secret: text((secret) => secret.trim() !== '', 'must be a string that is not empty').optional(),
      type: oneOf('web', 'native', 'liff').default('web'),
    },
    { error: 'must be an object with the members id, secret and type, and no other members' },
  )
  .refine(({ secret, type }) => secret !== undefined || type !== 'web', {
    path: ['secret'],
    error: 'is missing: a channel of type web (the default) needs a secret; types native and liff do not',
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .transform(({ id, secret, type }) => ({ id, secret, type }))
/** A warning. */
export const listWins =
  'LINE_CHANNELS: is used, so LINE_CHANNEL_ID, LINE_CHANNEL_SECRET and LINE_CHANNEL_TYPE are ignored'
export const channels = z
  .string()
  .transform(parseJson)
  .pipe(z.array(channel, { error: 'must be a JSON list of objects with the members id, secret and type' }))
  .refine((list) => list.length > 0, { error: 'is an empty list: expected at least one channel' })
  .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, {
    error: 'has the same id twice: expected each channel once',
  })

const oauthClient = z.strictObject(
  {
    id: text(
      (id) => /^[\x21-\x7e]{1,100}$/.test(id),
      'must be 1 to 100 printable ASCII characters, without spaces',
      'is missing: expected the name of a client',
    ),
    secret: text(
      (secret) => /^[\x20-\x7e]{32,1000}$/.test(secret) && secret.trim() === secret,
      'must be 32 to 1000 printable ASCII characters, without spaces at its ends',
      'is missing: expected 32 characters or more',
    ),
  },
  { error: 'must be an object with the members id and secret, and no other members' },
)
/** The services that may introspect. */
export const oauthClients = z
  .string()
  .transform(parseJson)
  .pipe(z.array(oauthClient, { error: 'must be a JSON list of objects with the members id and secret' }))
  .refine((list) => list.length > 0, { error: 'is an empty list: expected at least one client' })
  .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, {
    error: 'has the same id twice: expected each client once',
  })

/** The proxy gets the decoded user and password. */
function isDecodable({ username, password }: URL): boolean {
  try {
    decodeURIComponent(`${username}:${password}`)
    return true
  } catch {
    return false
  }
}

/** The text before `@` is often meant as the password, but without a colon it is a user. */
function hasWholeCredentials({ username, password }: URL): boolean {
  return username === '' || password !== ''
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}
