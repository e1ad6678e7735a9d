import type { Channel } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import { within } from '../line/deadline.ts'
import { LineUnavailable, Misconfigured } from '../line/errors.ts'
import type { LineAnswer } from '../line/transport.ts'
import { ExpectedError } from '../telemetry/expected-error.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { Families } from '../tokens/families.ts'
import { createFlights } from '../tokens/flights.ts'
import { guarded, type Outcome, type SourceGate } from '../tokens/source-gate.ts'
import { type AccessToken, digestOf } from '../tokens/token-key.ts'
import { type Caller, type Invalid, invalid, type Unknown } from '../tokens/token-resolver.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { isOfOneClient } from '../tokens/waiting-room.ts'
import type { ChannelTokens } from './channel-tokens.ts'
import type { Departures } from './departures.ts'
import type { Forgetting } from './forgetting.ts'
import type { Known, KnownTokens, Named } from './known-tokens.ts'
import type { RevocationCalls, RevocationJob } from './revocation-calls.ts'
import { longestRefreshLifeMs, refreshKeyOf } from './token-set.ts'
import type { Unconfirmed } from './unconfirmed.ts'

/** The result of a revocation: the token is forgotten now, or it was invalid before, with the reason. */
export type Revoked = { readonly verdict: 'forgotten' } | Invalid

const forgotten: Revoked = { verdict: 'forgotten' }
const mostDoneAnywhere = 1_000

/**
 * Revokes tokens here and at LINE. If LINE does not answer, each method rejects with an outage. A token that LINE had
 * accepted or issued is refused here all the same, and LINE is called again until it answers.
 */
export type Revocation = {
  revokeAccessToken(token: AccessToken, caller: Caller, channel?: Channel): Promise<Revoked>
  /**
   * Also forgets the access tokens issued from it through us. The channel of a refresh token that LINE issued through us
   * is known. For another one, WRONG_CHANNEL means that LINE refused it for this channel, and that it may belong to
   * another one. Without a channel, LINE is asked for each of ours.
   */
  revokeRefreshToken(refreshToken: string, channel: Channel | undefined, caller: Caller): Promise<Revoked>
  /**
   * Revokes both tokens of a session. A refresh token is valid longer than its access token, so it is revoked even if
   * the access token is refused, unless the access token belongs to another channel.
   */
  logout(token: AccessToken, refreshToken: string | undefined, caller: Caller): Promise<Revoked>
  /** Withdraws the user's consent at LINE and forgets all tokens of that user, also those whose user we learn later. */
  deauthorize(token: AccessToken, caller: Caller): Promise<Revoked>
}

export type RevocationOptions = {
  readonly channels: Channels
  readonly channelTokens: Pick<ChannelTokens, 'tokenOf'>
  readonly knownTokens: KnownTokens
  readonly forgetting: Forgetting
  readonly tombstones: Tombstones
  readonly families: Families
  readonly calls: RevocationCalls
  readonly unconfirmed: Unconfirmed
  readonly departures: Departures
  readonly gate: SourceGate
}

/**
 * `endedWith`: the access token of the session. `ofUser`: whose token that is, if known. `isTrusted`: LINE has accepted it. Such
 * a session never passes the gate.
 */
type Ending = { endedWith?: AccessToken; ofUser?: string | undefined; isTrusted?: boolean }

