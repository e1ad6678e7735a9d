import type { Emulator, Fault } from '../../src/emulator/emulator.ts'
import { InvalidGrant } from '../../src/line/errors.ts'
import type { TokenSet } from '../../src/login/token-set.ts'
import type { Subject } from '../../src/tokens/record.ts'
import type { Answer, Valid } from '../../src/tokens/token-resolver.ts'
import { here, type Layer, times, tokenOf, web } from '../harness/token-layer.ts'
import {
  type AskedQuestion,
  canBeTold,
  type Departure,
  departuresOf,
  MAX_STALE_MS,
  MINUTE,
  nameOf,
  SECOND,
  type Session,
  type Truth,
  violationsOf,
} from './truths.ts'

/** More tokens than a run has, so that only the step `evict` evicts. */
export const CACHE_TOKENS = 24
const mostHeld = CACHE_TOKENS - 4
const redirectUri = 'https://app.example.com/callback'

/**
 * What can happen, in any order. `token` is taken modulo the number of tokens; -1 is the newest one. LINE's answers are held until a step
 * delivers them.
 */
export type Step =
  | { readonly do: 'ask'; readonly token: number; readonly subject: Subject; readonly times: number }
  | { readonly do: 'deliver one'; readonly place: number }
  | { readonly do: 'deliver all'; readonly newestFirst: boolean }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'suspend'; readonly ms: number }
  /** Sets only our wall clock, to this much ahead of LINE's clock. */
  | { readonly do: 'set the clock'; readonly toMs: number }
  /** `repair LINE`: it answers from now on. `recover`: it has answered for 20 seconds. */
  | { readonly do: 'break LINE' | 'repair LINE' | 'recover' }
  /** Other tokens push all records out of the cache. */
  | { readonly do: 'evict' }
  | { readonly do: 'log in'; readonly user: number; readonly openid: boolean }
  | { readonly do: 'revoke at LINE' | 'expire at LINE'; readonly token: number }
  | { readonly do: 'revoke' | 'revoke refresh' | 'log out' | 'deauthorize' | 'refresh'; readonly token: number }

/** How this run's LINE behaves. */
export type Line = {
  readonly breakage: Fault
  readonly refreshToken: Emulator['switches']['refreshToken']
  /** The time between two steps. 0: all within one millisecond. */
  readonly tickMs: number
}

