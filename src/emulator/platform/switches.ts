/** Behaviour that LINE's documents leave open or contradict each other about. Each default is the likeliest reading. */
export type Switches = {
  /** What a refresh says about the refresh token: the one sent, nothing, or a new one (the old one dies). */
  refreshToken: 'same' | 'omit' | 'rotate'
  /** A fixed deadline 90 days after issue, or (older documents) 10 days after the first access token expires. */
  refreshLifetime: '90-days' | '10-days-after-expiry'
  /** Whether a refresh kills the access tokens issued before it. */
  refreshRevokesOldAccessTokens: boolean
  /** Texts of GET verify: since July 2026, or the single text of before. */
  verifyTexts: 'new' | 'old'
  /** Texts of POST verify for a malformed or forged ID token: as documented, or as third parties recorded them. */
  idTokenTexts: 'documented' | 'observed'
  /** Revoking a token that is unknown or dead already: 200, or 400 `{"error":"invalid_request"}`. */
  revokeUnknown: 'ok' | 'error'
  /** Whether revoking an access token kills the refresh token it came with, and its siblings. */
  revokeKillsRefreshToken: boolean
  /** Publish the x coordinates in the JWKS with a leading zero byte (33 bytes), as LINE once did. */
  wideCoordinates: boolean
  /** Auto login fails: the callback carries a code that can't be used and a state nobody sent. */
  autoLoginFails: boolean
  /** Texts of 401 and 403 at profile, userinfo and friendship, which LINE doesn't document. */
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

/** Reads switches that came as JSON; throws TypeError naming the first one that is unknown or has a wrong value. */
export function parseSwitches(value: unknown): Partial<Switches> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new TypeError('switches: not an object')
  for (const [name, setting] of Object.entries(value)) assertSwitch(name, setting)
  return value
}

function assertSwitch(name: string, setting: unknown): void {
  if (!isSwitchName(name)) throw new TypeError(`switches: there is no "${name}"`)
  const allowed: readonly unknown[] | undefined = choices[name]
  if (allowed !== undefined && !allowed.includes(setting)) {
    throw new TypeError(`switches: "${name}" is one of ${allowed.join(', ')}`)
  }
  const type = typeof defaultSwitches[name]
  if (typeof setting !== type) throw new TypeError(`switches: "${name}" is a ${type}`)
}

function isSwitchName(name: string): name is keyof Switches {
  return Object.hasOwn(defaultSwitches, name)
}
