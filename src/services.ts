import { randomBytes } from 'node:crypto'
import type { Dispatcher } from 'undici'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { createChannels } from './line/channels.ts'
import { refusedAs } from './line/errors.ts'
import { createKeySet } from './line/key-set.ts'
import { createBearerIdTokens } from './login/bearer-id-tokens.ts'
import { createChannelTokens } from './login/channel-tokens.ts'
import { createDepartures } from './login/departures.ts'
import { createForgetting } from './login/forgetting.ts'
import { createIdTokens } from './login/id-tokens.ts'
import { createKnownTokens } from './login/known-tokens.ts'
import { createLeftUsers } from './login/left-users.ts'
import { createLogins } from './login/logins.ts'
import { createNonces } from './login/nonces.ts'
import { createRefresher } from './login/refresher.ts'
import { createRevocation } from './login/revocation.ts'
import { createRevocationCalls } from './login/revocation-calls.ts'
import { createSharedCodes } from './login/shared-codes.ts'
import { createSharedRefreshes } from './login/shared-refreshes.ts'
import { createSigning } from './login/signing.ts'
import { longestRefreshLifeMs } from './login/token-set.ts'
import { createUnconfirmed } from './login/unconfirmed.ts'
import type { Redis } from './redis.ts'
import type { Services } from './schema/context.ts'
import type { Telemetry } from './telemetry/telemetry.ts'
import { createCredentials } from './tokens/credentials.ts'
import { createTokenTiers } from './tokens/tiers.ts'
import { toAccessToken } from './tokens/token-key.ts'

/** What the services need from outside. */
export type ServicesWorld = {
  readonly dispatcher: Dispatcher
  readonly telemetry: Telemetry
  readonly clock: Clock
  readonly redis?: Redis | undefined
  /** Where the gateway listens. `undefined` before it does. */
  readonly url?: () => string | undefined
  /** A text of SIGNING_KEYS_FILE that was good, for a start while the file is not. */
  readonly signingKeysText?: string | undefined
}

export type RunningServices = Services & {
  /** Resolves when they can be used. `undefined`: at once. */
  readonly prepared: Promise<void> | undefined
  /** Ends what they do in the background. */
  close(): Promise<void>
}

/** Makes the services of the schema, from the token tiers upwards. */
export function createServices(config: Config, world: ServicesWorld): RunningServices {
  const { clock, telemetry } = world
  const { now, wall, toWall } = clock
  const channels = createChannels(config.channels, config.assumedChannelId)
  const { memory, fleet, line, gate, tombstones, users, families, forgotten } = createTokenTiers(config, {
    ...world,
    channels,
    longestLifeMs: longestRefreshLifeMs,
  })
  const operationMs = config.lineTimeoutMs + operationMarginMs
  const channelTokens = createChannelTokens(line, {
    now,
    misconfigured: (channelId) =>
      telemetry.log('noChannelSecret', { setting: config.channelSetting, channelId }, channelId),
  })
  const forgetting = createForgetting({ memory, families, tombstones, users, clock })
  const calls = createRevocationCalls({
    line,
    channelTokens,
    forgetting,
    tombstones,
    users,
    announced: fleet?.announced,
    now,
  })
  const departures = createDepartures(users, clock.steady)
  const unconfirmed = createUnconfirmed({
    calls,
    mustWait: departures.mustWait,
    steady: clock.steady,
    telemetry,
    attemptMs: 2 * operationMs,
  })
  telemetry.gauge('gateway_unconfirmed_revocations', unconfirmed.size)
  const nonces = createNonces(nonceSecrets(config))
  const knownTokens = createKnownTokens({
    channels,
    memory,
    forgotten,
    tombstones,
    families,
    calls,
    gate,
    learnSession: fleet?.learnSession,
  })
  const keySet = createKeySet(line.certs, now, (error) => telemetry.unexpected(error, 'keys of LINE'))
  const leftUsers = createLeftUsers(users, clock)
  const idTokens = createIdTokens({
    channels,
    keySet,
    nonces,
    buckets: gate,
    wall,
    now,
    leftUsers,
    learnUser: fleet?.learnUser,
  })
  const signing = createSigning(config, { ...world, users })
  const credentials = createCredentials({
    memory,
    families,
    idTokens: createBearerIdTokens({ idTokens, keySet, leftUsers, missedAt: fleet?.missedAt, clock }),
    issuer: signing.issuer,
    ages: config,
    clock,
  })
  return {
    resolve: memory.resolve,
    toAccessToken,
    credentials,
    buckets: gate,
    signingKeys: signing.signingKeys,
    apiTokens: signing.apiTokens,
    noSigningKey: signing.noSigningKey,
    logins: createLogins({
      line,
      memory,
      gate,
      families,
      forgotten,
      idTokens,
      now,
      exchangeOnce: fleet && createSharedCodes({ ...fleet, times: clock }),
    }),
    refresher: createRefresher({
      line,
      memory,
      gate,
      forgotten,
      tombstones,
      families,
      now,
      askOnce:
        fleet &&
        createSharedRefreshes({
          ...fleet,
          times: clock,
          tombstones,
          isRefused: memory.isRefused,
          patienceMs: config.lineTimeoutMs,
        }),
      learnSession: fleet?.learnSession,
    }),
    revocation: createRevocation({
      channels,
      channelTokens,
      knownTokens,
      forgetting,
      tombstones,
      families,
      calls,
      unconfirmed,
      departures,
      gate,
    }),
    unconfirmed,
    idTokens,
    nonces,
    channels,
    channelOfSession: knownTokens.channelOf,
    refusedAs,
    redirectUris: config.redirectUris,
    accessUrl: config.lineAccessUrl,
    now,
    toWall,
    operationMs,
    prepared: signing.prepared,
    close,
  }

  async function close(): Promise<void> {
    signing.close()
    await fleet?.close()
  }
}

/** An operation may last this much longer than one call to LINE: it may need two calls, and most calls are short. */
const operationMarginMs = 1_000

/**
 * The keys that sign our nonces: secrets that all replicas share, so that each replica recognizes the nonces of the others,
 * also those from before CACHE_SECRET was set. Without a shared secret the key is random and belongs to this process.
 */
function nonceSecrets(config: Config): readonly [string, ...string[]] {
  const ofChannels = config.channels.flatMap(({ secret }) => secret ?? [])
  const [first = randomBytes(32).toString('hex'), ...others] = [...config.cacheSecrets, ...ofChannels]
  return [first, ...others]
}
