import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createBackstage } from './control/backstage.ts'
import { type Calls, createCallBook } from './control/calls.ts'
import { createFaultBook, type Faults } from './control/faults.ts'
import { type Channel, demoChannels, demoUsers, type User } from './platform/accounts.ts'
import { createMint, type Mint } from './platform/mint.ts'
import { createPlatform } from './platform/platform.ts'
import { defaultSwitches, type Switches } from './platform/switches.ts'
import { createEmulatorServer } from './server.ts'

export type { Call, Calls } from './control/calls.ts'
export type { Fault, Faults } from './control/faults.ts'
export { type Channel, demoChannels, demoUsers, type User } from './platform/accounts.ts'
export type { CodeRequest, IssuedTokens, TokenRequest } from './platform/mint.ts'
export type { Switches } from './platform/switches.ts'
export type { Endpoint } from './routes.ts'

export type EmulatorOptions = {
  /** Default 127.0.0.1. */
  host?: string
  /** Default 0: any free port. */
  port?: number
  /** Epoch ms. Default Date.now. */
  now?: () => number
  channels?: readonly Channel[]
  users?: readonly User[]
  switches?: Partial<Switches>
}

export type Emulator = Mint & {
  /** `http://127.0.0.1:PORT`, in place of both https://access.line.me and https://api.line.me. */
  url: string
  channels: readonly Channel[]
  /** Copies of what was handed in: a test may rename a user here. */
  users: readonly User[]
  faults: Faults
  calls: Calls
  /** May be changed at any time. */
  switches: Switches
  /** Moves the emulator's clock forward. */
  advanceClock(ms: number): void
  /** At once, also while requests hang. */
  close(): Promise<void>
}

/** Starts a LINE Platform on a local port. Rejects when the port is taken. */
export async function startEmulator(options: EmulatorOptions = {}): Promise<Emulator> {
  const { host = '127.0.0.1', port = 0, now: clock = Date.now } = options
  const channels = structuredClone(options.channels ?? demoChannels)
  const users = structuredClone(options.users ?? demoUsers)
  const switches: Switches = { ...defaultSwitches, ...options.switches }
  let advancedMs = 0
  const now = () => clock() + advancedMs
  const advanceClock = (ms: number) => {
    advancedMs += ms
  }

  const platform = createPlatform(channels, users, switches, now)
  const calls = createCallBook(now)
  const faults = createFaultBook()
  const mint = createMint(platform)
  const backstage = createBackstage({ platform, calls, faults, mint, advanceClock })
  const server = createEmulatorServer({ platform, calls, faults, backstage })
  const url = await listen(server, host, port)

  return { url, channels, users, ...mint, faults, calls, switches, advanceClock, close: () => close(server) }
}

function listen(server: Server, host: string, port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => resolve(urlOf(server.address(), host)))
  })
}

function urlOf(address: AddressInfo | string | null, host: string): string {
  const port = typeof address === 'object' && address !== null ? address.port : 0
  return `http://${host.includes(':') ? `[${host}]` : host}:${port}`
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
