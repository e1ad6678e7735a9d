import type { User } from '../platform/accounts.ts'
import type { Platform } from '../platform/platform.ts'
import type { Session } from '../platform/sessions.ts'
import type { AuthorizationRequest } from './authorization-request.ts'

/** Consent is asked for once; again when more is wanted than was granted, and whenever the app wants it asked. */
export function needsConsent(request: AuthorizationRequest, user: User, { ledger }: Platform): boolean {
  const { scopes } = ledger.linkOf(user, request.channel)
  return request.prompt === 'consent' || !request.scopes.every((scope) => scopes.has(scope))
}

/** The add-friend option is shown with the consent, to who isn't a friend yet. */
export function offersFriendship({ botPrompt, channel }: AuthorizationRequest, user: User): boolean {
  return botPrompt !== undefined && channel.linkedBot !== false && user.isFriend !== true
}

/** Records the consent and makes the code for it. */
export function issueCode(
  request: AuthorizationRequest,
  session: Session,
  scopes: readonly string[],
  amr: string,
  { ledger, codes }: Platform,
): string {
  const link = ledger.linkOf(session.user, request.channel)
  for (const scope of scopes) link.scopes.add(scope)
  return codes.issue({
    link,
    scope: scopes.join(' '),
    redirectUri: request.callback.redirectUri,
    codeChallenge: request.codeChallenge,
    nonce: request.nonce,
    amr: [amr],
    authTime: request.maxAge === undefined ? undefined : Math.floor(session.loggedInAt / 1000),
  })
}
