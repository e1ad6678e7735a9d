import { readFileSync } from 'node:fs'
import { isIP, isIPv4 } from 'node:net'
import { z } from 'zod'

export type Channel = {
  readonly id: string
  readonly secret: string | undefined
  readonly type: 'web' | 'native' | 'liff'
}

export type Config = {
  readonly development: boolean
  readonly channels: readonly [Channel, ...Channel[]]
  readonly redirectUris: readonly string[] // empty: any
  readonly lineApiUrl: string // an origin, no trailing slash
  readonly lineAccessUrl: string
  readonly lineTimeoutMs: number
  readonly lineMaxConcurrency: number
  readonly trustedProxies: readonly string[] // addresses or CIDR blocks
  readonly failedTokens: { readonly burst: number; readonly perSecond: number }
  readonly host: string
  readonly port: number
  readonly redisUrl: string | undefined
  readonly cacheSecret: string | undefined
  readonly cacheMaxTokens: number
  readonly freshForMs: number // Infinity when both ages are 0: a token is trusted until it expires
  readonly maxStaleMs: number // likewise
  readonly corsOrigins: readonly string[]
  readonly graphiql: boolean
  readonly introspection: boolean
  readonly metricsPort: number | undefined
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly shutdownGraceMs: number
  readonly warnings: readonly string[] // accepted, but worth one log line at start; no values
}

