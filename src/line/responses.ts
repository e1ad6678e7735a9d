import { InvalidGrant, type LineOutage, LineUnavailable } from './errors.ts'
import { flag, member, text } from './members.ts'
import type { LineAnswer } from './transport.ts'

/**
 * Reads LINE's answers. An answer is `unknown` until it is parsed here. Unknown members are ignored. A member of the
 * wrong type is never coerced. Facts: https://developers.line.biz/en/reference/line-login/
 */

/**
 * Why an access token is refused. LINE's text only chooses between EXPIRED, REVOKED, MALFORMED and INVALID. It never
 * decides the verdict.
 */
export type TokenRefusal = 'MALFORMED' | 'EXPIRED' | 'REVOKED' | 'WRONG_CHANNEL' | 'INVALID'

/** Three verdicts, because an outage says neither that a token is valid nor that it is invalid. */
export type Verdict<Facts> =
  | { readonly verdict: 'valid'; readonly facts: Facts }
  | Refused
  | { readonly verdict: 'unknown'; readonly outage: LineOutage }

/** LINE refused a token. `lineRequestId` is the `x-line-request-id` of that answer. */
export type Refused = {
  readonly verdict: 'invalid'
  readonly reason: TokenRefusal
  readonly lineRequestId?: string | undefined
}

export type VerificationFacts = {
  readonly channelId: string
  readonly scopes: readonly string[]
  /** Milliseconds until the token expires, at most `longestLifeMs`. */
  readonly expiresInMs: number
}

export type ProfileFacts = {
  readonly userId: string
  readonly displayName: string
  /** `null` if the user has none: LINE leaves the member out; older answers had an empty string. */
  readonly pictureUrl: string | null
  readonly statusMessage: string | null
}

export type TokenResponse = {
  readonly accessToken: string
  readonly tokenType: string
  /** Milliseconds. `undefined` if LINE's number is not usable: the caller gets the token, but it is not cached. */
  readonly expiresInMs: number | undefined
  readonly refreshToken: string | undefined
  /** `undefined` if LINE did not say. */
  readonly scopes: readonly string[] | undefined
  readonly idToken: string | undefined
}

/** An access token is valid for at most 30 days. https://developers.line.biz/en/docs/line-login/managing-access-tokens/ */
export const longestLifeMs = 30 * 24 * 60 * 60 * 1_000

/** GET /oauth2/v2.1/verify. Status 200 is not enough: LINE answers 200 for tokens of other channels too. */
export function judgeVerification(
  answer: LineAnswer,
  isOurs: (channelId: string) => boolean,
): Verdict<VerificationFacts> {
  if (answer.status === 400 && member(answer.body, 'error') === 'invalid_request') {
    return refused(answer, reasonIn(member(answer.body, 'error_description')))
  }
  if (answer.status !== 200) return undocumented(answer)
  const channelId = member(answer.body, 'client_id')
  const expiresIn = member(answer.body, 'expires_in')
  const scope = member(answer.body, 'scope')
  if (typeof channelId === 'string' && !isOurs(channelId)) return refused(answer, 'WRONG_CHANNEL')
  if (isOver(expiresIn)) return refused(answer, 'EXPIRED')
  const expiresInMs = parseLifetime(expiresIn)
  if (typeof channelId !== 'string' || typeof scope !== 'string' || expiresInMs === undefined)
    return undocumented(answer)
  return { verdict: 'valid', facts: { channelId, scopes: parseScopes(scope), expiresInMs } }
}

/** GET /v2/profile. */
export function judgeProfile(answer: LineAnswer): Verdict<ProfileFacts> {
  if (answer.status === 401) return refusedBearer(answer)
  const userId = text(answer.body, 'userId')
  const displayName = member(answer.body, 'displayName')
  if (answer.status !== 200 || userId === undefined || typeof displayName !== 'string') return undocumented(answer)
  const pictureUrl = text(answer.body, 'pictureUrl') ?? null
  const statusMessage = text(answer.body, 'statusMessage') ?? null
  return { verdict: 'valid', facts: { userId, displayName, pictureUrl, statusMessage } }
}

/** GET /oauth2/v2.1/userinfo. Only the user ID is read. */
export function judgeUserinfo(answer: LineAnswer): Verdict<{ readonly userId: string }> {
  if (answer.status === 401) return refusedBearer(answer)
  const userId = text(answer.body, 'sub')
  if (answer.status !== 200 || userId === undefined) return undocumented(answer)
  return { verdict: 'valid', facts: { userId } }
}

