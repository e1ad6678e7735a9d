import { readEnvFile } from '../config/env-file.ts'
import { ConfigError, readConfig } from '../config.ts'
import { type Emulator, startEmulator } from '../emulator/emulator.ts'
import { readPort } from '../emulator/port.ts'
import { sampleTabs } from '../endpoints/graphiql-tabs.ts'
import { createGateway } from '../gateway.ts'
import { localhostOrigin } from '../http/loopback.ts'
import { checkKeyFile } from '../login/signing-key-file.ts'
import { endOnSignal, endProcess, surviveReaders } from '../signals.ts'
import { createTelemetry } from '../telemetry/telemetry.ts'
import { version } from '../version.ts'
import { createDevChannels } from './channels.ts'
import { createLiveNumbers } from './live-numbers.ts'
import { callbackPath, createDevPages, printedState } from './pages.ts'

/**
 * `npm run dev` and the command `dev` of the package: the LINE emulator and the gateway in front of it. Both listen on this
 * machine only.
 */
surviveReaders()
const envFileWarnings = readEnvFile()

try {
  const { channels, warnings } = createDevChannels(process.env)
  let demoPage: string | undefined
  const emulator = await startEmulator({
    port: readPort(process.env.EMULATOR_PORT),
    channels,
    appUrl: () => demoPage,
  })
  const { accessToken, refreshToken = '', channelId } = emulator.issueTokens()
  const config = readConfig(settingsFor(emulator), { checkKeyFile })
  // Time passes for LINE and for the gateway. Otherwise each ID token after `POST /emulator/clock` would be from the future.
  const now = () => Date.now() + emulator.advancedMs()
  const { telemetry, read: numbers } = createLiveNumbers(createTelemetry(config), now)
  const warn = (warning: string) => telemetry.log('settingWarning', { warning })
  if (process.env.HOST && process.env.HOST !== '127.0.0.1')
    warn('HOST: is ignored, because the command dev listens on 127.0.0.1 only')
  if (process.env.WORKERS || process.env.WORKERS_FILE)
    warn('WORKERS: is ignored, because the command dev is one process')
  for (const warning of [...envFileWarnings, ...warnings, ...config.warnings]) warn(warning)
  const gateway = await createGateway(config, {
    telemetry,
    now,
    monotonic: () => performance.now() + emulator.advancedMs(),
    dev: (origin) => {
      const redirectUri = `${localhostOrigin(origin)}${callbackPath}`
      const tabs = sampleTabs({ accessToken, refreshToken, redirectUri })
      return { tabs, pages: createDevPages({ emulatorUrl: emulator.url, numbers }) }
    },
  })
  demoPage = `${localhostOrigin(gateway.url)}/dev/demo`
  const { url, metricsUrl } = gateway
  const traces = telemetry.tracing && 'on'
  telemetry.log('listening', { version, url, metricsUrl, traces, settings: config.changedSettings })
  // Before the text: who reads it can send a signal at once.
  endOnSignal(async () => {
    await gateway.close()
    await emulator.close()
  }, config.shutdownDelayMs + config.shutdownGraceMs)
  process.stdout.write(
    introduction(localhostOrigin(gateway.url), emulator.url, {
      accessToken,
      refreshToken,
      loginUrl: loginUrl(emulator, gateway.url, channelId),
    }),
  )
} catch (error) {
  process.stderr.write(`${startupError(error)}\n`)
  await endProcess(1)
}

/**
 * The settings of the environment, with the emulator as LINE and its channels as the channels. The pages show demo tokens,
 * so HOST is not used: some shells export it.
 */
function settingsFor(emulator: Emulator): NodeJS.ProcessEnv {
  // The real LINE and the way to it, HOST and WORKERS: with NAME_FILE, and the proxies in lower case too.
  const ofProduction =
    /^(LINE_(CHANNELS?|API_URL|ACCESS_URL|REDIRECT_URIS)(_ID|_SECRET|_TYPE)?|HOST|WORKERS|(HTTPS?|NO)_PROXY)(_FILE)?$/i
  const others = Object.entries(process.env).filter(([name]) => !ofProduction.test(name))
  const channels = emulator.channels.map(({ id, secret, type }) => ({ id, secret, type }))
  return {
    ...(process.env.LOG_LEVEL_FILE ? {} : { LOG_LEVEL: 'warn' }),
    ...Object.fromEntries(others),
    NODE_ENV: 'development',
    HOST: '127.0.0.1',
    LINE_CHANNELS: JSON.stringify(channels),
    LINE_API_URL: emulator.url,
    LINE_ACCESS_URL: emulator.url,
  }
}

/** The address that starts a login. It has no PKCE, so the user can exchange the code by hand with nothing else. */
function loginUrl(emulator: Emulator, gatewayUrl: string, channelId: string): string {
  const parameters = {
    response_type: 'code',
    client_id: channelId,
    redirect_uri: `${localhostOrigin(gatewayUrl)}${callbackPath}`,
    state: printedState,
    scope: 'profile openid',
  }
  const query = Object.entries(parameters).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  return `${emulator.url}/oauth2/v2.1/authorize?${query.join('&')}`
}

function introduction(
  origin: string,
  emulatorUrl: string,
  demo: { readonly accessToken: string; readonly refreshToken: string; readonly loginUrl: string },
): string {
  return `
  LINE GraphQL Gateway ${version} with a LINE emulator

  GraphiQL        ${origin}/graphql
  Demo page       ${origin}/dev/demo
  LINE emulator   ${emulatorUrl}/
  Access token    ${demo.accessToken}
  Refresh token   ${demo.refreshToken}
  Login page      ${demo.loginUrl}

  To see the user of the access token, run:

  curl -s ${origin}/graphql -H 'content-type: application/json' \\
    -H 'authorization: Bearer ${demo.accessToken}' \\
    -d '{"query":"{ viewer { displayName } }"}'

  To see how a token expires, get one that lives for 2 seconds:

  curl -s -X POST ${emulatorUrl}/emulator/tokens -d '{"expiresIn":2}'

`
}

function startupError(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  if (!(error instanceof Error)) return 'The command dev could not start'
  const port = 'port' in error ? String(error.port) : ''
  if ('code' in error && error.code === 'EADDRINUSE') {
    return `Port ${port} is in use by another program: set PORT or EMULATOR_PORT to another one (0: any free port)`
  }
  return error.message
}
