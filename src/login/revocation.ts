import type { Channel } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import type { LineClient } from '../line/client.ts'
import { assertDeauthorized, assertRevoked, longestLifeMs } from '../line/responses.ts'
import type { LineAnswer } from '../line/transport.ts'
import { guarded } from '../tokens/limit-sources.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { scopeMissing, type TokenRecord } from '../tokens/record.ts'
import type { SourceGate } from '../tokens/source-gate.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import { type Invalid, SourceLimited } from '../tokens/token-resolver.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { type ChannelTokens, NoChannelSecret } from './channel-tokens.ts'
import type { Refresher } from './refresher.ts'
import { longestRefreshLifeMs, refreshKeyOf } from './token-set.ts'

/** What became of a token we were told to forget: dead now, or refused for a reason it had before. */
export type Forgotten = { readonly verdict: 'forgotten' } | Invalid

const forgotten: Forgotten = { verdict: 'forgotten' }

export type Revocation = {
  /** Revokes an access token at LINE. Rejects with an outage when LINE cannot be told: the token is dead here all the same. */
  revokeAccessToken(token: AccessToken, clientAddress: string, channel?: Channel): Promise<Forgotten>
  /** Revokes a refresh token at LINE; forgets the access tokens issued from it through us. */
  revokeRefreshToken(refreshToken: string, channel: Channel, clientAddress: string): Promise<void>
  /**
   * Revokes both of a session. A refresh token outlives its access token, so a dead access token (but not a foreign one)
   * does not keep us from revoking it.
   */
  logout(token: AccessToken, refreshToken: string | undefined, clientAddress: string): Promise<Forgotten>
  /** Takes the user's consent back at LINE; forgets all tokens of that user we know. */
  deauthorize(token: AccessToken, clientAddress: string): Promise<Forgotten>
}

export type RevocationOptions = {
  readonly line: Pick<LineClient, 'revoke' | 'deauthorize'>
  readonly channels: Channels
  readonly channelTokens: ChannelTokens
  readonly memory: MemoryTier
  readonly refresher: Pick<Refresher, 'dropReplay' | 'dropReplaysOf' | 'familyOf'>
  readonly gate: SourceGate
  readonly tombstones: Tombstones
  readonly now: () => number
}

/**
 * Revocation, in one order throughout: first the tombstone, so that no flight under way can bring the token back, then
 * what we remember, then LINE. When LINE cannot be told, the caller hears of it and may try again.
 */
