import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { ConfigError, readConfig } from '../src/config.ts'

type Env = Record<string, string>

const channel: Env = { LINE_CHANNEL_ID: '1234567890', LINE_CHANNEL_SECRET: 'channel-secret' }
const longSecret = 'x'.repeat(32)

const configOf = (env: Env, files: Env = {}) => readConfig({ ...channel, ...env }, withFiles(files))

function problemsOf(env: Env, files: Env = {}): readonly string[] {
  try {
    readConfig(env, withFiles(files))
  } catch (error) {
    if (error instanceof ConfigError) return error.problems
    throw error
  }
  return []
}

const problemsWith = (env: Env, files: Env = {}) => problemsOf({ ...channel, ...env }, files)

function withFiles(files: Env) {
  const readFile = (path: string) => {
    const content = files[path]
    if (content === undefined) throw new Error(`ENOENT: no such file: ${path}`)
    return content
  }
  return { readFile }
}

function expectOneProblem(problems: readonly string[], start: string) {
  expect(problems).toHaveLength(1)
  expect(problems[0]).toMatch(/^[^ :]+: .{10,}/)
  expect(problems[0]?.startsWith(start), `${problems[0]} starts with ${start}`).toBe(true)
}

describe('defaults', () => {
  it('a channel is enough', () => {
    expect(readConfig(channel)).toEqual({
      channels: [{ id: '1234567890', secret: 'channel-secret', type: 'web' }],
      channelSetting: 'LINE_CHANNEL_SECRET',
      redirectUris: [],
      lineApiUrl: 'https://api.line.me',
      lineAccessUrl: 'https://access.line.me',
      lineTimeoutMs: 3000,
      lineMaxConcurrency: 64,
      trustedProxies: [],
      workers: 1,
      failedTokens: { burst: 20, perSecond: 1 },
      host: '::',
      port: 4000,
      proxies: { https: undefined, http: undefined, none: undefined },
      redisUrl: undefined,
      cacheSecrets: [],
      cacheMaxTokens: 100_000,
      freshForMs: 300_000,
      maxStaleMs: 3_600_000,
      corsOrigins: [],
      publicUrl: undefined,
      signingKeysFile: undefined,
      makesSigningKeys: false,
      apiAudiences: [],
      apiTokenMs: 300_000,
      apiTokenType: 'at+jwt',
      oauthClients: [],
      forwardAuth: 'off',
      graphiql: false,
      introspection: false,
      metricsPort: undefined,
      logLevel: 'info',
      logClientNetwork: true,
      keepAliveMs: 75_000,
      shutdownDelayMs: 5_000,
      shutdownGraceMs: 20_000,
      changedSettings: ['LINE_CHANNEL_ID', 'LINE_CHANNEL_SECRET'],
      warnings: [],
    })
  })

  it('NODE_ENV=development: GraphiQL, introspection and signed tokens are on, CORS for loopback, other HOST and delay', () => {
    const tools = { graphiql: true, introspection: true, makesSigningKeys: true, corsOrigins: 'loopback' }
    const development = { ...tools, host: '127.0.0.1', shutdownDelayMs: 0 }
    expect(configOf({ NODE_ENV: 'development' })).toEqual({ ...configOf({}), ...development })
  })

  it.each(['production', 'test', 'dev', 'Development', ''])('NODE_ENV=%j: production', (NODE_ENV) => {
    expect(configOf({ NODE_ENV })).toEqual(configOf({}))
  })

  it.each<[string[], Env, Env?]>([
    [[], { PORT: ' 04000', HOST: '::', LINE_CHANNEL_TYPE: 'web', GRAPHIQL: '0', LINE_REDIRECT_URIS: '', WORKERS: '1' }],
    [[], { LINE_API_URL: 'https://API.line.me/', LOG_CLIENT_NETWORK: 'true', CACHE_MAX_TOKENS: '100000' }],
    [[], { VERIFICATION_FRESH_SECONDS: '300', VERIFICATION_MAX_STALE_SECONDS: '3600' }],
    [['VERIFICATION_FRESH_SECONDS'], { VERIFICATION_FRESH_SECONDS: '60' }],
    [['VERIFICATION_MAX_STALE_SECONDS'], { VERIFICATION_FRESH_SECONDS: '60', VERIFICATION_MAX_STALE_SECONDS: '60' }],
    [['PORT', 'TRUSTED_PROXIES'], { TRUSTED_PROXIES: '10.0.0.0/8', PORT: '1' }],
    [['HTTPS_PROXY', 'NO_PROXY'], { https_proxy: 'http://p.example', HTTPS_PROXY: 'http://q.example', no_proxy: 'x' }],
    [['CACHE_SECRET', 'REDIS_URL'], { CACHE_SECRET_FILE: '/s', REDIS_URL: 'redis://r' }, { '/s': longSecret }],
    [['PUBLIC_URL', 'SIGNING_KEYS_FILE'], { SIGNING_KEYS_FILE: '/k', PUBLIC_URL: 'https://a.example' }],
    [['HOST'], { NODE_ENV: 'development', HOST: '::' }],
  ])('the names of the settings that differ from their defaults: also %j', (names, env, files) => {
    const always = ['LINE_CHANNEL_ID', 'LINE_CHANNEL_SECRET']
    expect(configOf(env, files).changedSettings).toEqual([...always, ...names].sort())
  })

  it('settings of a single channel beside LINE_CHANNELS: are not used, so they do not count as different', () => {
    const several = JSON.stringify([{ id: '1', secret: 's' }])
    expect(configOf({ LINE_CHANNELS: several, LINE_CHANNEL_TYPE: 'liff' }).changedSettings).toEqual(['LINE_CHANNELS'])
  })

  it('explicit settings win over the defaults of development', () => {
    const tools = { GRAPHIQL: 'false', INTROSPECTION: '0', CORS_ORIGINS: 'https://a.example' }
    const expected = { graphiql: false, introspection: false, corsOrigins: ['https://a.example'] }
    const env = { NODE_ENV: 'development', HOST: '0.0.0.0', ...tools }
    expect(configOf(env)).toMatchObject({ host: '0.0.0.0', ...expected })
  })

  it('an empty value, white space and an empty file: unset', () => {
    const names = [
      'LINE_CHANNELS',
      'LINE_CHANNEL_TYPE',
      'LINE_REDIRECT_URIS',
      'LINE_API_URL',
      'LINE_TIMEOUT_MS',
      'HOST',
    ]
    const faces = [
      'PUBLIC_URL',
      'API_AUDIENCES',
      'API_TOKEN_SECONDS',
      'API_TOKEN_TYPE',
      'OAUTH_CLIENTS',
      'FORWARD_AUTH',
    ]
    const more = ['PORT', 'REDIS_URL', 'CACHE_SECRET', 'GRAPHIQL', 'METRICS_PORT', 'LOG_LEVEL', 'TRUSTED_PROXIES']
    for (const blank of ['', ' \t\n']) {
      const env = Object.fromEntries(
        [...names, ...faces, ...more].flatMap((name) => [
          [name, blank],
          [`${name}_FILE`, blank],
        ]),
      )
      expect(configOf(env)).toEqual(configOf({}))
    }
    expect(configOf({ REDIS_URL_FILE: '/empty' }, { '/empty': '\n' })).toEqual(configOf({}))
    expectOneProblem(problemsWith({ LINE_CHANNEL_ID: ' ' }), 'LINE_CHANNEL_ID: is missing')
  })

  it('the config: frozen', () => {
    const config = configOf({ REDIS_URL: 'redis://cache', CACHE_SECRET: longSecret, CORS_ORIGINS: 'https://a.example' })
    const parts = [
      config,
      config.channels,
      config.channels[0],
      config.failedTokens,
      config.corsOrigins,
      config.warnings,
    ]
    for (const part of [...parts, config.redirectUris, config.trustedProxies]) expect(Object.isFrozen(part)).toBe(true)
  })
})

