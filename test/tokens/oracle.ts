import type { Fault } from '../../src/emulator/emulator.ts'
import { InvalidGrant } from '../../src/line/errors.ts'
import type { TokenSet } from '../../src/login/token-set.ts'
import type { Subject } from '../../src/tokens/record.ts'
import type { Answer, Valid } from '../../src/tokens/token-resolver.ts'
import { here, type Layer, type Token, tokenOf, web } from '../harness/token-layer.ts'

export const SECOND = 1_000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const FARTHEST_SET_MS = 2 * HOUR
const MAX_STALE_MS = HOUR

/**
 * What can happen, in any order. `token` is taken modulo the number of tokens. LINE's answers are held until a step
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
  | { readonly do: 'break LINE' | 'repair LINE' }
  | { readonly do: 'revoke at LINE' | 'expire at LINE'; readonly token: number }
  | { readonly do: 'revoke' | 'revoke refresh' | 'log out' | 'deauthorize' | 'refresh'; readonly token: number }

/** The facts about one token, as simple as possible. */
type Truth = {
  readonly token: Token
  readonly userId: string
  readonly family: string
  /** Epoch ms on LINE's clock. */
  readonly endsAt: number
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
  /** The gateway has answered with its user. */
  userKnown: boolean
}

/** Takes each step on the real token layer and tracks the facts beside it. A step that shows a violation throws. */
export function createOracle(layer: Layer, breakage: Fault) {
  const { emulator, answers, clock, revocation, refresher, ask: askLayer } = layer
  const verdicts: Answer['verdict'][] = []
  const violations: string[] = []
  const truths: Truth[] = []
  const doubtedRefreshTokens = new Set<string>()
  const revokedRefreshTokens = new Set<string>()
  const allowed = new Set<string>()
  let lineTime = clock.lineTime()
  let setTo = 0
  let wasSetForwards = false
  let wasBroken = false
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
  answers.hold()
  for (const [user, expiresIn] of [
    [0, 30 * 86_400],
    [0, 2 * 3_600],
    [1, 20 * 60],
    [2, 5 * 60],
  ] as const) {
    const userId = emulator.users[user]?.userId ?? ''
    const token = layer.issue({ userId, expiresIn })
    addTruth(token, userId, token.refreshToken, lineTime + expiresIn * SECOND)
  }

  return { take, finish, cleanUp, verdicts }

  async function take(step: Step): Promise<void> {
    // In production a deadline of real time (LINE_TIMEOUT_MS) ends each call, so no answer is older than a few seconds.
    if ('ms' in step && step.ms > SECOND) await deliverAll()
    act(step)
    await answers.settled()
    if (step.do === 'deliver one' && answers.waiting() > 0) await answers.release(step.place % answers.waiting())
    if (step.do === 'deliver all') await deliverAll(step.newestFirst)
    if (step.do === 'ask') await askAgain(step)
    assertNoViolation()
  }

  /** LINE is up again: good tokens must be valid, ended tokens must be refused, and no answer may be unknown. */
  async function finish(): Promise<void> {
    await take({ do: 'repair LINE' })
    await take({ do: 'deliver all', newestFirst: false })
    if (!wasBroken && emulator.calls.total() > callsAllowed)
      violations.push(`${emulator.calls.total()} calls, more than ${callsAllowed}`)
    // Longer than the pause of the breaker or of a 429. Each record is stale after that.
    await take({ do: 'advance', ms: MAX_STALE_MS + MINUTE })
    for (let round = 0; round < 2; round += 1) {
      for (const truth of [...truths]) {
        const promise = askLayer(truth.token, 'profile', here)
        await answers.settled()
        await deliverAll()
        const answer = await promise
        // If the clock was set forwards, we may have refused good tokens as EXPIRED. That is remembered for 30 s.
        if (wasSetForwards && round === 0) continue
        if (answer.verdict === 'unknown') violations.push('unknown although LINE is up again')
        if (answer.verdict === 'valid' && mustBeRefused(truth)) violations.push('an ended token is valid in the end')
        if (answer.verdict === 'invalid' && isGood(truth)) violations.push('a good token is refused in the end')
      }
      await take({ do: 'advance', ms: 31 * SECOND })
    }
    assertNoViolation()
  }

  /** Resets the layer for the next run: no call in flight, the clock right, LINE up and every breaker closed. */
  async function cleanUp(): Promise<void> {
    emulator.faults.clear()
    await answers.release()
    clock.set(-setTo)
    clock.advance(HOUR)
    const spare = layer.issue()
    // First userinfo: after the profile it would be answered from the record, without a call.
    for (const subject of ['userinfo', 'profile', 'friendship'] as const) await askLayer(spare, subject, here)
    await refresher.refresh(spare.refreshToken, web, here)
    await revocation.deauthorize(spare, here)
    await revocation.revokeRefreshToken(spare.refreshToken, web, here)
  }

  function act(step: Step): void {
    if ('token' in step) actOn(truthOf(step.token), step)
    else if (step.do === 'advance') advance(step.ms)
    else if (step.do === 'suspend') suspend(step.ms)
    else if (step.do === 'set the clock') setClock(step.toMs)
    else if (step.do === 'repair LINE') emulator.faults.clear()
    else if (step.do === 'break LINE') breakLine()
  }

  function actOn(truth: Truth, step: Extract<Step, { readonly token: number }>): void {
    if (step.do === 'ask') ask(truth, step.subject)
    else actions[step.do](truth)
  }

  function breakLine(): void {
    wasBroken = true
    emulator.faults.set('*', breakage)
  }

  function advance(ms: number): void {
    lineTime += ms
    clock.advance(ms)
    allowed.clear()
  }

  function suspend(ms: number): void {
    lineTime += ms
    clock.suspend(ms)
    allowed.clear()
  }

  function setClock(toMs: number): void {
    if (toMs === setTo) return
    wasSetForwards ||= toMs > setTo
    clock.set(toMs - setTo)
    setTo = toMs
    allowed.clear()
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
    allowed.clear()
  }

  function ask(truth: Truth, subject: Subject): void {
    allowCalls(truth, subject)
    const askedAt = layer.now()
    watch(askLayer(truth.token, subject, here), (answer) => check(truth, subject, askedAt, answer))
  }

  /** While nothing changes, LINE is called once for each subject, however many questions there are. */
  function allowCalls(truth: Truth, subject: Subject): void {
    for (const one of new Set(['verification', subject])) {
      const name = `${one} ${truth.token.key}`
      if (!allowed.has(name)) callsAllowed += 1
      allowed.add(name)
    }
  }

  function check(truth: Truth, subject: Subject, askedAt: number, answer: Answer): void {
    verdicts.push(answer.verdict)
    if (answer.verdict === 'valid') checkValid(truth, subject, askedAt, answer)
    if (answer.verdict === 'invalid') {
      const isMistaken = answer.reason === 'EXPIRED' && wasSetForwards
      if (isGood(truth) && !isMistaken) violations.push(`a good token is refused: ${answer.reason}`)
      if (truth.isEnded || truth.endsAt <= lineTime) truth.wasRefused = true
    }
    if (answer.verdict === 'unknown' && !wasBroken) violations.push(`unknown with LINE up: ${answer.outage.code}`)
  }

  function checkValid(truth: Truth, subject: Subject, askedAt: number, { record }: Valid): void {
    if (record.expiresAt <= layer.now()) violations.push('served after it expired')
    if (truth.endsAt <= lineTime) violations.push('served after it expired at LINE')
    if (truth.isRevoked && !mayBeAccepted(truth)) violations.push('served after it was revoked here')
    if (truth.wasRefused) violations.push('served after LINE had refused it')
    if (!wasBroken && !wasSetForwards && askedAt - record.verifiedAt >= MAX_STALE_MS)
      violations.push('served too stale')
    if (truth.refusedSince !== undefined && record.verifiedAt > truth.refusedSince)
      violations.push('verified after it was ended at LINE')
    const userId = record.userId
    if (userId !== undefined && userId !== truth.userId) violations.push("served with another user's data")
    if (userId !== undefined) truth.userKnown = true
    const held = subject === 'verification' || (subject === 'userinfo' ? userId : record[subject]) !== undefined
    if (!held) violations.push(`served without its ${subject}`)
  }

  function revoke(truth: Truth): void {
    allowCalls(truth, 'verification')
    callsAllowed += 1
    truth.doubts += 1
    watch(
      revocation.revokeAccessToken(truth.token, here),
      // A token that was refused before is not revoked: the answer is only that refusal.
      ({ verdict }) => (verdict === 'invalid' ? undefined : setRevoked(truth)),
      () => setRevoked(truth, false),
    )
  }

  function revokeRefresh(truth: Truth): void {
    callsAllowed += 1
    const refreshToken = truth.family
    const family = doubtFamily(truth)
    const done = (isEnded: boolean) => () => {
      revokedRefreshTokens.add(refreshToken)
      for (const one of family) if (one.token.refreshToken === '') setRevoked(one, isEnded)
      if (isEnded) for (const one of family) one.isEnded = true
    }
    watch(revocation.revokeRefreshToken(refreshToken, web, here), done(true), done(false))
  }

  function logOut(truth: Truth): void {
    allowCalls(truth, 'verification')
    callsAllowed += 2
    const family = doubtFamily(truth)
    const refreshToken = truth.family
    const done = (isEnded: boolean) => (outcome?: { readonly verdict: string }) => {
      if (outcome?.verdict === 'invalid') return
      setRevoked(truth, isEnded)
      revokedRefreshTokens.add(refreshToken)
      if (isEnded) for (const one of family) one.isEnded = true
    }
    watch(revocation.logout(truth.token, refreshToken, here), done(true), () => setRevoked(truth, false))
  }

  function deauthorize(truth: Truth): void {
    allowCalls(truth, 'verification')
    allowCalls(truth, 'profile')
    callsAllowed += 4
    const theirs = truths.filter(({ userId }) => userId === truth.userId)
    const known = theirs.filter(({ userKnown }) => userKnown && !wasSetForwards && !wasBroken)
    const wasGood = isGood(truth)
    for (const one of theirs) doubtFamily(one)
    const { doubts } = truth
    watch(
      revocation.deauthorize(truth.token, here),
      ({ verdict }) => {
        if (verdict === 'invalid') return
        setRevoked(truth)
        // LINE answers "invalid token" for a token that has ended. That says nothing about the user's other tokens.
        if (!wasGood || truth.doubts !== doubts) return
        for (const one of theirs) one.isEnded = true
        for (const one of known) setRevoked(one)
      },
      () => setRevoked(truth, false),
    )
  }

  function refresh(truth: Truth): void {
    callsAllowed += 1
    const askedAt = lineTime
    const refreshToken = truth.family
    const wasRevoked = revokedRefreshTokens.has(refreshToken)
    watch(
      refresher.refresh(refreshToken, web, here),
      (tokens: TokenSet) => {
        if (wasRevoked) violations.push('refreshed after it was revoked here')
        if (truths.some(({ token }) => token.raw === tokens.accessToken)) return
        const child = { ...tokenOf(tokens.accessToken), refreshToken: '' }
        const added = addTruth(child, truth.userId, refreshToken, askedAt + 30 * 86_400 * SECOND)
        if (doubtedRefreshTokens.has(refreshToken)) added.doubts += 1
      },
      (error) => {
        if (error instanceof InvalidGrant && !doubtedRefreshTokens.has(refreshToken))
          violations.push('a good refresh token is refused')
        if (!(error instanceof InvalidGrant) && !wasBroken)
          violations.push(`refresh failed with LINE up: ${String(error)}`)
      },
    )
  }

  /** From now on LINE may refuse all tokens of this login. */
  function doubtFamily(truth: Truth): readonly Truth[] {
    const family = truths.filter((one) => one.family === truth.family)
    doubtedRefreshTokens.add(truth.family)
    for (const one of family) one.doubts += 1
    return family
  }

  function setRevoked(truth: Truth, isEnded = true): void {
    truth.isRevoked = true
    truth.isEnded ||= isEnded
    allowed.clear()
  }

  /** LINE does not know of the revocation, and a clock that was set forwards makes the tombstone end too early. */
  function mayBeAccepted(truth: Truth): boolean {
    return wasSetForwards && !truth.isEnded && truth.endsAt > lineTime
  }

  /** Not revoked and not ended. Its last minute is left out: our time counts from the request, so it ends first. */
  function isGood(truth: Truth): boolean {
    return truth.doubts === 0 && !truth.isRevoked && truth.endsAt - MINUTE > lineTime
  }

  function mustBeRefused(truth: Truth): boolean {
    return truth.isEnded || truth.endsAt <= lineTime || (truth.isRevoked && !mayBeAccepted(truth))
  }

  function addTruth(token: Token, userId: string, family: string, endsAt: number): Truth {
    const truth: Truth = {
      token,
      userId,
      family,
      endsAt,
      refusedSince: undefined,
      doubts: 0,
      isEnded: false,
      isRevoked: false,
      wasRefused: false,
      userKnown: false,
    }
    truths.push(truth)
    return truth
  }

  function truthOf(index: number): Truth {
    const truth = truths[index % truths.length]
    if (truth === undefined) throw new TypeError('no tokens')
    return truth
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
    promise.then(done, failed).catch((error) => violations.push(`the oracle threw ${String(error)}`))
  }

  function assertNoViolation(): void {
    if (violations.length > 0) throw new Error(violations.join('; '))
  }
}
