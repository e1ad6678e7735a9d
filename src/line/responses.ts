import { InvalidGrant, type LineOutage, LineUnavailable } from './errors.ts'
import { flag, member, text } from './members.ts'
import type { LineAnswer } from './transport.ts'

/**
 * Reading LINE's answers. Every answer is `unknown` until it is parsed here; members we do not know are ignored, and a
 * member of the wrong type is never coerced. Facts: https://developers.line.biz/en/reference/line-login/
 */

/** Why an access token is refused. LINE's text chooses among EXPIRED, REVOKED, MALFORMED and INVALID, never the verdict. */
export type TokenRefusal = 'MALFORMED' | 'EXPIRED' | 'REVOKED' | 'WRONG_CHANNEL' | 'INVALID'

/** Three verdicts, never two: what LINE left open is neither a good token nor a bad one. */
export type Verdict<Facts> =
  | { readonly verdict: 'valid'; readonly facts: Facts }
  | Refused
  | { readonly verdict: 'unknown'; readonly outage: LineOutage }

/** LINE's refusal of a token, with the `x-line-request-id` of the answer it came in. */
export type Refused = {
  readonly verdict: 'invalid'
  readonly reason: TokenRefusal
  readonly lineRequestId?: string | undefined
}

export type VerificationFacts = {
  readonly channelId: string
  readonly scopes: readonly string[]
  /** Milliseconds the token has left, at most 30 days: LINE's access tokens never live longer. */
  readonly expiresInMs: number
}

export type ProfileFacts = {
  readonly userId: string
  readonly displayName: string
  /** `null` where the user has none: LINE leaves the member out, older answers had an empty string. */
  readonly pictureUrl: string | null
  readonly statusMessage: string | null
}

export type TokenResponse = {
  readonly accessToken: string
  readonly tokenType: string
  /** Milliseconds; `undefined` where LINE's number makes no sense: the token is handed on but nothing is believed of it. */
  readonly expiresInMs: number | undefined
  readonly refreshToken: string | undefined
  readonly scopes: readonly string[]
  readonly idToken: string | undefined
}

/** An access token lives 30 days at the most. https://developers.line.biz/en/docs/line-login/managing-access-tokens/ */
export const longestLifeMs = 30 * 24 * 60 * 60 * 1_000

/** GET /oauth2/v2.1/verify. A 200 is not enough: LINE answers it for the tokens of every other channel too. */
export function judgeVerification(
  answer: LineAnswer,
  isOurs: (channelId: string) => boolean,
): Verdict<VerificationFacts> {
  if (answer.status === 400 && member(answer.body, 'error') === 'invalid_request') {
    return refused(answer, reasonIn(member(answer.body, 'error_description')))
  }
  if (answer.status !== 200) return nonsense(answer)
  const channelId = member(answer.body, 'client_id')
  const expiresIn = member(answer.body, 'expires_in')
  const scope = member(answer.body, 'scope')
  if (typeof channelId === 'string' && !isOurs(channelId)) return refused(answer, 'WRONG_CHANNEL')
  if (isOver(expiresIn)) return refused(answer, 'EXPIRED')
  const expiresInMs = parseLifetime(expiresIn)
  if (typeof channelId !== 'string' || typeof scope !== 'string' || expiresInMs === undefined) return nonsense(answer)
  return { verdict: 'valid', facts: { channelId, scopes: parseScopes(scope), expiresInMs } }
}

/** GET /v2/profile. */
export function judgeProfile(answer: LineAnswer): Verdict<ProfileFacts> {
  if (answer.status === 401) return refusedBearer(answer)
  const userId = text(answer.body, 'userId')
  const displayName = member(answer.body, 'displayName')
  if (answer.status !== 200 || userId === undefined || typeof displayName !== 'string') return nonsense(answer)
  const pictureUrl = text(answer.body, 'pictureUrl') ?? null
  const statusMessage = text(answer.body, 'statusMessage') ?? null
  return { verdict: 'valid', facts: { userId, displayName, pictureUrl, statusMessage } }
}