describe('good values', () => {
  it.each<[Env, object]>([
    [
      { LINE_REDIRECT_URIS: 'https://a.example/cb?x=1, myapp://login' },
      { redirectUris: ['https://a.example/cb?x=1', 'myapp://login'] },
    ],
    [
      { LINE_REDIRECT_URIS: 'http://localhost:3000/cb,com.example.app:/cb' },
      { redirectUris: ['http://localhost:3000/cb', 'com.example.app:/cb'] },
    ],
    [{ LINE_REDIRECT_URIS: 'https://a.example/@me' }, { redirectUris: ['https://a.example/@me'] }],
    [{ LINE_API_URL: 'https://Line.Example:443/' }, { lineApiUrl: 'https://line.example' }],
    [{ LINE_API_URL: 'http://localhost:4400' }, { lineApiUrl: 'http://localhost:4400' }],
    [{ LINE_API_URL: 'http://line.localhost:4400/' }, { lineApiUrl: 'http://line.localhost:4400' }],
    [{ LINE_ACCESS_URL: 'http://127.8.9.1:4400' }, { lineAccessUrl: 'http://127.8.9.1:4400' }],
    [{ LINE_ACCESS_URL: 'http://[::1]:4400' }, { lineAccessUrl: 'http://[::1]:4400' }],
    [{ LINE_TIMEOUT_MS: '1' }, { lineTimeoutMs: 1 }],
    [{ LINE_TIMEOUT_MS: '60000' }, { lineTimeoutMs: 60_000 }],
    [{ LINE_MAX_CONCURRENCY: '1024' }, { lineMaxConcurrency: 1024 }],
    [
      { TRUSTED_PROXIES: '::ffff:10.0.0.0/104,0:0:0:0:0:FFFF:a00:1' },
      { trustedProxies: ['::ffff:10.0.0.0/104', '0:0:0:0:0:FFFF:a00:1'] },
    ],
    [
      { TRUSTED_PROXIES: '10.0.0.0/8, 192.168.1.1,::1,fd00::/8' },
      { trustedProxies: ['10.0.0.0/8', '192.168.1.1', '::1', 'fd00::/8'] },
    ],
    [{ TRUSTED_PROXIES: '0.0.0.0/0,1.2.3.4/32,::1/128' }, { trustedProxies: ['0.0.0.0/0', '1.2.3.4/32', '::1/128'] }],
    [
      { FAILED_TOKENS_BURST: '1000000', FAILED_TOKENS_PER_SECOND: '0.25' },
      { failedTokens: { burst: 1_000_000, perSecond: 0.25 } },
    ],
    [{ HOST: 'gateway.internal' }, { host: 'gateway.internal' }],
    [
      { PORT: '0', METRICS_PORT: '0' },
      { port: 0, metricsPort: 0 },
    ],
    [
      { PORT: ' 65535 ', METRICS_PORT: '9090' },
      { port: 65_535, metricsPort: 9090 },
    ],
    [{ CACHE_SECRET: 'é'.repeat(16) }, { cacheSecrets: ['é'.repeat(16)], warnings: [] }],
    [
      { HTTPS_PROXY: 'http://user:p%40ss@proxy.example:3128/', HTTP_PROXY: 'https://[fd00::1]', NO_PROXY: '*.a,::1' },
      {
        proxies: { https: 'http://user:p%40ss@proxy.example:3128/', http: 'https://[fd00::1]', none: '*.a,::1' },
      },
    ],
    [
      { HTTPS_PROXY: 'no URL', https_proxy: 'HTTP://a.example', http_proxy: 'http://b.example', no_proxy: 'c.example' },
      { proxies: { https: 'HTTP://a.example', http: 'http://b.example', none: 'c.example' } },
    ],
    [{ https_proxy: ' ', HTTPS_PROXY: 'http://a.example' }, { proxies: { https: 'http://a.example' } }],
    [
      { CORS_ORIGINS: 'https://a.example, http://localhost:5173' },
      { corsOrigins: ['https://a.example', 'http://localhost:5173'] },
    ],
    [
      { GRAPHIQL: 'true', INTROSPECTION: '1' },
      { graphiql: true, introspection: true },
    ],
    [{ LOG_LEVEL: 'silent' }, { logLevel: 'silent' }],
    [{ LOG_CLIENT_NETWORK: 'false' }, { logClientNetwork: false }],
    [{ SHUTDOWN_GRACE_SECONDS: '0' }, { shutdownGraceMs: 0 }],
    [{ SHUTDOWN_DELAY_SECONDS: '0' }, { shutdownDelayMs: 0 }],
    [{ SHUTDOWN_DELAY_SECONDS: '3600' }, { shutdownDelayMs: 3_600_000 }],
    [{ KEEP_ALIVE_SECONDS: '1' }, { keepAliveMs: 1_000 }],
    [{ KEEP_ALIVE_SECONDS: '620' }, { keepAliveMs: 620_000 }],
    [{ SHUTDOWN_GRACE_SECONDS: '3600' }, { shutdownGraceMs: 3_600_000 }],
    [{ PUBLIC_URL: 'https://Api.Example:443/' }, { publicUrl: 'https://api.example' }],
    [{ PUBLIC_URL: 'http://127.0.0.1:4000' }, { publicUrl: 'http://127.0.0.1:4000' }],
    [
      { API_AUDIENCES: 'https://api.example/v1, api,urn:example:api' },
      { apiAudiences: ['https://api.example/v1', 'api', 'urn:example:api'] },
    ],
    [{ API_TOKEN_SECONDS: '30' }, { apiTokenMs: 30_000 }],
    [{ API_TOKEN_SECONDS: '3600' }, { apiTokenMs: 3_600_000 }],
    [{ API_TOKEN_TYPE: 'JWT' }, { apiTokenType: 'JWT' }],
    [
      { FORWARD_AUTH: 'optional', TRUSTED_PROXIES: '10.0.0.1' },
      { forwardAuth: 'optional', trustedProxies: ['10.0.0.1'] },
    ],
    [{ FORWARD_AUTH: 'off' }, { forwardAuth: 'off' }],
  ])('%j', (env, expected) => {
    expect(configOf(env)).toMatchObject(expected)
  })
})

