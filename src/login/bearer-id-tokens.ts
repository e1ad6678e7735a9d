import type { Clock } from '../clock.ts'
import { IdTokenOfLeftUser } from '../line/errors.ts'
import { assertInTime, type IdTokenClaims } from '../line/id-token.ts'
import type { KeySet } from '../line/key-set.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { BearerIdTokens, IdToken } from '../tokens/credentials.ts'
import type { Caller } from '../tokens/token-resolver.ts'
import type { Checked, IdTokens } from './id-tokens.ts'
import type { LeftUsers } from './left-users.ts'

export type BearerIdTokensOptions = {
  readonly idTokens: Pick<IdTokens, 'verifyBearer'>
  readonly keySet: KeySet
  readonly leftUsers: Pick<LeftUsers, 'hasLeft'>
  /** When this process last missed what others were told to forget (process time, ms). -Infinity: never. Default: never. */
  readonly missedAt?: (() => number) | undefined
  readonly clock: Pick<Clock, 'now' | 'wall'>
}

/** `checkedAt`: process time (ms). */
type Good = Checked & { readonly checkedAt: number }

const mostGood = 10_000

/**
 * ID tokens that callers send as Bearer tokens. An app sends the same one with each request, so the signature of a good one
 * is not checked again. Everything that can change is: its end, whether its user has left, and LINE's list of keys.
 */
export function createBearerIdTokens(options: BearerIdTokensOptions): BearerIdTokens {
  const { idTokens, keySet, leftUsers, clock, missedAt = () => Number.NEGATIVE_INFINITY } = options
  const good = createBoundedMap<Good>(mostGood)

  return { isKnown: (key) => good.peek(key) !== undefined, claimsOf }

  function claimsOf(idToken: IdToken, caller: Caller): IdTokenClaims | Promise<IdTokenClaims> {
    const known = good.get(idToken.key)
    if (known === undefined) return checkInFull(idToken, caller)
    const { claims, sighting } = known
    assertInTime(claims, clock.wall, 0)
    if (leftUsers.hasLeft(claims, sighting)) throw new IdTokenOfLeftUser()
    return isStillSigned(known) ? claims : checkInFull(idToken, caller)
  }

  /** By a key that LINE still publishes. After missed messages, the others are asked again whether the user has left. */
  function isStillSigned({ kid, key, checkedAt }: Good): boolean {
    return typeof kid === 'string' && keySet.has(kid) && keySet.keyOf(kid) === key && checkedAt >= missedAt()
  }

  async function checkInFull({ idToken, key }: IdToken, caller: Caller): Promise<IdTokenClaims> {
    const checkedAt = clock.now()
    const checked = await idTokens.verifyBearer(idToken, caller)
    if (checked.isCertain) good.set(key, { ...checked, checkedAt })
    return checked.claims
  }
}