/** Each problem reads "NAME: what is wrong, what is expected" and quotes no value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(`The settings can't be used:\n${problems.map((problem) => `  ${problem}`).join('\n')}`)
    this.problems = problems
  }
}

/** Reads all settings; throws ConfigError whose `problems` name every bad or missing setting at once and quote no value. */
export function readConfig(env: NodeJS.ProcessEnv, readFile = (path: string) => readFileSync(path, 'utf8')): Config {
  const development = env.NODE_ENV === 'development'
  const reader = createReader(env, readFile)
  const { read } = reader
  const config: Config = {
    development,
    channels: readChannels(reader),
    redirectUris: read('LINE_REDIRECT_URIS', list(redirectUri)),
    lineApiUrl: read('LINE_API_URL', lineUrl.default('https://api.line.me')),
    lineAccessUrl: read('LINE_ACCESS_URL', lineUrl.default('https://access.line.me')),
    lineTimeoutMs: read('LINE_TIMEOUT_MS', whole(1, 60_000).default(3000)),
    lineMaxConcurrency: read('LINE_MAX_CONCURRENCY', whole(1, 1024).default(64)),
    trustedProxies: read('TRUSTED_PROXIES', list(addressBlock)),
    failedTokens: {
      burst: read('FAILED_TOKENS_BURST', whole(1, 1_000_000).default(20)),
      perSecond: read('FAILED_TOKENS_PER_SECOND', rate.default(1)),
    },
    host: read('HOST', host.default(development ? '127.0.0.1' : '0.0.0.0')),
    port: read('PORT', whole(0, 65_535).default(4000)),
    ...readSharedTier(reader),
    cacheMaxTokens: read('CACHE_MAX_TOKENS', whole(1, 100_000_000).default(100_000)),
    ...readAges(reader),
    corsOrigins: read('CORS_ORIGINS', list(corsOrigin)),
    graphiql: read('GRAPHIQL', flag.default(development)),
    introspection: read('INTROSPECTION', flag.default(development)),
    metricsPort: read('METRICS_PORT', whole(0, 65_535).optional()),
    logLevel: read('LOG_LEVEL', oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info')),
    shutdownGraceMs: read('SHUTDOWN_GRACE_SECONDS', whole(0, 3600).default(20)) * 1000,
    warnings: reader.warnings,
  }
  if (reader.problems.length > 0) throw new ConfigError(Object.freeze(reader.problems))
  return deepFreeze(config)
}

function readChannels({ given, judge, warnings }: Reader): Config['channels'] {
  const several = given('LINE_CHANNELS')
  const single = {
    id: given('LINE_CHANNEL_ID'),
    secret: given('LINE_CHANNEL_SECRET'),
    type: given('LINE_CHANNEL_TYPE'),
  }
  if (several === undefined)
    return [judge(single, channel, (member) => `LINE_CHANNEL_${member.slice(1).toUpperCase()}`)]
  if (Object.values(single).some((value) => value !== undefined)) {
    warnings.push('LINE_CHANNELS: wins; LINE_CHANNEL_ID, LINE_CHANNEL_SECRET and LINE_CHANNEL_TYPE are ignored')
  }
  return judge(several, channels, (place) => `LINE_CHANNELS${place}`) as [Channel, ...Channel[]]
}

function readSharedTier({ given, judge, read, warnings }: Reader): Pick<Config, 'redisUrl' | 'cacheSecret'> {
  const redis = given('REDIS_URL')
  if (redis !== undefined) warnings.push('REDIS_URL: is ignored, because the shared tier is not built yet')
  return {
    redisUrl: judge(redis, redisUrl.optional(), () => 'REDIS_URL'),
    cacheSecret: read('CACHE_SECRET', redis === undefined ? cacheSecret.optional() : cacheSecret),
  }
}

/** An age given alone bends the default of the other; only two explicit zeros mean "until the token expires". */
function readAges({ read, problems }: Reader): Pick<Config, 'freshForMs' | 'maxStaleMs'> {
  const fresh = read('VERIFICATION_FRESH_SECONDS', whole(0, 2_592_000).optional())
  const maxStale = read('VERIFICATION_MAX_STALE_SECONDS', whole(0, 2_592_000).optional())
  if (fresh === 0 && maxStale === 0) return { freshForMs: Infinity, maxStaleMs: Infinity }
  if (maxStale === 0) {
    const both = 'set VERIFICATION_FRESH_SECONDS=0 as well to trust a token until it expires'
    problems.push(`VERIFICATION_MAX_STALE_SECONDS: can't be 0 alone: expected 1 or more, or ${both}`)
  } else if (fresh !== undefined && maxStale !== undefined && fresh > maxStale) {
    problems.push('VERIFICATION_FRESH_SECONDS: is too long: expected at most VERIFICATION_MAX_STALE_SECONDS')
  }
  return {
    freshForMs: (fresh ?? Math.min(300, maxStale ?? 300)) * 1000,
    maxStaleMs: (maxStale ?? Math.max(3600, fresh ?? 3600)) * 1000,
  }
}

type Reader = ReturnType<typeof createReader>

/** A value that is given but not to be had: reported where that showed, so no rule complains about it again. */
const unreadable = Symbol('unreadable')

function createReader(env: NodeJS.ProcessEnv, readFile: (path: string) => string) {
  const problems: string[] = []
  const warnings: string[] = []

  function given(name: string): string | typeof unreadable | undefined {
    const value = env[name]?.trim() || undefined
    const path = env[`${name}_FILE`]?.trim()
    if (!path) return value
    try {
      if (value === undefined) return readFile(path).trim() || undefined
      problems.push(`${name}: is set twice: expected either ${name} or ${name}_FILE`)
    } catch {
      problems.push(`${name}_FILE: can't be read: expected the path of a readable text file`)
    }
    return unreadable
  }

  /** Returns undefined, whatever the type says, when it adds a problem; no Config is handed out then. */
  function judge<T extends z.ZodType>(value: unknown, rule: T, nameOf: (place: string) => string): z.output<T> {
    const { data, error } = rule.safeParse(value, { reportInput: true })
    for (const { path, message, input } of error?.issues ?? []) {
      const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('')
      if (input !== unreadable) problems.push(`${nameOf(place)}: ${message}`)
    }
    return data as z.output<T>
  }

  const read = <T extends z.ZodType>(name: string, rule: T) => judge(given(name), rule, (place) => name + place)

  return { problems, warnings, given, judge, read }
}

// The rules. Each has a message of its own: zod's may quote what was given.

const text = (fits: (value: string) => boolean, error: string, missing = error) =>
  z.string({ error: ({ input }) => (input === undefined ? missing : error) }).refine(fits, { error })
const oneOf = <const T extends readonly string[]>(...words: T) =>
  z.enum(words, { error: `must be ${words.join(' or ')}` })
const flag = oneOf('true', 'false', '1', '0').transform((word) => word === 'true' || word === '1')
const list = (item: z.ZodType<string, string>) =>
  z.preprocess(
    (all) => (typeof all === 'string' ? all.split(',').map((one) => one.trim()) : (all ?? [])),
    z.array(item),
  )

const whole = (least: number, most: number) =>
  text(
    (digits) => /^\d+$/.test(digits) && Number(digits) >= least && Number(digits) <= most,
    `must be a whole number from ${least} to ${most}, in plain digits`,
  ).transform(Number)
const rate = text(
  (digits) => /^\d+(\.\d+)?$/.test(digits) && Number(digits) > 0 && Number(digits) <= 1_000_000,
  'must be a number above 0 and up to 1000000, in plain digits such as 2 or 0.5',
).transform(Number)

const loopback = /^((.+\.)?localhost|127(\.\d+){3}|\[::1\])$/
const isSafe = ({ protocol, hostname }: URL) =>
  protocol === 'https:' || (protocol === 'http:' && loopback.test(hostname))
const lineUrl = text(
  (url) => /^https?:\/\/[^/?#@\\\s]+\/?$/i.test(url) && URL.canParse(url) && isSafe(new URL(url)),
  'must be an origin such as https://host: https (http only on loopback), no path, query, fragment or user',
).transform((url) => new URL(url).origin)
const redirectUri = text((uri) => {
  if (!/^[a-z][a-z0-9+.-]*:(?!\/\/[^/?]*@)[^\s#\\]+$/i.test(uri) || !URL.canParse(uri)) return false
  if (/^https?:/i.test(uri)) return /^https?:\/\/[^/]/i.test(uri) && isSafe(new URL(uri))
  return !/^(javascript|data|file|vbscript|blob|about):/i.test(uri)
}, "must be an absolute URI without fragment or user: https, http only on loopback, or an app's own scheme")
const corsOrigin = text((origin) => {
  if (origin.includes('*') || !URL.canParse(origin)) return false
  const { protocol, host } = new URL(origin)
  return host !== '' && origin === `${protocol}//${host}`
}, 'must be an origin as browsers send it: scheme://host or scheme://host:port in lower case, no path, no *')

const host = text(
  (name) => isIP(name) !== 0 || /^[a-z0-9.-]+$/i.test(name),
  'must be an address or a host name, without scheme, port or brackets',
)
const addressBlock = text((block) => {
  const [address = '', prefix = '0', ...rest] = block.split('/')
  const isPrefix = /^\d{1,3}$/.test(prefix) && Number(prefix) <= (isIPv4(address) ? 32 : 128)
  return isIP(address) !== 0 && !address.includes('%') && isPrefix && rest.length === 0
}, 'must be an IPv4 or IPv6 address, or a block of them such as 10.0.0.0/8')

const redisUrl = text(
  (url) => /^rediss?:\/\/[^/]/.test(url) && URL.canParse(url),
  'must be a redis:// or rediss:// URL',
)
const cacheSecret = text(
  (secret) => Buffer.byteLength(secret) >= 32,
  'is too short: expected 32 bytes or more',
  'is missing: REDIS_URL needs it, expected 32 bytes or more',
)

const channel = z
  .strictObject(
    {
      id: text(
        (id) => /^\d{1,20}$/.test(id),
        'must be 1 to 20 digits, as text',
        'is missing: expected the ID of a LINE Login channel (one here, or several in LINE_CHANNELS)',
      ),
      secret: text((secret) => secret.trim() !== '', 'must be text').optional(),
      type: oneOf('web', 'native', 'liff').default('web'),
    },
    { error: 'must be an object with the members id, secret and type, and no others' },
  )
  .refine(({ secret, type }) => secret !== undefined || type !== 'web', {
    path: ['secret'],
    error: 'is missing: a channel of type web (the default) needs its secret, native and liff do not',
    when: ({ value }) => typeof value === 'object' && value !== null,
  })
  .transform(({ id, secret, type }): Channel => ({ id, secret, type }))
const channels = z
  .string()
  .transform(parseJson)
  .pipe(z.array(channel, { error: 'must be a JSON list of objects with the members id, secret and type' }))
  .refine((list) => list.length > 0, { error: 'is an empty list: expected at least one channel' })
  .refine((list) => new Set(list.map(({ id }) => id)).size === list.length, {
    error: 'has the same id twice: expected each channel once',
  })

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json)
  } catch {
    return undefined
  }
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object') deepFreeze(part)
  return Object.freeze(value)
}
