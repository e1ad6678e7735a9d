import { InvalidGrant, type LineOutage, LineUnavailable, Misconfigured } from './errors.ts'
import { isObject, member, requiredFlag, requiredString, requiredText, text, WrongMember } from './members.ts'
import { errorWordIn } from './refusal-words.ts'
import type { LineAnswer } from './transport.ts'

/**
 * Reads LINE's answers. An answer is `unknown` until it is parsed here. Unknown members are ignored. A member of the
 * wrong type is never coerced. Each reader also reports what the answer meant, once, for the log and the metrics. Facts: https://developers.line.biz/en/reference/line-login/
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

/** LINE refused a token. `lineRequestId` is the `x-line-request-id` of that answer, `lineError` its error word, for log lines. */
export type Refused = {
  readonly verdict: 'invalid'
  readonly reason: TokenRefusal
  readonly lineRequestId?: string | undefined
  readonly lineError?: string | undefined
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
  if (answer.status !== 200) return undocumented(answer, wrongStatus)
  const channelId = member(answer.body, 'client_id')
  if (typeof channelId === 'string' && !isOurs(channelId)) return refused(answer, 'WRONG_CHANNEL')
  if (isOver(member(answer.body, 'expires_in'))) return refused(answer, 'EXPIRED')
  return read(answer, (body) => ({
    channelId: requiredString(body, 'client_id'),
    scopes: parseScopes(requiredString(body, 'scope')),
    expiresInMs: requiredLifetime(body),
  }))
}

/** GET /v2/profile. */
export function judgeProfile(answer: LineAnswer): Verdict<ProfileFacts> {
  return readWithToken(answer, (body) => ({
    userId: requiredText(body, 'userId'),
    displayName: requiredString(body, 'displayName'),
    pictureUrl: text(body, 'pictureUrl') ?? null,
    statusMessage: text(body, 'statusMessage') ?? null,
  }))
}

/** GET /oauth2/v2.1/userinfo. Only the user ID is read. */
export function judgeUserinfo(answer: LineAnswer): Verdict<{ readonly userId: string }> {
  return readWithToken(answer, (body) => ({ userId: requiredText(body, 'sub') }))
}

/** GET /friendship/v1/status. `null` if no official account is linked to the channel: LINE answers 400 then. */
export function judgeFriendship(answer: LineAnswer): Verdict<{ readonly isFriend: boolean | null }> {
  if (answer.status === 400 && text(answer.body, 'message') !== undefined) {
    answered(answer)
    return { verdict: 'valid', facts: { isFriend: null } }
  }
  return readWithToken(answer, (body) => ({ isFriend: requiredFlag(body, 'friendFlag') }))
}

/**
 * POST /oauth2/v2.1/token. Throws `InvalidGrant` if LINE refused the code or refresh token, `Misconfigured` if LINE refused
 * our channel, else `LineUnavailable`.
 */
export function parseTokenResponse(answer: LineAnswer): TokenResponse {
  assertGranted(answer)
  return factsOf(
    read(answer, (body) => ({
      accessToken: requiredText(body, 'access_token'),
      tokenType: text(body, 'token_type') ?? 'Bearer',
      expiresInMs: parseLifetime(member(body, 'expires_in')),
      refreshToken: text(body, 'refresh_token'),
      scopes: scopesIn(text(body, 'scope')),
      idToken: text(body, 'id_token'),
    })),
  )
}

/** POST /oauth2/v2.1/revoke: an empty 200. A 400 is a success too, as in LINE's SDKs: the token was invalid before. */
export function assertRevoked(answer: LineAnswer): void {
  assertConfigured(answer)
  const isInvalid = answer.status === 400 && member(answer.body, 'error') === 'invalid_request'
  if (isInvalid) answer.judged?.({ outcome: 'refused' })
  else assertDone(answer, [200])
}

