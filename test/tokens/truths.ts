import { type Subject, scopeMissing } from '../../src/tokens/record.ts'
import type { AccessToken } from '../../src/tokens/token-key.ts'
import type { Valid } from '../../src/tokens/token-resolver.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const MAX_STALE_MS = HOUR

/**
 * Events are numbered in the order of the steps and answers. So "before" has a meaning within one millisecond too. A fact
 * with `As` in its name is the number of an event.
 */
export type Session = {
  readonly userId: string
  /** LINE issued a token of it through the gateway. */
  isIssuedHere: boolean
  /** The gateway knows the user of the session. */
  namedAs: number | undefined
  /** From now on LINE may refuse its refresh tokens. */
  isDoubted: boolean
  /** LINE replaces its refresh token with each refresh, and one was sent. */
  isReplaced: boolean
  /** A caller revoked it through the gateway, and that caller has the answer. */
  isRevoked: boolean
}

/** The facts about one access token, as simple as possible. */
export type Truth = {
  readonly token: AccessToken
  /** The refresh token that LINE issued with it. */
  readonly refreshToken: string
  readonly session: Session
  readonly issuedHere: boolean
  /** The step that made LINE issue it. */
  readonly begunAs: number
  /** Epoch ms on LINE's clock. */
  readonly endsAt: number
  /** The calls that questions about it may cause until something changes. */
  readonly allowed: Set<Subject>
  /** Its one naming call is allowed already. */
  mayBeNamed: boolean
  /** Since when LINE refuses it (a time of our process), if it was ended at LINE without us. */
  refusedSince: number | undefined
  /** How many operations have begun after which LINE may refuse it. */
  doubts: number
  /** LINE certainly refuses it. */
  isEnded: boolean
  /** A caller revoked it through the gateway, and that caller has the answer. */
  isRevoked: boolean
  /** The gateway has refused it, and was right. */
  wasRefused: boolean
  /** The gateway has taken it for expired, because our clock was set. */
  mistakenAs: number | undefined
  /** The gateway has answered with its user. */
  namedAs: number | undefined
  /** The gateway has a record of it. */
  heldAs: number | undefined
  /** When the record of the gateway expires (a time of our process). */
  heldUntil: number
}

/** A user's wish to leave, with the token that was sent. */
export type Departure = {
  readonly asker: Truth
  readonly begunAs: number
  /** Of the asker, when it was sent. Another operation on it can make LINE refuse the departure. */
  readonly doubts: number
  readonly wasGood: boolean
  readonly wasHeld: boolean
  readonly wasNamed: boolean
  /** `told`: reported as done. `untold`: reported as an outage. `over`: it says nothing about the user's other tokens. */
  state: 'asked' | 'told' | 'untold' | 'over'
  /** From then on LINE does not revoke anything because of it. */
  endedAs: number | undefined
}

export type AskedQuestion = {
  readonly truth: Truth
  readonly subject: Subject
  readonly askedAt: number
  readonly askedAs: number
}

/** The moment of an answer. */
export type Moment = {
  readonly now: number
  readonly lineTime: number
  /** LINE was broken at some moment since the question. */
  readonly isTroubled: boolean
  readonly departures: readonly Departure[]
}

export type Served = AskedQuestion & Moment & Pick<Valid, 'record'>

/** What no valid answer may be. */
const forbidden: Readonly<Record<string, (served: Served) => boolean>> = {
  'served after it expired': ({ record, now }) => record.expiresAt <= now,
  'served after it expired at LINE': ({ truth, lineTime }) => truth.endsAt <= lineTime,
  'served after it was revoked here': ({ truth }) => truth.isRevoked,
  'served after its session was revoked here': ({ truth }) => truth.issuedHere && truth.session.isRevoked,
  'served after LINE had refused it': ({ truth }) => truth.wasRefused,
  'served too stale': ({ isTroubled, askedAt, record }) => !isTroubled && askedAt - record.verifiedAt >= MAX_STALE_MS,
  'verified after it was ended at LINE': ({ truth, record }) => record.verifiedAt > (truth.refusedSince ?? Infinity),
  "served with another user's data": ({ truth, record }) =>
    record.userId !== undefined && record.userId !== truth.session.userId,
  'served without its subject': ({ subject, record }) => !holds(record, subject),
  // While LINE is down, a token of unknown user is served.
  'served after its user left': (served) =>
    departuresOf(served, 'told').length > 0 && (nameOf(served.truth) !== undefined || !served.isTroubled),
  // A token that the gateway had not seen by then can be one of a new login.
  'served after its user left, which LINE does not know': (served) =>
    departuresOf(served, 'untold').some((one) => isWithheld(one, served)),
}

export function violationsOf(served: Served): readonly string[] {
  return Object.keys(forbidden).filter((name) => forbidden[name]?.(served))
}

/** The departures of its user that began after it was issued. */
export function departuresOf({ truth, departures }: Pick<Served, 'truth' | 'departures'>, state: Departure['state']) {
  return departures.filter(
    ({ asker, begunAs, state: its }) =>
      its === state && asker.session.userId === truth.session.userId && truth.begunAs < begunAs,
  )
}

/** When the gateway learned its user, from an answer about it or about another token of the session. */
export function nameOf({ namedAs, issuedHere, session }: Truth): number | undefined {
  return namedAs ?? (issuedHere ? session.namedAs : undefined)
}

/** LINE accepts the token that was sent, as far as that departure is concerned. */
export function canBeTold(
  { asker, doubts, wasGood, wasHeld }: Departure,
  { now, lineTime }: Pick<Moment, 'now' | 'lineTime'>,
) {
  return wasGood && wasHeld && asker.doubts === doubts && asker.endsAt - MINUTE > lineTime && asker.heldUntil > now
}

function isWithheld(departure: Departure, served: Served): boolean {
  const { truth, record } = served
  if (!departure.wasNamed || !canBeTold(departure, served)) return false
  if ((nameOf(truth) ?? Infinity) < departure.begunAs) return true
  return (truth.heldAs ?? Infinity) < departure.begunAs && record.userId !== undefined
}

function holds(record: Valid['record'], subject: Subject): boolean {
  if (subject === 'verification' || scopeMissing(record, subject) !== undefined) return true
  return (subject === 'userinfo' ? record.userId : record[subject]) !== undefined
}
