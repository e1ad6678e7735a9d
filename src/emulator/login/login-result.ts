import type { User } from '../platform/accounts.ts'
import type { Platform } from '../platform/platform.ts'
import type { Session } from '../platform/sessions.ts'
import type { AuthorizationRequest } from './authorization-request.ts'

/** LINE asks for consent once. It asks again for a scope that was not granted, and for `prompt=consent`. */
export function needsConsent(request: AuthorizationRequest, user: User, { userTokens }: Platform): boolean {
  const { scopes } = userTokens.linkOf(user, request.channel)
  return request.prompt === 'consent' || !request.scopes.every((scope) => scopes.has(scope))
}

/** The consent page shows the add-friend option to a user who is not a friend yet. */
export function offersFriendship({ botPrompt, channel }: AuthorizationRequest, user: User): boolean {
  return botPrompt !== undefined && channel.linkedBot !== false && user.isFriend !== true
}

/** Records the consent and issues a code for it. */
export function issueCode(
  request: AuthorizationRequest,
  session: Session,
  scopes: readonly string[],
  amr: string,
  { userTokens, codes }: Platform,
): string {
  const link = userTokens.linkOf(session.user, request.channel)
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