/** POST /user/v1/deauthorize: 204, or 400 with a `message` if the user or the app withdrew the consent before. */
export function assertDeauthorized(answer: LineAnswer): void {
  const isDone = answer.status === 400 && text(answer.body, 'message') !== undefined
  if (isDone) answer.judged?.({ outcome: 'refused' })
  else assertDone(answer, [204, 200])
}

/** POST /user/v1/deauthorize: 401 if LINE no longer accepts our channel access token. */
export function isChannelTokenRefused(answer: LineAnswer): boolean {
  const isRefused = answer.status === 401
  if (isRefused) answer.judged?.({ outcome: 'refused' })
  return isRefused
}

/** POST /oauth2/v3/token: a stateless channel access token, valid for about 15 minutes. */
export function parseChannelToken(answer: LineAnswer): { readonly channelToken: string; readonly expiresInMs: number } {
  assertConfigured(answer)
  return factsOf(
    read(answer, (body) => ({ channelToken: requiredText(body, 'access_token'), expiresInMs: requiredLifetime(body) })),
  )
}

/**
 * GET /oauth2/v2.1/certs (RFC 7517). `usable` picks the keys that we can use. LINE always has one: a list without one is a
 * faulty answer, so that no token is refused because of it.
 */
export function parseKeySet<Keys extends { readonly size: number }>(
  answer: LineAnswer,
  usable: (sent: readonly unknown[]) => Keys,
): Keys {
  return factsOf(
    read(answer, (body) => {
      const sent = member(body, 'keys')
      const keys = Array.isArray(sent) ? usable(sent) : undefined
      if (keys === undefined || keys.size === 0) throw new WrongMember(body, 'keys', 'an array with a usable key')
      return keys
    }),
  )
}

/** Seconds to milliseconds, at most `longestLifeMs`. `undefined` if `seconds` is not a positive number. */
export function parseLifetime(seconds: unknown): number | undefined {
  if (typeof seconds !== 'number' || !(seconds > 0) || seconds > Number.MAX_SAFE_INTEGER) return undefined
  return Math.min(Math.floor(seconds * 1_000), longestLifeMs)
}

/** A missing or empty list is unknown: it does not mean that the user granted nothing. */
function scopesIn(scope: string | undefined): readonly string[] | undefined {
  const scopes = parseScopes(scope ?? '')
  return scopes.length === 0 ? undefined : scopes
}

export function parseScopes(scope: string): readonly string[] {
  return scope.split(/\s+/).filter((word) => word !== '')
}

function requiredLifetime(body: unknown): number {
  const ms = parseLifetime(member(body, 'expires_in'))
  if (ms === undefined) throw new WrongMember(body, 'expires_in', 'a positive number')
  return ms
}

/** RFC 6749 section 5.2. `invalid_request` is a mistake of this call, so the same call again cannot help. */
function assertGranted(answer: LineAnswer): void {
  assertConfigured(answer)
  if (answer.status !== 400) return
  const error = member(answer.body, 'error')
  if (error !== 'invalid_grant' && error !== 'invalid_request') return
  answer.judged?.({ outcome: 'refused' })
  const facts = factsIn(answer)
  if (error === 'invalid_grant') throw new InvalidGrant('LINE refused the code or refresh token: log in again', facts)
  throw new LineUnavailable('LINE did not accept the form of this request', {
    ...facts,
    unusable: true,
    answered: true,
  })
}

/** On the endpoints that get our channel secret: LINE refuses the channel, whatever the caller sent. */
function assertConfigured(answer: LineAnswer): void {
  const { status, body } = answer
  if ((status !== 400 && status !== 401) || !misconfigurations.has(member(body, 'error'))) return
  answer.judged?.({ outcome: 'refused', isMisconfigured: true })
  throw new Misconfigured({ ...factsIn(answer), answered: true })
}

const misconfigurations = new Set<unknown>(['invalid_client', 'unauthorized_client', 'unsupported_grant_type'])

