import { randomBytes } from 'node:crypto'
import { ExpectedError } from '../telemetry/expected-error.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { seal, unseal } from '../tokens/seal.ts'
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
  readonly now: () => number
  readonly telemetry: Telemetry
  /** How long one attempt may take (ms). */
  readonly attemptMs: number
  /** How many wait at most. */
  readonly most?: number
}

/** The token is encrypted, so that a memory dump of an outage holds no usable tokens. */
type Entry = {
  readonly job: Omit<RevocationJob, 'raw'>
  readonly sealed: Buffer
  attempts: number
  triedAt: number
  isUnderWay: boolean
}

const mostWaiting = 10_000
/** After each failure the wait is doubled, up to this. */
const longestWaitMs = 10_000
const firstWaitMs = 1_000
/** Attempts at once, while LINE answers and while it does not. */
const mostAtOnce = 16
const mostProbes = 4

export function createUnconfirmed(options: UnconfirmedOptions): Unconfirmed {
  const { calls, now, telemetry, attemptMs, most = mostWaiting } = options
  const entries = new Map<string, Entry>()
  const sealingKey = randomBytes(32).toString('hex')
  let underWay = 0
  let isFailing = false
  let answersSince = Number.NEGATIVE_INFINITY

  return { add, remove, find, run, size: () => entries.size, close }

  function add(job: RevocationJob): void {
    isFailing = true
    if (entries.has(idOf(job))) return
    if (entries.size < most) entries.set(idOf(job), entryOf(job))
    else giveUp([job], 'too many are waiting')
  }

  function entryOf({ raw, ...job }: RevocationJob): Entry {
    return { job, sealed: seal(raw, sealingKey, 'unconfirmed'), attempts: 0, triedAt: now(), isUnderWay: false }
  }

  function remove(job: Pick<RevocationJob, 'kind' | 'key'>): void {
    entries.delete(idOf(job))
  }

  function find(job: Pick<RevocationJob, 'kind' | 'key'>): Omit<RevocationJob, 'raw'> | undefined {
    return entries.get(idOf(job))?.job
  }

  function run(): void {
    dropExpired()
    attemptNext()
  }

  function attemptNext(): void {
    for (const entry of entries.values()) {
      if (underWay >= (isFailing ? mostProbes : mostAtOnce)) return
      if (isDue(entry)) attempt(entry)
    }
  }

  /** As soon as LINE answers again, everything is due that was tried before. */
  function isDue({ attempts, triedAt, isUnderWay }: Entry): boolean {
    if (isUnderWay) return false
    return triedAt < answersSince || now() - triedAt >= Math.min(firstWaitMs * 2 ** attempts, longestWaitMs)
  }

  function attempt(entry: Entry): void {
    const { job, sealed } = entry
    const raw = unseal(sealed, sealingKey, 'unconfirmed')
    const deadline = performance.now() + attemptMs
    entry.isUnderWay = true
    underWay += 1
    calls
      .send({ ...job, raw }, { clientAddress: '', deadline, lane: 'background' })
      .then(() => succeeded(job))
      .catch((error) => failed(entry, error))
      .finally(() => ended(entry))
  }

  function succeeded(job: Omit<RevocationJob, 'raw'>): void {
    remove(job)
    if (isFailing) answersSince = now()
    isFailing = false
  }

  /** It goes to the end of the queue, so that one that always fails does not stop the others. */
  function failed(entry: Entry, error: unknown): void {
    if (!(error instanceof ExpectedError)) telemetry.unexpected(error, 'unconfirmed revocation')
    isFailing = true
    entry.attempts += 1
    entry.triedAt = now()
    const id = idOf(entry.job)
    if (entries.delete(id)) entries.set(id, entry)
  }

  function ended(entry: Entry): void {
    entry.isUnderWay = false
    underWay -= 1
    if (!isFailing) attemptNext()
  }

  function dropExpired(): void {
    const expired = [...entries.values()].filter(({ job }) => job.until <= now()).map(({ job }) => job)
    for (const job of expired) remove(job)
    if (expired.length > 0) giveUp(expired, 'their tokens have expired')
  }

  function close(): void {
    if (entries.size > 0)
      giveUp(
        [...entries.values()].map(({ job }) => job),
        'the process ends',
      )
    entries.clear()
  }

  function giveUp(jobs: readonly Omit<RevocationJob, 'raw'>[], why: string): void {
    for (const job of jobs) calls.giveUp(job)
    telemetry.log.warn({ count: jobs.length, why }, 'revocations that LINE has not confirmed were given up')
  }
}
