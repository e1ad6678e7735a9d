import { performance } from 'node:perf_hooks'
import { wideNetworkOf } from '../http/network.ts'
import { InvalidGrant, LineUnavailable } from '../line/errors.ts'
import { createSharePlaces } from './share-places.ts'
import { isShare } from './shares.ts'
import { type Attempt, createSources, type Source, type SourceCounts } from './sources.ts'
import type { TokenBucketOptions } from './token-bucket.ts'
import { type Caller, type Outage, SourceLimited } from './token-resolver.ts'
import { createWaitingRoom, noRoom, waitedTooLong } from './waiting-room.ts'

/**
 * How an admitted attempt ended. `refused`: LINE refused the credential. `useless`: LINE answered, but the answer says
 * nothing about the credential. Both take a token from the bucket. `good` puts one back. `open`: LINE did not answer, or
 * it refused our own settings, for which no caller must be limited.
 */
export type Outcome = 'good' | 'refused' | 'useless' | 'open'

export type Admission = {
  /** Calls to LINE that it may make at once: 2 only if 2 were requested. */
  readonly calls: 1 | 2
  settle(outcome: Outcome): void
}

type AdmissionRequest = {
  readonly deadline: number
  readonly calls: 1 | 2
  /** See `Question`. */
  readonly onWait?: ((renew: () => void) => void) | undefined
}

/** A source is a client network. The gate limits the calls to LINE for credentials that are unknown here. */
export type SourceGate = {
  /**
   * Waits until the source may send an unknown credential to LINE. Rejects with `SourceLimited` when its bucket is empty.
   * Rejects with `LineUnavailable` when it still waits at `deadline` (`performance.now()`), or when too many wait.
   */
  admit(network: string, request: AdmissionRequest): Promise<Admission>
}

export type SourceLimits = {
  /** The error with which `admit` would reject now because of this source. It costs no promise. */
  refusalFor(network: string): Outage | undefined
}

export type SourceNumbers = {
  counts(): SourceCounts
  /** Attempts that wait. */
  waiting(): number
}

/** For credentials that are checked here, without a call to LINE. */
export type SourceBuckets = {
  /** The error for a source with an empty bucket. */
  limitFor(network: string): SourceLimited | undefined
  count(network: string, outcome: 'good' | 'refused'): void
}

export type SourceGateOptions = TokenBucketOptions & {
  /** How many more calls to LINE could start now. The first value, with no call in flight, is the maximum. */
  readonly room: () => number
}

/** The most trust a source can earn. If a trusted source starts to send bad tokens, LINE gets at most twice that many more. */
const mostTrust = 30
/** A customer of a provider often has a /56 network: 256 networks of /64. It may have as much as ten of them. */
const wideFactor = 10
const mostWaiting = { mostOfOne: 1_000, mostInAll: 10_000 }

/**
 * Limits how much junk a source can send to LINE. Each source has a token bucket. A credential that LINE refuses takes a
 * token out, and one that LINE accepts puts a token back. So an address with mostly good credentials is not limited,
 * however many bad ones are among them. When the bucket is empty, the source waits until time has put a token back.
 *
 * We do not know in advance which credentials are junk. So a source may have no more of them in flight than its bucket
 * has tokens: a thousand bad ones at once cost no more than a thousand in a row. Each success adds one to the source's
 * trust, which allows one more in flight: many honest users behind one address soon get full speed. A refusal halves the
 * trust. While LINE has no free place, a source may have one in flight plus its trust. So the queue stays short for
 * the others, however many sources send junk.
 *
 * An IPv6 client has two sources: its /64 network, and the /56 network around it, which may have ten times as much.
 *
 * A caller with a share (`shares.ts`) is a source without a bucket: it is never limited, and nothing that LINE answers changes
 * how much it may ask. Its places to LINE are bounded instead (`share-places.ts`). Its other attempts wait.
 */
