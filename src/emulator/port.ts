const defaultPort = 4001

/** EMULATOR_PORT: a port number, 0 for any free port. Throws a `TypeError` that names the setting. */
export function readPort(text: string | undefined): number {
  if (text === undefined || text === '') return defaultPort
  if (!/^\d{1,5}$/.test(text) || Number(text) > 65_535) {
    throw new TypeError('EMULATOR_PORT must be a port number from 0 to 65535 (0: any free port)')
  }
  return Number(text)
}
