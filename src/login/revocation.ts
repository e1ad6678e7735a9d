import type { Channel } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import type { LineClient } from '../line/client.ts'
import { within } from '../line/deadline.ts'
import { assertDeauthorized, assertRevoked, isChannelTokenRefused } from '../line/responses.ts'
import type { LineAnswer } from '../line/transport.ts'
import { createFlights } from '../tokens/flights.ts'
import { type Subject, scopeMissing, type TokenRecord } from '../tokens/record.ts'
import { guarded, type Outcome, type SourceGate } from '../tokens/source-gate.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Caller, Invalid, Question, Resolver } from '../tokens/token-resolver.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { createUnusables } from '../tokens/unusables.ts'
import { isOfOneClient } from '../tokens/waiting-room.ts'
import type { ChannelTokens } from './channel-tokens.ts'
import type { Families } from './families.ts'
import type { Forgetting } from './forgetting.ts'
import { refreshKeyOf } from './token-set.ts'

/** The result of a revocation: the token is forgotten now, or it was invalid before, with the reason. */
export type Revoked = { readonly verdict: 'forgotten' } | Invalid

const forgotten: Revoked = { verdict: 'forgotten' }

/**
 * Revokes tokens here and at LINE. If LINE does not answer, each method rejects with an outage. The token is still
 * refused here, and the caller can try again.
 */
export type Revocation = {
  revokeAccessToken(token: AccessToken, caller: Caller, channel?: Channel): Promise<Revoked>
  /** Also forgets the access tokens issued from it through us. */
  revokeRefreshToken(refreshToken: string, channel: Channel, caller: Caller): Promise<void>
  /**
   * Revokes both tokens of a session. A refresh token is valid longer than its access token, so it is revoked even if
   * the access token is refused, unless the access token belongs to another channel.
   */
  logout(token: AccessToken, refreshToken: string | undefined, caller: Caller): Promise<Revoked>
  /** Withdraws the user's consent at LINE and forgets all tokens of that user we know. */
  deauthorize(token: AccessToken, caller: Caller): Promise<Revoked>
}

export type RevocationOptions = {
  readonly line: Pick<LineClient, 'revoke' | 'deauthorize'>
  readonly channels: Channels
  readonly channelTokens: ChannelTokens
  readonly resolve: Resolver
  readonly forgetting: Forgetting
  readonly gate: SourceGate
  readonly tombstones: Tombstones
  readonly families: Families
  readonly now: () => number
}

/**
 * Every method has the same order: forget the token here, call LINE, then mark the tombstone as confirmed. However many
 * ask for the same revocation at once, LINE is called once.
 */
