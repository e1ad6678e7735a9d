import type { Refused, TokenRefusal } from '../line/responses.ts'
import { ExpectedError } from '../telemetry/expected-error.ts'

/** A field needs a token, and the request has no valid one. */
export class Unauthenticated extends ExpectedError {
  readonly code = 'UNAUTHENTICATED'
  readonly reason: TokenRefusal | 'MISSING'
  readonly lineRequestId: string | undefined
  /** For log lines only. */
  readonly lineError: string | undefined

  constructor(
    reason: TokenRefusal | 'MISSING',
    { lineRequestId, lineError }: Pick<Refused, 'lineRequestId' | 'lineError'> = {},
    message = messages[reason],
  ) {
    super(message)
    this.name = 'Unauthenticated'
    this.reason = reason
    this.lineRequestId = lineRequestId
    this.lineError = lineError
  }
}

const messages: Record<TokenRefusal | 'MISSING', string> = {
  MISSING: 'A token is required: send it as "Authorization: Bearer …"',
  MALFORMED: 'The access token is malformed',
  EXPIRED: 'The access token has expired: refresh it',
  REVOKED: 'The access token was revoked: log in again',
  WRONG_CHANNEL: 'The access token was issued for another channel',
  INVALID: 'LINE refuses the access token',
}

/** The ID token that was sent as a Bearer token is bad. */
export function badIdToken(reason: TokenRefusal): Unauthenticated {
  return new Unauthenticated(reason, {}, idTokenMessages[reason])
}

/** A mutation that only an access token can make. */
export function idTokenNotEnough(): Unauthenticated {
  return new Unauthenticated('MALFORMED', {}, needsAccessToken)
}

const idTokenMessages: Record<TokenRefusal, string> = {
  MALFORMED: 'The ID token is malformed: send it exactly as LINE issued it',
  EXPIRED: 'The ID token has expired: log in again to get a new one',
  REVOKED: 'The user of the ID token has left since it was issued: log in again',
  WRONG_CHANNEL: 'The ID token was issued for another channel',
  INVALID: 'The ID token cannot be trusted: only an ES256 one that LINE has signed is accepted here',
}

const needsAccessToken = 'This needs the access token: an ID token does not allow it'

/** LINE issued an access token that nobody can send to it. The same login cannot help, so there is no `retryAfter`. */
export class UnusableToken extends ExpectedError {
  readonly code = 'LINE_UNAVAILABLE'

  constructor() {
    super('LINE issued an access token that cannot be used: log in again')
    this.name = 'UnusableToken'
  }
}

/** The token is valid but does not have the scope that a field needs. `undefined`: it is an ID token, and no scope helps. */
export class Forbidden extends ExpectedError {
  readonly code = 'FORBIDDEN'
  readonly requiredScope: string | undefined

  constructor(requiredScope: string | undefined, kind: 'access token' | 'ID token' = 'access token') {
    super(
      requiredScope === undefined
        ? needsAccessToken
        : `The ${kind} does not have the scope "${requiredScope}": request it at login`,
    )
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
