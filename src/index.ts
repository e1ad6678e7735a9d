import { readConfig } from './config.ts'
import { createGateway as createGatewayOf } from './gateway.ts'
import { checkKeyFile } from './login/signing-key-file.ts'
import { createTelemetry } from './telemetry/telemetry.ts'

// The types of this file need no other package, so programs can check them whatever they have installed.
export { ConfigError } from './config/config-error.ts'

/** The settings of the README by their names, as in the environment. */
export type Settings = Readonly<Record<string, string | number | boolean | undefined>>

export type GatewayOptions = {
  /**
   * Receives the log lines, each one JSON and a line feed. A line for which it throws is lost, nothing else. Default: standard
   * output. `LOG_LEVEL: 'silent'` writes none.
   */
  readonly log?: { write(line: string): unknown }
}

export type Gateway = {
  /** `http://HOST:PORT` with the real address and port. */
  readonly url: string
  /** The origin of the metrics server. `undefined` without METRICS_PORT. */
  readonly metricsUrl: string | undefined
  /**
   * Drains the server, which takes SHUTDOWN_DELAY_SECONDS and SHUTDOWN_GRACE_SECONDS at most, then closes the rest. Then
   * nothing of the gateway keeps the process running. It can be called more than once.
   */
  close(): Promise<void>
}

/**
 * Starts a gateway in this process. It listens when the promise resolves. Rejects with `ConfigError`, whose `problems` name
 * every wrong or missing setting, and with the error of `listen`. It reads no `.env` file, handles no signals, and is one
 * process: WORKERS is for the command `start`.
 */
export async function createGateway(settings: Settings = process.env, { log }: GatewayOptions = {}): Promise<Gateway> {
  if (log !== undefined && typeof log?.write !== 'function') throw new TypeError('log: must have a method write')
  const given = Object.entries(settings).filter(([name]) => !workers.includes(name))
  const texts = Object.fromEntries(given.map(([name, value]) => [name, String(value ?? '')]))
  const config = readConfig(texts, { checkKeyFile })
  const telemetry = createTelemetry({ ...config, ...(log && { destination: log }) })
  const warn = (warning: string) => telemetry.log('settingWarning', { warning })
  if (workers.some((name) => settings[name]))
    warn('WORKERS: is ignored, because createGateway starts the gateway in this process')
  for (const warning of config.warnings) warn(warning)
  return createGatewayOf(config, { telemetry })
}

const workers = ['WORKERS', 'WORKERS_FILE']
