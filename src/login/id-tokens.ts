import type { Channel } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import { within } from '../line/deadline.ts'
import { InvalidIdToken } from '../line/errors.ts'
import { claimedAudience, type IdTokenClaims, verifyIdToken } from '../line/id-token.ts'
import type { KeySet } from '../line/key-set.ts'
import type { CallLimits } from '../line/transport.ts'
import type { Nonces } from './nonces.ts'

export type IdTokens = {
  /**
   * Checks an ID token and returns its claims. `nonce`: the one the client kept from its login. Without a channel, the
   * token's audience selects one of ours. Throws `InvalidIdToken`, or an outage when LINE's keys cannot be fetched.
   */
  verify(
    idToken: string,
    expected: { readonly nonce?: string | undefined; readonly channel?: Channel | undefined },
    limits: CallLimits,
  ): Promise<IdTokenClaims>
}

export type IdTokensOptions = {
  readonly channels: Channels
  readonly keySet: KeySet
  readonly nonces: Nonces
  readonly now: () => number
}

/** ID tokens are checked here and not at LINE: checking a signature needs no call. */
export function createIdTokens({ channels, keySet, nonces, now }: IdTokensOptions): IdTokens {
  return { verify }

  async function verify(
    idToken: string,
    expected: { readonly nonce?: string | undefined; readonly channel?: Channel | undefined },
    { deadline }: CallLimits,
  ): Promise<IdTokenClaims> {
    const keyOf = (kid: string) => within(deadline, keySet.keyOf(kid))
    const claims = await verifyIdToken(idToken, expected.channel ?? channelOf(idToken), { keyOf }, now())
    assertNonce(claims.nonce, expected.nonce)
    return claims
  }

  function channelOf(idToken: string): Channel {
    if (channels.only !== undefined) return channels.only
    const audience = claimedAudience(idToken)
    const channel = typeof audience === 'string' ? channels.find(audience) : undefined
    if (channel === undefined) throw new InvalidIdToken('AUDIENCE')
    return channel
  }

  /** A nonce that we issued is good once. Without an expected nonce, the token must not have one that we issued. */
  function assertNonce(nonce: string | null, expected: string | undefined): void {
    const asExpected = expected === undefined ? nonce === null || !nonces.isOurs(nonce) : nonce === expected
    if (!asExpected) throw new InvalidIdToken('NONCE')
    if (nonce !== null && nonces.isOurs(nonce) && !nonces.use(nonce)) throw new InvalidIdToken('NONCE')
  }
}
