import { type Emulator, startEmulator } from './emulator.ts'

const DEFAULT_PORT = 4001

await main()

/** `npm run emulator`. */
async function main(): Promise<void> {
  try {
    const emulator = await startEmulator({ port: readPort(process.env.EMULATOR_PORT) })
    process.stdout.write(introductionOf(emulator))
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => emulator.close())
  } catch (error) {
    process.stderr.write(`${explain(error)}\n`)
    process.exitCode = 1
  }
}

function readPort(text: string | undefined): number {
  if (text === undefined || text === '') return DEFAULT_PORT
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new TypeError('EMULATOR_PORT is a port number from 0 to 65535 (0: any free port)')
  }
  return Number(text)
}

function introductionOf(emulator: Emulator): string {
  const { accessToken, refreshToken } = emulator.issueTokens()
  const channels = emulator.channels.map(({ id, secret, type }) => `  ${id}  ${secret}  ${type}`)
  return `LINE emulator: ${emulator.url}
Control:       ${emulator.url}/emulator/calls, /emulator/faults, /emulator/switches

Channels (ID, secret, type; all made up):
${channels.join('\n')}

Access token:  ${accessToken}
Refresh token: ${refreshToken}
`
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return 'The emulator did not start'
  if (!('code' in error && 'port' in error && error.code === 'EADDRINUSE')) return error.message
  return `Port ${error.port} is in use by another program: set EMULATOR_PORT to another one (0: any free port)`
}
