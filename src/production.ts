import { startWorkers, WorkersError } from './cluster/primary.ts'
import { isWorker, serveAsWorker } from './cluster/worker.ts'
import { readEnvFile } from './config/env-file.ts'
import { type Config, ConfigError, readConfig } from './config.ts'
import { createGateway } from './gateway.ts'
import { checkKeyFile } from './login/signing-key-file.ts'
import { endOnSignal, endOnUncaught, endProcess, surviveReaders } from './signals.ts'
import { errorFields } from './telemetry/error-fields.ts'
import { createTelemetry, type Telemetry } from './telemetry/telemetry.ts'
import { version } from './version.ts'

/** Production: reads the settings, starts the gateway or its workers, and handles signals. */
surviveReaders()
const envFileWarnings = readEnvFile()

try {
  // The primary has checked the file. A worker that starts later starts also while the file is broken.
  const config = readConfig(process.env, { checkKeyFile: isWorker ? undefined : checkKeyFile })
  const telemetry = createTelemetry(config)
  endOnUncaught(telemetry.uncaught)
  if (isWorker) await serveAsWorker(config, telemetry)
  else await serve(config, telemetry)
} catch (error) {
  if (!(error instanceof WorkersError))
    process.stderr.write(`${[startupError(error), ...envFileWarnings].join('\n')}\n`)
  await endProcess(1)
}

async function serve(config: Config, telemetry: Telemetry): Promise<void> {
  for (const warning of [...envFileWarnings, ...config.warnings]) telemetry.log('settingWarning', { warning })
  const { workers, changedSettings: settings } = config
  const gateway = await (workers === 1 ? createGateway(config, { telemetry }) : startWorkers(config, telemetry))
  const { url, metricsUrl } = gateway
  const traces = telemetry.tracing && 'on'
  telemetry.log('listening', { version, url, metricsUrl, ...(workers > 1 && { workers }), traces, settings })
  endOnSignal(async () => {
    telemetry.log('draining')
    await gateway.close()
    telemetry.log('closed')
  }, config.shutdownDelayMs + config.shutdownGraceMs)
}

function startupError(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'PORT or METRICS_PORT: another process uses this port'
  if (code === 'EACCES') return 'PORT or METRICS_PORT: this user has no permission to listen on this port'
  // The messages of these errors quote the address.
  const hostCodes = ['EADDRNOTAVAIL', 'ENOTFOUND', 'EINVAL', 'EAFNOSUPPORT', 'EAI_AGAIN', 'EAI_FAMILY']
  if (hostCodes.includes(String(code))) return 'HOST: is not an address of this machine'
  return `The gateway could not start: ${errorFields(error).message ?? 'the reason is unknown'}`
}
