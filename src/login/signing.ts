import type { Clock } from '../clock.ts'
import { type Config, ConfigError } from '../config.ts'
import { localhostOrigin } from '../http/loopback.ts'
import { Misconfigured } from '../line/errors.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import type { UserTombstones } from '../tokens/user-tombstones.ts'
import { type ApiTokens, createApiTokens } from './api-tokens.ts'
import { makeDevelopmentKeys } from './development-keys.ts'
import { type KeySource, watchKeyFile } from './signing-key-file.ts'
import { addSigningKeyGauges } from './signing-key-gauges.ts'
import { SigningKeysError } from './signing-key-set.ts'
import { createSigningKeys, type SigningKeys } from './signing-keys.ts'

/** Our own JWTs: their keys, their issuer and the tokens. */
export type Signing = {
  /** `undefined`: no keys are configured. */
  readonly signingKeys: SigningKeys | undefined
  readonly apiTokens: ApiTokens | undefined
  /** `iss` of our JWTs, also of those that another process signs. `undefined`: there are none. */
  issuer(): string | undefined
  /** Tells the operator that nothing can be signed, and returns the error for the caller. */
  noSigningKey(): Error
  /** Resolves when there are keys. `undefined`: at once. */
  readonly prepared: Promise<void> | undefined
  close(): void
}

export type SigningOptions = {
  readonly telemetry: Pick<Telemetry, 'log' | 'count' | 'gauge' | 'unexpected'>
  readonly clock: Pick<Clock, 'wall'>
  readonly users: Pick<UserTombstones, 'isEmpty' | 'leftSince'>
  /** Where the gateway listens. `undefined` before it does. */
  readonly url?: (() => string | undefined) | undefined
  /** A text of SIGNING_KEYS_FILE that was good, for a start while the file is not. */
  readonly signingKeysText?: string | undefined
}

/** Throws `ConfigError` if the file of keys cannot be used. */
export function createSigning(config: Config, options: SigningOptions): Signing {
  const { telemetry, users, url } = options
  const { wall } = options.clock
  const source = keySourceFor(config, options)
  if (source && config.signingKeysFile !== undefined) addSigningKeyGauges(telemetry, source, wall)
  const signingKeys = source && createSigningKeys({ keys: source.keys, wall, noSigner: noSigningKey })
  const apiTokens =
    signingKeys &&
    createApiTokens({
      signingKeys,
      issuer: () => config.publicUrl ?? ownOrigin(config, url?.()),
      audiences: config.apiAudiences,
      lifeMs: config.apiTokenMs,
      type: config.apiTokenType,
      wall,
      leftSince: (channelId, userId, since) => !users.isEmpty() && users.leftSince(channelId, userId, since),
      givenOut: (how) => telemetry.count('gateway_api_tokens_total', how),
    })

  return { signingKeys, apiTokens, issuer, noSigningKey, prepared: source?.ready, close: () => source?.close() }

  function issuer(): string | undefined {
    return apiTokens === undefined ? config.publicUrl : apiTokens.issuer()
  }

  function noSigningKey(): Error {
    telemetry.log(config.signingKeysFile === undefined ? 'noKeyFile' : 'noKeySigns', { setting: 'SIGNING_KEYS_FILE' })
    return new Misconfigured({ message: 'This gateway has no key to sign a token with: its operator must act' })
  }
}

/** `undefined`: no keys are configured. */
function keySourceFor(config: Config, { telemetry, clock, signingKeysText }: SigningOptions): KeySource | undefined {
  const { signingKeysFile: path, makesSigningKeys, workers } = config
  // Each worker would sign with a key that the others do not serve.
  if (path === undefined) return makesSigningKeys && workers === 1 ? makeDevelopmentKeys() : undefined
  const setting = 'SIGNING_KEYS_FILE'
  const taken = () => telemetry.log('keyFileTaken', { setting })
  const refused = (problems: readonly string[]) => telemetry.log('keyFileRefused', { setting, problems })
  const failed = (error: unknown) => telemetry.unexpected(error, 'key file')
  try {
    return watchKeyFile({ path, wall: clock.wall, taken, refused, failed, lastGood: signingKeysText })
  } catch (error) {
    if (!(error instanceof SigningKeysError)) throw error
    throw new ConfigError(error.problems.map((problem) => `${setting}: ${problem}`))
  }
}

/** In development, the gateway is known by the name that `npm run dev` prints. A worker has no address of its own. */
function ownOrigin({ port }: Config, url: string | undefined): string {
  return url?.startsWith('http:') ? localhostOrigin(url) : `http://localhost:${port}`
}
