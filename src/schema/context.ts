import type { Channels } from '../line/channels.ts'
import type { IdTokens } from '../login/id-tokens.ts'
import type { Logins } from '../login/logins.ts'
import type { Nonces } from '../login/nonces.ts'
import type { Refresher } from '../login/refresher.ts'
import type { Revocation } from '../login/revocation.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Resolver } from '../tokens/token-resolver.ts'

/** What the fields of the schema are answered with. Types only: the schema can be printed where none of this exists. */
export type Services = {
  readonly resolve: Resolver
  readonly toAccessToken: (raw: string) => AccessToken | undefined
  readonly logins: Logins
  readonly refresher: Refresher
  readonly revocation: Revocation
  readonly idTokens: IdTokens
  readonly nonces: Nonces
  readonly channels: Channels
  /** The only redirect URIs to log in with; any where empty. */
  readonly redirectUris: readonly string[]
  /** LINE's host for browsers, an origin. */
  readonly accessUrl: string
  /** Epoch ms. */
  readonly now: () => number
}

/** The caller's access token as it came in `Authorization`. */
export type Bearer = AccessToken | 'MISSING' | 'MALFORMED'

/** One operation: who asks, and from where. */
export type Context = {
  readonly services: Services
  readonly bearer: Bearer
  /** The address that asks. */
  readonly clientAddress: string
  /** Access tokens this operation has asked to verify so far. */
  tokensAsked: number
  /** Says what went wrong beside an answer that stands: it joins the errors of the response. */
  addError(error: unknown, path: readonly (string | number)[]): void
}
