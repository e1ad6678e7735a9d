import type { Channels } from '../line/channels.ts'
import type { ApiTokens } from '../login/api-tokens.ts'
import type { IdTokens } from '../login/id-tokens.ts'
import type { KnownTokens } from '../login/known-tokens.ts'
import type { Logins } from '../login/logins.ts'
import type { Nonces } from '../login/nonces.ts'
import type { Refresher } from '../login/refresher.ts'
import type { Revocation } from '../login/revocation.ts'
import type { SigningKeys } from '../login/signing-keys.ts'
import type { Unconfirmed } from '../login/unconfirmed.ts'
import type { Credential, Credentials } from '../tokens/credentials.ts'
import type { SourceBuckets } from '../tokens/source-gate.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Caller, Resolver } from '../tokens/token-resolver.ts'

/** What the resolvers of the schema call. Imported as types only, so the schema can be printed without any of it. */
export type Services = {
  readonly resolve: Resolver
  /** Only for tokens that LINE has just issued: what callers send is read by `credentials`. */
  readonly toAccessToken: (raw: string) => AccessToken | undefined
  readonly credentials: Credentials
  /** For the credentials of services, which are checked here. */
  readonly buckets: SourceBuckets
  /** `undefined`: no signing keys are configured. */
  readonly signingKeys: SigningKeys | undefined
  readonly apiTokens: ApiTokens | undefined
  /** Tells the operator that nothing can be signed, and returns the error for the caller. */
  readonly noSigningKey: () => Error
  readonly logins: Logins
  readonly refresher: Refresher
  readonly revocation: Revocation
  readonly unconfirmed: Unconfirmed
  readonly idTokens: IdTokens
  readonly nonces: Nonces
  readonly channels: Channels
  readonly channelOfSession: KnownTokens['channelOf']
  /** Throws an error again, and LINE's refusal of a code or refresh token with this message. */
  readonly refusedAs: (message: string) => (error: unknown) => never
  /** The allowed redirect URIs. Empty: every one is allowed. */
  readonly redirectUris: readonly string[]
  /** The origin of LINE's host for browsers. */
  readonly accessUrl: string
  /** The process's own time (epoch ms). All times of records and token sets are values of it. */
  readonly now: () => number
  /** Such a time as a time of the wall clock, for callers to read. */
  readonly toWall: (time: number) => number
  /** How long an operation lasts at most (ms). */
  readonly operationMs: number
}

/** The caller's access token or ID token from the `Authorization` header. */
export type Bearer = Credential | 'MISSING' | 'MALFORMED'

/** The context of one operation. */
export type Context = Caller & {
  readonly services: Services
  readonly bearer: Bearer
  /** How many access tokens this operation has verified so far. Counts towards its limit. */
  tokensVerified: number
  /** Adds an error to the response without making a field null. */
  addError(error: unknown, path: readonly (string | number)[]): void
}
