import type { IdTokenClaims } from '../line/id-token.ts'
import type { TokenSet } from '../login/token-set.ts'
import type { Credential, IdToken } from '../tokens/credentials.ts'
import type { Subject, TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Answer } from '../tokens/token-resolver.ts'
import type { Context } from './context.ts'
import { badIdToken, idTokenNotEnough, Unauthenticated, UnusableToken } from './errors.ts'

/** The caller's credential. Throws `Unauthenticated` where it is missing or malformed. */
export function bearerOf({ bearer }: Context): Credential {
  if (bearer === 'MISSING' || bearer === 'MALFORMED') throw new Unauthenticated(bearer)
  return bearer
}

/** The caller's access token. Throws `Unauthenticated` for an ID token too. */
export function accessTokenOf(context: Context): AccessToken {
  const bearer = bearerOf(context)
  if ('idToken' in bearer) throw idTokenNotEnough()
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

/** Throws as `recordIn` does. */
export function claimsOf(idToken: IdToken, context: Context): IdTokenClaims | Promise<IdTokenClaims> {
  return whenAnswered(context.services.credentials.claimsOf(idToken, context), (answer) => {
    if (answer.verdict === 'invalid') throw badIdToken(answer.reason)
    if (answer.verdict === 'unknown') throw answer.outage
    return answer.claims
  })
}

/** The record of a valid token. Throws `Unauthenticated` for an invalid token, and the outage where LINE did not answer. */
export function recordIn(answer: Answer): TokenRecord {
  if (answer.verdict === 'invalid') throw new Unauthenticated(answer.reason, answer)
  if (answer.verdict === 'unknown') throw answer.outage
  return answer.record
}

/** Uses an answer without a promise where it is a cache hit: a promise costs more than the look-up. */
export function whenAnswered<Given, Result>(
  answer: Given | Promise<Given>,
  use: (answer: Given) => Result | Promise<Result>,
): Result | Promise<Result> {
  return answer instanceof Promise ? answer.then(use) : use(answer)
}
