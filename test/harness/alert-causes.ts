import { randomUUID } from 'node:crypto'
import { readConfig } from '../../src/config.ts'
import type { Fault } from '../../src/emulator/control/faults.ts'
import { startEmulator } from '../../src/emulator/emulator.ts'
import { createGateway } from '../../src/gateway.ts'
import { createTelemetry } from '../../src/telemetry/telemetry.ts'
import { web } from './channels.ts'
import { writeKeyFile } from './key-file.ts'
import { startRedis } from './redis.ts'
import { type RunningGateway, START_MS, startRunningGateway } from './running-gateway.ts'
import { startSigningGateway } from './signing-gateway.ts'

/** A gateway that works, what can go wrong with it, and the alerts that say so. */
export type Trouble = {
  readonly alerts: readonly string[]
  readonly metricsUrl: string
  cause(): Promise<unknown>
  close(): Promise<unknown>
}

const sharing = (url: string) => ({ REDIS_URL: url, CACHE_SECRET: 'a secret of thirty-two characters' })
const viewer = (gateway: RunningGateway, token: string = randomUUID()) =>
  gateway.ask('{ viewer { displayName } }', { token })
const refresh = (gateway: RunningGateway) =>
  gateway.ask('mutation ($input: RefreshTokenInput!) { refreshToken(input: $input) { accessToken } }', {
    variables: { input: { refreshToken: gateway.issue().refreshToken, channelId: web.id } },
  })
const logout = (gateway: RunningGateway, token: string) => gateway.ask('mutation { logout { revoked } }', { token })

/** Few gateways, because each one costs CPU when it is read. */
export function startTroubles(): Promise<readonly Trouble[]> {
  return Promise.all([lineInTrouble(), fullQueueAndOldKey(), ownErrors(), withoutRedis(), redisInTrouble()])
}

/** One endpoint of LINE for each kind of trouble. Its breaker pauses no other one. */
async function lineInTrouble(): Promise<Trouble> {
  const gateway = await startGateway({ LINE_CHANNEL_SECRET: 'f'.repeat(32), CACHE_MAX_TOKENS: '10' })
  const { faults } = gateway.emulator
  const availability = ['FastBurn', 'SlowBurn', 'BudgetBurn'].map((name) => `GatewayAvailability${name}`)
  const ofLine = ['GatewayLineBreakerOpen', 'GatewayLineLimitsUs', 'GatewayLineUnreadable', 'GatewayLineRefusesChannel']
  const ofTokens = ['GatewayOperationFails', 'GatewayRecordsFull', 'GatewayJunkFlood']
  const others = ['GatewayMisconfigured', 'GatewayRevocationsUnconfirmed']
  return trouble([...availability, ...ofLine, ...ofTokens, ...others], gateway, async () => {
    await logoutInOutage(gateway)
    for (let n = 0; n < 4; n += 1) await refresh(gateway)
    faults.set('profile', { garbage: true })
    faults.set('friendship', { status: 429 })
    for (let n = 0; n < 12; n += 1) await viewer(gateway, gateway.issue().accessToken)
    await gateway.ask('{ viewer { isFriend } }', { token: gateway.issue().accessToken })
    await outage(gateway)
    await Promise.all(Array.from({ length: 400 }, () => viewer(gateway)))
  })
}

/** After ten failures the breaker opens, and again after each probe. */
async function outage(gateway: RunningGateway): Promise<void> {
  gateway.emulator.faults.set('token', { status: 500 })
  for (let n = 0; n < 14; n += 1) {
    await refresh(gateway)
    gateway.advance(1_100)
  }
}

/**
 * A refresh is not sent if less than a third of its time is left. So the second one waits in vain for the place of the first one,
 * unless it begins two seconds later. The key ends in five days, and then in two hours.
 */
async function fullQueueAndOldKey(): Promise<Trouble> {
  const keyFile = writeKeyFile({ retired_at: START_MS / 1_000 + 5 * 86_400 })
  const settings = { METRICS_PORT: '0', LINE_MAX_CONCURRENCY: '1', LINE_TIMEOUT_MS: '3000' }
  const gateway = await startSigningGateway(keyFile, settings, { startsAt: START_MS })
  return trouble(['GatewayLineQueueFull', 'GatewaySigningKeysEnd', 'GatewaySigningKeysEndSoon'], gateway, async () => {
    gateway.advance((5 * 24 - 2) * 3_600_000)
    gateway.emulator.faults.set('token', { hang: true })
    // On a busy machine they may begin too far apart: then once more.
    for (let rounds = 0; rounds < 5 && !(await hasNotSent()); rounds += 1)
      await Promise.all([refresh(gateway), refresh(gateway), refresh(gateway)])
  })

  async function hasNotSent(): Promise<boolean> {
    return /^gateway_line_calls_not_sent_total{endpoint="token"} [1-9]/m.test(await gateway.metrics())
  }
}