export function createRevocation(options: RevocationOptions): Revocation {
  const { line, channels, channelTokens, memory, refresher, gate, tombstones, now } = options

  return { revokeAccessToken, revokeRefreshToken, logout, deauthorize }

  async function revokeAccessToken(token: AccessToken, clientAddress: string, hint?: Channel): Promise<Forgotten> {
    const known = await identify(token, clientAddress, hint)
    if ('verdict' in known) return known
    forget(token.key, known.channel.id, known.record?.expiresAt)
    assertRevoked(await line.revoke(known.channel, { accessToken: token.raw }))
    tombstones.confirm(token.key)
    return forgotten
  }

  async function revokeRefreshToken(refreshToken: string, channel: Channel, clientAddress: string): Promise<void> {
    const key = refreshKeyOf(channel.id, refreshToken)
    if (tombstones.isConfirmed(key)) return
    let dead: readonly string[] = []
    try {
      await guarded(gate, clientAddress, revokeAtLine, ({ status }) => status === 400)
    } catch (error) {
      if (!(error instanceof SourceLimited) && dead.length === 0) forgetRefreshToken(key, channel.id)
      throw error
    }
    for (const one of dead) tombstones.confirm(one)

    /** Behind the gate, so that junk can neither push out tombstones nor make us walk. */
    async function revokeAtLine(): Promise<LineAnswer> {
      dead = forgetRefreshToken(key, channel.id)
      const answer = await line.revoke(channel, { refreshToken })
      assertRevoked(answer)
      return answer
    }
  }

  async function logout(
    token: AccessToken,
    refreshToken: string | undefined,
    clientAddress: string,
  ): Promise<Forgotten> {
    const known = await identify(token, clientAddress)
    if ('verdict' in known) return logoutOfDead(known, refreshToken, clientAddress)
    const revoked = [revokeAccessToken(token, clientAddress)]
    if (refreshToken !== undefined)
      revoked.push(revokeRefreshToken(refreshToken, known.channel, clientAddress).then(() => forgotten))
    await Promise.all(revoked)
    return forgotten
  }

  async function logoutOfDead(
    dead: Invalid,
    refreshToken: string | undefined,
    clientAddress: string,
  ): Promise<Forgotten> {
    const channel = channels.only
    if (refreshToken === undefined || channel === undefined || dead.reason === 'WRONG_CHANNEL') return dead
    await revokeRefreshToken(refreshToken, channel, clientAddress)
    return forgotten
  }

  async function deauthorize(token: AccessToken, clientAddress: string): Promise<Forgotten> {
    const known = await identify(token, clientAddress)
    if ('verdict' in known) return known
    const { channel } = known
    // A channel that cannot deauthorize says so before anything is forgotten.
    if (channel.secret === undefined) throw new NoChannelSecret()
    const record = known.record && (await withUser(token, known.record, clientAddress))
    forget(token.key, channel.id, record?.expiresAt)
    if (record !== undefined) forgetUser(record)
    await deauthorizeAtLine(channel, await channelTokens.tokenOf(channel), token)
    tombstones.confirm(token.key)
    return forgotten
  }

  /** LINE forgets channel tokens before their time too: one that is refused is replaced once. */
  async function deauthorizeAtLine(channel: Channel, channelToken: string, token: AccessToken): Promise<void> {
    const answer = await line.deauthorize(channelToken, token.raw)
    if (answer.status !== 401) return assertDeauthorized(answer)
    channelTokens.drop(channel)
    assertDeauthorized(await line.deauthorize(await channelTokens.tokenOf(channel), token.raw))
  }

  /** Whose token it is. One never seen is verified first, through the same gate as any other, so that junk costs no more here. */
  async function identify(
    token: AccessToken,
    clientAddress: string,
    hint?: Channel,
  ): Promise<Invalid | { readonly channel: Channel; readonly record?: TokenRecord }> {
    const dying = channels.find(tombstones.unconfirmedChannel(token.key) ?? '')
    if (dying !== undefined) return { channel: dying }
    const question = { token, clientAddress, subject: 'verification', since: performance.now() } as const
    const answer = await memory.resolve(question)
    if (answer.verdict === 'invalid') return answer
    if (answer.verdict === 'valid') return { channel: channelOf(answer.record), record: answer.record }
    const channel = hint ?? channels.only
    if (channel !== undefined && !(answer.outage instanceof SourceLimited)) forget(token.key, channel.id, undefined)
    throw answer.outage
  }

  /** Whose other tokens die is known only once somebody has asked LINE who it is. */
  async function withUser(token: AccessToken, record: TokenRecord, clientAddress: string): Promise<TokenRecord> {
    if (record.userId !== undefined) return record
    const subject = scopeMissing(record, 'profile') === undefined ? 'profile' : 'userinfo'
    const answer = await memory.resolve({ token, clientAddress, subject, since: performance.now() })
    return answer.verdict === 'valid' ? answer.record : record
  }

  function channelOf(record: TokenRecord): Channel {
    const channel = channels.find(record.channelId)
    if (channel === undefined) throw new TypeError('a record of a channel that is none of ours')
    return channel
  }

  function forget(key: string, channelId: string, expiresAt: number | undefined): void {
    tombstones.raise(key, { until: expiresAt ?? now() + longestLifeMs, channelId })
    memory.drop(key)
    refresher.dropReplaysOf(key)
  }

  /** Answers the keys of all that is dead now, as the next one does. */
  function forgetRefreshToken(key: string, channelId: string): readonly string[] {
    forgetRefreshKey(key, channelId)
    return [key, ...forgetFamily(refresher.familyOf(key), channelId)]
  }

  function forgetRefreshKey(key: string, channelId: string): void {
    tombstones.raise(key, { until: now() + longestRefreshLifeMs, channelId })
    refresher.dropReplay(key)
  }

  function forgetFamily(family: string, channelId: string): readonly string[] {
    forgetRefreshKey(family, channelId)
    return [family, ...forgetAll((record) => record.family === family).map(([key]) => key)]
  }

  /** The user's tokens of this channel and the refresh tokens they came from: LINE kills them all at once. */
  function forgetUser(record: TokenRecord): void {
    const userId = record.userId
    const isTheirs = (other: TokenRecord) => other.channelId === record.channelId && other.userId === userId
    const theirs = userId === undefined ? [] : forgetAll(isTheirs)
    const families = new Set([record.family, ...theirs.map(([, { family }]) => family)])
    for (const family of families) if (family !== undefined) forgetFamily(family, record.channelId)
  }

  function forgetAll(matches: (record: TokenRecord) => boolean): readonly (readonly [string, TokenRecord])[] {
    const found = memory.find(matches)
    for (const [key, record] of found) forget(key, record.channelId, record.expiresAt)
    return found
  }
}
