import { ConfigError, readConfig } from './config.ts'
import { createGateway } from './gateway.ts'
import { createTelemetry } from './telemetry/telemetry.ts'

/** The process: settings, port, signals. */
try {
  process.loadEnvFile()
} catch {
  // There need not be a .env.
}

try {
  const config = readConfig(process.env)
  const telemetry = createTelemetry({ logLevel: config.logLevel })
  for (const warning of config.warnings) telemetry.log.warn(warning)
  const gateway = await createGateway(config, { telemetry })
  telemetry.log.info({ url: gateway.url, metricsUrl: gateway.metricsUrl }, 'listening')
  closeOnSignal(async () => {
    telemetry.log.info('draining')
    await gateway.close()
    telemetry.log.info('closed')
  })
} catch (error) {
  process.stderr.write(`${whyNot(error)}\n`)
  process.exit(1)
}

/** The second signal does not wait. */
function closeOnSignal(close: () => Promise<void>): void {
  let closing = false
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      if (closing) process.exit(1)
      closing = true
      void close().then(() => process.exit(0))
    })
  }
}

function whyNot(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'EADDRINUSE') return 'PORT or METRICS_PORT: is in use by another process'
  if (code === 'EACCES') return 'PORT or METRICS_PORT: may not be used without more rights'
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') return 'HOST: is no address of this machine'
  return `The gateway could not start: ${error instanceof Error ? error.message : 'for an unknown reason'}`
}