/** No caller can cause such an error, so the telemetry of this gateway gets one from here. Its log cannot be written either. */
async function ownErrors(): Promise<Trouble> {
  const emulator = await startEmulator({ channels: [web] })
  const line = { LINE_API_URL: emulator.url, LINE_ACCESS_URL: emulator.url }
  const channel = { LINE_CHANNEL_ID: web.id, LINE_CHANNEL_SECRET: web.secret }
  const write = () => Promise.reject(new Error('The disk is full'))
  const telemetry = createTelemetry({ logLevel: 'info', destination: { write } })
  const config = readConfig({ HOST: '127.0.0.1', PORT: '0', METRICS_PORT: '0', ...channel, ...line })
  const gateway = await createGateway(config, { telemetry })
  return {
    alerts: ['GatewayUnexpectedErrors', 'GatewayLogLinesDropped'],
    metricsUrl: gateway.metricsUrl ?? '',
    cause: async () => telemetry.unexpected(new Error('A mistake of ours'), 'operation'),
    close: async () => {
      await gateway.close()
      await emulator.close()
    },
  }
}

/** LINE is slow, and then away. A logout that it never confirms is given up after the life of the token. */
async function withoutRedis(): Promise<Trouble> {
  const redis = await startRedis()
  const gateway = await startGateway(sharing(redis.url))
  const cause = async () => {
    await redis.kill()
    await newUsers(gateway, { latencyMs: 1_200 })
    await logoutInOutage(gateway)
    await newUsers(gateway, { status: 500 })
    gateway.advance(100 * 86_400_000)
  }
  const ofLine = ['GatewayLineSlow', 'GatewayTokensUnanswered']
  return trouble([...ofLine, 'GatewayRedisAway', 'GatewayRevocationsGivenUp'], gateway, cause, redis.close)
}

/** Fifteen, while the endpoint verify has a fault. */
async function newUsers(gateway: RunningGateway, fault: Fault): Promise<void> {
  gateway.emulator.faults.set('verifyAccessToken', fault)
  await Promise.all(Array.from({ length: 15 }, () => viewer(gateway, gateway.issue().accessToken)))
  gateway.emulator.faults.clear('verifyAccessToken')
}

/** It loses its data. Then it is full: it takes no event, and still answers look-ups. */
async function redisInTrouble(): Promise<Trouble> {
  const redis = await startRedis()
  const gateway = await startGateway(sharing(redis.url))
  const cause = async () => {
    await logout(gateway, gateway.issue().accessToken)
    await redis.command('FLUSHALL')
    await logout(gateway, gateway.issue().accessToken)
    await redis.command('CONFIG', 'SET', 'maxmemory', 1)
    await logout(gateway, gateway.issue().accessToken)
  }
  return trouble(['GatewaySharedGap', 'GatewayRevocationLag'], gateway, cause, redis.close)
}

async function logoutInOutage(gateway: RunningGateway): Promise<void> {
  const { accessToken } = gateway.issue()
  await viewer(gateway, accessToken)
  gateway.emulator.faults.set('revoke', { status: 500 })
  await logout(gateway, accessToken)
}

function startGateway(settings: NodeJS.ProcessEnv = {}): Promise<RunningGateway> {
  return startRunningGateway({ METRICS_PORT: '0', ...settings })
}

function trouble(
  alerts: readonly string[],
  gateway: RunningGateway,
  cause: (gateway: RunningGateway) => Promise<unknown>,
  closeRedis: () => Promise<void> = async () => {},
): Trouble {
  let closed: Promise<void> | undefined
  const close = async () => {
    await gateway.close()
    await closeRedis()
  }
  return {
    alerts,
    metricsUrl: gateway.metricsUrl ?? '',
    cause: () => cause(gateway),
    close: () => {
      closed ??= close()
      return closed
    },
  }
}
