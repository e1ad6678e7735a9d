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

/** What may happen, in any order. `token` counts modulo the tokens there are. Answers of LINE wait until they are let in. */
export type Step =
  | { readonly do: 'ask'; readonly token: number; readonly subject: Subject; readonly times: number }
  | { readonly do: 'let in'; readonly place: number }
  | { readonly do: 'let all in'; readonly newestFirst: boolean }
  | { readonly do: 'advance'; readonly ms: number }
  | { readonly do: 'set the clock'; readonly toMs: number }
  | { readonly do: 'break LINE' | 'mend LINE' }
  | { readonly do: 'kill behind our back' | 'end behind our back'; readonly token: number }
  | { readonly do: 'revoke' | 'revoke refresh' | 'log out' | 'deauthorize' | 'refresh'; readonly token: number }

/** What is true of a token, as simply as it can be said. */
type Truth = {
  readonly token: Token
  readonly userId: string
  readonly family: string
  /** On LINE's clock. */
  readonly endsAt: number
  /** Since when LINE has refused it, on LINE's clock, where it was killed behind our back. */
  diedAt: number | undefined
  /** How many things that may have killed it at LINE have begun. */
  threats: number
  /** LINE itself refuses it for sure. */
  isDead: boolean
  /** We were told through the gateway, and the teller has had an answer. */
  isForgotten: boolean
  /** The gateway has called it bad, and rightly so. */
  wasRefused: boolean
  /** The gateway has said whose it is. */
  userKnown: boolean
}