export function createRevocation(options: RevocationOptions): Revocation {
  const { line, channels, channelTokens, resolve, forgetting, gate, tombstones, families, now } = options
  const flights = createFlights<void>()
  const unusables = createUnusables(now)

  return { revokeAccessToken, revokeRefreshToken, logout, deauthorize }

  async function revokeAccessToken(token: AccessToken, caller: Caller, hint?: Channel): Promise<Revoked> {
    const known = await identify(token, caller, hint)
    if ('verdict' in known) return known
    forgetting.forgetAccessToken(token.key, known.channel.id, known.record?.expiresAt)
    await once(`revoke ${token.key}`, caller, async () => {
      assertRevoked(await line.revoke(known.channel, { accessToken: token.raw }, caller))
      tombstones.confirm(token.key)
    })
    return forgotten
  }

  async function revokeRefreshToken(refreshToken: string, channel: Channel, caller: Caller): Promise<void> {
    const key = refreshKeyOf(channel.id, refreshToken)
    if (tombstones.isConfirmed(key)) return
    // A refresh token that LINE issued through us is forgotten even if the gate refuses. Junk is not: it must not evict
    // tombstones or cause searches of all records.
    if (families.isKnown(key)) forgetting.forgetRefreshToken(key, channel.id)
    await once(`revoke ${key}`, caller, () => guarded(gate, caller, revokeAtLine, outcomeOf).then(() => {}))

    async function revokeAtLine(): Promise<LineAnswer> {
      const forgottenKeys = forgetting.forgetRefreshToken(key, channel.id)
      const answer = await line.revoke(channel, { refreshToken }, caller)
      assertRevoked(answer)
      for (const forgottenKey of forgottenKeys) tombstones.confirm(forgottenKey)
      return answer
    }

    /** LINE may answer 200 for a token that does not exist. So one that we do not know costs the same as a refused one. */
    function outcomeOf({ status }: LineAnswer): Outcome {
      if (status === 400) return 'refused'
      return families.isKnown(key) ? 'open' : 'useless'
    }
  }

  async function once(id: string, caller: Caller, revokeAtLine: () => Promise<void>): Promise<void> {
    const outage = unusables.find(id)
    if (outage !== undefined) throw outage
    return flights.fly(id, caller, () =>
      revokeAtLine().catch((error) => {
        unusables.add(id, error)
        throw error
      }),
    )
  }

  async function logout(token: AccessToken, refreshToken: string | undefined, caller: Caller): Promise<Revoked> {
    const known = await identify(token, caller)
    if ('verdict' in known) return logoutRefused(known, refreshToken, caller)
    const revoked = [revokeAccessToken(token, caller)]
    if (refreshToken !== undefined)
      revoked.push(revokeRefreshToken(refreshToken, known.channel, caller).then(() => forgotten))
    await Promise.all(revoked)
    return forgotten
  }

  async function logoutRefused(refusal: Invalid, refreshToken: string | undefined, caller: Caller): Promise<Revoked> {
    const channel = channels.only
    if (refreshToken === undefined || channel === undefined || refusal.reason === 'WRONG_CHANNEL') return refusal
    await revokeRefreshToken(refreshToken, channel, caller)
    return forgotten
  }

  async function deauthorize(token: AccessToken, caller: Caller): Promise<Revoked> {
    const known = await identify(token, caller)
    if ('verdict' in known) return known
    const { channel } = known
    // Checked first, so that nothing is forgotten if the channel cannot deauthorize.
    channelTokens.assertSecret(channel)
    const record = known.record && (await withUser(token, known.record, caller))
    forgetting.forgetAccessToken(token.key, channel.id, record?.expiresAt)
    if (record !== undefined) forgetting.forgetUserOf(record)
    await once(`deauthorize ${token.key}`, caller, async () => {
      await deauthorizeAtLine(channel, token, caller)
      tombstones.confirm(token.key)
    })
    return forgotten
  }

  /** LINE may drop a channel token before it expires. If LINE refuses it, we try once more with a new one. */
  async function deauthorizeAtLine(channel: Channel, token: AccessToken, caller: Caller): Promise<void> {
    const answer = await askToDeauthorize(channel, token, caller)
    if (!isChannelTokenRefused(answer)) return assertDeauthorized(answer)
    channelTokens.drop(channel)
    assertDeauthorized(await askToDeauthorize(channel, token, caller))
  }

  /** The channel token is shared with other operations, so its fetch does not end with this one. */
  async function askToDeauthorize(channel: Channel, token: AccessToken, caller: Caller): Promise<LineAnswer> {
    const channelToken = await within(caller.deadline, channelTokens.tokenOf(channel))
    return line.deauthorize(channelToken, token.raw, caller)
  }

  /**
   * The channel of a token, with its record. A token that we do not know is verified first, through the same gate as
   * any other token. If LINE does not answer, the token is forgotten for the channel `hint`, or for the only channel.
   */
  async function identify(
    token: AccessToken,
    caller: Caller,
    hint?: Channel,
  ): Promise<Invalid | { readonly channel: Channel; readonly record?: TokenRecord }> {
    const unconfirmed = channels.find(tombstones.unconfirmedChannel(token.key) ?? '')
    if (unconfirmed !== undefined) return { channel: unconfirmed }
    const answer = await resolve(questionFor(token, 'verification', caller))
    if (answer.verdict === 'invalid') return answer
    if (answer.verdict === 'valid') return { channel: channelOf(answer.record), record: answer.record }
    const channel = hint ?? channels.only
    if (channel !== undefined && !isOfOneClient(answer.outage))
      forgetting.forgetAccessToken(token.key, channel.id, undefined)
    throw answer.outage
  }

  /** To forget the user's other tokens we need the user ID. If the record does not have it, we fetch it from LINE. */
  async function withUser(token: AccessToken, record: TokenRecord, caller: Caller): Promise<TokenRecord> {
    if (record.userId !== undefined) return record
    const subject = scopeMissing(record, 'profile') === undefined ? 'profile' : 'userinfo'
    const answer = await resolve(questionFor(token, subject, caller))
    return answer.verdict === 'valid' ? answer.record : record
  }

  function channelOf(record: TokenRecord): Channel {
    const channel = channels.find(record.channelId)
    if (channel === undefined) throw new TypeError('the channel of a record is not configured')
    return channel
  }
}

function questionFor(token: AccessToken, subject: Subject, { clientAddress, deadline }: Caller): Question {
  return { token, subject, clientAddress, deadline }
}
