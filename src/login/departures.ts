import { clockSkewMs } from '../tokens/shared-forgetting.ts'
import type { UserTombstones } from '../tokens/user-tombstones.ts'
import type { RevocationJob } from './revocation-calls.ts'

/**
 * The departures of users that LINE has not heard of. LINE takes a departure only with a token that it still accepts. If that
 * token is revoked before, the user's consent stays at LINE for ever.
 */
export type Departures = {
  /**
   * Whether LINE must hear first that the user of this token leaves. We do not know by which token another process tells it.
   * Of our own departures we know it; only the end of a whole session can revoke it unseen. A session that began after the
   * departure has other tokens.
   */
  mustWait(job: Waiting): boolean
  /** Whether another process has to tell LINE that the user leaves. */
  isElsewhere(channelId: string, userId: string): boolean
}

type Waiting = Pick<RevocationJob, 'kind' | 'channel' | 'userId' | 'begunTime'>

/** If LINE does not take a departure for so long, the token is revoked without it. */
export const longestDepartureMs = 60 * 60_000

export function createDepartures(users: Pick<UserTombstones, 'find'>, steady: () => number): Departures {
  return { mustWait, isElsewhere }

  function mustWait({ kind, channel, userId, begunTime = 0 }: Waiting): boolean {
    if (kind === 'user' || userId === undefined) return false
    const stone = users.find(channel.id, userId)
    if (stone?.isLeaving !== true || steady() - stone.raisedSteady >= longestDepartureMs) return false
    if (begunTime > stone.raisedAt + clockSkewMs) return false
    return stone.isLearned || kind === 'session'
  }

  function isElsewhere(channelId: string, userId: string): boolean {
    const stone = users.find(channelId, userId)
    return stone?.isLeaving === true && stone.isLearned
  }
}
