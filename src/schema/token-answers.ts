import type { TokenRecord } from '../tokens/record.ts'
import type { AccessToken } from '../tokens/token-key.ts'
import type { Answer } from '../tokens/token-resolver.ts'
import type { Context } from './context.ts'
import { Unauthenticated } from './errors.ts'

/** The caller's access token. Throws `Unauthenticated` where there is none to speak of. */
export function bearerOf({ bearer }: Context): AccessToken {
  if (bearer === 'MISSING' || bearer === 'MALFORMED') throw new Unauthenticated(bearer)
  return bearer
}

/** What is known of a good token. Throws `Unauthenticated` for a bad one, the outage where LINE left it open. */
export function recordIn(answer: Answer): TokenRecord {
  if (answer.verdict === 'invalid') throw new Unauthenticated(answer.reason, answer.lineRequestId)
  if (answer.verdict === 'unknown') throw answer.outage
  return answer.record
}

/** Goes on with an answer at once where it is here already: a promise on the way of a hit costs more than the look-up. */
export function whenAnswered<Result>(
  answer: Answer | Promise<Answer>,
  use: (answer: Answer) => Result | Promise<Result>,
): Result | Promise<Result> {
  return answer instanceof Promise ? answer.then(use) : use(answer)
}