/** `-1e400` in JSON becomes `-Infinity`. That is not a time, so it does not count as expired. */
function isOver(expiresIn: unknown): boolean {
  return typeof expiresIn === 'number' && expiresIn <= 0 && Number.isFinite(expiresIn)
}

/**
 * The answer of a resource endpoint to a bearer token. 401: LINE refuses the token, and the body decides only the reason. 403:
 * LINE refuses this call, for example because the token has no scope for it. That says nothing about the token. It is
 * ordinary: a profile is fetched while the verification, which tells the scopes, is under way.
 */
function readWithToken<Facts>(answer: LineAnswer, parse: (body: unknown) => Facts): Verdict<Facts> {
  if (answer.status === 401) return refused(answer, reasonIn(member(answer.body, 'message')))
  if (answer.status !== 403) return read(answer, parse)
  answer.judged?.({ outcome: 'refused' })
  return unusable(answer)
}

/** LINE may also answer 200 for a token that is of no use to us. That is an answer, and the refusal is ours. */
function refused(answer: LineAnswer, reason: TokenRefusal): Refused {
  if (answer.status === 200) answered(answer)
  else answer.judged?.({ outcome: 'refused' })
  return { verdict: 'invalid', reason, ...factsIn(answer) }
}

/** What a log line says about LINE's answer. */
function factsIn({ status, body, lineRequestId }: LineAnswer) {
  return { lineRequestId, lineError: status < 400 ? undefined : errorWordIn(body) }
}

function reasonIn(description: unknown): TokenRefusal {
  const words = typeof description === 'string' ? description.toLowerCase() : ''
  if (words.includes('expired')) return 'EXPIRED'
  if (words.includes('revoked')) return 'REVOKED'
  if (words.includes('jws') || words.includes('malformed') || words.includes('format')) return 'MALFORMED'
  return 'INVALID'
}

/** A good answer: 200, with all the members that `parse` requires. */
function read<Facts>(answer: LineAnswer, parse: (body: unknown) => Facts) {
  if (answer.status !== 200) return undocumented(answer, wrongStatus)
  try {
    const facts = parse(answer.body)
    answered(answer)
    return { verdict: 'valid', facts } as const
  } catch (error) {
    if (error instanceof WrongMember) return undocumented(answer, error.message, error)
    throw error
  }
}

function factsOf<Facts>(verdict: ReturnType<typeof read<Facts>>): Facts {
  if (verdict.verdict === 'unknown') throw verdict.outage
  return verdict.facts
}

/**
 * LINE did it: one of the `statuses`, with an empty body. An object may come in a later version of LINE. Anything else,
 * as the HTML of a proxy, is no answer of LINE: the token may still be valid.
 */
function assertDone(answer: LineAnswer, statuses: readonly number[]): void {
  if (!statuses.includes(answer.status)) throw undocumented(answer, wrongStatus).outage
  const { body } = answer
  const isDone = body === undefined || (isObject(body) && !Array.isArray(body) && !Object.hasOwn(body, 'error'))
  if (!isDone) throw undocumented(answer, '"response" body must be empty').outage
  answered(answer)
}

function answered(answer: LineAnswer): void {
  answer.judged?.({ outcome: 'answered' })
}

const wrongStatus = 'unexpected HTTP status code'

/** LINE does not document this answer for this call. It says nothing about the token, so no user is logged out. */
function undocumented(answer: LineAnswer, failure: string, cause?: WrongMember) {
  answer.judged?.({ outcome: 'unreadable', failure })
  return unusable(answer, cause)
}

function unusable(answer: LineAnswer, cause?: WrongMember) {
  const facts = { ...factsIn(answer), retryAfter: 2, unusable: true, answered: true, cause }
  return {
    verdict: 'unknown',
    outage: new LineUnavailable(`LINE gave an unexpected answer (status ${answer.status})`, facts),
  } as const
}
