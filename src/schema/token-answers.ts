import type { TokenSet } from '../login/token-set.ts'
import type { Subject, TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Answer } from '../tokens/token-resolver.ts'
import type { Context } from './context.ts'
import { Unauthenticated, UnusableToken } from './errors.ts'

/** The caller's access token. Throws `Unauthenticated` where it is missing or malformed. */
export function bearerOf({ bearer }: Context): AccessToken {
  if (bearer === 'MISSING' || bearer === 'MALFORMED') throw new Unauthenticated(bearer)
  return bearer
}

/** An access token that LINE has just issued. One that nobody can send as a Bearer token is a fault of LINE's answer. */
export function issuedTokenOf({ accessToken }: TokenSet, { services }: Context): AccessToken {
  const token = services.toAccessToken(accessToken)
  if (token === undefined) throw new UnusableToken()
  return token
}

export function ask(
  token: AccessToken,
  subject: Subject,
  { services, clientAddress, deadline }: Context,
): Answer | Promise<Answer> {
  return services.resolve({ token, subject, clientAddress, deadline })
}

/** The record of a valid token. Throws `Unauthenticated` for an invalid token, and the outage where LINE did not answer. */
export function recordIn(answer: Answer): TokenRecord {
  if (answer.verdict === 'invalid') throw new Unauthenticated(answer.reason, answer.lineRequestId)
  if (answer.verdict === 'unknown') throw answer.outage
  return answer.record
}

/** Uses an answer without a promise where it is a cache hit: a promise costs more than the look-up. */
export function whenAnswered<Result>(
  answer: Answer | Promise<Answer>,
  use: (answer: Answer) => Result | Promise<Result>,
): Result | Promise<Result> {
  return answer instanceof Promise ? answer.then(use) : use(answer)
}
