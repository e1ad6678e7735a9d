import type { Channel } from '../config.ts'
import type { LineClient } from '../line/client.ts'
import { InvalidGrant, LineRateLimited, LineUnavailable } from '../line/errors.ts'
import { parseTokenResponse } from '../line/responses.ts'
import { createBoundedMap } from '../tokens/bounded-map.ts'
import { guarded } from '../tokens/limit-sources.ts'
import type { MemoryTier } from '../tokens/memory-tier.ts'
import type { SourceGate } from '../tokens/source-gate.ts'
import { digestOf } from '../tokens/token-key.ts'
import { SourceLimited } from '../tokens/token-resolver.ts'
import { refreshKeyOf, type TokenSet, toRecord, toTokenSet } from './token-set.ts'

/** An authorization code and what LINE binds it to (RFC 6749 section 4.1.3, RFC 7636 section 4.5). */
export type AuthorizationCode = {
  readonly code: string
  readonly redirectUri: string
  readonly codeVerifier?: string | undefined
}

export type Login = { readonly tokens: TokenSet; readonly idToken: string | undefined }

export type Logins = {
  /** Throws `InvalidGrant` when the code is no good or was presented before, `LineUnavailable` when it may be spent. */
  exchangeCode(authorization: AuthorizationCode, channel: Channel, clientAddress: string): Promise<Login>
}

export type LoginsOptions = {
  readonly line: Pick<LineClient, 'exchangeCode'>
  readonly memory: Pick<MemoryTier, 'learn'>
  readonly gate: SourceGate
  readonly now: () => number
}

/** As long as LINE's codes live. */
const usedForMs = 10 * 60 * 1_000
const maxUsed = 100_000

/** Exchanges authorization codes. A code reaches LINE once: a replayed one is refused here, and never shared. */
export function createLogins({ line, memory, gate, now }: LoginsOptions): Logins {
  const usedAt = createBoundedMap<number>(maxUsed)

  return { exchangeCode }

  async function exchangeCode(
    authorization: AuthorizationCode,
    channel: Channel,
    clientAddress: string,
  ): Promise<Login> {
    const mark = digestOf('code', channel.id, authorization.code)
    if (isUsed(mark)) throw new InvalidGrant('The code was used before: start the login again')
    usedAt.set(mark, now())
    const askedAt = now()
    try {
      const answer = await guarded(gate, clientAddress, async () =>
        parseTokenResponse(await line.exchangeCode(channel, authorization)),
      )
      const family = answer.refreshToken && refreshKeyOf(channel.id, answer.refreshToken)
      const record = toRecord(answer, channel.id, askedAt, family)
      if (record !== undefined) memory.learn(digestOf(answer.accessToken), record)
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

/** Only where no byte of the code left us, or LINE would not look at it, is it worth presenting again. */
function isUnspent(error: unknown): boolean {
  if (error instanceof LineUnavailable) return !error.sent
  return error instanceof LineRateLimited || error instanceof SourceLimited
}

/** Trying again cannot help: the code may be spent, so nothing is said of when to. */
function maybeSpent({ message, lineRequestId, cause }: LineUnavailable): LineUnavailable {
  return new LineUnavailable(`${message}; the code may be spent: start the login again`, { lineRequestId, cause })
}