export function createSourceGate({
  room,
  ...options
}: SourceGateOptions): SourceGate & SourceLimits & SourceBuckets & SourceNumbers {
  const { burst } = options
  const sources = createSources(options)
  const waitingRoom = createWaitingRoom(mostWaiting)
  const places = room()
  const mostCalls = Math.max(2 * burst, burst + mostTrust)
  const shares = createSharePlaces(places)
  let underWay = 0
  let lastLimit = new SourceLimited(1)

  const numbers: SourceNumbers = { counts: sources.counts, waiting: waitingRoom.size }
  return { admit, refusalFor, limitFor, count: countOutcome, ...numbers }

  async function admit(network: string, request: AdmissionRequest): Promise<Admission> {
    const refusal = refusalFor(network)
    if (refusal !== undefined) throw refusal
    const entered = enter(network)
    const full = entered.find(mustWait)
    if (full === undefined) return letThrough(entered, request.calls)
    return waitAt(full, entered, request)
  }

  function refusalFor(network: string): Outage | undefined {
    const source = sources.find(network)
    const around = aroundOf(network)
    const limit = limitOf(source, around)
    const waits = isShare(network) ? !shares.hasPlace(source) : mustWait(source) || mustWait(around)
    if (limit !== undefined || !waits) return limit
    return waitingRoom.isFullFor(network) ? noRoom : undefined
  }

  function limitFor(network: string): SourceLimited | undefined {
    return limitOf(sources.find(network), aroundOf(network))
  }

  function countOutcome(network: string, outcome: 'good' | 'refused'): void {
    conclude(enter(network), outcome)
  }

  function aroundOf(network: string): Source | undefined {
    const wide = wideNetworkOf(network)
    return wide === undefined ? undefined : sources.find(wide)
  }

  /** The same error again while the wait is the same. */
  function limitOf(source: Source | undefined, around: Source | undefined): SourceLimited | undefined {
    const waitMs = Math.max(source?.bucket.waitMs() ?? 0, around?.bucket.waitMs() ?? 0)
    if (waitMs === 0) return undefined
    const seconds = Math.ceil(waitMs / 1_000)
    if (lastLimit.retryAfter !== seconds) lastLimit = new SourceLimited(seconds)
    return lastLimit
  }

  function enter(network: string): readonly Source[] {
    const wide = wideNetworkOf(network)
    const source = sources.enter(network, 1)
    return wide === undefined ? [source] : [source, sources.enter(wide, wideFactor)]
  }

  /** A source that is not known has used nothing. */
  function mustWait(source: Source | undefined): boolean {
    return source !== undefined && (source.waiting.size > 0 || !hasPlace(source))
  }

  function hasPlace(source: Source): boolean {
    if (isShare(source.network)) return shares.hasPlace(source)
    const { factor, bucket, tokens, calls, trust } = source
    const left = bucket.left()
    const window = (isBusy() ? Math.min(factor, left) : left) + trust
    return tokens < window && calls < mostCalls * factor
  }

  function isBusy(): boolean {
    return underWay >= places || room() === 0
  }

  function letThrough(entered: readonly Source[], wanted: 1 | 2): Admission {
    const calls = wanted === 2 && mayPair(entered) ? 2 : 1
    count(entered, 1, calls)
    return { calls, settle: (outcome) => settle(entered, calls, outcome) }
  }

  /** Two calls at once for a token that may be junk: only for a client whose bucket is full. A share has no bucket. */
  function mayPair(entered: readonly Source[]): boolean {
    const [first] = entered
    const isFull = first?.bucket.left() === burst && !isShare(first.network)
    return isFull && room() >= 2 && entered.every(({ calls, factor }) => calls + 2 <= mostCalls * factor)
  }

  function settle(entered: readonly Source[], calls: number, outcome: Outcome): void {
    count(entered, -1, -calls)
    conclude(entered, outcome)
  }

  function count(entered: readonly Source[], tokens: number, calls: number): void {
    underWay += calls
    for (const source of entered) {
      source.tokens += tokens
      source.calls += calls
      if (isShare(source.network)) shares.count(calls)
    }
  }

  function conclude(entered: readonly Source[], outcome: Outcome): void {
    for (const source of entered) weigh(source, outcome)
    for (const source of entered) pass(source)
    for (const source of entered) sources.leave(source)
  }

  function weigh(source: Source, outcome: Outcome): void {
    if (isShare(source.network)) return
    if (outcome === 'good') {
      source.bucket.giveBack()
      source.trust = Math.min(source.trust + 1, mostTrust * source.factor)
    } else if (outcome !== 'open') {
      source.bucket.take()
      source.trust = Math.floor(source.trust / 2)
    }
  }

  function pass(source: Source): void {
    if (isShare(source.network)) passShares()
    else passAt(source)
  }

  function passShares(): void {
    for (let attempt = shares.next(); attempt !== undefined; attempt = shares.next()) attempt.admit()
  }

  /** Lets waiting attempts through while there is a place for them. Refuses them if their bucket is empty now. */
  function passAt(source: Source): void {
    for (const attempt of source.waiting) {
      const limit = limitOf(attempt.sources[0], attempt.sources[1])
      const full = attempt.sources.find((one) => !hasPlace(one))
      if (limit === undefined && full === source) return
      source.waiting.delete(attempt)
      if (limit !== undefined) attempt.refuse(limit)
      else if (full === undefined) attempt.admit()
      else full.waiting.add(attempt)
    }
  }

  function waitAt(
    full: Source,
    entered: readonly Source[],
    { deadline, calls, onWait }: AdmissionRequest,
  ): Promise<Admission> {
    const { promise, resolve, reject } = Promise.withResolvers<Admission>()
    const attempt: Attempt = { sources: entered, admit, refuse }
    const { network = '' } = entered[0] ?? {}
    const timer = setTimeout(() => refuse(waitedTooLong), Math.max(deadline - performance.now(), 0))
    waitingRoom.enter(network)
    try {
      if (isShare(network)) {
        shares.wait(full, attempt)
        onWait?.(() => shares.renew(full, attempt))
      } else full.waiting.add(attempt)
      pass(full)
    } catch (error) {
      // Otherwise its timer would reject a promise that nobody waits for.
      refuse(error)
    }
    return promise

    function admit(): void {
      end()
      resolve(letThrough(entered, calls))
    }

    function refuse(error: unknown): void {
      end()
      for (const source of entered) sources.leave(source)
      reject(error)
    }

    function end(): void {
      clearTimeout(timer)
      waitingRoom.leave(network)
      for (const source of entered) source.waiting.delete(attempt)
    }
  }
}

/**
 * Sends a code or refresh token to LINE through the same gate. Rejects as the call does, or as the gate does.
 * `outcomeOf`: what a result says about the credential. Default: it is good.
 */
export async function guarded<Result>(
  gate: SourceGate,
  caller: Caller,
  call: () => Promise<Result>,
  outcomeOf: (result: Result) => Outcome = () => 'good',
): Promise<Result> {
  const admission = await gate.admit(caller.clientAddress, { deadline: caller.deadline, calls: 1 })
  let outcome: Outcome = 'open'
  try {
    const result = await call()
    outcome = outcomeOf(result)
    return result
  } catch (error) {
    if (error instanceof InvalidGrant) outcome = 'refused'
    if (isUseless(error)) outcome = 'useless'
    throw error
  } finally {
    admission.settle(outcome)
  }
}

/** LINE answered, but its answer says nothing about the credential. */
export function isUseless(error: unknown): boolean {
  return error instanceof LineUnavailable && error.unusable
}
