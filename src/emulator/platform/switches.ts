/** Behaviour for which LINE's documents are unclear or contradict each other. Each default is the most probable one. */
export type Switches = {
  /** The refresh token in the answer to a refresh: the same, none, or a new one, which ends the old one. */
  refreshToken: 'same' | 'omit' | 'rotate'
  /** A refresh token ends 90 days after the login, or (older documents) 10 days after the first access token. */
  refreshLifetime: '90-days' | '10-days-after-expiry'
  /** Whether a refresh revokes the access token before it. */
  refreshRevokesOldAccessTokens: boolean
  /** Texts of GET verify: those since July 2026, or the single text before. */
  verifyTexts: 'new' | 'old'
  /** Texts of POST verify for a malformed or forged ID token: as documented, or as third parties recorded them. */
  idTokenTexts: 'documented' | 'observed'
  /** The answer to revoking a token that is unknown, expired or revoked: 200, or 400 `{"error":"invalid_request"}`. */
  revokeUnknown: 'ok' | 'error'
  /** Whether revoking an access token also revokes its refresh token and the other access tokens of the login. */
  revokeKillsRefreshToken: boolean
  /** Whether the x coordinates in the JWKS have a leading zero byte (33 bytes), as LINE's once had. */
  wideCoordinates: boolean
  /** Whether auto login fails: the callback has an unusable code and a state that the app did not send. */
  autoLoginFails: boolean
  /** The texts of 401 and 403 at profile, userinfo and friendship. LINE does not document them. */
  expiredText: string
  revokedText: string
  invalidText: string
  deniedText: string
}

export const defaultSwitches: Readonly<Switches> = {
  refreshToken: 'same',
  refreshLifetime: '90-days',
  refreshRevokesOldAccessTokens: false,
  verifyTexts: 'new',
  idTokenTexts: 'documented',
  revokeUnknown: 'ok',
  revokeKillsRefreshToken: false,
  wideCoordinates: false,
  autoLoginFails: false,
  expiredText: 'The access token expired',
  revokedText: 'The access token revoked',
  invalidText: 'invalid token',
  deniedText: 'Access Denied',
}

const choices: { [Name in keyof Switches]?: readonly Switches[Name][] } = {
  refreshToken: ['same', 'omit', 'rotate'],
  refreshLifetime: ['90-days', '10-days-after-expiry'],
  verifyTexts: ['new', 'old'],
  idTokenTexts: ['documented', 'observed'],
  revokeUnknown: ['ok', 'error'],
}

/** The values of a switch, in words. */
export function allowedFor(name: keyof Switches): string {
  return choices[name]?.join(', ') ?? (typeof defaultSwitches[name] === 'boolean' ? 'true or false' : 'a text')
}

/** Checks switches from JSON. Throws a `TypeError` that names the first wrong one and its values. */
export function parseSwitches(value: unknown): Partial<Switches> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('switches: must be an object')
  for (const [name, setting] of Object.entries(value)) assertSwitch(name, setting)
  return value
}

function assertSwitch(name: string, setting: unknown): void {
  if (!isSwitchName(name))
    throw new TypeError(`switches: has an unknown switch: expected ${Object.keys(defaultSwitches).join(', ')}`)
  const allowed: readonly unknown[] | undefined = choices[name]
  const isAllowed = allowed?.includes(setting) ?? typeof setting === typeof defaultSwitches[name]
  if (!isAllowed) throw new TypeError(`switches: ${name} must be ${allowed ? 'one of ' : ''}${allowedFor(name)}`)
}

function isSwitchName(name: string): name is keyof Switches {
  return Object.hasOwn(defaultSwitches, name)
}
