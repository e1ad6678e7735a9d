import type { KeyObject } from 'node:crypto'
import type { Channel } from '../config.ts'
import type { Channels } from '../line/channels.ts'
import { IdTokenOfLeftUser, InvalidIdToken } from '../line/errors.ts'
import {
  assertNotForAnother,
  checkIdToken,
  type IdTokenClaims,
  isKeyMissing,
  readIdToken,
  type UncheckedIdToken,
  uncheckedNonceOf,
  verificationKey,
} from '../line/id-token.ts'
import { type KeySet, UnknownKid } from '../line/key-set.ts'
import type { CallLimits } from '../line/transport.ts'
import type { SourceBuckets } from '../tokens/source-gate.ts'
import type { Caller } from '../tokens/token-resolver.ts'
import { noRoom } from '../tokens/waiting-room.ts'
import { createIdTokenGuards, type Guard, unguarded } from './id-token-guards.ts'
import type { LeftUsers, Sighting } from './left-users.ts'
import type { Nonces } from './nonces.ts'

export type Expected = {
  /** The nonce that the client stored from its login. */
  readonly nonce?: string | undefined
  /** Without a channel, the token must be for one of ours. */
  readonly channel?: Channel | undefined
  /**
   * It stands for an access token. Then there is no nonce to compare with, no leeway after its end, and HS256 is refused:
   * everybody who has the secret of the channel can sign with it.
   */
  readonly asBearer?: boolean
}

/**
 * A good ID token, with the key that signed it, and when it was good here for the first time. `isCertain`: false if other
 * processes did not tell whether its user has left.
 */
export type Checked = {
  readonly claims: IdTokenClaims
  readonly kid: unknown
  readonly key: KeyObject
  readonly sighting: Sighting
  readonly isCertain: boolean
}

export type IdTokens = {
  /**
   * Checks an ID token that LINE has just sent us, and returns its claims. Rejects with `InvalidIdToken`, or with an outage
   * when LINE's keys cannot be fetched. The nonce comes first: a wrong one is NONCE, whatever else is wrong. Nothing is
   * stored: the same token gets the same answer again.
   */
  verify(idToken: string, expected: Expected, limits: CallLimits): Promise<IdTokenClaims>
  /**
   * The same for an ID token that a caller sent. Each one that fails takes a token from the bucket of the caller's
   * network. When that is empty, it rejects with `SourceLimited`.
   */
  verifyGuarded(idToken: string, expected: Expected, caller: Caller): Promise<IdTokenClaims>
  /** The same for one that stands for an access token. Rejects with `IdTokenOfLeftUser` if its user has left since. */
  verifyBearer(idToken: string, caller: Caller): Promise<Checked>
}

export type IdTokensOptions = {
  readonly channels: Channels
  readonly keySet: KeySet
  readonly nonces: Nonces
  readonly buckets: SourceBuckets
  /** The wall clock (epoch ms), because LINE dates its ID tokens by it. */
  readonly wall: () => number
  /** The process time (ms). */
  readonly now: () => number
  readonly leftUsers: LeftUsers
  /** Learns from other processes whether the user has left. False: they did not tell it. Default: there are none. */
  readonly learnUser?: ((channelId: string, userId: string) => Promise<boolean>) | undefined
}

type Question = {
  readonly idToken: string
  readonly expected: Expected
  readonly deadline: number
  readonly guard: Guard
  /** Its first sighting, which is now for a new one. */
  readonly sighting: Sighting
}

type Sent = { readonly token: UncheckedIdToken; readonly channel: Channel }