/** GET /friendship/v1/status. `null` if no official account is linked to the channel: LINE answers 400 then. */
export function judgeFriendship(answer: LineAnswer): Verdict<{ readonly isFriend: boolean | null }> {
  if (answer.status === 401) return refusedBearer(answer)
  if (answer.status === 400 && text(answer.body, 'message') !== undefined) {
    return { verdict: 'valid', facts: { isFriend: null } }
  }
  const isFriend = flag(answer.body, 'friendFlag')
  if (answer.status !== 200 || isFriend === undefined) return undocumented(answer)
  return { verdict: 'valid', facts: { isFriend } }
}

/** POST /oauth2/v2.1/token. Throws `InvalidGrant` if LINE refused the code or refresh token, else `LineUnavailable`. */
export function parseTokenResponse(answer: LineAnswer): TokenResponse {
  assertGranted(answer)
  const accessToken = text(answer.body, 'access_token')
  if (answer.status !== 200 || accessToken === undefined) throw undocumented(answer).outage
  const scope = text(answer.body, 'scope')
  return {
    accessToken,
    tokenType: text(answer.body, 'token_type') ?? 'Bearer',
    expiresInMs: parseLifetime(member(answer.body, 'expires_in')),
    refreshToken: text(answer.body, 'refresh_token'),
    scopes: scope === undefined ? undefined : parseScopes(scope),
    idToken: text(answer.body, 'id_token'),
  }
}

/** POST /oauth2/v2.1/revoke. A 400 is a success too, as in LINE's SDKs: the token was invalid before the call. */
export function assertRevoked(answer: LineAnswer): void {
  const alreadyInvalid = answer.status === 400 && member(answer.body, 'error') === 'invalid_request'
  if (answer.status !== 200 && !alreadyInvalid) throw undocumented(answer).outage
}

/** POST /user/v1/deauthorize: 204, or 400 with a `message` if the user or the app withdrew the consent before. */
export function assertDeauthorized(answer: LineAnswer): void {
  const alreadyDone = answer.status === 400 && text(answer.body, 'message') !== undefined
  if (answer.status !== 204 && answer.status !== 200 && !alreadyDone) throw undocumented(answer).outage
}

/** POST /oauth2/v3/token: a stateless channel access token, valid for about 15 minutes. */
export function parseChannelToken(answer: LineAnswer): { readonly channelToken: string; readonly expiresInMs: number } {
  const channelToken = text(answer.body, 'access_token')
  const expiresInMs = parseLifetime(member(answer.body, 'expires_in'))
  if (answer.status !== 200 || channelToken === undefined || expiresInMs === undefined)
    throw undocumented(answer).outage
  return { channelToken, expiresInMs }
}

/** GET /oauth2/v2.1/certs: the keys as LINE sent them (RFC 7517). */
export function parseKeySet(answer: LineAnswer): readonly unknown[] {
  const keys = member(answer.body, 'keys')
  if (answer.status !== 200 || !Array.isArray(keys)) throw undocumented(answer).outage
  return keys
}

/** Seconds to milliseconds, at most `longestLifeMs`. `undefined` if `seconds` is not a positive number. */
export function parseLifetime(seconds: unknown): number | undefined {
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > Number.MAX_SAFE_INTEGER) return undefined
  return Math.min(Math.floor(seconds * 1_000), longestLifeMs)
}

export function parseScopes(scope: string): readonly string[] {
  return scope.split(/\s+/).filter((word) => word !== '')
}

function assertGranted(answer: LineAnswer): void {
  if (answer.status !== 400 || member(answer.body, 'error') !== 'invalid_grant') return
  throw new InvalidGrant('LINE refused the code or refresh token: log in again', answer)
}

/** `-1e400` in JSON becomes `-Infinity`. That is not a time, so it does not count as expired. */
function isOver(expiresIn: unknown): boolean {
  return typeof expiresIn === 'number' && expiresIn <= 0 && Number.isFinite(expiresIn)
}

/** 401 on a resource endpoint: LINE refused the bearer token. The body decides only the reason. */
function refusedBearer(answer: LineAnswer): Verdict<never> {
  return refused(answer, reasonIn(member(answer.body, 'message')))
}

function refused({ lineRequestId }: LineAnswer, reason: TokenRefusal): Refused {
  return { verdict: 'invalid', reason, lineRequestId }
}

function reasonIn(description: unknown): TokenRefusal {
  const words = typeof description === 'string' ? description.toLowerCase() : ''
  if (words.includes('expired')) return 'EXPIRED'
  if (words.includes('revoked')) return 'REVOKED'
  if (words.includes('jws') || words.includes('malformed') || words.includes('format')) return 'MALFORMED'
  return 'INVALID'
}

/** LINE does not document this answer for this call. It says nothing about the token, so no user is logged out. */
function undocumented(answer: LineAnswer) {
  const facts = { lineRequestId: answer.lineRequestId, retryAfter: 2, unusable: true }
  return {
    verdict: 'unknown',
    outage: new LineUnavailable(`LINE gave an unexpected answer (status ${answer.status})`, facts),
  } as const
}