describe('bad values', () => {
  const notWhole = ['1e3', '0x10', '5s', '-1', '+1', '1.5', '1_000', '1 000', '٣', 'Infinity', 'NaN', '9'.repeat(400)]
  const notAnOrigin = [
    'line',
    'http://api.line.me',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'ftp://localhost',
  ]
  const moreThanAnOrigin = [
    'https://a.example/v2',
    'https://a.example?x',
    'https://a.example#',
    'https://u:p@a.example',
    'https:a.example',
  ]
  const notAProxy = [
    'proxy.example:3128',
    'socks5://proxy.example',
    'http://',
    'http:proxy.example',
    'http://user:pass%@proxy.example',
    'http://user:p/ss@proxy.example',
    'http://proxy.example/path',
    'http://proxy.example:99999',
    'http://proxy.example?x',
  ]
  const notABlock = [
    '10.0.0',
    '10.0.0.0/33',
    '::1/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '10.0.0.0/-1',
    '::ffff:10.0.0.0/8',
    '0:0:0:0:0:ffff:a00:0/95',
    'proxy.internal',
    '0x0a.1',
    '010.0.0.1',
    '1',
    'fe80::1%eth0',
    '*',
  ]

  it.each<[string, string[]]>([
    ['LINE_CHANNEL_ID', ['abc', '-1', '1'.repeat(21), '12 34', '１２']],
    ['LINE_CHANNEL_TYPE', ['Web', 'spa', 'web,liff']],
    ['LINE_API_URL', [...notAnOrigin, ...moreThanAnOrigin]],
    ['LINE_ACCESS_URL', [...notAnOrigin, ...moreThanAnOrigin]],
    ['LINE_TIMEOUT_MS', ['0', '60001', ...notWhole]],
    ['LINE_MAX_CONCURRENCY', ['0', '1025', ...notWhole]],
    ['FAILED_TOKENS_BURST', ['0', '1000001', ...notWhole]],
    [
      'FAILED_TOKENS_PER_SECOND',
      ['0', '0.0', '0.000009', '1000001', '1000000.1', '.5', '5.', '1e3', '-1', '1/s', `0.${'0'.repeat(400)}1`],
    ],
    ['HOST', ['http://0.0.0.0', '0.0.0.0:4000', '[::1]', 'a b', 'localhost:4000']],
    ['PORT', ['65536', ...notWhole]],
    ['METRICS_PORT', ['65536', ...notWhole]],
    ...['HTTPS_PROXY', 'HTTP_PROXY', 'https_proxy', 'http_proxy'].map((name): [string, string[]] => [name, notAProxy]),
    ['CACHE_MAX_TOKENS', ['0', '16777217', '100000000', ...notWhole]],
    ['VERIFICATION_FRESH_SECONDS', ['2592001', ...notWhole]],
    ['VERIFICATION_MAX_STALE_SECONDS', ['2592001', '0', ...notWhole]],
    ['GRAPHIQL', ['yes', 'TRUE', 'on', '2']],
    ['INTROSPECTION', ['no', 'False', 'off']],
    ['LOG_LEVEL', ['verbose', 'INFO', '30']],
    ['LOG_CLIENT_NETWORK', ['off', 'FALSE']],
    ['SHUTDOWN_GRACE_SECONDS', ['3601', ...notWhole]],
    ['SHUTDOWN_DELAY_SECONDS', ['3601', ...notWhole]],
    ['KEEP_ALIVE_SECONDS', ['0', '86401', ...notWhole]],
    ['PUBLIC_URL', [...notAnOrigin, ...moreThanAnOrigin]],
    ['API_TOKEN_SECONDS', ['0', '29', '3601', ...notWhole]],
    ['API_TOKEN_TYPE', ['jwt', 'AT+JWT', 'application/at+jwt']],
    ['FORWARD_AUTH', ['on', 'true', 'Required']],
  ])('%s', (name, values) => {
    for (const value of values) expectOneProblem(problemsWith({ [name]: value }), `${name}: `)
  })

  it.each<[string, string[]]>([
    [
      'LINE_REDIRECT_URIS',
      [
        '/cb',
        'http://a.example/cb',
        'https://a.example/#x',
        'https://a.example/#',
        'https://u@a.example/',
        'https://@a.example/',
      ],
    ],
    [
      'LINE_REDIRECT_URIS',
      [
        'javascript:alert(1)',
        'JavaScript:x',
        'data:text/html,x',
        'file:///etc/passwd',
        'https:a.example',
        'https://',
        'my app://x',
      ],
    ],
    ['TRUSTED_PROXIES', notABlock],
    ['API_AUDIENCES', ['two words', 'über', 'a'.repeat(201), 'https://', ':x']],
    ['CACHE_SECRET', ['short', 'x'.repeat(31), 'é'.repeat(15)]],
    [
      'CORS_ORIGINS',
      [
        '*',
        'https://*.example',
        'https://a.example/',
        'https://a.example/x',
        'https://A.example',
        'https://a.example:443',
      ],
    ],
    ['CORS_ORIGINS', ['null', 'a.example', 'https://u@a.example', 'file://', 'https://a.example?x']],
  ])('%s: the problem has the index in the list', (name, values) => {
    for (const value of values) expect(problemsWith({ [name]: value })[0]).toMatch(new RegExp(`^${name}\\[0\\]: `))
  })

  it('an extra comma: a problem, not an empty list that allows any', () => {
    expectOneProblem(problemsWith({ LINE_REDIRECT_URIS: 'https://a.example/,' }), 'LINE_REDIRECT_URIS[1]: ')
    expect(problemsWith({ LINE_REDIRECT_URIS: ',' })).toHaveLength(2)
  })
})

