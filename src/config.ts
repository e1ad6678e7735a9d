import { readFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { getHeapStatistics } from 'node:v8'
import type { z } from 'zod'
import { ConfigError } from './config/config-error.ts'
import { createSettingReader, type SettingReader } from './config/setting-reader.ts'
import {
  addressBlock,
  anyText,
  audience,
  cacheSecrets,
  channel,
  channels,
  corsOrigin,
  flag,
  host,
  lineUrl,
  list,
  listWins,
  oauthClients,
  oneOf,
  proxyUrl,
  publicUrl,
  rate,
  recordCount,
  redirectUri,
  redisUrl,
  whole,
  workerCount,
} from './config/setting-rules.ts'
import { warnOfUnknownSettings } from './config/unknown-settings.ts'
import type { CorsOrigins } from './http/cors.ts'

export { ConfigError }

export type Channel = {
  readonly id: string
  readonly secret: string | undefined
  readonly type: 'web' | 'native' | 'liff'
}

/** A service that may introspect. */
export type OauthClient = { readonly id: string; readonly secret: string }

export type Config = {
  readonly channels: readonly [Channel, ...Channel[]]
  readonly channelSetting: 'LINE_CHANNEL_SECRET' | 'LINE_CHANNELS' // where an operator corrects a channel's secret
  readonly assumedChannelId: string | undefined // where a caller names no channel; only in development
  readonly redirectUris: readonly string[] // empty: any redirect URI is accepted
  readonly lineApiUrl: string // an origin without a trailing slash
  readonly lineAccessUrl: string // an origin without a trailing slash
  readonly lineTimeoutMs: number
  readonly lineMaxConcurrency: number
  readonly trustedProxies: readonly string[] // addresses or CIDR blocks
  readonly failedTokens: { readonly burst: number; readonly perSecond: number }
  readonly host: string
  readonly port: number
  readonly workers: number // processes that serve requests
  /** The outbound proxies: their URLs (with passwords), and the text of NO_PROXY. */
  readonly proxies: {
    readonly https: string | undefined
    readonly http: string | undefined
    readonly none: string | undefined
  }
  readonly redisUrl: string | undefined // can have a password
  readonly cacheSecrets: readonly string[] // the first one writes and signs, all of them read; never empty with redisUrl
  readonly cacheMaxTokens: number
  readonly freshForMs: number // Infinity when both ages are 0: a token is trusted until it expires
  readonly maxStaleMs: number // Infinity when both ages are 0
  readonly corsOrigins: CorsOrigins // empty: no CORS headers; 'loopback': every origin of this machine
  readonly publicUrl: string | undefined // an origin; undefined in development: what it listens on
  readonly signingKeysFile: string | undefined // undefined in development: keys are made at start
  readonly makesSigningKeys: boolean
  readonly apiAudiences: readonly string[] // empty: publicUrl
  readonly apiTokenMs: number
  readonly apiTokenType: 'at+jwt' | 'JWT'
  readonly oauthClients: readonly OauthClient[] // empty: nobody may introspect
  readonly forwardAuth: 'off' | 'required' | 'optional'
  readonly graphiql: boolean
  readonly introspection: boolean
  readonly metricsPort: number | undefined
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal' | 'silent'
  readonly logClientNetwork: boolean
  readonly keepAliveMs: number
  readonly shutdownDelayMs: number
  readonly shutdownGraceMs: number
  readonly changedSettings: readonly string[] // the names of those that differ from their defaults, sorted
  readonly warnings: readonly string[] // one log line each at start; they quote no value
}

/** What is wrong with the file of SIGNING_KEYS_FILE. Neither list quotes a value. */
export type KeyFileCheck = (path: string) => {
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

/** What settings depend on besides the environment. */
export type ConfigWorld = {
  /** Default: the file of SIGNING_KEYS_FILE is not checked. */
  readonly checkKeyFile?: KeyFileCheck | undefined
  /** Reads the file that `NAME_FILE` names. */
  readonly readFile?: (path: string) => string
  readonly heapBytes?: number
}

/** Reads all settings. Throws `ConfigError`, whose `problems` name every wrong or missing setting at once. */
export function readConfig(env: NodeJS.ProcessEnv, world: ConfigWorld = {}): Config {
  const {
    checkKeyFile = () => ({ problems: [], warnings: [] }),
    readFile = (path) => readFileSync(path, 'utf8'),
    heapBytes = getHeapStatistics().heap_size_limit,
  } = world
  const development = env.NODE_ENV === 'development'
  const reader = createSettingReader(env, readFile)
  const { read } = reader
  const records = recordCount(heapBytes)
  const config: Config = {
    ...readChannels(reader, development),
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
    host: read('HOST', host.default(development ? '127.0.0.1' : '::')),
    ...readPorts(reader),
    proxies: {
      https: readEitherCase(reader, 'HTTPS_PROXY', proxyUrl.optional()),
      http: readEitherCase(reader, 'HTTP_PROXY', proxyUrl.optional()),
      none: readEitherCase(reader, 'NO_PROXY', anyText.optional()),
    },
    ...readSharedTier(reader),
    workers: readWorkers(reader),
    cacheMaxTokens: read('CACHE_MAX_TOKENS', records.rule.default(Math.min(100_000, records.most))),
    ...readAges(reader),
    corsOrigins: readCorsOrigins(reader, development),
    ...readFaces(reader, development, checkKeyFile),
    graphiql: read('GRAPHIQL', flag.default(development)),
    introspection: read('INTROSPECTION', flag.default(development)),
    logLevel: read('LOG_LEVEL', oneOf('trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent').default('info')),
    logClientNetwork: read('LOG_CLIENT_NETWORK', flag.default(true)),
    keepAliveMs: read('KEEP_ALIVE_SECONDS', whole(1, 86_400).default(75)) * 1000,
    shutdownDelayMs: read('SHUTDOWN_DELAY_SECONDS', whole(0, 3600).default(development ? 0 : 5)) * 1000,
    shutdownGraceMs: read('SHUTDOWN_GRACE_SECONDS', whole(0, 3600).default(20)) * 1000,
    changedSettings: reader.changed(),
    warnings: reader.warnings,
  }
  reader.warnings.push(...warnOfUnknownSettings(env))
  if (reader.problems.length > 0) throw new ConfigError(Object.freeze(reader.problems), reader.warnings)
  return deepFreeze(config)
}

type Channels = 'channels' | 'channelSetting' | 'assumedChannelId'

function readChannels(
  { given, check, warnings, isAtDefault }: SettingReader,
  development: boolean,
): Pick<Config, Channels> {
  const several = given('LINE_CHANNELS')
  const single = {
    id: given('LINE_CHANNEL_ID'),
    secret: given('LINE_CHANNEL_SECRET'),
    type: given('LINE_CHANNEL_TYPE'),
  }
  if (several === undefined) {
    const only = check(single, channel, (member) => `LINE_CHANNEL_${member.slice(1).toUpperCase()}`)
    if (only?.type === 'web') isAtDefault('LINE_CHANNEL_TYPE')
    return { channels: [only], channelSetting: 'LINE_CHANNEL_SECRET', assumedChannelId: undefined }
  }
  if (Object.values(single).some((value) => value !== undefined)) {
    warnings.push(listWins)
    for (const name of ['LINE_CHANNEL_ID', 'LINE_CHANNEL_SECRET', 'LINE_CHANNEL_TYPE']) isAtDefault(name)
  }
  const listed = check(several, channels, (place) => `LINE_CHANNELS${place}`) as [Channel, ...Channel[]]
  return {
    channels: listed,
    channelSetting: 'LINE_CHANNELS',
    assumedChannelId: development ? listed?.[0].id : undefined,
  }
}

function readCorsOrigins({ given, check }: SettingReader, development: boolean): CorsOrigins {
  const origins = given('CORS_ORIGINS')
  if (origins === undefined && development) return 'loopback'
  return check(origins, list(corsOrigin), (place) => `CORS_ORIGINS${place}`)
}

type Faces =
  | 'publicUrl'
  | 'signingKeysFile'
  | 'makesSigningKeys'
  | 'apiAudiences'
  | 'apiTokenMs'
  | 'apiTokenType'
  | 'oauthClients'
  | 'forwardAuth'

/** The settings of the endpoints for services that do not speak GraphQL. */
function readFaces(reader: SettingReader, development: boolean, checkKeyFile: KeyFileCheck): Pick<Config, Faces> {
  const { given, read, problems } = reader
  const signingKeysFile = readKeyFile(reader, checkKeyFile)
  const origin = read('PUBLIC_URL', publicUrl.optional())
  if (signingKeysFile !== undefined && !development && given('PUBLIC_URL') === undefined)
    problems.push('PUBLIC_URL: is missing: SIGNING_KEYS_FILE needs it: expected the origin of this gateway')
  const forwardAuth = read('FORWARD_AUTH', oneOf('off', 'required', 'optional').default('off'))
  if ((forwardAuth === 'required' || forwardAuth === 'optional') && given('TRUSTED_PROXIES') === undefined)
    problems.push('TRUSTED_PROXIES: is missing: FORWARD_AUTH needs it: expected the addresses of the proxies that ask')
  return {
    publicUrl: origin,
    signingKeysFile,
    makesSigningKeys: development && signingKeysFile === undefined,
    apiAudiences: read('API_AUDIENCES', list(audience)),
    apiTokenMs: read('API_TOKEN_SECONDS', whole(30, 3600).default(300)) * 1000,
    apiTokenType: read('API_TOKEN_TYPE', oneOf('at+jwt', 'JWT').default('at+jwt')),
    oauthClients: read('OAUTH_CLIENTS', oauthClients.default([])),
    forwardAuth,
  }
}

function readKeyFile({ givenPath, problems, warnings }: SettingReader, check: KeyFileCheck): string | undefined {
  const path = givenPath('SIGNING_KEYS_FILE')
  if (path === undefined) return undefined
  const found = check(path)
  problems.push(...found.problems.map((problem) => `SIGNING_KEYS_FILE: ${problem}`))
  warnings.push(...found.warnings.map((warning) => `SIGNING_KEYS_FILE: ${warning}`))
  return path
}

function readPorts({ read, problems }: SettingReader): Pick<Config, 'port' | 'metricsPort'> {
  const port = read('PORT', whole(0, 65_535).default(4000))
  const metricsPort = read('METRICS_PORT', whole(0, 65_535).optional())
  if (metricsPort !== undefined && metricsPort !== 0 && metricsPort === port)
    problems.push('METRICS_PORT: is the same as PORT: expected another port')
  return { port, metricsPort }
}

/** curl and undici know these names in lower case too, and prefer that. */
function readEitherCase<T extends z.ZodType>({ given, check }: SettingReader, name: string, rule: T) {
  const [upper, lower] = [given(name), given(name.toLowerCase())]
  return lower === undefined ? check(upper, rule, () => name) : check(lower, rule, () => name.toLowerCase())
}

function readSharedTier({ given, check, problems }: SettingReader): Pick<Config, 'redisUrl' | 'cacheSecrets'> {
  const redis = given('REDIS_URL')
  const secrets = given('CACHE_SECRET')
  if (redis !== undefined && secrets === undefined)
    problems.push('CACHE_SECRET: is missing: REDIS_URL needs it: expected 32 bytes or more')
  return {
    redisUrl: check(redis, redisUrl.optional(), () => 'REDIS_URL'),
    cacheSecrets: check(secrets, cacheSecrets, (place) => `CACHE_SECRET${place}`),
  }
}

/** Several processes must forget a token together, so they need the shared tier. */
function readWorkers({ given, read, problems }: SettingReader): number {
  const asked = read('WORKERS', workerCount.default(1))
  const workers = asked === 'auto' ? availableParallelism() : asked
  if (workers > 1 && given('REDIS_URL') === undefined)
    problems.push('WORKERS: more than one needs the shared tier: expected REDIS_URL too, or WORKERS=1')
  return workers
}

/**
 * If only one age is set, the default of the other one is adapted to it. Only two explicit zeros mean "until the token
 * expires".
 */
function readAges({ read, problems, isAtDefault }: SettingReader): Pick<Config, 'freshForMs' | 'maxStaleMs'> {
  const fresh = read('VERIFICATION_FRESH_SECONDS', whole(0, 2_592_000).optional())
  const maxStale = read('VERIFICATION_MAX_STALE_SECONDS', whole(0, 2_592_000).optional())
  if (fresh === 0 && maxStale === 0) return { freshForMs: Infinity, maxStaleMs: Infinity }
  if (maxStale === 0) {
    const both = 'set VERIFICATION_FRESH_SECONDS=0 as well to trust a token until it expires'
    problems.push(`VERIFICATION_MAX_STALE_SECONDS: must not be 0 alone: expected 1 or more, or ${both}`)
  } else if (fresh !== undefined && maxStale !== undefined && fresh > maxStale) {
    problems.push('VERIFICATION_FRESH_SECONDS: is too long: expected at most VERIFICATION_MAX_STALE_SECONDS')
  }
  const [usualFresh, usualMaxStale] = [Math.min(300, maxStale ?? 300), Math.max(3600, fresh ?? 3600)]
  if (fresh === usualFresh) isAtDefault('VERIFICATION_FRESH_SECONDS')
  if (maxStale === usualMaxStale) isAtDefault('VERIFICATION_MAX_STALE_SECONDS')
  return { freshForMs: (fresh ?? usualFresh) * 1000, maxStaleMs: (maxStale ?? usualMaxStale) * 1000 }
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object') deepFreeze(part)
  return Object.freeze(value)
}
