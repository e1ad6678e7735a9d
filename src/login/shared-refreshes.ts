import { randomBytes } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { InvalidGrant, isAnsweredByLine, LineUnavailable } from '../line/errors.ts'
import type { CommandOptions } from '../redis.ts'
import type { Leases } from '../tokens/shared-leases.ts'
import { digestOf } from '../tokens/token-key.ts'
import type { Tombstones } from '../tokens/tombstones.ts'
import { createRefreshEntries, type RefreshEntriesOptions, type RefreshEntry, type Seen } from './refresh-entries.ts'
import type { Refreshed, RefreshOutcome } from './refresh-outcomes.ts'

/**
 * Asks LINE for new tokens at most once in 30 s for all replicas, and all get the first answer. The answer can be another
 * replica's. Rejects with `InvalidGrant` only if the refresh token is certainly refused, else with an outage.
 */
export type AskOnce = (key: string, ask: () => Promise<Refreshed>, limits: RefreshLimits) => Promise<Refreshed>

/** `deadline`: `performance.now()`. `options`: for the commands to Redis. */
export type RefreshLimits = { readonly deadline: number; readonly options: CommandOptions }

/** For one process, its own flights and replays are enough. */
export const askAtOnce: AskOnce = (_key, ask) => ask()

export type SharedRefreshesOptions = RefreshEntriesOptions & {
  readonly leases: Leases
  readonly tombstones: Pick<Tombstones, 'has'>
  /** Whether LINE has lately refused the access token. */
  readonly isRefused: (accessKey: string) => boolean
  /** How long another process may take to ask LINE (ms). */
  readonly patienceMs: number
}

/** One caller's way through. */
type Attempt = RefreshLimits & {
  readonly entry: RefreshEntry
  readonly owner: Buffer
  readonly ask: () => Promise<Refreshed>
  /** Another replica may have asked LINE too, and may have got the tokens. */
  isDoubtful: boolean
  /** The answer in Redis that must not be used. */
  stale: Buffer
}

/** While Redis is away, it is asked this often whether it is back. */
const lookAgainMs = 50
/** How long a late answer of another replica is waited for. */
const lastLookMs = 500

/**
 * LINE may replace a refresh token when it is used: then the second use is refused, although the session is alive. So a
 * refusal is final only if no other replica can have used the token: we had the lease from the first moment to the last, and
 * Redis has lost nothing lately. In any other case the refusal is an outage, and a later try finds the other replica's
 * answer, or is refused for good once Redis is there.
 */
export function createSharedRefreshes(options: SharedRefreshesOptions): AskOnce {
  const { leases, tombstones, isRefused, patienceMs } = options
  const entries = createRefreshEntries(options)

  return askOnce

  async function askOnce(key: string, ask: () => Promise<Refreshed>, limits: RefreshLimits): Promise<Refreshed> {
    const { deadline } = limits
    const state = { isDoubtful: false, stale: Buffer.alloc(0) }
    const entry = entries.of(key, limits.options)
    const attempt: Attempt = { ...limits, entry, owner: randomBytes(16), ask, ...state }
    while (performance.now() < deadline) {
      const found = await enter(attempt)
      if (found === 'mine') return askWithLease(attempt)
      const seen = found === 'theirs' ? await waitForPeer(attempt) : found
      if (seen === 'away') return askAndSettle(attempt)
      if (seen === 'gone') continue
      const refreshed = await accept(seen, attempt)
      if (refreshed !== undefined) return refreshed
    }
    throw new LineUnavailable('Another replica still waits for LINE: try again later', { retryAfter: 1 })
  }

  async function enter(attempt: Attempt): Promise<'mine' | 'theirs' | 'away' | Seen> {
    const entered = await attempt.entry.enter(attempt.owner, attempt.stale)
    if (entered !== 'taken over') return entered
    attempt.isDoubtful = true
    return 'mine'
  }

  /** `gone`: its lease ended without an answer. `away`: Redis is away, and the peer's call to LINE has ended by now. */
  async function waitForPeer(attempt: Attempt): Promise<Seen | 'gone' | 'away'> {
    const { entry, deadline, stale } = attempt
    const askAt = performance.now() + patienceMs
    attempt.isDoubtful = true
    while (performance.now() < deadline) {
      const seen = await leases.watch(entry.watched, (values) => entry.look(values, stale), deadline, { patient: true })
      if (seen !== 'away' && seen !== 'late') return seen
      if (performance.now() >= askAt) return 'away'
      if (seen === 'away') await pause(lookAgainMs, undefined, { ref: false })
    }
    return 'gone'
  }

  /** `undefined`: the access token was revoked or refused since, so LINE is asked for another one. */
  async function accept({ outcome, value }: Seen, attempt: Attempt): Promise<Refreshed | undefined> {
    if (outcome instanceof Error) throw outcome
    const accessKey = digestOf(outcome.tokens.accessToken)
    const isOver = () => tombstones.has(accessKey) || isRefused(accessKey)
    if (!isOver() && !(await entries.isRevoked(accessKey, attempt.options)) && !isOver()) return outcome
    attempt.stale = value
    return undefined
  }

  async function askWithLease(attempt: Attempt): Promise<Refreshed> {
    const letGo = leases.hold(attempt.entry.lease, attempt.owner)
    try {
      return await askAndSettle(attempt)
    } finally {
      letGo()
    }
  }

  async function askAndSettle(attempt: Attempt): Promise<Refreshed> {
    try {
      const refreshed = await attempt.ask()
      const { first } = await settle(attempt, refreshed)
      return first ?? refreshed
    } catch (error) {
      return settleError(attempt, error)
    }
  }

  /** Another replica's success is better than our error. */
  async function settleError(attempt: Attempt, error: unknown): Promise<Refreshed> {
    if (error instanceof InvalidGrant && (attempt.isDoubtful || entries.wereLost())) return lookOnceMore(attempt)
    if (!(error instanceof InvalidGrant) && !isAnsweredByLine(error)) {
      void attempt.entry.release(attempt.owner)
      throw error
    }
    const { first, isMine } = await settle(attempt, error)
    if (first !== undefined) return first
    if (error instanceof InvalidGrant && !isMine) return lookOnceMore(attempt)
    throw error
  }

  async function lookOnceMore(attempt: Attempt): Promise<Refreshed> {
    const { entry, deadline, stale } = attempt
    const late = await leases.watch(
      entry.watched,
      (values) => entry.lookForSuccess(values, stale),
      Math.min(performance.now() + lastLookMs, deadline),
      { patient: true },
    )
    const outage = inDoubt()
    const { first = late } = await settle(attempt, outage)
    if (typeof first === 'object') return first
    throw outage
  }

  function settle({ entry, owner, stale }: Attempt, outcome: RefreshOutcome) {
    return entry.settle(owner, outcome, stale)
  }
}

/** `unusable`: LINE refused the refresh token, so it counts against the caller's address as any other refusal does. */
function inDoubt(): LineUnavailable {
  return new LineUnavailable('Another replica may have the new tokens: try again', { retryAfter: 2, unusable: true })
}
