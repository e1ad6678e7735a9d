import { readConfig } from './config.ts'
import { createGateway as createGatewayOf, type Gateway } from './gateway.ts'
import { checkKeyFile } from './login/signing-key-file.ts'

export { ConfigError } from './config.ts'
export type { Gateway } from './gateway.ts'

/** The settings of the README by their names, as in the environment. */
export type Settings = Readonly<Record<string, string | undefined>>

/**
 * Starts a gateway in this process. It listens when the promise resolves. Rejects with `ConfigError`, whose `problems` name
 * every wrong or missing setting, and with the error of `listen`. WORKERS is for the command `start` only.
 */
export async function createGateway(settings: Settings = process.env): Promise<Gateway> {
  return createGatewayOf(readConfig(settings, undefined, undefined, checkKeyFile))
}