/** Takes the steps on the real thing and keeps the truth beside it. A broken promise is thrown by the step that shows it. */
export function createWorld(layer: Layer, breakage: Fault) {
  const { emulator, answers, clock, revocation, refresher, ask: askLayer } = layer
  const verdicts: Answer['verdict'][] = []
  const broken: string[] = []
  const truths: Truth[] = []
  const deadRefreshTokens = new Set<string>()
  const forgottenRefreshTokens = new Set<string>()
  const asked = new Set<string>()
  let lineTime = layer.now()
  let setTo = 0
  let wasSet = false
  let wasSetForwards = false
  let wasBroken = false
  let mayCall = 0
  const acts = {
    'kill behind our back': kill,
    'end behind our back': expire,
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

  return { take, end, leave, verdicts }

  async function take(step: Step): Promise<void> {
    // LINE has three seconds to answer, whatever the clocks say.
    if (step.do === 'advance' && step.ms > SECOND) await letAllIn()
    act(step)
    await answers.settled()
    if (step.do === 'let in' && answers.waiting() > 0) await answers.release(step.place % answers.waiting())
    if (step.do === 'let all in') await letAllIn(step.newestFirst)
    if (step.do === 'ask') await askAgain(step)
    assertKept()
  }

  /** With LINE up again everybody gets their due: the living are served, the dead refused, nobody is left open. */
  async function end(): Promise<void> {
    await take({ do: 'mend LINE' })
    await take({ do: 'let all in', newestFirst: false })
    if (!wasBroken && emulator.calls.total() > mayCall) broken.push(`${emulator.calls.total()} calls, not ${mayCall}`)
    // Past what the breaker and a 429 ask for, past the age at which a record is re-checked first, however the clock was set.
    await take({ do: 'advance', ms: MAX_STALE_MS + 2 * FARTHEST_SET_MS + MINUTE })
    for (let round = 0; round < 2; round += 1) {
      for (const truth of [...truths]) {
        const promise = askLayer(truth.token, 'profile', here)
        await answers.settled()
        await letAllIn()
        const answer = await promise
        // A clock that was set made us take some tokens for expired, which is remembered for half a minute.
        if (wasSet && round === 0) continue
        if (answer.verdict === 'unknown') broken.push('left open though LINE is up again')
        if (answer.verdict === 'valid' && isOver(truth)) broken.push('a dead token is served in the end')
        if (answer.verdict === 'invalid' && isGood(truth)) broken.push('a good token is refused in the end')
      }
      await take({ do: 'advance', ms: 31 * SECOND })
    }
    assertKept()
  }

  /** As it was found, for the next world: nothing on its way, the clock set right, LINE up and known to be. */
  async function leave(): Promise<void> {
    emulator.faults.clear()
    await answers.release()
    clock.set(-setTo)
    clock.advance(HOUR)
    const spare = layer.issue()
    for (const subject of ['userinfo', 'profile', 'friendship'] as const) await askLayer(spare, subject, here)
    await refresher.refresh(spare.refreshToken, web, here)
    await revocation.deauthorize(spare, here)
    await revocation.revokeRefreshToken(spare.refreshToken, web, here)
  }

  function act(step: Step): void {
    if ('token' in step) actOn(truthOf(step.token), step)
    else if (step.do === 'advance') advance(step.ms)
    else if (step.do === 'set the clock') setClock(step.toMs)
    else if (step.do === 'mend LINE') emulator.faults.clear()
    else if (step.do === 'break LINE') breakLine()
  }

  function actOn(truth: Truth, step: Extract<Step, { readonly token: number }>): void {
    if (step.do === 'ask') ask(truth, step.subject)
    else acts[step.do](truth)
  }

  function breakLine(): void {
    wasBroken = true
    emulator.faults.set('*', breakage)
  }

  function advance(ms: number): void {
    lineTime += ms
    clock.advance(ms)
    asked.clear()
  }

  function setClock(toMs: number): void {
    if (toMs === setTo) return
    wasSet = true
    wasSetForwards ||= toMs > setTo
    clock.set(toMs - setTo)
    setTo = toMs
    asked.clear()
  }

  function kill(truth: Truth): void {
    emulator.revokeAccessToken(truth.token.raw)
    die(truth)
  }

  function expire(truth: Truth): void {
    emulator.expireAccessToken(truth.token.raw)
    die(truth)
  }

  function die(truth: Truth): void {
    truth.diedAt ??= lineTime
    truth.threats += 1
    truth.isDead = true
    asked.clear()
  }

  function ask(truth: Truth, subject: Subject): void {
    charge(truth, subject)
    const askedAt = ourTime()
    watch(askLayer(truth.token, subject, here), (answer) => judge(truth, subject, askedAt, answer))
  }

  /** While nothing changes, each thing is asked of LINE once however often it is asked of us. */
  function charge(truth: Truth, subject: Subject): void {
    for (const one of new Set(['verification', subject])) {
      const name = `${one} ${truth.token.key}`
      if (!asked.has(name)) mayCall += 1
      asked.add(name)
    }
  }

  function judge(truth: Truth, subject: Subject, askedAt: number, answer: Answer): void {
    verdicts.push(answer.verdict)
    if (answer.verdict === 'valid') judgeValid(truth, subject, askedAt, answer)
    if (answer.verdict === 'invalid') {
      const isMistaken = answer.reason === 'EXPIRED' && wasSetForwards
      if (isGood(truth) && !isMistaken) broken.push(`a good token is refused: ${answer.reason}`)
      if (truth.isDead || truth.endsAt <= lineTime) truth.wasRefused = true
    }
    if (answer.verdict === 'unknown' && !wasBroken) broken.push(`left open with LINE up: ${answer.outage.code}`)
  }

  function judgeValid(truth: Truth, subject: Subject, askedAt: number, { record }: Valid): void {
    if (record.expiresAt <= ourTime()) broken.push('served after it expired')
    if (!wasSet && truth.endsAt <= lineTime) broken.push('served after it expired at LINE')
    if (truth.isForgotten && !isRevivable(truth)) broken.push('served after we were told to forget it')
    if (truth.wasRefused) broken.push('served after LINE had refused it')
    if (!wasBroken && !wasSet && askedAt - record.verifiedAt >= MAX_STALE_MS) broken.push('served too stale')
    if (!wasSet && truth.diedAt !== undefined && record.verifiedAt > truth.diedAt)
      broken.push('believed verified after its death')
    const userId = record.userId
    if (userId !== undefined && userId !== truth.userId) broken.push("served with another user's data")
    if (userId !== undefined) truth.userKnown = true
    const held = { verification: true, profile: record.profile, userinfo: userId, friendship: record.friendship }[
      subject
    ]
    if (held === undefined) broken.push(`served without its ${subject}`)
  }

  function revoke(truth: Truth): void {
    charge(truth, 'verification')
    mayCall += 1
    truth.threats += 1
    watch(
      revocation.revokeAccessToken(truth.token, here),
      // One we take for dead already is not forgotten, only answered with that.
      ({ verdict }) => (verdict === 'invalid' ? undefined : forgotten(truth)),
      () => forgotten(truth, false),
    )
  }

  function revokeRefresh(truth: Truth): void {
    mayCall += 1
    const refreshToken = truth.family
    const family = doom(truth)
    const done = (isDead: boolean) => () => {
      forgottenRefreshTokens.add(refreshToken)
      for (const one of family) if (one.token.refreshToken === '') forgotten(one, isDead)
      if (isDead) for (const one of family) one.isDead = true
    }
    watch(revocation.revokeRefreshToken(refreshToken, web, here), done(true), done(false))
  }

  function logOut(truth: Truth): void {
    charge(truth, 'verification')
    mayCall += 2
    const family = doom(truth)
    const refreshToken = truth.family
    const done = (isDead: boolean) => (outcome?: { readonly verdict: string }) => {
      if (outcome?.verdict === 'invalid') return
      forgotten(truth, isDead)
      forgottenRefreshTokens.add(refreshToken)
      if (isDead) for (const one of family) one.isDead = true
    }
    watch(revocation.logout(truth.token, refreshToken, here), done(true), () => forgotten(truth, false))
  }

  function deauthorize(truth: Truth): void {
    charge(truth, 'verification')
    charge(truth, 'profile')
    mayCall += 4
    const theirs = truths.filter(({ userId }) => userId === truth.userId)
    const known = theirs.filter(({ userKnown }) => userKnown && !wasSet && !wasBroken)
    const wasGood = isGood(truth)
    for (const one of theirs) doom(one)
    const { threats } = truth
    watch(
      revocation.deauthorize(truth.token, here),
      ({ verdict }) => {
        if (verdict === 'invalid') return
        forgotten(truth)
        // A token that is dead by then gets LINE's "invalid token", which is no word on the others.
        if (!wasGood || truth.threats !== threats) return
        for (const one of theirs) one.isDead = true
        for (const one of known) forgotten(one)
      },
      () => forgotten(truth, false),
    )
  }

  function refresh(truth: Truth): void {
    mayCall += 1
    const askedAt = lineTime
    const refreshToken = truth.family
    const wasForgotten = forgottenRefreshTokens.has(refreshToken)
    watch(
      refresher.refresh(refreshToken, web, here),
      (tokens: TokenSet) => {
        if (wasForgotten) broken.push('refreshed though we were told to forget it')
        if (truths.some(({ token }) => token.raw === tokens.accessToken)) return
        const child = { ...tokenOf(tokens.accessToken), refreshToken: '' }
        const added = addTruth(child, truth.userId, refreshToken, askedAt + 30 * 86_400 * SECOND)
        if (deadRefreshTokens.has(refreshToken)) added.threats += 1
      },
      (error) => {
        if (error instanceof InvalidGrant && !deadRefreshTokens.has(refreshToken))
          broken.push('a good refresh token refused')
        if (!(error instanceof InvalidGrant) && !wasBroken)
          broken.push(`refresh left open with LINE up: ${String(error)}`)
      },
    )
  }

  /** All of a login may be dead from now on. */
  function doom(truth: Truth): readonly Truth[] {
    const family = truths.filter((one) => one.family === truth.family)
    deadRefreshTokens.add(truth.family)
    for (const one of family) one.threats += 1
    return family
  }

  function forgotten(truth: Truth, isDead = true): void {
    truth.isForgotten = true
    truth.isDead ||= isDead
    asked.clear()
  }

  /** LINE was never told, and a clock that is set makes a tombstone end at the wrong time: nobody could know better. */
  function isRevivable(truth: Truth): boolean {
    return wasSet && !truth.isDead && truth.endsAt > lineTime
  }

  /** Nobody has touched it. Its last seconds are anybody's: ours count from the moment of asking. */
  function isGood(truth: Truth): boolean {
    return truth.threats === 0 && !truth.isForgotten && truth.endsAt - MINUTE > lineTime
  }

  function isOver(truth: Truth): boolean {
    return truth.isDead || truth.endsAt <= lineTime || (truth.isForgotten && !isRevivable(truth))
  }

  function addTruth(token: Token, userId: string, family: string, endsAt: number): Truth {
    const truth: Truth = {
      token,
      userId,
      family,
      endsAt,
      diedAt: undefined,
      threats: 0,
      isDead: false,
      isForgotten: false,
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

  function ourTime(): number {
    return lineTime + setTo
  }

  async function letAllIn(newestFirst = false): Promise<void> {
    while (answers.waiting() > 0) await answers.release(newestFirst ? answers.waiting() - 1 : 0)
  }

  /** One after the other, each with its answer. */
  async function askAgain(step: Extract<Step, { readonly do: 'ask' }>): Promise<void> {
    for (let time = 1; time < step.times; time += 1) {
      await letAllIn()
      act(step)
      await answers.settled()
    }
  }

  function watch<Result>(
    promise: Promise<Result>,
    done: (result: Result) => void,
    failed: (error: unknown) => void = (error) => broken.push(`threw ${String(error)}`),
  ): void {
    promise.then(done, failed).catch((error) => broken.push(`the oracle threw ${String(error)}`))
  }

  function assertKept(): void {
    if (broken.length > 0) throw new Error(broken.join('; '))
  }
}
