import { randomBytes } from 'node:crypto'
import { ExpectedError } from '../telemetry/expected-error.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { seal, unseal } from '../tokens/seal.ts'
import { type Departures, longestDepartureMs } from './departures.ts'
import { idOf, type RevocationCalls, type RevocationJob } from './revocation-calls.ts'

/**
 * The revocations that LINE has not confirmed, because it gave no answer. They are tried again until LINE answers or the
 * token has expired, so that a user who logged out in an outage of LINE is logged out there too. They are kept in the
 * memory of this process only: a restart ends them, and the caller has got an error.
 */
export type Unconfirmed = {
  add(job: RevocationJob): void
  /** LINE has confirmed it. */
  remove(job: Pick<RevocationJob, 'kind' | 'key'>): void
  find(job: Pick<RevocationJob, 'kind' | 'key'>): Omit<RevocationJob, 'raw'> | undefined
  /** Tries again what is due. Called once a second. */
  run(): void
  size(): number
  /** The process ends: says how many are given up. */
  close(): void
}

export type UnconfirmedOptions = {
  readonly calls: RevocationCalls
  /** Default: never. */
  readonly mustWait?: Departures['mustWait']
  /** Milliseconds on a clock that never runs fast: a wrong step of the wall clock must not end a job. */
  readonly steady: () => number
  readonly telemetry: Telemetry
  /** How long one attempt may take (ms). */
  readonly attemptMs: number
  /** How many wait at most. */
  readonly most?: number
}

type Job = Omit<RevocationJob, 'raw'>

/** The token is encrypted, so that a memory dump of an outage holds no usable tokens. */
type Entry = {
  job: Job
  readonly sealed: Buffer
  readonly addedAt: number
  readonly until: number
  attempts: number
  triedAt: number
  isUnderWay: boolean
}

/** Jobs of one kind and channel. They fail for the same reasons, and those of another group go on meanwhile. */
type Group = { underWay: number; isFailing: boolean; answersSince: number }

const mostWaiting = 10_000
/** After each failure the wait is doubled, up to this. */
const longestWaitMs = 10_000
const firstWaitMs = 1_000
/** Attempts at once: of all, and of a group while LINE does not answer it. */
const mostAtOnce = 16
const mostProbes = 4

const reasons = {
  full: 'too many are waiting',
  expired: 'their tokens have expired',
  end: 'the process ends',
}

export function createUnconfirmed(options: UnconfirmedOptions): Unconfirmed {
  const { calls, mustWait = () => false, steady, telemetry, attemptMs, most = mostWaiting } = options
  const entries = new Map<string, Entry>()
  const groups = new Map<string, Group>()
  const sealingKey = randomBytes(32).toString('hex')
  let underWay = 0

  return { add, remove, find, run, size: () => entries.size, close }

  function add(job: RevocationJob): void {
    groupOf(job).isFailing = true
    const known = entries.get(idOf(job))
    if (known !== undefined) {
      known.job = { ...known.job, userId: known.job.userId ?? job.userId }
      return
    }
    if (entries.size < most) entries.set(idOf(job), entryOf(job))
    else giveUp([job], 'full')
  }

  function entryOf({ raw, ...job }: RevocationJob): Entry {
    const now = steady()
    const sealed = seal(raw, sealingKey, 'unconfirmed')
    return { job, sealed, addedAt: now, until: now + job.forMs, attempts: 0, triedAt: now, isUnderWay: false }
  }

  function remove(job: Pick<RevocationJob, 'kind' | 'key'>): void {
    entries.delete(idOf(job))
  }

  function find(job: Pick<RevocationJob, 'kind' | 'key'>): Job | undefined {
    return entries.get(idOf(job))?.job
  }

  function run(): void {
    dropExpired()
    attemptNext()
  }

  function attemptNext(): void {
    for (const entry of entries.values()) {
      if (underWay >= mostAtOnce) return
      if (isDue(entry)) attempt(entry)
    }
  }

  /** As soon as LINE answers a group again, everything of it is due that was tried before. */
  function isDue({ job, attempts, triedAt, isUnderWay }: Entry): boolean {
    const { underWay: ofGroup, isFailing, answersSince } = groupOf(job)
    if (isUnderWay || (isFailing && ofGroup >= mostProbes) || mustWait(job) || waitsForDeparture(job)) return false
    return triedAt <= answersSince || steady() - triedAt >= Math.min(firstWaitMs * 2 ** attempts, longestWaitMs)
  }

  /** LINE revokes all tokens of a user who leaves, but only with a token that it still accepts. */
  function waitsForDeparture({ kind, key, accessKey = key }: Job): boolean {
    const departure = kind === 'user' ? undefined : entries.get(idOf({ kind: 'user', key: accessKey }))
    return departure !== undefined && steady() - departure.addedAt < longestDepartureMs
  }

  function attempt(entry: Entry): void {
    const group = groupOf(entry.job)
    entry.isUnderWay = true
    group.underWay += 1
    underWay += 1
    send(entry)
      .then(() => succeeded(entry.job, group))
      .catch((error) => failed(entry, group, error))
      .finally(() => ended(entry, group))
      .catch((error) => telemetry.unexpected(error, 'unconfirmed revocation'))
  }

  /** A user who was not known when LINE was down is remembered, once LINE has told. */
  async function send(entry: Entry): Promise<void> {
    const caller = { clientAddress: '', deadline: performance.now() + attemptMs, lane: 'background' } as const
    const job = await calls.named({ ...entry.job, raw: unseal(entry.sealed, sealingKey, 'unconfirmed') }, caller)
    entry.job = { ...entry.job, userId: job.userId }
    await calls.send(job, caller)
  }

  function succeeded(job: Job, group: Group): void {
    remove(job)
    if (group.isFailing) group.answersSince = steady()
    group.isFailing = false
  }

  /** It goes to the end of the queue, so that one that always fails does not stop the others. */
  function failed(entry: Entry, group: Group, error: unknown): void {
    if (!(error instanceof ExpectedError)) telemetry.unexpected(error, 'unconfirmed revocation')
    group.isFailing = true
    entry.attempts += 1
    entry.triedAt = steady()
    const id = idOf(entry.job)
    if (entries.delete(id)) entries.set(id, entry)
  }

  function ended(entry: Entry, group: Group): void {
    entry.isUnderWay = false
    group.underWay -= 1
    underWay -= 1
    if (!group.isFailing) attemptNext()
  }

  /** Few: one for each kind and channel. */
  function groupOf({ kind, channel }: Pick<Job, 'kind' | 'channel'>): Group {
    const id = `${kind} ${channel.id}`
    const group = groups.get(id) ?? { underWay: 0, isFailing: false, answersSince: Number.NEGATIVE_INFINITY }
    groups.set(id, group)
    return group
  }

  function dropExpired(): void {
    const now = steady()
    const expired = [...entries.values()].filter(({ until }) => until <= now).map(({ job }) => job)
    for (const job of expired) remove(job)
    if (expired.length > 0) giveUp(expired, 'expired')
  }

  function close(): void {
    if (entries.size > 0)
      giveUp(
        [...entries.values()].map(({ job }) => job),
        'end',
      )
    entries.clear()
  }

  function giveUp(jobs: readonly Job[], reason: keyof typeof reasons): void {
    for (const job of jobs) {
      calls.giveUp(job)
      telemetry.count('gateway_unconfirmed_given_up_total', reason)
    }
    telemetry.log('revocationsGivenUp', { count: jobs.length, why: reasons[reason] })
  }
}
