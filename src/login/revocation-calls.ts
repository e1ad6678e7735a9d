import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { within } from '../line/deadline.ts'
import { assertDeauthorized, assertRevoked, isChannelTokenRefused } from '../line/responses.ts'
import type { LineAnswer } from '../line/transport.ts'
import { createFlights } from '../tokens/flights.ts'
import { readings } from '../tokens/readings.ts'
import type { Caller } from '../tokens/token-resolver.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { createUnusables } from '../tokens/unusables.ts'
import type { UserTombstones } from '../tokens/user-tombstones.ts'
import type { ChannelTokens } from './channel-tokens.ts'
import type { Forgetting } from './forgetting.ts'

/** A revocation that LINE has to carry out. Here the token is refused already. */
export type RevocationJob = {
  /** What is revoked at LINE: one access token, a refresh token with all its access tokens, or all tokens of a user. */
  readonly kind: 'access token' | 'session' | 'user'
  /** The key of the token. */
  readonly key: string
  /** The token: a refresh token for a session, else an access token. */
  readonly raw: string
  readonly channel: Channel
  /** The user of the token, if known. If it is not known who leaves, LINE is asked first. */
  readonly userId?: string | undefined
  /** How long the token lives from now on (ms). */
  readonly forMs: number
  /** When the session of the token began (process time, ms). `undefined`: it is not known. */
  readonly begunTime?: number | undefined
  /** Of a session: the key of the access token with which it was ended. */
  readonly accessKey?: string
}

export type RevocationCalls = {
  /**
   * Calls LINE and marks the tombstones as confirmed. However many ask for the same revocation at once, LINE is called
   * once. `through`: what the call has to pass, for tokens that nobody knows. Rejects with an outage.
   */
  send(job: RevocationJob, caller: Caller, through?: Through): Promise<LineAnswer>
  /** The job with the user who leaves, forgotten from now on. Rejects with an outage. */
  named(job: RevocationJob, caller: Caller): Promise<RevocationJob>
  /** The user of an access token, from LINE. `undefined`: LINE refuses the token. Rejects with an outage. */
  userOf(raw: string, caller: Caller): Promise<string | undefined>
  /** LINE will not be called again for this job. */
  giveUp(job: Omit<RevocationJob, 'raw'>): void
}

export type Through = (call: () => Promise<LineAnswer>) => Promise<LineAnswer>

export type RevocationCallsOptions = {
  readonly line: Pick<LineClient, 'revoke' | 'deauthorize' | 'profile' | 'userinfo'>
  readonly channelTokens: ChannelTokens
  readonly forgetting: Forgetting
  readonly tombstones: Tombstones
  readonly users: UserTombstones
  /** Resolves when other processes can know what was forgotten here. LINE is called after that. */
  readonly announced?: (() => Promise<void>) | undefined
  readonly now: () => number
}

export function createRevocationCalls(options: RevocationCallsOptions): RevocationCalls {
  const { line, channelTokens, forgetting, tombstones, users, announced, now } = options
  const flights = createFlights<LineAnswer>()
  const unusables = createUnusables(now)
  const call = { 'access token': revokeAccessToken, session: revokeSession, user: deauthorize }

  return { send, named, userOf, giveUp }

  async function send(job: RevocationJob, caller: Caller, through: Through = (pass) => pass()): Promise<LineAnswer> {
    const id = idOf(job)
    const outage = unusables.find(id)
    if (outage !== undefined) throw outage
    return flights.fly(id, caller, () =>
      through(() => announceAndCall(job, caller)).catch((error) => {
        unusables.add(id, error)
        throw error
      }),
    )
  }

  async function announceAndCall(job: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const known = await named(job, caller)
    await announced?.()
    return call[job.kind](known, caller)
  }

  /** The user's tokens from before stay dead here. LINE decides about later ones. */
  function giveUp({ kind, channel, userId }: Omit<RevocationJob, 'raw'>): void {
    if (kind === 'user' && userId !== undefined) users.confirm(channel.id, userId)
  }

  async function revokeAccessToken({ key, raw, channel }: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const answer = await line.revoke(channel, { accessToken: raw }, caller)
    assertRevoked(answer)
    tombstones.confirm(key)
    return answer
  }

  async function revokeSession({ key, raw, channel }: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const answer = await line.revoke(channel, { refreshToken: raw }, caller)
    assertRevoked(answer)
    forgetting.confirmSession(key)
    return answer
  }

  async function deauthorize(job: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const { key, channel, userId } = job
    const answer = await deauthorizeOnceMore(job, caller)
    assertDeauthorized(answer)
    tombstones.confirm(key)
    if (userId !== undefined) users.confirm(channel.id, userId)
    return answer
  }

  async function named(job: RevocationJob, caller: Caller): Promise<RevocationJob> {
    if (job.kind !== 'user' || job.userId !== undefined) return job
    const userId = await userOf(job.raw, caller)
    if (userId !== undefined) forgetting.forgetUser(job.channel.id, userId)
    return { ...job, userId }
  }

  /** A token has the scope of one of the two calls or of both. */
  async function userOf(raw: string, caller: Caller): Promise<string | undefined> {
    let outage: unknown
    for (const name of ['profile', 'userinfo'] as const) {
      const verdict = readings[name].read(await line[name](raw, caller), now())
      if (verdict.verdict === 'valid') return verdict.facts.userId
      if (verdict.verdict === 'invalid') return undefined
      outage = verdict.outage
    }
    throw outage
  }

  /** LINE may drop a channel token before it expires. If LINE refuses it, we try once more with a new one. */
  async function deauthorizeOnceMore(job: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const answer = await askToDeauthorize(job, caller)
    if (!isChannelTokenRefused(answer)) return answer
    channelTokens.drop(job.channel)
    return askToDeauthorize(job, caller)
  }

  /** The channel token is shared with other operations, so its fetch does not end with this one. */
  async function askToDeauthorize({ channel, raw }: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const channelToken = await within(caller.deadline, channelTokens.tokenOf(channel))
    return line.deauthorize(channelToken, raw, caller)
  }
}

export function idOf({ kind, key }: Pick<RevocationJob, 'kind' | 'key'>): string {
  return `${kind} ${key}`
}
