import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { InvalidGrant, InvalidIdToken } from '../line/errors.ts'
import { type IdTokenClaims, subjectOf } from '../line/id-token.ts'
import { parseTokenResponse } from '../line/responses.ts'
import type { CallLimits } from '../line/transport.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { Families } from '../tokens/families.ts'
import { createFlights } from '../tokens/flights.ts'
import type { Forgotten } from '../tokens/forgotten.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { guarded, type SourceGate } from '../tokens/source-gate.ts'
import { digestOf } from '../tokens/token-key.ts'
import type { Caller } from '../tokens/token-resolver.ts'
import type { IdTokens } from './id-tokens.ts'
import { type ExchangeOnce, exchangeAtOnce } from './shared-codes.ts'
import { learnTokens, refreshKeyOf, type TokenSet, toTokenSet } from './token-set.ts'

/** An authorization code with the values it is bound to (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
export type AuthorizationCode = {
  readonly code: string
  readonly redirectUri: string
  readonly codeVerifier?: string | undefined
}

export type Login = { readonly tokens: TokenSet; readonly idToken: string | undefined }

export type ExpectedIdToken = { readonly nonce: string | undefined; readonly channel: Channel }

/** `claims` is null for a login without an ID token, and where a check failed. */
export type IdTokenCheck = {
  readonly claims: IdTokenClaims | null
  readonly failure?: unknown
  readonly isWrongNonce?: boolean
}

export type Logins = {
  /**
   * Throws `InvalidGrant` when LINE refuses the code, or when the code already had its tokens or its refusal. Any other
   * error is an outage or a wrong setting: the same code can be presented again.
   */
  exchangeCode(authorization: AuthorizationCode, channel: Channel, caller: Caller): Promise<Login>
  /** Checks the ID token of a login. `nonce`: the one that the client kept. Without an ID token, a nonce is wrong. */
  checkIdToken(login: Login, expected: ExpectedIdToken, limits: CallLimits): Promise<IdTokenCheck>
}

export type LoginsOptions = {
  readonly line: Pick<LineClient, 'exchangeCode'>
  readonly memory: Pick<MemoryTier, 'learn' | 'remember'>
  readonly gate: SourceGate
  readonly families: Families
  readonly forgotten: Forgotten
  readonly idTokens: IdTokens
  readonly now: () => number
  /** With Redis: one attempt at a time for all replicas. */
  readonly exchangeOnce?: ExchangeOnce | undefined
}

/** A code and the operation that it was sent in. `mark`: its digest. */
type Presented = {
  readonly mark: string
  readonly authorization: AuthorizationCode
  readonly channel: Channel
  readonly caller: Caller
}

/** The lifetime of LINE's codes. */
const spentForMs = 10 * 60 * 1_000
const maxSpent = 100_000

/**
 * Exchanges authorization codes. A code that ended in tokens or in a refusal is spent: it is refused here from then on.
 * After an outage it is sent to LINE again, because LINE itself refuses a spent code. Two callers never get the tokens of
 * one code: while an attempt is under way, other callers with the same code wait for its end and get no tokens.
 */
export function createLogins(options: LoginsOptions): Logins {
  const { line, memory, gate, families, forgotten, idTokens, now, exchangeOnce = exchangeAtOnce } = options
  const spentAt = createBoundedMap<number>(maxSpent)
  const attempts = createFlights<Login>()

  return { exchangeCode, checkIdToken }

  async function exchangeCode(authorization: AuthorizationCode, channel: Channel, caller: Caller): Promise<Login> {
    const mark = digestOf('code', channel.id, authorization.code)
    let isOwn = false
    const login = await attempts.fly(mark, caller, () => {
      isOwn = true
      return attempt({ mark, authorization, channel, caller })
    })
    // The caller waited for another caller's attempt, and that one got the tokens.
    if (!isOwn) throw spent()
    return login
  }

  async function attempt(presented: Presented): Promise<Login> {
    const { mark } = presented
    if (isSpent(mark)) throw spent()
    try {
      const login = await askLine(presented)
      spentAt.set(mark, now())
      return login
    } catch (error) {
      if (error instanceof InvalidGrant) spentAt.set(mark, now())
      throw error
    }
  }

  async function askLine({ mark, authorization, channel, caller }: Presented): Promise<Login> {
    const askedAt = now()
    const begunAt = forgotten.count()
    const ask = async () => parseTokenResponse(await line.exchangeCode(channel, authorization, caller))
    const askFirst = () => exchangeOnce(mark, caller.deadline, ask)
    const answer = await guarded(gate, caller, askFirst, (found) => (found === 'spent' ? 'open' : 'good'))
    if (answer === 'spent') throw spent()
    const userId = subjectOf(answer.idToken, channel.id)
    const key = answer.refreshToken && refreshKeyOf(channel.id, answer.refreshToken)
    const family = key
      ? families.begin(key, { channelId: channel.id, begunAt, begunTime: askedAt, userId }).id
      : undefined
    const origin = { channelId: channel.id, family, userId, verifiedAt: askedAt }
    learnTokens(memory, digestOf(answer.accessToken), answer, origin)
    return { tokens: toTokenSet(answer, askedAt), idToken: answer.idToken }
  }

  async function checkIdToken(
    { idToken }: Login,
    expected: ExpectedIdToken,
    limits: CallLimits,
  ): Promise<IdTokenCheck> {
    try {
      if (idToken !== undefined) return { claims: await idTokens.verify(idToken, expected, limits) }
      if (expected.nonce !== undefined) throw new InvalidIdToken('NONCE')
      return { claims: null }
    } catch (failure) {
      return { claims: null, failure, isWrongNonce: failure instanceof InvalidIdToken && failure.reason === 'NONCE' }
    }
  }

  function isSpent(mark: string): boolean {
    const at = spentAt.get(mark)
    return at !== undefined && now() - at < spentForMs
  }
}

function spent(): InvalidGrant {
  return new InvalidGrant('The code was used before: start the login again')
}
