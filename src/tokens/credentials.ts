import type { Clock } from '../clock.ts'
import { IdTokenOfLeftUser, InvalidIdToken } from '../line/errors.ts'
import { type IdTokenClaims, idTokenIssuer, longestIdToken } from '../line/id-token.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { Families } from './families.ts'
import type { MemoryTier } from './memory-tier.ts'
import { type Ages, namingSubjects, type TokenRecord } from './record.ts'
import { type AccessToken, digestOf, isB64Token, toAccessToken } from './token-key.ts'
import { type Answer, type Caller, type Invalid, invalid, isOutage, type Unknown } from './token-resolver.ts'
import { mayHaveIssuer, uncheckedIssuerOf } from './unchecked-issuer.ts'
import { createUsualReading } from './usual-reading.ts'

/** An ID token that a caller sent in place of an access token. */
export type IdToken = {
  readonly idToken: string
  /** SHA-256 of the token, as for an access token. */
  readonly key: string
}

export type Credential = AccessToken | IdToken

/** What is known of a good credential. All times are those of the wall clock, epoch ms. */
export type Verified = {
  readonly verdict: 'valid'
  /** The key of the credential. */
  readonly key: string
  readonly channelId: string
  /** Of an ID token: `openid`, and `profile` if it has a name. */
  readonly scopes: readonly string[]
  /** The LINE user ID. `undefined`: LINE tells nobody the user of this token, because it has none of the scopes for it. */
  readonly userId: string | undefined
  /** The credential's own end. */
  readonly expiresAt: number
  /**
   * Until when others may rely on this without asking again. At most `expiresAt`, and VERIFICATION_MAX_STALE_SECONDS after
   * the verification, but at least the next whole second. If LINE gave no answer and the record is older: one minute from now.
   */
  readonly reliableUntil: number
}

/** A bad ID token has the reason that an access token would have. */
export type Identity = Verified | Invalid | Unknown

export type Claimed = { readonly verdict: 'valid'; readonly claims: IdTokenClaims }

/**
 * The one place where a credential becomes a verified fact. GraphQL and all other endpoints use it, so that they share one
 * cache, one gate and one verdict.
 */
export type Credentials = {
  /**
   * The credential in a text. A token that our memory does not know is told apart by the `iss` of its payload: LINE's is an ID
   * token. `undefined`: the text is malformed, or a JWT of our own, which LINE must never get.
   */
  read(raw: string): Credential | undefined
  /** The same where only an access token can be used: `undefined` for an ID token too. */
  readAccessToken(raw: string): AccessToken | undefined
  /** Whether the text is a JWT that can never be an access token: an ID token, or a JWT of our own. */
  isOtherJwt(raw: string): boolean
  /**
   * Whose credential it is. Without a promise if the answer is in memory. It never throws for a bad credential or an outage.
   * A credential in its last second has expired. `required`: the scopes without which the caller refuses it anyway. If LINE
   * has to be asked, they can save a round trip.
   */
  identify(credential: Credential, caller: Caller, required?: readonly string[]): Identity | Promise<Identity>
  /** The claims of an ID token, on the same terms. */
  claimsOf(idToken: IdToken, caller: Caller): Claimed | Invalid | Unknown | Promise<Claimed | Invalid | Unknown>
}

export function isIdToken(credential: Credential): credential is IdToken {
  return 'idToken' in credential
}

/** The check of ID tokens that stand for an access token. */
export type BearerIdTokens = {
  /** Whether it was good before. */
  isKnown(key: string): boolean
  /** Throws or rejects with `InvalidIdToken` or an outage. Without a promise for a token that was good before. */
  claimsOf(idToken: IdToken, caller: Caller): IdTokenClaims | Promise<IdTokenClaims>
}

export type CredentialsOptions = {
  readonly memory: Pick<MemoryTier, 'resolve' | 'knows' | 'peek'>
  readonly families: Pick<Families, 'userOf'>
  readonly idTokens: BearerIdTokens
  /** `iss` of our own JWTs. `undefined`: we sign none. */
  readonly issuer: () => string | undefined
  readonly ages: Ages
  readonly clock: Pick<Clock, 'now' | 'wall' | 'toWall'>
}

/** How long others may rely on a record while LINE does not answer. A shorter time would make them ask again and again. */
const relyForMs = 60_000
/** Others get times in whole seconds. */
const secondMs = 1_000

