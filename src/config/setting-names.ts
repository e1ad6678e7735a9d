/** The names of all settings. */
export const settingNames = [
  'LINE_CHANNEL_ID',
  'LINE_CHANNEL_SECRET',
  'LINE_CHANNEL_TYPE',
  'LINE_CHANNELS',
  'LINE_REDIRECT_URIS',
  'LINE_API_URL',
  'LINE_ACCESS_URL',
  'LINE_TIMEOUT_MS',
  'LINE_MAX_CONCURRENCY',
  'TRUSTED_PROXIES',
  'FAILED_TOKENS_BURST',
  'FAILED_TOKENS_PER_SECOND',
  'HOST',
  'PORT',
  'HTTPS_PROXY',
  'HTTP_PROXY',
  'NO_PROXY',
  'WORKERS',
  'REDIS_URL',
  'CACHE_SECRET',
  'CACHE_MAX_TOKENS',
  'VERIFICATION_FRESH_SECONDS',
  'VERIFICATION_MAX_STALE_SECONDS',
  'CORS_ORIGINS',
  'PUBLIC_URL',
  'SIGNING_KEYS_FILE',
  'API_AUDIENCES',
  'API_TOKEN_SECONDS',
  'API_TOKEN_TYPE',
  'OAUTH_CLIENTS',
  'FORWARD_AUTH',
  'GRAPHIQL',
  'INTROSPECTION',
  'KEEP_ALIVE_SECONDS',
  'METRICS_PORT',
  'LOG_LEVEL',
  'LOG_CLIENT_NETWORK',
  'SHUTDOWN_DELAY_SECONDS',
  'SHUTDOWN_GRACE_SECONDS',
] as const

/** The settings that are paths themselves: they have no `NAME_FILE` form. */
export const pathSettings: readonly string[] = ['SIGNING_KEYS_FILE']

/** Only the commands `dev` and `emulator` read it. */
export const emulatorPort = 'EMULATOR_PORT'
