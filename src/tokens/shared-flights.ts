import { isLineOutage } from '../line/errors.ts'
import { learnedAt, type TokenRecord } from './record.ts'
import type { Leases } from './shared-leases.ts'
import { readOutcome, writeOutcome } from './shared-outcomes.ts'
import { deadInStore, fromStore } from './shared-records.ts'
import type { Entries, Held, SharedStore } from './shared-store.ts'
import type { SharedTombstones } from './shared-tombstones.ts'
import type { Answer, Invalid, Question, Resolver, Valid } from './token-resolver.ts'

export type ShareFlightsOptions = {
  readonly store: SharedStore
  readonly leases: Leases
  readonly shared: Pick<SharedTombstones, 'learn' | 'learnAbout'>
  /** LINE has refused a token that the processes knew. */
  readonly refused: (key: string, refusal: Invalid) => void
  /** The IDs of our channels, as one text. */
  readonly channels: string
  /** How long another process may take until this one asks LINE as well (ms). */
  readonly patienceMs: number
  /** The others could not be told how a flight ended. */
  readonly failed: (error: unknown) => void
}

/** A record that changed in between is merged, and the lease is tried again. */
const mostEntries = 20

/**
 * The tier of the flights that all processes share: for each token and subject, one process asks LINE and the others wait for
 * its record. They get the same refusal or outage if LINE itself answered it. The failure of one process is not shared, so
 * that a sick one harms nobody. If Redis is away, each process asks LINE.
 */
export function shareFlights(behind: Resolver, options: ShareFlightsOptions): Resolver {
  const { store, leases, shared, refused, channels, patienceMs, failed } = options

  return async (question) => {
    const { mustAskLine, shared: seen } = question
    // Without entries Redis was away a moment ago.
    if (mustAskLine || seen === undefined) return askAlone(question)
    let asked = { question, seen }
    for (let entries = 0; entries < mostEntries; entries += 1) {
      const entered = await enter(asked)
      if ('answer' in entered) return entered.answer
      asked = entered
    }
    return askAlone(asked.question)
  }

  /** Once Redis is back, the others hear of a refusal, and the record there is deleted. */
  async function askAlone(question: Question): Promise<Answer> {
    const answer = await behind(question)
    if (isFinal(answer) && question.known !== undefined) refused(question.token.key, answer)
    return answer
  }

  /** The answer, or the question with what has changed in Redis. */
  async function enter(asked: Asked): Promise<{ readonly answer: Answer } | Asked> {
    const { question, seen } = asked
    const entered = await store.enter(question.token.key, question.subject, seen)
    if (entered === 'away' || entered === 'refused') return { answer: await askAlone(question) }
    switch (entered.state) {
      case 'mine':
        return { answer: await fly(question, entered.lease) }
      case 'changed':
        return changed(asked, entered.entries)
      case 'theirs':
        return entered.lease === 'held' ? wait(asked) : answerWith(entered.lease, question)
    }
  }

  /** Asks LINE, and shares what LINE answers. */
  async function fly(question: Question, lease: Held): Promise<Answer> {
    const release = leases.hold(lease.leaseKey, lease.owner)
    let answer: Answer | undefined
    try {
      answer = await behind(question)
      return answer.verdict === 'valid' ? await land(answer, lease) : answer
    } finally {
      release()
      if (answer?.verdict !== 'valid') conclude(question, lease, answer).catch(failed)
    }
  }

  /** Meanwhile the token may have been forgotten: as a token, or with its session or its user. */
  async function land(answer: Valid, lease: Held): Promise<Answer> {
    const [{ tombstone }] = await Promise.all([store.land(lease, answer.record), shared.learnAbout([answer.record])])
    return tombstone === undefined ? answer : dead(tombstone)
  }

  async function conclude(question: Question, lease: Held, answer: Answer | undefined): Promise<void> {
    const isRefused = isFinal(answer)
    const outcome = answer && writeOutcome(answer, channels)
    const wasKnown = await store.conclude(lease, { outcome, isRefused })
    if (isRefused && (wasKnown || question.known !== undefined)) refused(question.token.key, answer)
  }

  async function wait(asked: Asked): Promise<{ readonly answer: Answer } | Asked> {
    const { question, seen } = asked
    const { key } = question.token
    const keys = store.keysOf(key, question.subject)
    const until = Math.min(question.deadline, performance.now() + patienceMs)
    const ended = await leases.watch(keys, (values) => endOf(store.read(key, question.subject, values), seen), until)
    if (ended === 'away' || ended === 'late') return { answer: await askAlone(question) }
    return ended.lease === 'held' || ended.lease === 'free' ? changed(asked, ended) : answerWith(ended.lease, question)
  }

  function changed({ question }: Asked, entries: Entries): { readonly answer: Answer } | Asked {
    const { tombstone, record } = entries
    if (tombstone !== undefined) return { answer: dead(tombstone) }
    if (record !== undefined && isAnsweredBy(record, question)) return { answer: fromStore(record) }
    return { question: { ...question, known: question.known ?? record }, seen: entries }
  }

  async function answerWith(lease: 'free' | { readonly outcome: Buffer }, question: Question) {
    const answer = lease === 'free' ? undefined : toAnswer(lease.outcome, channels)
    return { answer: answer ?? (await askAlone(question)) }
  }

  function dead(tombstone: Buffer): Answer {
    shared.learn(tombstone)
    return deadInStore()
  }
}

/** `seen`: what of the token is in Redis, as far as we know. */
type Asked = { readonly question: Question; readonly seen: Entries }

/** `undefined`: it cannot be read, or it is not for a process with our channels. */
function toAnswer(bytes: Buffer, channels: string): Answer | undefined {
  const outcome = readOutcome(bytes, channels)
  if (isLineOutage(outcome)) return { verdict: 'unknown', outage: outcome }
  return outcome && { ...outcome, from: 'redis' }
}

/** `undefined`: the other process is still asking LINE. */
function endOf(now: ReturnType<SharedStore['read']>, seen: Entries) {
  const hasRecord = now.record !== undefined && !isSame(now.rawRecord, seen.rawRecord)
  return now.lease !== 'held' || now.tombstone !== undefined || hasRecord ? now : undefined
}

function isSame(one: Buffer | undefined, other: Buffer | undefined): boolean {
  return one === undefined || other === undefined ? one === other : one.equals(other)
}

/** Another process may have the channel of a token that has none here. */
function isFinal(answer: Answer | undefined): answer is Invalid {
  return answer?.verdict === 'invalid' && answer.reason !== 'WRONG_CHANNEL'
}

/** The record came while we waited, so it is new. */
function isAnsweredBy(record: TokenRecord, { subject, known }: Question): boolean {
  const at = learnedAt(record, subject)
  return at !== undefined && (known === undefined || at > (learnedAt(known, subject) ?? 0))
}