describe('CACHE_MAX_TOKENS', () => {
  const gigabyte = 2 ** 30
  const read = (env: Env, heapBytes: number) => readConfig({ ...channel, ...env }, { heapBytes })

  it('400 bytes a record in half of the heap: that many are accepted, and one more is refused (D16)', () => {
    const most = Math.floor((4 * gigabyte) / 800)
    expect(read({ CACHE_MAX_TOKENS: `${most}` }, 4 * gigabyte).cacheMaxTokens).toBe(most)
    const tooMany = () => read({ CACHE_MAX_TOKENS: `${most + 1}` }, 4 * gigabyte)
    expect(tooMany).toThrow(new RegExp(`CACHE_MAX_TOKENS: .* to ${most},.* NODE_OPTIONS=--max-old-space-size=MB`))
  })

  it('a heap of any size: never more than a Map of JavaScript holds (D16)', () => {
    expect(read({ CACHE_MAX_TOKENS: '16000000' }, 1_000 * gigabyte).cacheMaxTokens).toBe(16_000_000)
    expect(() => read({ CACHE_MAX_TOKENS: '16000001' }, 1_000 * gigabyte)).toThrow(
      /from 1 to 16000000, in plain digits$/,
    )
  })

  it('the heap of this process: 2^24 records and more are refused (D16)', () => {
    expect(() => configOf({ CACHE_MAX_TOKENS: `${2 ** 24}` })).toThrow(
      /CACHE_MAX_TOKENS: must be a whole number from 1/,
    )
  })

  it('a small heap: the default is what fits (D16)', () => {
    expect(read({}, 40_000_000).cacheMaxTokens).toBe(50_000)
    expect(read({}, 4 * gigabyte).cacheMaxTokens).toBe(100_000)
  })
})

describe('the ports', () => {
  it('METRICS_PORT is PORT: a problem, because both cannot listen there (D16)', () => {
    expectOneProblem(problemsWith({ PORT: '9090', METRICS_PORT: '9090' }), 'METRICS_PORT: is the same as PORT')
    expectOneProblem(problemsWith({ METRICS_PORT: '4000' }), 'METRICS_PORT: is the same as PORT')
  })
})