export function createCredentials(options: CredentialsOptions): Credentials {
  const { memory, families, idTokens, issuer, clock } = options
  const { freshForMs, maxStaleMs } = options.ages
  const usualReading = createUsualReading()
  // Half at most: where the ages are close to each other, a record would otherwise be checked nearly at each use.
  const earlyMs = maxStaleMs === Number.POSITIVE_INFINITY ? 0 : Math.min(relyForMs, (maxStaleMs - freshForMs) / 2)

  return { read, readAccessToken, isOtherJwt, identify, claimsOf }

  function read(raw: string): Credential | undefined {
    const token = toAccessToken(raw)
    if (token === undefined) return readLong(raw)
    if (!mayHaveIssuer(raw) || memory.knows(token.key)) return token
    if (idTokens.isKnown(token.key)) return { idToken: raw, key: token.key }
    const iss = uncheckedIssuerOf(raw)
    if (iss === idTokenIssuer) return { idToken: raw, key: token.key }
    return isOwn(iss) ? undefined : token
  }

  /** An ID token may be longer than any access token. */
  function readLong(raw: string): IdToken | undefined {
    if (raw.length > longestIdToken || !isB64Token(raw) || uncheckedIssuerOf(raw) !== idTokenIssuer) return undefined
    return { idToken: raw, key: digestOf(raw) }
  }

  function readAccessToken(raw: string): AccessToken | undefined {
    const credential = read(raw)
    return credential === undefined || isIdToken(credential) ? undefined : credential
  }

  function isOtherJwt(raw: string): boolean {
    if (raw.length > longestIdToken) return false
    const iss = uncheckedIssuerOf(raw)
    return iss === idTokenIssuer || isOwn(iss)
  }

  function isOwn(iss: unknown): boolean {
    return iss !== undefined && iss === issuer()
  }

  function identify(credential: Credential, caller: Caller, required: readonly string[] = []) {
    if (isIdToken(credential))
      return whenSettled(claimsOf(credential, caller), (answer) => ofIdToken(credential, answer))
    return identifyAccessToken(credential, caller, required)
  }

  function identifyAccessToken(token: AccessToken, caller: Caller, required: readonly string[]) {
    const { clientAddress, deadline } = caller
    const alsoIfCold = required.includes('profile') ? 'profile' : usualReading.expected()
    const question = {
      token,
      subject: 'verification',
      clientAddress,
      deadline,
      lastsMs: lastsMs(),
      alsoIfCold,
    } as const
    const answer = memory.resolve(question)
    if (!(answer instanceof Promise)) return named(token, answer, caller)
    const isCold = memory.peek(token.key) === undefined
    return answer.then((settled) => {
      if (isCold && settled.verdict === 'valid') usualReading.seen(token.key, settled.record)
      return named(token, settled, caller)
    })
  }

  /** How long a record must last that is used without asking LINE (ms): until the next whole second at least. */
  function lastsMs(): number {
    return earlyMs < secondMs ? Math.max(earlyMs, secondMs - (clock.wall() % secondMs)) : earlyMs
  }

  /** Asks for the user of a token whose record does not say it. */
  function named(token: AccessToken, answer: Answer, caller: Caller): Identity | Promise<Identity> {
    if (answer.verdict !== 'valid') return answer
    const { record, unread } = answer
    const userId = families.userOf(record)
    if (userId !== undefined) return factsOf(token, record, userId)
    const [subject] = namingSubjects(record)
    if (subject === undefined) return factsOf(token, record, undefined)
    if (unread?.subject === subject) return { verdict: 'unknown', outage: unread.outage }
    const { clientAddress, deadline } = caller
    return whenSettled(memory.resolve({ token, subject, clientAddress, deadline }), (read) =>
      read.verdict === 'valid' ? factsOf(token, read.record, read.record.userId) : read,
    )
  }

  function factsOf({ key }: AccessToken, record: TokenRecord, userId: string | undefined): Verified | Invalid {
    const { channelId, scopes } = record
    const expiresAt = clock.toWall(record.expiresAt)
    const reliableUntil = Math.min(expiresAt, clock.toWall(reliableEnd(record)))
    return lasting({ verdict: 'valid', key, channelId, scopes, userId, expiresAt, reliableUntil })
  }

  /** Others get times in whole seconds. A credential in its last second would have no time left there. */
  function lasting(verified: Verified): Verified | Invalid {
    const end = Math.floor(verified.expiresAt / secondMs) * secondMs
    return end - clock.wall() < secondMs ? invalid('EXPIRED') : verified
  }

  /** A stale record is served only where LINE gave no answer. */
  function reliableEnd({ verifiedAt }: TokenRecord): number {
    const staleAt = verifiedAt + maxStaleMs
    const now = clock.now()
    return staleAt <= now ? now + relyForMs : Math.max(staleAt, now + secondMs)
  }

  function claimsOf(
    idToken: IdToken,
    caller: Caller,
  ): Claimed | Invalid | Unknown | Promise<Claimed | Invalid | Unknown> {
    try {
      const claims = idTokens.claimsOf(idToken, caller)
      return claims instanceof Promise ? claims.then(claimed, refused) : claimed(claims)
    } catch (error) {
      return refused(error)
    }
  }

  /** An ID token is checked again at each use, so its verification is never old. */
  function ofIdToken({ key }: IdToken, answer: Claimed | Invalid | Unknown): Identity {
    if (answer.verdict !== 'valid') return answer
    const { aud, sub, exp, name } = answer.claims
    const expiresAt = exp * 1_000
    const scopes = name === null ? ['openid'] : ['openid', 'profile']
    const reliableUntil = Math.min(expiresAt, clock.wall() + maxStaleMs)
    return lasting({ verdict: 'valid', key, channelId: aud, scopes, userId: sub, expiresAt, reliableUntil })
  }
}

function whenSettled<Given, Result>(
  given: Given | Promise<Given>,
  use: (given: Given) => Result | Promise<Result>,
): Result | Promise<Result> {
  return given instanceof Promise ? given.then(use) : use(given)
}

function claimed(claims: IdTokenClaims): Claimed {
  return { verdict: 'valid', claims }
}

function refused(error: unknown): Invalid | Unknown {
  if (error instanceof IdTokenOfLeftUser) return invalid('REVOKED')
  if (error instanceof InvalidIdToken) return invalid(refusals[error.reason])
  if (isOutage(error)) return { verdict: 'unknown', outage: error }
  throw error
}

const refusals: Record<InvalidIdToken['reason'], TokenRefusal> = {
  MALFORMED: 'MALFORMED',
  ALGORITHM: 'INVALID',
  SIGNATURE: 'INVALID',
  ISSUER: 'INVALID',
  AUDIENCE: 'WRONG_CHANNEL',
  EXPIRED: 'EXPIRED',
  ISSUED_AT: 'INVALID',
  NONCE: 'INVALID',
}