/** ID tokens are checked here and not at LINE: checking a signature needs no call. */
export function createIdTokens(options: IdTokensOptions): IdTokens {
  const { channels, keySet, nonces, wall, learnUser, leftUsers } = options
  const { guardOf, remember } = createIdTokenGuards(options.buckets, options.now)

  return { verify, verifyGuarded, verifyBearer: (idToken, caller) => checkGuarded(idToken, { asBearer: true }, caller) }

  async function verify(idToken: string, expected: Expected, { deadline }: CallLimits): Promise<IdTokenClaims> {
    const nonce = uncheckedNonceOf(idToken)
    if (nonce !== undefined) assertNonce(nonce, expected.nonce)
    const { claims } = await check({ idToken, expected, deadline, guard: unguarded, sighting: leftUsers.begin() })
    remember(idToken, leftUsers.sight())
    return claims
  }

  async function verifyGuarded(idToken: string, expected: Expected, caller: Caller): Promise<IdTokenClaims> {
    return (await checkGuarded(idToken, expected, caller)).claims
  }

  function checkGuarded(idToken: string, expected: Expected, { deadline, clientAddress }: Caller): Promise<Checked> {
    const guard = guardOf(idToken, clientAddress)
    return check({ idToken, expected, deadline, guard, sighting: guard.seen() ?? leftUsers.begin() })
  }

  /**
   * Where the key is at hand, all of this runs without a pause. So a thousand bad tokens at once get no further than a
   * thousand in a row.
   */
  async function check(question: Question): Promise<Checked> {
    const { deadline, guard } = question
    guard.assertOpen()
    try {
      const begun = begin(question)
      const checked = begun instanceof Promise ? resume(await guard.wait(deadline, begun), question) : begun
      const learned = guard === unguarded || learnUser === undefined ? checked : await learn(checked, learnUser)
      return pass(learned, guard)
    } catch (error) {
      if (error instanceof InvalidIdToken || error instanceof UnknownKid) guard.failed(error)
      throw error
    }
  }

  /** The result, or the key that LINE is asked for. */
  function begin(question: Question): Checked | Promise<KeyObject> {
    if (!question.guard.hasRoom() && isKeyMissing(question.idToken, keySet)) throw noRoom
    const sent = read(question)
    const key = verificationKey(sent.token, sent.channel, keySet)
    return key instanceof Promise ? key : finish(sent, key, question)
  }

  /** Reads the token a second time after the wait: what was read is many times larger, and a crowd may wait. */
  function resume(key: KeyObject, question: Question): Checked {
    question.guard.assertOpen()
    return finish(read(question), key, question)
  }

  function finish({ token, channel }: Sent, key: KeyObject, { expected, guard, sighting }: Question): Checked {
    const claims = checkIdToken(token, key, channel, wall, expected.asBearer ? 0 : undefined)
    // LINE dates its tokens in seconds. One that it has just sent us is not from before a departure in the same second.
    if (guard !== unguarded) assertNotLeft(claims, sighting)
    if (!expected.asBearer) assertNonce(claims.nonce, expected.nonce)
    return { claims, kid: token.kid, key, sighting, isCertain: true }
  }

  /** The user may have left at another process. */
  async function learn(checked: Checked, learnUser: (channelId: string, userId: string) => Promise<boolean>) {
    const { claims, sighting } = checked
    const isCertain = await learnUser(claims.aud, claims.sub)
    assertNotLeft(claims, sighting)
    return { ...checked, isCertain }
  }

  /** Only what comes from now on is certainly later than the ID token. */
  function pass(checked: Checked, guard: Guard): Checked {
    const sighting = guard.seen() ?? leftUsers.sight()
    guard.passed(checked.isCertain ? sighting : undefined)
    return { ...checked, sighting }
  }

  function assertNotLeft(claims: IdTokenClaims, sighting: Sighting): void {
    if (leftUsers.hasLeft(claims, sighting)) throw new IdTokenOfLeftUser()
  }

  function read({ idToken, expected }: Question): Sent {
    const token = readIdToken(idToken)
    if (expected.asBearer && token.algorithm !== 'ES256') throw new InvalidIdToken('ALGORITHM')
    return { token, channel: channelOf(token, expected.channel) }
  }

  function channelOf(token: UncheckedIdToken, expected: Channel | undefined): Channel {
    const { aud } = token.payload
    const channel = expected ?? channels.only ?? (typeof aud === 'string' ? channels.find(aud) : undefined)
    assertNotForAnother(token, channel)
    return channel
  }

  /** Without an expected nonce, the token must not have one that we issued: its client has to send that one. */
  function assertNonce(nonce: string | null, expected: string | undefined): void {
    const asExpected = expected === undefined ? nonce === null || !nonces.isOurs(nonce) : nonce === expected
    if (!asExpected) throw new InvalidIdToken('NONCE')
  }
}