/** GET /oauth2/v2.1/userinfo, of which we need who it is. */
export function judgeUserinfo(answer: LineAnswer): Verdict<{ readonly userId: string }> {
  if (answer.status === 401) return refusedBearer(answer)
  const userId = text(answer.body, 'sub')
  if (answer.status !== 200 || userId === undefined) return nonsense(answer)
  return { verdict: 'valid', facts: { userId } }
}

/** GET /friendship/v1/status. `null`: no official account is linked to the channel, which LINE says with a 400. */
export function judgeFriendship(answer: LineAnswer): Verdict<{ readonly isFriend: boolean | null }> {
  if (answer.status === 401) return refusedBearer(answer)
  if (answer.status === 400 && text(answer.body, 'message') !== undefined) {
    return { verdict: 'valid', facts: { isFriend: null } }
  }
  const isFriend = flag(answer.body, 'friendFlag')
  if (answer.status !== 200 || isFriend === undefined) return nonsense(answer)
  return { verdict: 'valid', facts: { isFriend } }
}

/** POST /oauth2/v2.1/token. Throws `InvalidGrant` where LINE refused the code or refresh token, else `LineUnavailable`. */
export function parseTokenResponse(answer: LineAnswer): TokenResponse {
  assertGranted(answer)
  const accessToken = text(answer.body, 'access_token')
  if (answer.status !== 200 || accessToken === undefined) throw nonsense(answer).outage
  return {
    accessToken,
    tokenType: text(answer.body, 'token_type') ?? 'Bearer',
    expiresInMs: parseLifetime(member(answer.body, 'expires_in')),
    refreshToken: text(answer.body, 'refresh_token'),
    scopes: parseScopes(text(answer.body, 'scope') ?? ''),
    idToken: text(answer.body, 'id_token'),
  }
}

/** POST /oauth2/v2.1/revoke. LINE's own SDKs take a 400 for success too: the token was dead already. */
export function assertRevoked(answer: LineAnswer): void {
  const alreadyDead = answer.status === 400 && member(answer.body, 'error') === 'invalid_request'
  if (answer.status !== 200 && !alreadyDead) throw nonsense(answer).outage
}

/** POST /user/v1/deauthorize: 204, or a 400 with a `message` where the user or the app did it before. */
export function assertDeauthorized(answer: LineAnswer): void {
  const alreadyDone = answer.status === 400 && text(answer.body, 'message') !== undefined
  if (answer.status !== 204 && answer.status !== 200 && !alreadyDone) throw nonsense(answer).outage
}

/** POST /oauth2/v3/token: a stateless channel access token, some 15 minutes long. */
export function parseChannelToken(answer: LineAnswer): { readonly channelToken: string; readonly expiresInMs: number } {
  const channelToken = text(answer.body, 'access_token')
  const expiresInMs = parseLifetime(member(answer.body, 'expires_in'))
  if (answer.status !== 200 || channelToken === undefined || expiresInMs === undefined) throw nonsense(answer).outage
  return { channelToken, expiresInMs }
}

/** GET /oauth2/v2.1/certs: the keys as LINE sent them (RFC 7517). */
export function parseKeySet(answer: LineAnswer): readonly unknown[] {
  const keys = member(answer.body, 'keys')
  if (answer.status !== 200 || !Array.isArray(keys)) throw nonsense(answer).outage
  return keys
}

/** Seconds to milliseconds. What is no positive number of seconds is `undefined`, what is longer than 30 days is cut. */
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

/** JSON can say `-1e400`, which is no time at which anything expired. */
function isOver(expiresIn: unknown): boolean {
  return typeof expiresIn === 'number' && expiresIn <= 0 && Number.isFinite(expiresIn)
}

/** 401 on a resource endpoint: the bearer token is dead, whatever the body says. */
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

/** Not what LINE documents for this call: says nothing about the token, so nobody is logged out by it. */
function nonsense(answer: LineAnswer) {
  const facts = { lineRequestId: answer.lineRequestId, retryAfter: 1 }
  return {
    verdict: 'unknown',
    outage: new LineUnavailable(`LINE answered ${answer.status} with nothing we know`, facts),
  } as const
}
