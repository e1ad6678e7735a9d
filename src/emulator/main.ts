import { endOnSignal, surviveReaders } from '../signals.ts'
import { type Emulator, startEmulator } from './emulator.ts'
import { readPort } from './port.ts'

await main()

/** `npm run emulator` and the command `emulator` of the package. */
async function main(): Promise<void> {
  surviveReaders()
  try {
    const emulator = await startEmulator({ port: readPort(process.env.EMULATOR_PORT) })
    // Before the text: who reads it can send a signal at once.
    endOnSignal(() => emulator.close(), 0)
    process.stdout.write(introductionOf(emulator))
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}

function introductionOf(emulator: Emulator): string {
  const { accessToken, refreshToken } = emulator.issueTokens()
  const channels = emulator.channels.map(({ id, secret, type, name = '' }) =>
    `  ${id}  ${secret}  ${type.padEnd(6)}  ${name}`.trimEnd(),
  )
  return `LINE emulator: ${emulator.url}
Control:       ${emulator.url}/ explains /emulator/tokens, /emulator/faults and the others

Channels (ID, secret, type, name; all are examples):
${channels.join('\n')}

Access token:  ${accessToken}
Refresh token: ${refreshToken}
`
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'The emulator could not start'
  if (!('code' in error && 'port' in error && error.code === 'EADDRINUSE')) return error.message
  return `Port ${error.port} is in use by another program: set EMULATOR_PORT to another one (0: any free port)`
}
