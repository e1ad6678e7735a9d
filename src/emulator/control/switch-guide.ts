import { allowedFor, defaultSwitches, type Switches } from '../platform/switches.ts'

/** A switch as the home page shows it. `example` is the body of `PUT switches`. */
export type SwitchGuide = {
  readonly name: keyof Switches
  readonly says: string
  readonly allowed: string
  readonly example: string
}

export function switchGuide(): readonly SwitchGuide[] {
  return switchNames.map((name) => ({
    name,
    says: meanings[name],
    allowed: allowedFor(name),
    example: JSON.stringify({ [name]: examples[name] }),
  }))
}

const meanings: Readonly<Record<keyof Switches, string>> = {
  refreshToken:
    'The refresh token in the answer to a refresh: the same one, none, or a new one, which ends the old one.',
  refreshLifetime:
    'A refresh token ends 90 days after the login, or (older documents) 10 days after the first access token.',
  refreshRevokesOldAccessTokens: 'Whether a refresh revokes the access token before it.',
  verifyTexts: 'The error texts of GET verify: those since July 2026, or the single text before.',
  idTokenTexts: 'The error texts of POST verify for a bad ID token: as documented, or as others have observed them.',
  revokeUnknown: 'The answer to revoking a token that is unknown or dead: 200, or 400 with an error.',
  revokeKillsRefreshToken:
    'Whether revoking an access token ends its refresh token too, and the other tokens of the login.',
  wideCoordinates:
    'Whether the x coordinates of the public keys have a zero byte too many (33 bytes), as they once had.',
  autoLoginFails:
    'Whether auto login fails: the callback gets a code that does not work and a state that the app did not send.',
  expiredText: 'The text of 401 for an expired access token, at profile, userinfo and friendship.',
  revokedText: 'The text of 401 for a revoked access token there.',
  invalidText: 'The text of 401 for an unknown access token there.',
  deniedText: 'The text of 403 for a missing scope there.',
}

/** Values that are not the default. */
const examples: Readonly<Switches> = {
  refreshToken: 'omit',
  refreshLifetime: '10-days-after-expiry',
  refreshRevokesOldAccessTokens: true,
  verifyTexts: 'old',
  idTokenTexts: 'observed',
  revokeUnknown: 'error',
  revokeKillsRefreshToken: true,
  wideCoordinates: true,
  autoLoginFails: true,
  expiredText: 'expired',
  revokedText: 'revoked',
  invalidText: 'invalid',
  deniedText: 'denied',
}

const switchNames = Object.keys(defaultSwitches) as (keyof Switches)[]