/** Takes each step on the real token layer and tracks the facts beside it. A step that shows a violation throws. */
export function createOracle(layer: Layer, { breakage, refreshToken: refreshTokens, tickMs }: Line) {
  const { emulator, answers, clock, logins, revocation, refresher, unconfirmed, ask: askLayer } = layer
  const verdicts: Answer['verdict'][] = []
  const violations: string[] = []
  const truths: Truth[] = []
  const departures: Departure[] = []
  /** What LINE has to refuse once it has answered again for 20 seconds. */
  const owed: (() => Promise<boolean>)[] = []
  let lineTime = clock.lineTime()
  let setTo = 0
  let wasSetForwards = false
  let events = 0
  let underWay = 0
  let isBroken = false
  let troubledAs: number | undefined
  let wasTroubled = false
  let callsAllowed = 0
  const actions = {
    'revoke at LINE': revokeAtLine,
    'expire at LINE': expireAtLine,
    revoke,
    'revoke refresh': revokeRefresh,
    'log out': logOut,
    deauthorize,
    refresh,
  }

  emulator.calls.reset()
  emulator.switches.refreshToken = refreshTokens
  answers.hold()
  for (const [user, expiresIn] of [
    [0, 30 * 86_400],
    [0, 2 * 3_600],
    [0, 20 * 60],
    [1, 5 * 60],
  ] as const) {
    const { refreshToken, raw } = layer.issue({ userId: userIdOf(user), expiresIn })
    const session = addSession({ userId: userIdOf(user), isIssuedHere: false })
    addTruth(raw, refreshToken, session, { issuedHere: false, begunAs: 0, endsAt: lineTime + expiresIn * SECOND })
  }

  return { take, finish, cleanUp, verdicts }

  async function take(step: Step): Promise<void> {
    // In production a deadline of real time (LINE_TIMEOUT_MS) ends each call, so no answer is older than a few seconds.
    if ('ms' in step && step.ms > SECOND) await deliverAll()
    lineTime += tickMs
    clock.advance(tickMs)
    act(step)
    await answers.settled()
    if (step.do === 'deliver one' && answers.waiting() > 0) await answers.release(step.place % answers.waiting())
    if (step.do === 'deliver all') await deliverAll(step.newestFirst)
    if (step.do === 'ask') await askAgain(step)
    if (step.do === 'evict') await evict()
    if (step.do === 'recover') await recover()
    assertNoViolation()
  }

  /** LINE is up again: good tokens must be valid, ended tokens must be refused, and no answer may be unknown. */
  async function finish(): Promise<void> {
    await take({ do: 'recover' })
    await take({ do: 'deliver all', newestFirst: false })
    if (!wasTroubled && emulator.calls.total() > callsAllowed)
      violations.push(`${emulator.calls.total()} calls, more than ${callsAllowed}`)
    // Each record is stale after that.
    await take({ do: 'advance', ms: MAX_STALE_MS + MINUTE })
    for (let round = 0; round < 2; round += 1) {
      for (const truth of [...truths]) {
        const promise = askLayer(truth.token, 'profile', here)
        await answers.settled()
        await deliverAll()
        const { verdict } = await promise
        if (verdict === 'unknown') violations.push('unknown although LINE is up again')
        if (verdict === 'valid' && mustBeRefused(truth)) violations.push('an ended token is valid in the end')
        if (verdict === 'invalid' && isGood(truth)) violations.push('a good token is refused in the end')
      }
      await take({ do: 'advance', ms: 31 * SECOND })
    }
    assertNoViolation()
  }

  /** Resets the layer for the next run: no call in flight, nothing to retry, the clock right, every breaker closed. */
  async function cleanUp(): Promise<void> {
    emulator.faults.clear()
    await answers.release()
    clock.set(-setTo)
    for (let hours = 0; hours < 1 || (hours < 100 && unconfirmed.size() > 0); hours += 1) {
      clock.advance(60 * MINUTE)
      await answers.settled()
    }
    await closeBreakers()
    // Longer than what LINE says counts as older than a departure.
    clock.advance(MINUTE)
  }

  /** With a user who has no other tokens. */
  async function closeBreakers(): Promise<void> {
    const spare = layer.issue({ userId: userIdOf(3) })
    // First userinfo: after the profile it would be answered from the record, without a call.
    for (const subject of ['userinfo', 'profile', 'friendship'] as const) await askLayer(spare, subject, here)
    await refresher.refresh(spare.refreshToken, web, here)
    await revocation.deauthorize(spare, here)
    await revocation.revokeRefreshToken(spare.refreshToken, web, here)
  }

  function act(step: Step): void {
    if ('token' in step) actOn(truthOf(step.token), step)
    else if (step.do === 'log in') logIn(step.user, step.openid)
    else if (step.do === 'advance') advance(step.ms)
    else if (step.do === 'suspend') suspend(step.ms)
    else if (step.do === 'set the clock') setClock(step.toMs)
    else if (step.do === 'repair LINE') repairLine()
    else if (step.do === 'break LINE') breakLine()
  }

  function actOn(truth: Truth, step: Extract<Step, { readonly token: number }>): void {
    if (step.do === 'ask') ask(truth, step.subject)
    else actions[step.do](truth)
  }

  function breakLine(): void {
    isBroken = true
    wasTroubled = true
    troubledAs = Number.POSITIVE_INFINITY
    emulator.faults.set('*', breakage)
  }

  function repairLine(): void {
    isBroken = false
    emulator.faults.clear()
  }

  /** LINE answers for 20 seconds. By then we have told it of every revocation that was reported as an outage. */
  async function recover(): Promise<void> {
    if (troubledAs === undefined) return
    repairLine()
    await deliverAll()
    for (let second = 0; second < 20; second += 1) {
      advance(SECOND)
      await answers.settled()
      await deliverAll()
    }
    if ((await layer.metric('gateway_unconfirmed_revocations')) > 0) violations.push('LINE is not told within 20 s')
    for (const isAccepted of owed.splice(0)) if (await isAccepted()) violations.push('LINE accepts what was revoked')
    for (const one of departures.filter(({ state }) => state === 'untold')) await settleDeparture(one)
    await unheld(closeBreakers)
    troubledAs = nextEvent()
  }

  async function settleDeparture(departure: Departure): Promise<void> {
    const isTold = canBeTold(departure, { now: layer.now(), lineTime })
    departure.state = isTold ? 'told' : 'over'
    departure.endedAs = nextEvent()
    if (!isTold) return
    for (const truth of truths.filter(
      (one) => departuresOf({ truth: one, departures: [departure] }, 'told').length > 0,
    )) {
      truth.isEnded = true
      if (await layer.acceptedByLine({ accessToken: truth.token.raw }))
        violations.push('LINE accepts a token of a user who left')
    }
  }

  async function evict(): Promise<void> {
    if (isBroken) return
    const others = times(CACHE_TOKENS, () => layer.issue({ userId: userIdOf(3) }))
    callsAllowed += others.length
    await unheld(() => Promise.all(others.map((token) => askLayer(token, 'verification', here))))
    for (const truth of truths) truth.heldAs = undefined
    allowAgain()
  }

  function advance(ms: number): void {
    lineTime += ms
    clock.advance(ms)
    layer.now()
    allowAgain()
  }

  function suspend(ms: number): void {
    lineTime += ms
    clock.suspend(ms)
    layer.now()
    unconfirmed.run()
    allowAgain()
  }

  function setClock(toMs: number): void {
    if (toMs === setTo) return
    wasSetForwards ||= toMs > setTo
    if (toMs > setTo) for (const truth of truths) truth.mistakenAs = undefined
    clock.set(toMs - setTo)
    layer.now()
    setTo = toMs
    allowAgain()
  }

  function revokeAtLine(truth: Truth): void {
    emulator.revokeAccessToken(truth.token.raw)
    setEnded(truth)
  }

  function expireAtLine(truth: Truth): void {
    emulator.expireAccessToken(truth.token.raw)
    setEnded(truth)
  }

  function setEnded(truth: Truth): void {
    truth.refusedSince ??= layer.now()
    truth.doubts += 1
    truth.isEnded = true
    truth.allowed.clear()
  }

  function ask(truth: Truth, subject: Subject): void {
    allowCalls(truth, subject)
    const question = { truth, subject, askedAt: layer.now(), askedAs: nextEvent() }
    watch(askLayer(truth.token, subject, here), (answer) => check(question, answer))
  }

  /** While nothing changes, LINE is called once for each subject, however many questions there are. */
  function allowCalls(truth: Truth, subject: Subject): void {
    for (const one of ['verification', subject] as const) {
      if (!truth.allowed.has(one)) callsAllowed += 1
      truth.allowed.add(one)
    }
  }

  /** After a change. A call in flight may have to be made again. */
  function allowAgain(of: readonly Truth[] = truths): void {
    callsAllowed += 2 * underWay
    for (const truth of of) truth.allowed.clear()
  }

  /** One verification for each record of the user, and one call that names the user for each other record in its life. */
  function allowForDeparture(userId: string): void {
    allowAgain(tokensOf(userId))
    for (const truth of truths) {
      if (!truth.mayBeNamed) callsAllowed += 1
      truth.mayBeNamed = true
    }
  }

  function check(question: AskedQuestion, answer: Answer): void {
    const { truth } = question
    const isTroubled = (troubledAs ?? 0) > question.askedAs
    verdicts.push(answer.verdict)
    if (answer.verdict === 'valid') {
      const { record } = answer
      violations.push(...violationsOf({ ...question, record, now: layer.now(), lineTime, isTroubled, departures }))
      learn(truth, record)
    }
    if (answer.verdict === 'invalid') {
      if (isGood(truth) && !isFirstMistake(question, answer.reason))
        violations.push(`a good token is refused: ${answer.reason}`)
      if (truth.isEnded || truth.endsAt <= lineTime) truth.wasRefused = true
      truth.heldAs = undefined
      truth.heldUntil = 0
    }
    if (answer.verdict === 'unknown' && !isTroubled && truth.doubts === 0)
      violations.push(`unknown with LINE up: ${answer.outage.code}`)
  }

  function learn(truth: Truth, { userId, family, expiresAt }: Valid['record']): void {
    hold(truth, expiresAt)
    if (userId === undefined) return
    truth.namedAs ??= nextEvent()
    if (family !== undefined) truth.session.namedAs ??= nextEvent()
  }

  /** When our clock is set forwards, a token may seem to have expired. The next question is answered by LINE. */
  function isFirstMistake({ truth, askedAs }: AskedQuestion, reason: string): boolean {
    if (reason !== 'EXPIRED' || !wasSetForwards) return false
    const isFirst = truth.mistakenAs === undefined || askedAs < truth.mistakenAs
    truth.mistakenAs ??= nextEvent()
    return isFirst
  }

  function logIn(user: number, openid: boolean): void {
    callsAllowed += 1
    const begunAs = nextEvent()
    const endsAt = lineTime + 30 * 86_400 * SECOND
    const code = emulator.issueCode({
      redirectUri,
      userId: userIdOf(user),
      scope: openid ? 'profile openid' : 'profile',
    })
    watch(
      logins.exchangeCode({ code, redirectUri }, web, here),
      ({ tokens }) => {
        const session = addSession({ userId: userIdOf(user), isIssuedHere: true })
        if (openid) session.namedAs = nextEvent()
        addIssued(tokens, session, { begunAs, endsAt })
      },
      (error) => {
        if (!isTroubledSince(begunAs)) violations.push(`login failed with LINE up: ${String(error)}`)
      },
    )
  }

  function refresh(truth: Truth): void {
    callsAllowed += 1
    const { refreshToken, session } = truth
    const begunAs = nextEvent()
    const endsAt = lineTime + 30 * 86_400 * SECOND
    // LINE refuses a refresh token that it has replaced.
    const wasReplaced = session.isReplaced
    session.isReplaced = refreshTokens === 'rotate'
    watch(
      refresher.refresh(refreshToken, web, here),
      (tokens) => {
        if (session.isRevoked) violations.push('refreshed after it was revoked here')
        if (truths.some(({ token }) => token.raw === tokens.accessToken)) return
        session.isIssuedHere = true
        const added = addIssued(tokens, session, { begunAs, endsAt })
        if (session.isDoubted) added.doubts += 1
      },
      (error) => {
        const mayBeRefused = wasReplaced || session.isDoubted
        if (!mayBeRefused && (error instanceof InvalidGrant || !isTroubledSince(begunAs)))
          violations.push(`refresh failed: ${String(error)}`)
      },
    )
  }

  function addIssued(tokens: TokenSet, session: Session, { begunAs, endsAt }: { begunAs: number; endsAt: number }) {
    const added = addTruth(tokens.accessToken, tokens.refreshToken ?? '', session, {
      issuedHere: true,
      begunAs,
      endsAt,
    })
    hold(added, tokens.expiresAt ?? 0)
    // Its user was about to leave while LINE issued it, or has left since.
    if (departures.some((one) => one.asker.session.userId === session.userId && (one.endedAs ?? Infinity) > begunAs)) {
      added.doubts += 1
      session.isDoubted = true
    }
    return added
  }

  function revoke(truth: Truth): void {
    allowCalls(truth, 'verification')
    callsAllowed += 1
    truth.doubts += 1
    const wasHeld = isHeld(truth)
    watch(
      revocation.revokeAccessToken(truth.token, here),
      // A token that was refused before is not revoked: the answer is only that refusal.
      ({ verdict }) => (verdict === 'invalid' ? undefined : setRevoked(truth)),
      () => {
        setRevoked(truth, false)
        if (wasHeld) oweToken(truth)
      },
    )
  }

  function revokeRefresh(truth: Truth): void {
    callsAllowed += 1
    const { session, refreshToken } = truth
    const { isIssuedHere } = session
    doubtSession(session)
    watch(
      revocation.revokeRefreshToken(refreshToken, web, here),
      () => setSessionRevoked(session),
      () => {
        session.isRevoked = true
        if (isIssuedHere) oweSession(session, refreshToken)
      },
    )
  }

  function logOut(truth: Truth): void {
    allowCalls(truth, 'verification')
    callsAllowed += 2
    const { session, refreshToken } = truth
    const wasHeld = isHeld(truth)
    // Anybody can send a refresh token together with an access token that was revoked before.
    const wasKnown = (wasHeld && truth.doubts === 0) || session.isIssuedHere
    doubtSession(session)
    truth.doubts += 1
    watch(
      revocation.logout(truth.token, refreshToken, here),
      ({ verdict }) => {
        if (verdict === 'invalid') return
        setRevoked(truth)
        setSessionRevoked(session)
      },
      () => {
        setRevoked(truth, false)
        if (wasHeld) oweToken(truth)
        if (!wasKnown) return
        session.isRevoked = true
        oweSession(session, refreshToken)
      },
    )
  }

  function deauthorize(truth: Truth): void {
    const { userId } = truth.session
    allowCalls(truth, 'verification')
    allowCalls(truth, 'profile')
    callsAllowed += 4
    allowForDeparture(userId)
    // The gateway has no record any more of what our clock calls expired.
    for (const one of truths) if (one.heldUntil <= layer.now()) one.heldAs = undefined
    const departure: Departure = {
      asker: truth,
      begunAs: nextEvent(),
      doubts: truth.doubts + 1,
      wasGood: isGood(truth),
      wasHeld: isHeld(truth),
      wasNamed: nameOf(truth) !== undefined,
      state: 'asked',
      endedAs: undefined,
    }
    departures.push(departure)
    for (const session of new Set(tokensOf(userId).map((one) => one.session))) doubtSession(session)
    watch(
      revocation.deauthorize(truth.token, here),
      ({ verdict }) => {
        departure.endedAs = nextEvent()
        departure.state = 'over'
        if (verdict === 'invalid') return
        allowForDeparture(userId)
        setRevoked(truth)
        // LINE answers "invalid token" for a token that has ended. That says nothing about the user's other tokens.
        if (!departure.wasGood || truth.doubts !== departure.doubts) return
        departure.state = 'told'
        for (const one of truths)
          if (departuresOf({ truth: one, departures: [departure] }, 'told').length > 0) one.isEnded = true
      },
      () => {
        departure.state = 'untold'
        setRevoked(truth, false)
        if (departure.wasHeld) oweToken(truth)
      },
    )
  }

  /** From now on LINE may refuse all tokens of this login. */
  function doubtSession(session: Session): void {
    session.isDoubted = true
    for (const truth of truths) if (truth.session === session) truth.doubts += 1
  }

  function setRevoked(truth: Truth, isEnded = true): void {
    truth.isRevoked = true
    truth.isEnded ||= isEnded
    truth.allowed.clear()
  }

  function setSessionRevoked(session: Session): void {
    session.isRevoked = true
    // LINE knows only the last refresh token of a session.
    if (refreshTokens === 'rotate') return
    for (const truth of truths) if (truth.session === session) truth.isEnded = true
  }

  function oweToken({ token }: Truth): void {
    owed.push(() => layer.acceptedByLine({ accessToken: token.raw }))
  }

  function oweSession(session: Session, refreshToken: string): void {
    if (refreshTokens === 'rotate') return
    owed.push(() => layer.acceptedByLine({ refreshToken }))
    for (const truth of truths) if (truth.session === session) oweToken(truth)
  }

  /** Not revoked and not ended. Its last minute is left out: our time counts from the request, so it ends first. */
  function isGood(truth: Truth): boolean {
    return truth.doubts === 0 && !truth.isRevoked && truth.endsAt - MINUTE > lineTime
  }

  function mustBeRefused(truth: Truth): boolean {
    const isRevoked = truth.isRevoked || (truth.issuedHere && truth.session.isRevoked)
    return truth.isEnded || truth.endsAt <= lineTime || isRevoked
  }

  function isTroubledSince(event: number): boolean {
    return (troubledAs ?? 0) > event
  }

  /** The gateway has a record that has not expired by our clock, or remembers the session or the user of an evicted one. */
  function isHeld(truth: Truth): boolean {
    const isKnown = truth.heldAs !== undefined || truth.issuedHere || nameOf(truth) !== undefined
    return isKnown && truth.heldUntil > layer.now() && truths.length < mostHeld
  }

  function hold(truth: Truth, until: number): void {
    truth.heldAs ??= nextEvent()
    truth.heldUntil = until
  }

  function addSession(start: Pick<Session, 'userId' | 'isIssuedHere'>): Session {
    return { ...start, namedAs: undefined, isDoubted: false, isReplaced: false, isRevoked: false }
  }

  function addTruth(
    raw: string,
    refreshToken: string,
    session: Session,
    start: Pick<Truth, 'issuedHere' | 'begunAs' | 'endsAt'>,
  ): Truth {
    const truth: Truth = {
      ...start,
      token: tokenOf(raw),
      refreshToken,
      session,
      allowed: new Set(),
      mayBeNamed: false,
      refusedSince: undefined,
      doubts: 0,
      isEnded: false,
      isRevoked: false,
      wasRefused: false,
      mistakenAs: undefined,
      namedAs: undefined,
      heldAs: undefined,
      heldUntil: 0,
    }
    truths.push(truth)
    return truth
  }

  function tokensOf(userId: string): readonly Truth[] {
    return truths.filter(({ session }) => session.userId === userId)
  }

  function userIdOf(user: number): string {
    return emulator.users[user]?.userId ?? ''
  }

  function truthOf(index: number): Truth {
    const truth = truths.at(index % truths.length)
    if (truth === undefined) throw new TypeError('no tokens')
    return truth
  }

  function nextEvent(): number {
    events += 1
    return events
  }

  /** The answers to the calls of `work` are not held. */
  async function unheld(work: () => Promise<unknown>): Promise<void> {
    answers.pass()
    await work()
    answers.hold()
  }

  async function deliverAll(newestFirst = false): Promise<void> {
    while (answers.waiting() > 0) await answers.release(newestFirst ? answers.waiting() - 1 : 0)
  }

  /** One question after the other, each answered before the next. */
  async function askAgain(step: Extract<Step, { readonly do: 'ask' }>): Promise<void> {
    for (let time = 1; time < step.times; time += 1) {
      await deliverAll()
      act(step)
      await answers.settled()
    }
  }

  function watch<Result>(
    promise: Promise<Result>,
    done: (result: Result) => void,
    failed: (error: unknown) => void = (error) => violations.push(`threw ${String(error)}`),
  ): void {
    underWay += 1
    promise
      .finally(() => {
        underWay -= 1
      })
      .then(done, failed)
      .catch((error) => violations.push(`the oracle threw ${String(error)}`))
  }

  function assertNoViolation(): void {
    if (violations.length > 0) throw new Error([...new Set(violations)].join('; '))
  }
}
