import type { Clock } from '../clock.ts'
import type { IdTokenClaims } from '../line/id-token.ts'
import { clockSkewMs } from '../tokens/shared-forgetting.ts'
import type { UserTombstones } from '../tokens/user-tombstones.ts'

/** When an ID token was good in this process for the first time. */
export type Sighting = {
  /** The value of `UserTombstones.count`. */
  readonly number: number
  /** Process time (ms). Infinity: its first check is not finished. */
  readonly at: number
}

/** Compares ID tokens with the departures of their users. */
export type LeftUsers = {
  /** The sighting of an ID token whose first check begins. */
  begin(): Sighting
  /** The sighting of an ID token that is good now for the first time. */
  sight(): Sighting
  /** Whether the user has left since LINE issued the ID token. */
  hasLeft(claims: Pick<IdTokenClaims, 'aud' | 'sub' | 'iat'>, sighting: Sighting): boolean
}

/**
 * An ID token has no time but that of LINE's clock, in seconds, and our wall clock can be wrong or be set. So an ID token that
 * was good here is also compared by the order of events: a departure that comes later ends it, whatever the clocks say.
 */
export function createLeftUsers(
  users: Pick<UserTombstones, 'isEmpty' | 'find' | 'leftSince' | 'count'>,
  { now }: Pick<Clock, 'now'>,
): LeftUsers {
  return {
    begin: () => ({ number: users.count(), at: Number.POSITIVE_INFINITY }),
    sight: () => ({ number: users.count(), at: now() }),
    hasLeft,
  }

  function hasLeft({ aud, sub, iat }: Pick<IdTokenClaims, 'aud' | 'sub' | 'iat'>, { number, at }: Sighting): boolean {
    const stone = users.isEmpty() ? undefined : users.find(aud, sub)
    if (stone === undefined) return false
    if (users.leftSince(aud, sub, iat * 1_000)) return true
    if (stone.raisedNumber <= number) return false
    // We may hear of it late, when the user has logged in again and sent the new ID token.
    return !stone.isLearned || at <= stone.raisedAt + clockSkewMs
  }
}
