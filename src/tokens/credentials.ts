import { decodeJwt } from 'jose'
import type { Clock } from '../clock.ts'
import { InvalidIdToken } from '../line/errors.ts'
import { type IdTokenClaims, idTokenIssuer } from '../line/id-token.ts'
import type { TokenRefusal } from '../line/responses.ts'
import type { MemoryTier } from './memory-tier.ts'
import { namingSubjects, type TokenRecord } from './record.ts'
import { type AccessToken, toAccessToken } from './token-key.ts'
import { type Answer, type Caller, type Invalid, invalid, isOutage, type Unknown } from './token-resolver.ts'

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
   * Until when others may rely on this without asking again: at most `expiresAt` and VERIFICATION_MAX_STALE_SECONDS after
   * the verification. While LINE is down and the record is older than that, one minute from now.
   */
  readonly reliableUntil: number
}

/** A bad ID token has the reason that an access token would have. */
export type Identity = Verified | Invalid | Unknown

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
  /** Whose credential it is. Without a promise if the answer is in memory. It never throws for a bad credential or an outage. */
  identify(credential: Credential, caller: Caller): Identity | Promise<Identity>
  /** The claims of an ID token (ES256 only). Throws or rejects as `IdTokens.verifyGuarded` does. */
  claimsOf(idToken: IdToken, caller: Caller): IdTokenClaims | Promise<IdTokenClaims>
}

export function isIdToken(credential: Credential): credential is IdToken {
  return 'idToken' in credential
}

export type CredentialsOptions = {
  readonly memory: Pick<MemoryTier, 'resolve' | 'knows'>
  /** As in `IdTokens`. Rejects with `InvalidIdToken` or an outage. */
  readonly verifyIdToken: (idToken: string, caller: Caller) => Promise<IdTokenClaims>
  /** `iss` of our own JWTs. `undefined`: we sign none. */
  readonly issuer: () => string | undefined
  readonly maxStaleMs: number
  readonly clock: Pick<Clock, 'wall' | 'toWall'>
}

const staleForMs = 60_000

export function createCredentials(options: CredentialsOptions): Credentials {
  const { memory, verifyIdToken, issuer, maxStaleMs, clock } = options

  return { read, readAccessToken, identify, claimsOf: (idToken, caller) => verifyIdToken(idToken.idToken, caller) }

  function read(raw: string): Credential | undefined {
    const token = toAccessToken(raw)
    if (token === undefined || !isJwt(raw) || memory.knows(token.key)) return token
    const iss = issuerIn(raw)
    if (iss === idTokenIssuer) return { idToken: raw, key: token.key }
    return iss !== undefined && iss === issuer() ? undefined : token
  }

  function readAccessToken(raw: string): AccessToken | undefined {
    const credential = read(raw)
    return credential === undefined || isIdToken(credential) ? undefined : credential
  }

  function identify(credential: Credential, caller: Caller): Identity | Promise<Identity> {
    return isIdToken(credential) ? identifyIdToken(credential, caller) : identifyAccessToken(credential, caller)
  }

  function identifyAccessToken(token: AccessToken, caller: Caller): Identity | Promise<Identity> {
    const { clientAddress, deadline } = caller
    const answer = memory.resolve({ token, subject: 'verification', clientAddress, deadline })
    return answer instanceof Promise
      ? answer.then((settled) => named(token, settled, caller))
      : named(token, answer, caller)
  }

  function named(token: AccessToken, answer: Answer, caller: Caller): Identity | Promise<Identity> {
    if (answer.verdict !== 'valid') return answer
    const { record } = answer
    const [subject] = record.userId === undefined ? namingSubjects(record) : []
    if (subject === undefined) return factsOf(token, record)
    const { clientAddress, deadline } = caller
    const second = memory.resolve({ token, subject, clientAddress, deadline })
    const use = (settled: Answer) => (settled.verdict === 'valid' ? factsOf(token, settled.record) : settled)
    return second instanceof Promise ? second.then(use) : use(second)
  }

  function factsOf({ key }: AccessToken, record: TokenRecord): Verified {
    const { channelId, scopes, userId } = record
    const expiresAt = clock.toWall(record.expiresAt)
    return {
      verdict: 'valid',
      key,
      channelId,
      scopes,
      userId,
      expiresAt,
      reliableUntil: Math.min(expiresAt, reliableUntil(clock.toWall(record.verifiedAt))),
    }
  }

  function reliableUntil(verifiedAt: number): number {
    const end = verifiedAt + maxStaleMs
    const now = clock.wall()
    return end > now ? end : now + staleForMs
  }

  async function identifyIdToken({ idToken, key }: IdToken, caller: Caller): Promise<Identity> {
    try {
      const { sub, aud, exp, name } = await verifyIdToken(idToken, caller)
      const expiresAt = exp * 1_000
      const scopes = name === null ? ['openid'] : ['openid', 'profile']
      return { verdict: 'valid', key, channelId: aud, scopes, userId: sub, expiresAt, reliableUntil: expiresAt }
    } catch (error) {
      if (error instanceof InvalidIdToken) return invalid(refusals[error.reason])
      if (isOutage(error)) return { verdict: 'unknown', outage: error }
      throw error
    }
  }
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

function isJwt(raw: string): boolean {
  return raw.startsWith('eyJ') && raw.split('.', 4).length === 3
}

function issuerIn(raw: string): unknown {
  try {
    return decodeJwt(raw).iss
  } catch {
    return undefined
  }
}