describe('problems', () => {
  it('several problems: all are named at once', () => {
    const env = {
      PORT: 'x',
      LOG_LEVEL: 'x',
      LINE_CHANNEL_TYPE: 'x',
      REDIS_URL: 'x',
      GRAPHIQL_FILE: '/none',
      CORS_ORIGINS: 'x,x',
    }
    expect(
      problemsOf(env)
        .map((problem) => problem.split(':')[0])
        .sort(),
    ).toEqual([
      'CACHE_SECRET',
      'CORS_ORIGINS[0]',
      'CORS_ORIGINS[1]',
      'GRAPHIQL_FILE',
      'LINE_CHANNEL_ID',
      'LINE_CHANNEL_TYPE',
      'LOG_LEVEL',
      'PORT',
      'REDIS_URL',
    ])
  })

  it('the error message: one line for each problem', () => {
    const error = new ConfigError(['A: is missing', 'B: is missing'])
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('ConfigError')
    expect(error.message.split('\n').slice(1)).toEqual(['  A: is missing', '  B: is missing'])
  })

  const canary = 'c4n4ry'
  const names = [
    ...[
      'LINE_CHANNEL_ID',
      'LINE_CHANNEL_SECRET',
      'LINE_CHANNEL_TYPE',
      'LINE_REDIRECT_URIS',
      'LINE_API_URL',
      'LINE_ACCESS_URL',
    ],
    ...[
      'LINE_TIMEOUT_MS',
      'LINE_MAX_CONCURRENCY',
      'TRUSTED_PROXIES',
      'FAILED_TOKENS_BURST',
      'FAILED_TOKENS_PER_SECOND',
    ],
    ...['HOST', 'PORT', 'REDIS_URL', 'CACHE_SECRET', 'CACHE_MAX_TOKENS', 'VERIFICATION_FRESH_SECONDS', 'CORS_ORIGINS'],
    ...[
      'VERIFICATION_MAX_STALE_SECONDS',
      'GRAPHIQL',
      'INTROSPECTION',
      'METRICS_PORT',
      'LOG_LEVEL',
      'KEEP_ALIVE_SECONDS',
      'SHUTDOWN_DELAY_SECONDS',
      'SHUTDOWN_GRACE_SECONDS',
      'HTTPS_PROXY',
      'HTTP_PROXY',
    ],
    ...['PUBLIC_URL', 'API_AUDIENCES', 'API_TOKEN_SECONDS', 'API_TOKEN_TYPE', 'OAUTH_CLIENTS', 'FORWARD_AUTH'],
  ]
  const lists = [
    ...[canary, `["${canary}"]`, `{"${canary}":1}`, `"${canary}"`, `[{"id":"${canary}","secret":"${canary}"}]`],
    ...[
      `[{"id":"1","type":"${canary}"}]`,
      `[{"id":"1","type":"liff","${canary}":"${canary}"}]`,
      `[{"id":{"${canary}":1}}]`,
    ],
    ...[
      `[{"id":"1","secret":{"${canary}":["${canary}"]}}]`,
      `[{"id":"1","secret":"${canary}"},{"id":"1","secret":"${canary}"}]`,
    ],
  ]

  it.each<[string, Env, Env]>([
    ['settings', Object.fromEntries(names.map((name) => [name, `${canary} ${name}:/@#`])), {}],
    ['files', Object.fromEntries(names.map((name) => [`${name}_FILE`, '/f'])), { '/f': `${canary}:/@#` }],
    ['paths', Object.fromEntries(names.map((name) => [`${name}_FILE`, `/${canary}`])), {}],
    [
      'both',
      Object.fromEntries(
        names.flatMap((name) => [
          [name, canary],
          [`${name}_FILE`, canary],
        ]),
      ),
      { [canary]: canary },
    ],
    ...lists.map((LINE_CHANNELS): [string, Env, Env] => [LINE_CHANNELS, { LINE_CHANNELS }, {}]),
    ...lists.map((OAUTH_CLIENTS): [string, Env, Env] => [OAUTH_CLIENTS, { ...channel, OAUTH_CLIENTS }, {}]),
    ['SIGNING_KEYS_FILE', { ...channel, SIGNING_KEYS_FILE: canary }, {}],
  ])('no problem quotes a value: %s', (_where, env, files) => {
    try {
      readConfig(env, withFiles(files))
      expect.unreachable()
    } catch (error) {
      expect(error).toBeInstanceOf(ConfigError)
      const { problems, message, stack, cause } = error as ConfigError
      expect(problems.length).toBeGreaterThan(0)
      expect(JSON.stringify([problems, message, stack, cause, error])).not.toContain(canary)
    }
  })

  it('no warning quotes a value', () => {
    const env = { REDIS_URL: `redis://:${canary}@cache`, CACHE_SECRET: canary.repeat(8), LINE_CHANNEL_ID: canary }
    const { warnings } = configOf({ ...env, LINE_CHANNELS: `[{"id":"1","secret":"${canary}"}]` })
    expect(warnings).toHaveLength(1)
    expect(warnings.join()).not.toContain(canary)
  })
})

