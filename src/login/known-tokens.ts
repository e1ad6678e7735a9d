import type { Channel } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import { LineUnavailable } from '../line/errors.ts'
import type { Families, Origin } from '../tokens/families.ts'
import { createFlights } from '../tokens/flights.ts'
import type { Forgotten } from '../tokens/forgotten.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { namingSubjects, type Subject, type TokenRecord } from '../tokens/record.ts'
import { guarded, type SourceGate } from '../tokens/source-gate.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import {
  type Caller,
  type Invalid,
  invalid,
  isOutage,
  type Outage,
  type Question,
  type Unknown,
} from '../tokens/token-resolver.ts'
import type { Tombstone, Tombstones } from '../tokens/tombstones.ts'
import type { RevocationCalls } from './revocation-calls.ts'
import { refreshKeyOf } from './token-set.ts'

/** A token that LINE has accepted or issued, or that has a tombstone here. */
export type Known = {
  readonly verdict: 'known'
  readonly channel: Channel
  readonly record?: TokenRecord | undefined
  /** Also of a token without a record. */
  readonly origin?: Origin | undefined
  readonly stone?: Tombstone | undefined
}

export type Named = { readonly verdict: 'named'; readonly userId: string }

/** What we know about the tokens that are to be revoked: their channels and their users. */
export type KnownTokens = {
  /**
   * A token that we do not know is verified first, through the same gate as any other token. `hint`: the channel that the
   * caller names. It counts only for a token that LINE has never confirmed.
   */
  identify(token: AccessToken, caller: Caller, hint?: Channel): Promise<Known | Invalid | Unknown>
  /** Why a known token is refused now. It was good once, but it may have died since. `undefined`: it is good, or LINE is down. */
  refusalOf(token: AccessToken, caller: Caller): Promise<Invalid | undefined>
  /** The user of a token. Without it, the user's other tokens cannot be forgotten. */
  userOf(token: AccessToken, known: Known, caller: Caller): Promise<Named | Invalid | Unknown>
  /** Learns what other processes know about the session of a refresh token. */
  learnSession(refreshToken: string): Promise<unknown>
  /** The channel for which LINE issued a refresh token through us, else `hint`. */
  channelOf<Hint extends Channel | undefined>(refreshToken: string, hint: Hint): Channel | Hint
}

export type KnownTokensOptions = {
  readonly channels: Channels
  readonly memory: Pick<MemoryTier, 'resolve' | 'peek' | 'originOf'>
  readonly forgotten: Forgotten
  readonly tombstones: Tombstones
  readonly families: Families
  readonly calls: Pick<RevocationCalls, 'userOf'>
  readonly gate: SourceGate
  /** By the key of the refresh token. Default: there are no other processes. */
  readonly learnSession?: ((refreshKey: string) => Promise<void>) | undefined
}

export function createKnownTokens(options: KnownTokensOptions): KnownTokens {
  const { channels, memory, forgotten, tombstones, families, calls, gate } = options
  const flights = createFlights<Named | Invalid>()

  return { identify, refusalOf, userOf, learnSession, channelOf }

  async function identify(token: AccessToken, caller: Caller, hint?: Channel): Promise<Known | Invalid | Unknown> {
    const { key } = token
    const stone = tombstones.find(key)
    if (stone !== undefined) {
      const channel = stone.isOurs ? channelWith(stone) : (hint ?? channelWith(stone))
      // Another process may have told us of the tombstone: then the record is still there.
      return { verdict: 'known', channel, stone, origin: memory.peek(key) ?? memory.originOf(key) }
    }
    const record = memory.peek(key)
    const origin = record ?? memory.originOf(key)
    if (origin !== undefined) {
      const ofSession = origin.family === undefined ? undefined : tombstones.find(origin.family)
      if (forgotten.isUntold(origin) || !forgotten.isDeadCold(key, origin))
        return { verdict: 'known', channel: channelWith(origin), record, origin, stone: ofSession }
    }
    const answer = await memory.resolve(questionFor(token, 'verification', caller))
    return answer.verdict === 'valid' ? known(answer.record) : answer
  }

  async function refusalOf(token: AccessToken, caller: Caller): Promise<Invalid | undefined> {
    const answer = await memory.resolve(questionFor(token, 'verification', caller))
    return answer.verdict === 'invalid' && !tombstones.has(token.key) ? answer : undefined
  }

  async function userOf(token: AccessToken, { record, origin, stone }: Known, caller: Caller) {
    const userId = origin && families.userOf(origin)
    if (userId !== undefined) return named(userId)
    if (stone !== undefined) return userAtLine(token, caller)
    return record === undefined ? verifyAndName(token, caller) : nameFrom(token, record, caller)
  }

  async function verifyAndName(token: AccessToken, caller: Caller): Promise<Named | Invalid | Unknown> {
    const answer = await memory.resolve(questionFor(token, 'verification', caller))
    return answer.verdict === 'valid' ? nameFrom(token, answer.record, caller) : answer
  }

  async function nameFrom(token: AccessToken, record: TokenRecord, caller: Caller): Promise<Named | Invalid | Unknown> {
    let outage: Outage | undefined
    for (const subject of namingSubjects(record)) {
      const answer = await memory.resolve(questionFor(token, subject, caller))
      // A logout at the same moment refuses the token here, but LINE may still know it.
      if (answer.verdict === 'invalid') return tombstones.has(token.key) ? userAtLine(token, caller) : answer
      if (answer.verdict === 'unknown') outage = answer.outage
      else if (answer.record.userId !== undefined) return named(answer.record.userId)
    }
    return { verdict: 'unknown', outage: outage ?? nobodyTells() }
  }

  /** The token has a tombstone, so our memory does not ask LINE about it any more. Anybody can come here again and again. */
  async function userAtLine({ raw, key }: AccessToken, caller: Caller): Promise<Named | Invalid | Unknown> {
    const ask = () => calls.userOf(raw, caller)
    try {
      return await flights.fly(key, caller, async () => {
        const userId = await guarded(gate, caller, ask, (found) => (found === undefined ? 'refused' : 'open'))
        return userId === undefined ? invalid('REVOKED') : named(userId)
      })
    } catch (error) {
      if (isOutage(error)) return { verdict: 'unknown', outage: error }
      throw error
    }
  }

  /** A key contains the channel. */
  async function learnSession(refreshToken: string): Promise<unknown> {
    const { learnSession: learn } = options
    return learn && Promise.all(channels.all.map(({ id }) => learn(refreshKeyOf(id, refreshToken))))
  }

  function channelOf<Hint extends Channel | undefined>(refreshToken: string, hint: Hint): Channel | Hint {
    if (channels.only !== undefined) return channels.only
    const isKnownIn = ({ id }: Channel) => families.find(refreshKeyOf(id, refreshToken)) !== undefined
    return channels.all.find(isKnownIn) ?? hint
  }

  function known(record: TokenRecord): Known {
    return { verdict: 'known', channel: channelWith(record), record, origin: record }
  }

  function channelWith({ channelId }: { readonly channelId: string }): Channel {
    const channel = channels.find(channelId)
    if (channel === undefined) throw new TypeError('the channel of a record is not configured')
    return channel
  }
}

function named(userId: string): Named {
  return { verdict: 'named', userId }
}

/** LINE requires one of the two scopes that tell the user. */
function nobodyTells(): LineUnavailable {
  return new LineUnavailable('The token has no scope with which LINE tells its user')
}

function questionFor(token: AccessToken, subject: Subject, { clientAddress, deadline }: Caller): Question {
  return { token, subject, clientAddress, deadline }
}
