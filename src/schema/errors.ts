import type { TokenRefusal } from '../line/responses.ts'

/** A field needs an access token, and there is none that can be believed. */
export class Unauthenticated extends Error {
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
  MISSING: 'An access token is needed: send it as "Authorization: Bearer …"',
  MALFORMED: 'The access token is malformed',
  EXPIRED: 'The access token has expired: refresh it',
  REVOKED: 'The access token was revoked: log in again',
  WRONG_CHANNEL: 'The access token was issued for another channel',
  INVALID: 'LINE refuses the access token',
}

/** The token is good, but it was not given the scope a field needs. */
export class Forbidden extends Error {
  readonly code = 'FORBIDDEN'
  readonly requiredScope: string

  constructor(requiredScope: string) {
    super(`The access token lacks the scope "${requiredScope}": ask for it at login`)
    this.name = 'Forbidden'
    this.requiredScope = requiredScope
  }
}

/** An argument that cannot be right. The message says why and never quotes the value. */
export class BadUserInput extends Error {
  readonly code = 'BAD_USER_INPUT'
  readonly argument: string

  constructor(argument: string, why: string) {
    super(`${argument} ${why}`)
    this.name = 'BadUserInput'
    this.argument = argument
  }
}