/** Every method has the same order: forget here, call LINE, then mark the tombstones as confirmed. */
export function createRevocation(options: RevocationOptions): Revocation {
  const { channels, channelTokens, knownTokens, forgetting, tombstones } = options
  const { families, calls, unconfirmed, departures, gate } = options
  const { identify, channelOf } = knownTokens
  /** The deauthorizations under way, by the keys of their tokens. */
  const leaving = new Map<string, Promise<Revoked>>()
  const flightsAnywhere = createFlights<Revoked>()
  /** The last answers with which LINE revoked a stranger's token, by its key. */
  const doneAnywhere = createBoundedMap<Pick<LineAnswer, 'status'>>(mostDoneAnywhere)

  return { revokeAccessToken, revokeRefreshToken, logout, deauthorize }

  async function revokeAccessToken(token: AccessToken, caller: Caller, hint?: Channel): Promise<Revoked> {
    const known = await identify(token, caller, hint)
    if (known.verdict === 'invalid') return known
    if (known.verdict === 'unknown') throw forgetUnverified(token, known, hint)
    return revokeKnown(token, known, caller)
  }

  async function revokeKnown(token: AccessToken, known: Known, caller: Caller): Promise<Revoked> {
    const { key, raw } = token
    const { channel, record, origin, stone } = known
    if (stone?.isConfirmed) return invalid('REVOKED')
    if (stone === undefined) forgetting.forgetAccessToken(key, { channelId: channel.id, isOurs: true, record })
    const forMs = forgetting.lifeOf(record)
    const userId = origin && families.userOf(origin)
    const begunTime = origin?.family === undefined ? undefined : families.find(origin.family)?.begunTime
    const job = { kind: 'access token', key, raw, channel, userId, begunTime, forMs } as const
    await (stone?.isOurs === false ? tryOnce(job, caller) : finish(job, caller, token))
    return forgotten
  }

  /**
   * The user of the token leaves as well: LINE must hear of that first, because it takes only a token that it still accepts.
   * Rejects with an outage if LINE does not answer.
   */
  async function departureFirst({ key, raw }: AccessToken, caller: Caller): Promise<void> {
    const departure = leaving.get(key)
    if (departure !== undefined) await within(caller.deadline, Promise.allSettled([departure]))
    const waiting = unconfirmed.find({ kind: 'user', key })
    if (waiting !== undefined) await finish({ ...waiting, raw }, caller)
  }

  async function revokeRefreshToken(refreshToken: string, hint: Channel | undefined, caller: Caller): Promise<Revoked> {
    await knownTokens.learnSession(refreshToken)
    const channel = channelOf(refreshToken, hint)
    return channel === undefined ? revokeAnywhere(refreshToken, caller) : revokeSession(refreshToken, channel, caller)
  }

  /** LINE may answer 200 for a token of another channel, so only all channels together make sure that it is dead. */
  function revokeAnywhere(raw: string, caller: Caller): Promise<Revoked> {
    const jobs = channels.all.map((channel) => {
      const key = refreshKeyOf(channel.id, raw)
      return { kind: 'session', key, raw, channel, forMs: longestRefreshLifeMs } as const
    })
    return flightsAnywhere.fly(digestOf(raw), caller, async () => {
      const answers = await guarded(gate, caller, () => allOf(jobs.map(callForStranger)), outcomeOfAll)
      return outcomeOfAll(answers) === 'refused' ? invalid('WRONG_CHANNEL') : forgotten
    })

    /** A retry is not sent where LINE has revoked the token: LINE may refuse it there now. */
    async function callForStranger(job: RevocationJob): Promise<Pick<LineAnswer, 'status'>> {
      const done = doneAnywhere.get(job.key)
      if (done !== undefined) return done
      forgetting.forgetSession(job.key, { channelId: job.channel.id, isOurs: false })
      const { status } = await calls.send(job, caller)
      if (status === 200) doneAnywhere.set(job.key, { status })
      return { status }
    }
  }

  /** A session that LINE issued through us never passes the gate: a limited address can still log out. */
  async function revokeSession(
    refreshToken: string,
    channel: Channel,
    caller: Caller,
    { endedWith, ofUser, isTrusted = false }: Ending = {},
  ): Promise<Revoked> {
    const key = refreshKeyOf(channel.id, refreshToken)
    const family = families.find(key)
    const userId = family?.userId ?? ofUser
    const stone = tombstones.find(key)
    // With several channels, LINE's refusal of a token that we do not know is no proof that it is dead.
    if (stone?.isConfirmed && (stone.isOurs || channels.only !== undefined)) return forgotten
    const { begunTime } = family ?? {}
    const forMs = longestRefreshLifeMs
    const session = { kind: 'session', key, raw: refreshToken, channel, userId, begunTime, forMs } as const
    if (!isTrusted && family === undefined && stone?.isOurs !== true) return revokeStranger(session, caller)
    forgetting.forgetSession(key, { channelId: channel.id, isOurs: true })
    await finish({ ...session, ...(endedWith && { accessKey: endedWith.key }) }, caller, endedWith)
    return forgotten
  }

  /**
   * LINE may answer 200 for a token that does not exist. So one that we do not know costs the same as a refused one, and no
   * other process is told. If it was one of ours that Redis could not tell us, LINE revokes it, and the others learn that at
   * their next call to LINE for its tokens.
   */
  async function revokeStranger(job: RevocationJob, caller: Caller): Promise<Revoked> {
    const { status } = await tryOnce(job, caller)
    return status === 400 && channels.only === undefined ? invalid('WRONG_CHANNEL') : forgotten
  }

  async function logout(token: AccessToken, refreshToken: string | undefined, caller: Caller): Promise<Revoked> {
    if (refreshToken !== undefined) await knownTokens.learnSession(refreshToken)
    const known = await identify(token, caller)
    if (known.verdict === 'invalid') return logoutRefused(known, channels.only, refreshToken, caller)
    if (known.verdict === 'unknown') return logoutUnverified(token, known, refreshToken, caller)
    const { channel, stone } = known
    if (stone?.isConfirmed) return logoutRefused(invalid('REVOKED'), channel, refreshToken, caller)
    // Only the first logout ends a session that nobody knows. Otherwise one good token could end any number.
    const ofUser = known.origin && families.userOf(known.origin)
    const session = { endedWith: token, ofUser, isTrusted: !tombstones.has(token.key) }
    const revoked = [revokeKnown(token, known, caller)]
    if (refreshToken !== undefined)
      revoked.push(revokeSession(refreshToken, channelOf(refreshToken, channel), caller, session))
    await allOf(revoked)
    return forgotten
  }

  async function logoutRefused(
    refusal: Invalid,
    channel: Channel | undefined,
    refreshToken: string | undefined,
    caller: Caller,
  ): Promise<Revoked> {
    if (refreshToken === undefined || refusal.reason === 'WRONG_CHANNEL') return refusal
    const itsChannel = channelOf(refreshToken, channel)
    if (itsChannel !== undefined) {
      await revokeSession(refreshToken, itsChannel, caller)
      return forgotten
    }
    if (channels.assumed === undefined) return refusal
    const revoked = await revokeAnywhere(refreshToken, caller)
    return revoked.verdict === 'invalid' ? refusal : revoked
  }

  /** LINE did not say whose token it is. Its session may be known all the same. */
  async function logoutUnverified(
    token: AccessToken,
    answer: Unknown,
    refreshToken: string | undefined,
    caller: Caller,
  ): Promise<never> {
    const outage = forgetUnverified(token, answer, undefined)
    const channel = refreshToken === undefined ? undefined : channelOf(refreshToken, channels.only)
    if (refreshToken !== undefined && channel !== undefined)
      await revokeSession(refreshToken, channel, caller).catch((error) => {
        if (!(error instanceof ExpectedError)) throw error
      })
    throw outage
  }

  /** A deauthorization that waits for LINE knows the user already. */
  async function userOf(token: AccessToken, known: Known, caller: Caller): Promise<Named | Invalid | Unknown> {
    const userId = unconfirmed.find({ kind: 'user', key: token.key })?.userId
    return userId === undefined ? knownTokens.userOf(token, known, caller) : { verdict: 'named', userId }
  }

  function deauthorize(token: AccessToken, caller: Caller): Promise<Revoked> {
    const departure = leave(token, caller).finally(() => {
      if (leaving.get(token.key) === departure) leaving.delete(token.key)
    })
    leaving.set(token.key, departure)
    return departure
  }

  async function leave(token: AccessToken, caller: Caller): Promise<Revoked> {
    const known = await identify(token, caller)
    if (known.verdict === 'invalid') return known
    if (known.verdict === 'unknown') throw forgetUnverified(token, known, undefined)
    const { channel, record, origin, stone } = known
    if (stone?.isConfirmed) return invalid('REVOKED')
    await assertConfigured(channel, caller)
    const refused = stone === undefined ? await knownTokens.refusalOf(token, caller) : undefined
    if (refused !== undefined) return refused
    const job = { kind: 'user', key: token.key, raw: token.raw, channel, forMs: forgetting.lifeOf(record) } as const
    const isKnownToLeave = unconfirmed.find(job)?.userId !== undefined
    const user = await userOf(token, known, caller)
    if (user.verdict === 'invalid') return user
    forgetting.forgetAccessToken(token.key, { channelId: channel.id, isOurs: true, record })
    if (origin?.family !== undefined) forgetting.forgetSession(origin.family, { channelId: channel.id, isOurs: true })
    if (user.verdict === 'unknown') throw leftUnfinished(job, user)
    const isToldAgain = isKnownToLeave || (stone !== undefined && departures.isElsewhere(channel.id, user.userId))
    if (!isToldAgain) forgetting.forgetUser(channel.id, user.userId)
    await finish({ ...job, userId: user.userId }, caller)
    return forgotten
  }

  /** Checked first, so that nothing is forgotten if the settings do not allow to deauthorize. */
  async function assertConfigured(channel: Channel, { deadline }: Caller): Promise<void> {
    await within(deadline, channelTokens.tokenOf(channel)).catch((error) => {
      if (error instanceof Misconfigured || !(error instanceof ExpectedError)) throw error
    })
  }

  /** LINE did not say who the user is. The token is refused here, and the rest is done when LINE answers. */
  function leftUnfinished(job: RevocationJob, { outage }: Unknown): Error {
    unconfirmed.add(job)
    return outage
  }

  /** Calls LINE now, and again later if it gives no answer. `token`: the access token whose user may be leaving. */
  async function finish(job: RevocationJob, caller: Caller, token?: AccessToken): Promise<void> {
    try {
      if (token !== undefined) await departureFirst(token, caller)
      if (departures.mustWait(job)) throw departureUntold()
      await calls.send(job, caller)
      unconfirmed.remove(job)
    } catch (error) {
      // After an unexpected error too: LINE may not have heard of it.
      unconfirmed.add(job)
      throw error
    }
  }

  /** Calls LINE for a token that nobody has verified: through the gate, and not again. */
  function tryOnce(job: RevocationJob, caller: Caller): Promise<LineAnswer> {
    const { kind, key, channel } = job
    return calls.send(job, caller, (call) =>
      guarded(
        gate,
        caller,
        () => {
          if (kind === 'session') forgetting.forgetSession(key, { channelId: channel.id, isOurs: false })
          return call()
        },
        outcomeOf,
      ),
    )
  }

  /** LINE did not say whether the token is valid: it is refused here, for the channel `hint` or the only channel. */
  function forgetUnverified(token: AccessToken, { outage }: Unknown, hint: Channel | undefined): Error {
    const channel = hint ?? channels.only
    if (channel !== undefined && !isOfOneClient(outage))
      forgetting.forgetAccessToken(token.key, { channelId: channel.id, isOurs: false })
    return outage
  }
}

/** All are awaited, so that a failure of one does not hide what becomes of the others. Rejects as the first of them. */
async function allOf<Result>(promises: readonly Promise<Result>[]): Promise<Result[]> {
  const settled = await Promise.allSettled(promises)
  return settled.map((one) => {
    if (one.status === 'rejected') throw one.reason
    return one.value
  })
}

/** Another process has to tell LINE that the user leaves. It tries that every few seconds. */
function departureUntold(): LineUnavailable {
  return new LineUnavailable('LINE has to hear first that the user leaves: try again later', {
    retryAfter: 10,
    sent: false,
  })
}

function outcomeOf(answer: LineAnswer): Outcome {
  return outcomeOfAll([answer])
}

function outcomeOfAll(answers: readonly Pick<LineAnswer, 'status'>[]): Outcome {
  return answers.every(({ status }) => status === 400) ? 'refused' : 'useless'
}
