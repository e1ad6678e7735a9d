import { describe, expect, test } from 'vitest'
import { pathSettings, settingNames } from '../../src/config/setting-names.ts'
import { editsBetween, warnOfUnknownSettings } from '../../src/config/unknown-settings.ts'
import { ConfigError, readConfig } from '../../src/config.ts'

const warn = (...names: readonly string[]) =>
  warnOfUnknownSettings(Object.fromEntries(names.map((name) => [name, 'c4n4ry'])))

describe('a variable with almost the name of a setting', () => {
  test.each([
    ['TRUSTED_PROXY', 'TRUSTED_PROXIES'],
    ['TRUSTED_PROXYS', 'TRUSTED_PROXIES'],
    ['TRUST_PROXIES', 'TRUSTED_PROXIES'],
    ['LINE_CHANEL_ID', 'LINE_CHANNEL_ID'],
    ['LINE_CHANNEL_SECERT', 'LINE_CHANNEL_SECRET'],
    ['LINE_CHANNEL', 'LINE_CHANNELS'],
    ['LINE_REDIRECT_URI', 'LINE_REDIRECT_URIS'],
    ['LINE_API_URI', 'LINE_API_URL'],
    ['LINE_MAX_CONCURENCY', 'LINE_MAX_CONCURRENCY'],
    ['FAILED_TOKEN_PER_SECOND', 'FAILED_TOKENS_PER_SECOND'],
    ['HOSTS', 'HOST'],
    ['PROT', 'PORT'],
    ['HTTPS_PROXI', 'HTTPS_PROXY'],
    ['WORKER', 'WORKERS'],
    ['REDIS_URI', 'REDIS_URL'],
    ['REDISURL', 'REDIS_URL'],
    ['CACHE_SECRETS', 'CACHE_SECRET'],
    ['CACHE_MAX_TOKEN', 'CACHE_MAX_TOKENS'],
    ['VERIFICATION_MAX_STALE_SECOND', 'VERIFICATION_MAX_STALE_SECONDS'],
    ['CORS_ORIGIN', 'CORS_ORIGINS'],
    ['PUBLIC_URI', 'PUBLIC_URL'],
    ['SIGNING_KEY_FILE', 'SIGNING_KEYS_FILE'],
    ['API_AUDIENCE', 'API_AUDIENCES'],
    ['OAUTH_CLIENT', 'OAUTH_CLIENTS'],
    ['FORWARDAUTH', 'FORWARD_AUTH'],
    ['GRAPHQL', 'GRAPHIQL'],
    ['INTROSPECTON', 'INTROSPECTION'],
    ['KEEPALIVE_SECONDS', 'KEEP_ALIVE_SECONDS'],
    ['METRIC_PORT', 'METRICS_PORT'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['SHUTDOWN_GRACE_SECOND', 'SHUTDOWN_GRACE_SECONDS'],
    ['LINE_CHANEL_SECRET_FILE', 'LINE_CHANNEL_SECRET_FILE'],
    ['TRUSTED_PROXY_FILE', 'TRUSTED_PROXIES_FILE'],
    ['EMULATOR_PROT', 'EMULATOR_PORT'],
    ['SIGNING_KEYS_FILE_FILE', 'SIGNING_KEYS_FILE'],
  ])('%s: one warning that names %s, and no value', (name, meant) => {
    expect(warn(name)).toEqual([`${name}: is not a setting and is ignored: did you mean ${meant}?`])
  })

  test.each(settingNames)('%s with one letter left out, doubled, replaced or swapped: it is named', (name) => {
    for (let index = 1; index < name.length - 1; index++) {
      const [head, letter, next, tail] = [name.slice(0, index), name[index], name[index + 1], name.slice(index + 2)]
      const wrong = [head + next + tail, head + letter + letter + next + tail, `${head}#${next}${tail}`]
      for (const typo of [...wrong, `${head}${next}${letter}${tail}`]) {
        if (typo !== name && !settingNames.some((other) => other === typo))
          expect(warn(typo), typo).toEqual([expect.stringMatching(/ did you mean [A-Z_]+\?$/)])
      }
    }
  })

  test.each(['LINE_TIMEOUT', 'HOME', 'POTS', 'CORS', 'LINE_CHANNEL_KEYS', 'REDIS', 'trusted_proxies'])(
    '%s, which differs more: no warning',
    (name) => expect(warn(name)).toEqual([]),
  )

  test('settings and their NAME_FILE forms: no warning', () => {
    const files = settingNames.filter((name) => !pathSettings.includes(name)).map((name) => `${name}_FILE`)
    expect(warn(...settingNames, ...files, 'https_proxy', 'no_proxy')).toEqual([])
  })

  test('readConfig has the warnings, and none for a setting', () => {
    const env = { LINE_CHANNEL_ID: '1', LINE_CHANNEL_SECRET: 'x', TRUSTED_PROXY: '10.0.0.1', CORS_ORIGIN: '*' }
    const settings = { API_AUDIENCES: 'c4n4ry', PUBLIC_URL: 'https://c4n4ry', FORWARD_AUTH: ' ' }
    const { warnings } = readConfig({ ...env, ...settings })
    expect(warnings.map((warning) => warning.split(':')[0]).sort()).toEqual(['CORS_ORIGIN', 'TRUSTED_PROXY'])
    expect(warnings.join()).not.toMatch(/10\.0|\*|c4n4ry/)
  })

  test('an empty value counts as unset: no warning', () => {
    expect(warnOfUnknownSettings({ TRUSTED_PROXY: '', CORS_ORIGIN: ' ' })).toEqual([])
  })

  test('the message of a missing setting says that its name is misspelt', () => {
    const read = () => readConfig({ LINE_CHANEL_ID: 'c4n4ry', LINE_CHANNEL_SECRET: 'x' })
    expect(read).toThrow(ConfigError)
    expect(read).toThrow(/LINE_CHANNEL_ID: is missing.*\nWarnings:\n {2}LINE_CHANEL_ID: .* LINE_CHANNEL_ID\?$/)
    expect(read).not.toThrow(/c4n4ry/)
  })
})

/** Every variable that these systems set by themselves, and common ones of developers. */
const ordinary: Record<string, string> = {
  'a Debian shell': `HOME HOSTNAME LANG LANGUAGE LC_ALL LC_CTYPE LOGNAME LS_COLORS MAIL OLDPWD PATH PWD SHELL SHLVL TERM USER _ EDITOR VISUAL PAGER
    DISPLAY WAYLAND_DISPLAY XAUTHORITY COLORTERM COLUMNS LINES HISTFILE HISTSIZE HISTCONTROL PS1 PS2 IFS OPTIND TMPDIR TZ TZDIR MANPATH INFOPATH LESSOPEN
    LESSCLOSE SSH_CLIENT SSH_CONNECTION SSH_TTY SSH_AUTH_SOCK SSH_AGENT_PID GPG_AGENT_INFO DBUS_SESSION_BUS_ADDRESS XDG_SESSION_ID XDG_RUNTIME_DIR
    XDG_DATA_DIRS XDG_CONFIG_DIRS XDG_CURRENT_DESKTOP XDG_SEAT XDG_VTNR SUDO_USER SUDO_UID SUDO_GID SUDO_COMMAND MOTD_SHOWN DEBIAN_FRONTEND`,
  'zsh, csh and macOS': `HOST HOSTTYPE MACHTYPE OSTYPE VENDOR GROUP REMOTEHOST CPUTYPE ZDOTDIR FPATH PROMPT RPROMPT TERM_PROGRAM TERM_PROGRAM_VERSION
    TERM_SESSION_ID COMMAND_MODE XPC_FLAGS XPC_SERVICE_NAME __CF_USER_TEXT_ENCODING __CFBundleIdentifier HOMEBREW_PREFIX HOMEBREW_CELLAR
    HOMEBREW_REPOSITORY ITERM_PROFILE ITERM_SESSION_ID LC_TERMINAL SECURITYSESSIONID Apple_PubSub_Socket_Render ORIGINAL_XDG_CURRENT_DESKTOP PROFILE`,
  'Windows and WSL': `ALLUSERSPROFILE APPDATA COMSPEC ComSpec HOMEDRIVE HOMEPATH LOCALAPPDATA LOGONSERVER NUMBER_OF_PROCESSORS OS PATHEXT
    PROCESSOR_ARCHITECTURE ProgramData ProgramFiles PROMPT PUBLIC SESSIONNAME SystemDrive SystemRoot TEMP TMP USERDOMAIN USERNAME USERPROFILE windir
    WSL_DISTRO_NAME WSL_INTEROP WSLENV`,
  'npm and Node': `NODE NODE_ENV NODE_OPTIONS NODE_PATH NODE_EXTRA_CA_CERTS NODE_DEBUG NODE_TLS_REJECT_UNAUTHORIZED NODE_USE_ENV_PROXY NODE_VERSION
    YARN_VERSION NPM_TOKEN NPM_CONFIG_LOGLEVEL INIT_CWD COLOR npm_command npm_config_cache npm_config_local_prefix npm_config_node_gyp npm_config_user_agent
    npm_config_loglevel npm_config_proxy npm_config_https_proxy npm_config_noproxy npm_execpath npm_lifecycle_event npm_lifecycle_script npm_node_execpath
    npm_package_json npm_package_name npm_package_version NVM_DIR NVM_BIN NVM_INC VOLTA_HOME FNM_DIR COREPACK_ROOT FORCE_COLOR NO_COLOR DEBUG CI VITEST
    VITE_PORT UV_THREADPOOL_SIZE`,
  'Docker and Compose': `HOSTNAME HOME PATH TERM container DOCKER_HOST DOCKER_CONFIG DOCKER_BUILDKIT COMPOSE_PROJECT_NAME COMPOSE_FILE REDIS_NAME
    REDIS_PORT_6379_TCP REDIS_PORT_6379_TCP_ADDR REDIS_PORT_6379_TCP_PORT REDIS_PORT_6379_TCP_PROTO REDIS_ENV_VERSION REDIS_HOST REDIS_PASSWORD
    POSTGRES_HOST POSTGRES_PORT POSTGRES_USER POSTGRES_DB DATABASE_URL DB_HOST DB_PORT MYSQL_PORT`,
  Kubernetes: `KUBERNETES_SERVICE_HOST KUBERNETES_SERVICE_PORT KUBERNETES_SERVICE_PORT_HTTPS KUBERNETES_PORT KUBERNETES_PORT_443_TCP
    KUBERNETES_PORT_443_TCP_ADDR KUBERNETES_PORT_443_TCP_PORT KUBERNETES_PORT_443_TCP_PROTO LINE_GATEWAY_SERVICE_HOST LINE_GATEWAY_SERVICE_PORT
    LINE_GATEWAY_PORT LINE_GATEWAY_PORT_4000_TCP LINE_GATEWAY_SERVICE_PORT_HTTP LINE_GATEWAY_SERVICE_PORT_METRICS REDIS_SERVICE_HOST REDIS_SERVICE_PORT
    REDIS_PORT METRICS_SERVICE_HOST WORKERS_PORT WORKER_SERVICE_HOST WORKER_PORT PUBLIC_PORT API_PORT API_SERVICE_HOST HOST_PORT PORT_PORT POD_NAME
    POD_NAMESPACE POD_IP POD_IPS HOST_IP NODE_NAME NODE_IP GOMAXPROCS GOMEMLIMIT KUBECONFIG`,
  systemd: `INVOCATION_ID JOURNAL_STREAM LISTEN_FDS LISTEN_PID LISTEN_FDNAMES MAINPID MANAGERPID NOTIFY_SOCKET RUNTIME_DIRECTORY STATE_DIRECTORY
    CACHE_DIRECTORY LOGS_DIRECTORY CONFIGURATION_DIRECTORY CREDENTIALS_DIRECTORY SYSTEMD_EXEC_PID WATCHDOG_PID WATCHDOG_USEC MEMORY_PRESSURE_WATCH
    MEMORY_PRESSURE_WRITE`,
  'GitHub Actions': `ACTIONS_CACHE_URL ACTIONS_RUNTIME_TOKEN ACTIONS_RUNTIME_URL ACTIONS_RESULTS_URL CI GITHUB_ACTION GITHUB_ACTIONS GITHUB_ACTOR
    GITHUB_API_URL GITHUB_BASE_REF GITHUB_ENV GITHUB_EVENT_NAME GITHUB_EVENT_PATH GITHUB_GRAPHQL_URL GITHUB_HEAD_REF GITHUB_JOB GITHUB_OUTPUT GITHUB_PATH
    GITHUB_REF GITHUB_REPOSITORY GITHUB_RUN_ID GITHUB_SERVER_URL GITHUB_SHA GITHUB_STEP_SUMMARY GITHUB_TOKEN GITHUB_WORKFLOW GITHUB_WORKSPACE ImageOS
    ImageVersion RUNNER_ARCH RUNNER_DEBUG RUNNER_NAME RUNNER_OS RUNNER_TEMP RUNNER_TOOL_CACHE AGENT_TOOLSDIRECTORY ANDROID_HOME ANT_HOME CHROME_BIN
    CHROMEWEBDRIVER CONDA DOTNET_ROOT GOROOT_1_22_X64 GRADLE_HOME JAVA_HOME JAVA_HOME_17_X64 LEIN_HOME NVM_DIR PIPX_HOME SELENIUM_JAR_PATH VCPKG_ROOT
    POWERSHELL_DISTRIBUTION_CHANNEL SWIFT_PATH BOOTSTRAP_HASKELL_NONINTERACTIVE DEPLOYMENT_BASEPATH ACCEPT_EULA`,
  'hosting platforms': `PORT DYNO HEROKU_APP_NAME REDIS_TLS_URL K_SERVICE K_REVISION K_CONFIGURATION GOOGLE_CLOUD_PROJECT GCLOUD_PROJECT FUNCTION_TARGET
    FLY_APP_NAME FLY_REGION FLY_PUBLIC_IP FLY_PRIVATE_IP RENDER RENDER_SERVICE_ID RENDER_EXTERNAL_URL RAILWAY_ENVIRONMENT RAILWAY_PUBLIC_DOMAIN VERCEL
    VERCEL_URL WEBSITE_HOSTNAME WEBSITE_SITE_NAME WEBSITES_PORT HTTP_PLATFORM_PORT CONTAINER_APP_NAME AWS_REGION AWS_DEFAULT_REGION AWS_ACCESS_KEY_ID
    AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_EXECUTION_ENV AWS_LAMBDA_FUNCTION_NAME ECS_CONTAINER_METADATA_URI_V4
    AWS_CONTAINER_CREDENTIALS_RELATIVE_URI NOMAD_PORT_http NOMAD_HOST_PORT_http NOMAD_ADDR_http APP_PORT APP_HOST APP_URL APP_NAME BASE_URL API_URL`,
  'other proxies and tools': `ALL_PROXY all_proxy FTP_PROXY ftp_proxy RSYNC_PROXY rsync_proxy SOCKS_PROXY WS_PROXY WSS_PROXY GOPROXY GOPATH GOROOT
    GONOPROXY HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy auto_proxy PIP_PROXY CURL_CA_BUNDLE SSL_CERT_FILE SSL_CERT_DIR
    REQUESTS_CA_BUNDLE GIT_SSL_CAINFO GIT_PROXY_COMMAND HTTP_PORT HTTPS_PORT HTTP_HOST LINE_CHANNEL_ACCESS_TOKEN LINE_BOT_CHANNEL_SECRET LIFF_ID
    NEXT_PUBLIC_LIFF_ID SENTRY_DSN OTEL_SERVICE_NAME OTEL_EXPORTER_OTLP_ENDPOINT OTEL_LOG_LEVEL DD_AGENT_HOST NEW_RELIC_LICENSE_KEY`,
}

describe('an ordinary environment', () => {
  test.each(Object.entries(ordinary))('%s: no warning', (_, names) => {
    expect(warn(...names.split(/\s+/))).toEqual([])
  })

  test('a Kubernetes service with the name metric: no warning for its METRIC_PORT', () => {
    expect(warnOfUnknownSettings({ METRIC_PORT: 'tcp://10.0.0.7:9090', POT_PORT: 'udp://10.0.0.7:1' })).toEqual([])
  })

  test('the environment of this test: no warning', () => {
    expect(warnOfUnknownSettings(process.env)).toEqual([])
  })
})

test.each([
  ['PORT', 'PORT', 0],
  ['PROT', 'PORT', 1],
  ['PRT', 'PORT', 1],
  ['PORTS', 'PORT', 1],
  ['SORT', 'PORT', 1],
  ['HOME', 'HOST', 2],
  ['CORS_ORGIINS', 'CORS_ORIGINS', 1],
  ['CROS_ORGIINS', 'CORS_ORIGINS', 2],
  ['LOGLEVLE', 'LOG_LEVEL', 2],
  ['', 'AB', 2],
])('from %j to %j: %i edits, in both directions', (one, other, edits) => {
  expect([editsBetween(one, other, 2), editsBetween(other, one, 2)]).toEqual([edits, edits])
})