describe('NAME_FILE', () => {
  it('a mounted secret: read without its trailing newline', () => {
    const env = { LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET_FILE: '/run/secret', PORT_FILE: '/run/port' }
    const config = readConfig(env, withFiles({ '/run/secret': 'from the file\r\n', '/run/port': '4001\n' }))
    expect(config.channels[0].secret).toBe('from the file')
    expect(config.port).toBe(4001)
  })

  it('without a reader: real files are read', () => {
    const folder = mkdtempSync(join(tmpdir(), 'config-'))
    try {
      writeFileSync(join(folder, 'secret'), 'from the disk\n')
      const env = { LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET_FILE: join(folder, 'secret') }
      expect(readConfig(env).channels[0].secret).toBe('from the disk')
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('NAME and NAME_FILE both set: a problem', () => {
    expectOneProblem(problemsWith({ PORT: '1', PORT_FILE: '/port' }, { '/port': '2' }), 'PORT: is set twice')
  })

  it('a file that cannot be read: one problem, which names NAME_FILE', () => {
    for (const name of [
      'LINE_CHANNELS',
      'LINE_CHANNEL_TYPE',
      'LINE_REDIRECT_URIS',
      'PORT',
      'REDIS_URL',
      'CACHE_SECRET',
    ]) {
      const env = {
        ...channel,
        REDIS_URL: 'redis://cache',
        CACHE_SECRET: longSecret,
        [name]: '',
        [`${name}_FILE`]: '/none',
      }
      expectOneProblem(problemsOf(env), `${name}_FILE: can't be read`)
    }
    expectOneProblem(problemsOf({ LINE_CHANNELS_FILE: '/none' }), 'LINE_CHANNELS_FILE: ')
    expectOneProblem(
      problemsOf({ LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET_FILE: '/none' }),
      'LINE_CHANNEL_SECRET_FILE: ',
    )
  })
})

describe('channels', () => {
  const listed = (...channels: unknown[]) => ({ LINE_CHANNELS: JSON.stringify(channels) })

  it('no channel: ID and secret are missing, and LINE_CHANNELS is named as the alternative', () => {
    const [id, secret, ...rest] = problemsOf({})
    expect(id).toMatch(/^LINE_CHANNEL_ID: is missing: .*LINE_CHANNELS/)
    expect(secret).toMatch(/^LINE_CHANNEL_SECRET: is missing: .*web/)
    expect(rest).toEqual([])
  })

  it.each(['native', 'liff'] as const)('a %s channel: needs no secret', (type) => {
    expect(readConfig({ LINE_CHANNEL_ID: '1', LINE_CHANNEL_TYPE: type }).channels).toEqual([
      { id: '1', secret: undefined, type },
    ])
    expect(configOf({ LINE_CHANNEL_TYPE: type }).channels[0].secret).toBe('channel-secret')
    expectOneProblem(problemsOf({ LINE_CHANNEL_TYPE: type }), 'LINE_CHANNEL_ID: is missing')
  })

  it('a web channel, explicit or by default: needs a secret', () => {
    expectOneProblem(problemsOf({ LINE_CHANNEL_ID: '1' }), 'LINE_CHANNEL_SECRET: is missing')
    expectOneProblem(problemsOf({ LINE_CHANNEL_ID: '1', LINE_CHANNEL_TYPE: 'web' }), 'LINE_CHANNEL_SECRET: is missing')
    expectOneProblem(problemsOf(listed({ id: '1' })), 'LINE_CHANNELS[0].secret: is missing')
  })

  it('LINE_CHANNELS: all channels, in the same order', () => {
    const env = listed({ id: '2', secret: 's' }, { id: '1', type: 'liff' })
    const channels = [
      { id: '2', secret: 's', type: 'web' },
      { id: '1', secret: undefined, type: 'liff' },
    ]
    expect(readConfig(env)).toMatchObject({ channels, warnings: [] })
  })

  it.each(Object.entries({ ...channel, LINE_CHANNEL_TYPE: 'nonsense' }))(
    'LINE_CHANNELS wins over %s, with a warning',
    (name, value) => {
      const config = readConfig({ ...listed({ id: '1', secret: 's' }), [name]: value })
      expect(config.channels).toEqual([{ id: '1', secret: 's', type: 'web' }])
      expect(config.warnings).toEqual([expect.stringMatching(/^LINE_CHANNELS: is used/)])
    },
  )

  it('a mistake in LINE_CHANNELS: the problem has the index and the member', () => {
    const good = { id: '1', secret: 's' }
    expectOneProblem(
      problemsOf(listed(good, { id: '2', secert: 's', type: 'liff' })),
      'LINE_CHANNELS[1]: must be an object',
    )
    expectOneProblem(problemsOf(listed(good, null)), 'LINE_CHANNELS[1]: must be an object')
    expectOneProblem(problemsOf(listed(good, [])), 'LINE_CHANNELS[1]: must be an object')
    expectOneProblem(problemsOf(listed(good, { id: '2' })), 'LINE_CHANNELS[1].secret: is missing')
    expectOneProblem(problemsOf(listed(good, { id: '2', secret: '' })), 'LINE_CHANNELS[1].secret: must be a string')
    expectOneProblem(problemsOf(listed(good, { id: '2', secret: null })), 'LINE_CHANNELS[1].secret: must be a string')
    expectOneProblem(problemsOf(listed(good, { secret: 's' })), 'LINE_CHANNELS[1].id: is missing')
    expectOneProblem(problemsOf(listed(good, { id: 2, secret: 's' })), 'LINE_CHANNELS[1].id: must be 1 to 20 digits')
    expectOneProblem(problemsOf(listed(good, { id: '2', type: 'spa' })), 'LINE_CHANNELS[1].type: must be')
    expect(problemsOf(listed({ id: 'x' }, { type: 'x' }))).toHaveLength(4)
  })

  it.each(['{', '{}', '"1"', 'null', '1234567890'])('LINE_CHANNELS=%s: must be a JSON list', (LINE_CHANNELS) => {
    expectOneProblem(problemsOf({ LINE_CHANNELS }), 'LINE_CHANNELS: must be a JSON list')
  })

  it('an empty list, and the same channel twice: a problem', () => {
    expectOneProblem(problemsOf(listed()), 'LINE_CHANNELS: is an empty list')
    const twice = listed({ id: '1', secret: 's' }, { id: '1', type: 'liff' })
    expectOneProblem(problemsOf(twice), 'LINE_CHANNELS: has the same id twice')
  })
})

describe('the ages at which a token is re-checked', () => {
  const ages = (fresh?: string, maxStale?: string) => ({
    ...(fresh !== undefined && { VERIFICATION_FRESH_SECONDS: fresh }),
    ...(maxStale !== undefined && { VERIFICATION_MAX_STALE_SECONDS: maxStale }),
  })

  it.each<[string, string | undefined, string | undefined, number, number]>([
    ['both 0: until the token expires', '0', '0', Infinity, Infinity],
    ['fresh 0 alone: every use is re-checked in the background', '0', undefined, 0, 3600],
    ['fresh 0 and an age', '0', '60', 0, 60],
    ['fresh alone, below the other default', '60', undefined, 60, 3600],
    ['fresh alone, above the other default: both get this age', '7200', undefined, 7200, 7200],
    ['max stale alone, above the other default', undefined, '600', 300, 600],
    ['max stale alone, below the other default: both get this age', undefined, '60', 60, 60],
    ['both the same', '60', '60', 60, 60],
    ['both at the maximum', '2592000', '2592000', 2_592_000, 2_592_000],
  ])('%s', (_what, fresh, maxStale, freshSeconds, maxStaleSeconds) => {
    const expected = { freshForMs: freshSeconds * 1000, maxStaleMs: maxStaleSeconds * 1000 }
    expect(configOf(ages(fresh, maxStale))).toMatchObject(expected)
  })

  it('a fresh age above the max stale age: a problem', () => {
    expectOneProblem(problemsWith(ages('61', '60')), 'VERIFICATION_FRESH_SECONDS: is too long')
  })

  it.each([undefined, '60'])('max stale 0 with fresh %s: a problem, and never "until the token expires"', (fresh) => {
    const problems = problemsWith(ages(fresh, '0'))
    expectOneProblem(problems, 'VERIFICATION_MAX_STALE_SECONDS: ')
    expect(problems[0]).toContain('VERIFICATION_FRESH_SECONDS=0')
  })
})

describe('the shared tier', () => {
  const otherSecret = 'another secret of thirty-two bytes'
  const withRedis = (REDIS_URL: string) => ({ REDIS_URL, CACHE_SECRET: longSecret })

  it.each([
    'redis://cache',
    'redis://cache:6379',
    'rediss://user:pass@cache.example/0',
    'redis://:p%40ss%2Fword@my_cache:6380/15',
    'redis://[::1]:6379/',
    'redis://127.0.0.1',
  ])('REDIS_URL=%s: accepted without a warning', (REDIS_URL) => {
    const config = configOf(withRedis(REDIS_URL))
    expect(config).toMatchObject({ redisUrl: REDIS_URL, cacheSecrets: [longSecret], warnings: [] })
  })

  it.each([
    'http://cache',
    'cache:6379',
    'redis:cache',
    'redis://',
    'rediss:///0',
    'redis://:6379',
    'redis://user:pass@',
    'redis://cache:0',
    'redis://cache:65536',
    'redis://cache:port',
    'redis://cache/zero',
    'redis://cache/-1',
    'redis://cache/0/1',
    'redis://cache/123456',
    'redis://cache?db=1',
    'redis://cache/0?family=6',
    'redis://cache/0#x',
    'redis://cache\\0',
    'redis://p@ss@cache',
    'redis://password@cache',
    'redis://:p%zz@cache',
    'redis://one,two',
    'redis://a b',
    'redis://[cache]',
  ])('REDIS_URL=%s: a problem', (REDIS_URL) => {
    expectOneProblem(problemsWith(withRedis(REDIS_URL)), 'REDIS_URL: ')
  })

  it('REDIS_URL without a good CACHE_SECRET: a problem', () => {
    expectOneProblem(problemsWith({ REDIS_URL: 'redis://cache' }), 'CACHE_SECRET: is missing')
    expectOneProblem(
      problemsWith({ REDIS_URL: 'redis://cache', CACHE_SECRET: 'short' }),
      'CACHE_SECRET[0]: is too short',
    )
  })

  it('CACHE_SECRET with several secrets: a list in this order', () => {
    const { cacheSecrets } = configOf({ CACHE_SECRET: ` ${longSecret} ,${otherSecret}` })
    expect(cacheSecrets).toEqual([longSecret, otherSecret])
  })

  it.each([
    ['an empty part', `${longSecret},,${otherSecret}`, 'CACHE_SECRET[1]: is too short'],
    ['a comma at the end', `${longSecret},`, 'CACHE_SECRET[1]: is too short'],
    ['a short part', `${longSecret},${otherSecret.slice(0, 31)}`, 'CACHE_SECRET[1]: is too short'],
    ['one secret twice', `${longSecret},${longSecret}`, 'CACHE_SECRET: has the same secret twice'],
  ])('CACHE_SECRET with %s: a problem with its place', (_, CACHE_SECRET, problem) => {
    expectOneProblem(problemsWith({ CACHE_SECRET }), problem)
  })
})

describe('the endpoints for other services', () => {
  const trusted = { TRUSTED_PROXIES: '10.0.0.1' }
  const client = { id: 'orders', secret: longSecret }
  const listed = (...clients: unknown[]) => ({ OAUTH_CLIENTS: JSON.stringify(clients) })

  it('SIGNING_KEYS_FILE with PUBLIC_URL: a path, which is not read here', () => {
    const env = { SIGNING_KEYS_FILE: ' /keys.json ', PUBLIC_URL: 'https://api.example' }
    expect(configOf(env)).toMatchObject({ signingKeysFile: '/keys.json', makesSigningKeys: false })
  })

  it('SIGNING_KEYS_FILE without PUBLIC_URL: a problem, but not in development', () => {
    const env = { SIGNING_KEYS_FILE: '/keys.json' }
    expectOneProblem(problemsWith(env), 'PUBLIC_URL: is missing: SIGNING_KEYS_FILE needs it')
    const config = configOf({ ...env, NODE_ENV: 'development' })
    expect(config).toMatchObject({ signingKeysFile: '/keys.json', makesSigningKeys: false, publicUrl: undefined })
  })

  it('SIGNING_KEYS_FILE with a bad PUBLIC_URL: one problem', () => {
    expectOneProblem(problemsWith({ SIGNING_KEYS_FILE: '/k', PUBLIC_URL: 'api' }), 'PUBLIC_URL: must be')
  })

  it.each([
    ['PUBLIC_URL', { SIGNING_KEYS_FILE: '/k' }],
    ['TRUSTED_PROXIES', { FORWARD_AUTH: 'required' }],
    ['REDIS_URL', { WORKERS: '2', CACHE_SECRET: longSecret }],
  ])('%s, which several rules ask for: a file that cannot be read, or two values, is one problem', (name, others) => {
    expectOneProblem(problemsWith({ ...others, [`${name}_FILE`]: '/nowhere' }), `${name}_FILE: can't be read`)
    expectOneProblem(problemsWith({ ...others, [name]: 'x', [`${name}_FILE`]: '/nowhere' }), `${name}: is set twice`)
  })

  it('SIGNING_KEYS_FILE_FILE: no setting', () => {
    const config = configOf({ SIGNING_KEYS_FILE_FILE: '/path' }, { '/path': '/keys.json' })
    expect(config.signingKeysFile).toBeUndefined()
    expect(config.warnings).toEqual([expect.stringMatching(/^SIGNING_KEYS_FILE_FILE: is not a setting/)])
  })

  it('PUBLIC_URL_FILE, OAUTH_CLIENTS_FILE: settings', () => {
    const files = { '/url': 'https://api.example\n', '/clients': listed(client).OAUTH_CLIENTS }
    const config = configOf({ PUBLIC_URL_FILE: '/url', OAUTH_CLIENTS_FILE: '/clients' }, files)
    expect(config).toMatchObject({ publicUrl: 'https://api.example', oauthClients: [client], warnings: [] })
  })

  it.each(['required', 'optional'])('FORWARD_AUTH=%s without TRUSTED_PROXIES: a problem', (FORWARD_AUTH) => {
    expectOneProblem(problemsWith({ FORWARD_AUTH }), 'TRUSTED_PROXIES: is missing: FORWARD_AUTH needs it')
    expect(problemsWith({ FORWARD_AUTH, ...trusted })).toEqual([])
  })

  it('OAUTH_CLIENTS: all clients, in the same order', () => {
    const other = { id: 'a:b %', secret: '"\\~ '.padEnd(32, 'x') }
    expectOneProblem(problemsWith(listed(client, other)), 'OAUTH_CLIENTS[1].id: must be')
    expect(configOf(listed(client, { ...other, id: 'a:b%' })).oauthClients).toEqual([client, { ...other, id: 'a:b%' }])
  })

  it.each<[string, unknown, string]>([
    ['null', null, ': must be an object'],
    ['a list', [], ': must be an object'],
    ['another member', { ...client, id: 'x', scope: 'x' }, ': must be an object'],
    ['no id', { secret: longSecret }, '.id: is missing'],
    ['an empty id', { ...client, id: '' }, '.id: must be 1 to 100'],
    ['a number as id', { ...client, id: 1 }, '.id: must be 1 to 100'],
    ['an id of 101 characters', { ...client, id: 'x'.repeat(101) }, '.id: must be 1 to 100'],
    ['an id with a letter outside ASCII', { ...client, id: 'é' }, '.id: must be 1 to 100'],
    ['no secret', { id: 'x' }, '.secret: is missing'],
    ['a secret of 31 characters', { id: 'x', secret: 'x'.repeat(31) }, '.secret: must be 32 to 1000'],
    ['a secret of 1001 characters', { id: 'x', secret: 'x'.repeat(1_001) }, '.secret: must be 32 to 1000'],
    ['a secret that ends with a space', { id: 'x', secret: `${longSecret} ` }, '.secret: must be 32 to 1000'],
    ['a secret outside ASCII', { id: 'x', secret: 'é'.repeat(32) }, '.secret: must be 32 to 1000'],
    ['a number as secret', { id: 'x', secret: 1e32 }, '.secret: must be 32 to 1000'],
  ])('OAUTH_CLIENTS with %s: the problem has the index and the member', (_, wrong, problem) => {
    expectOneProblem(problemsWith(listed(client, wrong)), `OAUTH_CLIENTS[1]${problem}`)
  })

  it.each(['{', '{}', '"1"', 'null', '1', 'orders:secret'])(
    'OAUTH_CLIENTS=%s: must be a JSON list',
    (OAUTH_CLIENTS) => {
      expectOneProblem(problemsWith({ OAUTH_CLIENTS }), 'OAUTH_CLIENTS: must be a JSON list')
    },
  )

  it('no client, and the same client twice: a problem', () => {
    expectOneProblem(problemsWith(listed()), 'OAUTH_CLIENTS: is an empty list')
    expectOneProblem(problemsWith(listed(client, client)), 'OAUTH_CLIENTS: has the same id twice')
  })
})
