import type { TokenRefusal } from '../line/responses.ts'
import { ExpectedError } from '../telemetry/expected-error.ts'

/** A field needs an access token, and the request has no valid one. */
export class Unauthenticated extends ExpectedError {
  readonly code = 'UNAUTHENTICATED'
  readonly reason: TokenRefusal | 'MISSING'
  readonly lineRequestId: string | undefined

  constructor(reason: TokenRefusal | 'MISSING', lineRequestId?: string) {
    super(messages[reason])
    this.name = 'Unauthenticated'
    this.reason = reason
    this.lineRequestId = lineRequestId
  }
}

const messages: Record<TokenRefusal | 'MISSING', string> = {
  MISSING: 'An access token is required: send it as "Authorization: Bearer …"',
  MALFORMED: 'The access token is malformed',
  EXPIRED: 'The access token has expired: refresh it',
  REVOKED: 'The access token was revoked: log in again',
  WRONG_CHANNEL: 'The access token was issued for another channel',
  INVALID: 'LINE refuses the access token',
}

/** LINE issued an access token that nobody can send to it. The same login cannot help, so there is no `retryAfter`. */
export class UnusableToken extends ExpectedError {
  readonly code = 'LINE_UNAVAILABLE'

  constructor() {
    super('LINE issued an access token that cannot be used: log in again')
    this.name = 'UnusableToken'
  }
}

/** The token is valid but does not have the scope that a field needs. */
export class Forbidden extends ExpectedError {
  readonly code = 'FORBIDDEN'
  readonly requiredScope: string

  constructor(requiredScope: string) {
    super(`The access token does not have the scope "${requiredScope}": request it at login`)
    this.name = 'Forbidden'
    this.requiredScope = requiredScope
  }
}

/** An argument is invalid. The message names the argument and the problem, and never quotes the value. */
export class BadUserInput extends ExpectedError {
  readonly code = 'BAD_USER_INPUT'
  readonly argument: string

  constructor(argument: string, problem: string) {
    super(`${argument} ${problem}`)
    this.name = 'BadUserInput'
    this.argument = argument
  }
}
