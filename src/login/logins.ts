import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { InvalidGrant, LineRateLimited, LineUnavailable } from '../line/errors.ts'
import { subjectOf } from '../line/id-token.ts'
import { parseTokenResponse } from '../line/responses.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import type { Families } from '../tokens/families.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import { guarded, type SourceGate } from '../tokens/source-gate.ts'
import { digestOf } from '../tokens/token-key.ts'
import { type Caller, SourceLimited } from '../tokens/token-resolver.ts'
import { learnTokens, refreshKeyOf, type TokenSet, toTokenSet } from './token-set.ts'

/** An authorization code with the values it is bound to (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
export type AuthorizationCode = {
  readonly code: string
  readonly redirectUri: string
  readonly codeVerifier?: string | undefined
}

export type Login = { readonly tokens: TokenSet; readonly idToken: string | undefined }

export type Logins = {
  /**
   * Throws `InvalidGrant` when LINE refuses the code or the code was presented before, else an outage. A
   * `LineUnavailable` without `retryAfter` means that the code may be used up.
   */
  exchangeCode(authorization: AuthorizationCode, channel: Channel, caller: Caller): Promise<Login>
}

export type LoginsOptions = {
  readonly line: Pick<LineClient, 'exchangeCode'>
  readonly memory: Pick<MemoryTier, 'learn' | 'remember'>
  readonly gate: SourceGate
  readonly families: Families
  readonly now: () => number
}

/** The lifetime of LINE's codes. */
const usedForMs = 10 * 60 * 1_000
const maxUsed = 100_000

/**
 * Exchanges authorization codes. A code is sent to LINE once. A replay is refused here: it never gets the tokens of the
 * first exchange.
 */
export function createLogins({ line, memory, gate, families, now }: LoginsOptions): Logins {
  const usedAt = createBoundedMap<number>(maxUsed)

  return { exchangeCode }

  async function exchangeCode(authorization: AuthorizationCode, channel: Channel, caller: Caller): Promise<Login> {
    const mark = digestOf('code', channel.id, authorization.code)
    if (isUsed(mark)) throw new InvalidGrant('The code was used before: start the login again')
    usedAt.set(mark, now())
    const askedAt = now()
    try {
      const answer = await guarded(gate, caller, async () =>
        parseTokenResponse(await line.exchangeCode(channel, authorization, caller)),
      )
      const userId = subjectOf(answer.idToken, channel.id)
      const key = answer.refreshToken && refreshKeyOf(channel.id, answer.refreshToken)
      const family = key ? families.begin(key, { channelId: channel.id, startedAt: askedAt, userId }).id : undefined
      learnTokens(memory, digestOf(answer.accessToken), answer, { channelId: channel.id, family, userId }, askedAt)
      return { tokens: toTokenSet(answer, askedAt), idToken: answer.idToken }
    } catch (error) {
      if (isUnspent(error)) usedAt.delete(mark)
      else if (error instanceof LineUnavailable) throw maybeSpent(error)
      throw error
    }
  }

  function isUsed(mark: string): boolean {
    const at = usedAt.get(mark)
    return at !== undefined && Math.abs(now() - at) < usedForMs
  }
}

/** The code was not sent, or LINE did not process it: it can be presented again. */
function isUnspent(error: unknown): boolean {
  if (error instanceof LineUnavailable) return !error.sent
  return error instanceof LineRateLimited || error instanceof SourceLimited
}

/** The code may be used up. A retry cannot help then, so the error has no `retryAfter`. */
function maybeSpent({ message, lineRequestId, cause }: LineUnavailable): LineUnavailable {
  return new LineUnavailable(`${message}; the code may be used up: start the login again`, { lineRequestId, cause })
}
