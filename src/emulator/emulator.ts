import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Calls, createCallLog } from './control/calls.ts'
import { createFaultStore, type Faults } from './control/faults.ts'
import { createOwnEndpoints } from './control/own-endpoints.ts'
import { type Channel, demoChannels, demoUsers, type User } from './platform/accounts.ts'
import { createDirectActions, type DirectActions } from './platform/direct-actions.ts'
import { createPlatform } from './platform/platform.ts'
import { defaultSwitches, type Switches } from './platform/switches.ts'
import { createEmulatorServer } from './server.ts'

export type { Call, Calls } from './control/calls.ts'
export type { Fault, Faults } from './control/faults.ts'
export { type Channel, demoChannels, demoUsers, type User } from './platform/accounts.ts'
export type { CodeRequest, IssuedTokens, TokenRequest } from './platform/direct-actions.ts'
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
  /** An app that logs in here. The home page leads to it. */
  appUrl?: () => string | undefined
}

export type Emulator = DirectActions & {
  /** `http://127.0.0.1:PORT`, in place of both https://access.line.me and https://api.line.me. */
  url: string
  channels: readonly Channel[]
  /** Copies of the users in the options, so a test can rename a user here. */
  users: readonly User[]
  faults: Faults
  calls: Calls
  /** Can be changed at any time. */
  switches: Switches
  /** Moves the emulator's clock forward. */
  advanceClock(ms: number): void
  /** How far the clock was moved forward so far, in ms. */
  advancedMs(): number
  /** Does not wait for requests that hang. */
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
  const calls = createCallLog(now)
  const faults = createFaultStore()
  const actions = createDirectActions(platform)
  const ownEndpoints = createOwnEndpoints({ platform, calls, faults, actions, advanceClock, appUrl: options.appUrl })
  const server = createEmulatorServer({ platform, calls, faults, ownEndpoints })
  const url = await listen(server, host, port)
  for (const user of users) if (user.pictureUrl?.startsWith('/')) user.pictureUrl = url + user.pictureUrl

  return {
    url,
    channels,
    users,
    ...actions,
    faults,
    calls,
    switches,
    advanceClock,
    advancedMs: () => advancedMs,
    close: () => close(server),
  }
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
