import { LineUnavailable } from '../line/errors.ts'
import { createBoundedMap } from './bounded-map.ts'
import type { Concern } from './forgotten.ts'
import { confirmedBy } from './look-ups.ts'
import type { Rechecks } from './rechecks.ts'
import { namingSubjects, type TokenRecord } from './record.ts'
import type { RecordStore } from './record-store.ts'
import type { Answer, Question, Unknown, Valid } from './token-resolver.ts'

/** Answers questions about tokens that a tombstone concerns. Each case is explained in `memory-tier.ts`. */
export type Proofs = {
  answer(question: Question, record: TokenRecord, concern: NonNullable<Concern>): Answer | Promise<Answer>
  /** Whether LINE has confirmed an unproven token since the last user left. Then it need not be asked for each question. */
  isProven(key: string): boolean
}

export type ProofsOptions = {
  /** How many departures and confirmations there were so far. */
  readonly count: () => number
  readonly now: () => number
  /** How long LINE is not asked again for a user that it did not tell (ms). */
  readonly untoldForMs: number
  readonly records: RecordStore
  readonly rechecks: Rechecks
  readonly ask: (question: Question) => Promise<Answer>
  readonly answerByAge: (question: Question, record: TokenRecord) => Answer | Promise<Answer>
  readonly serveStale: (question: Question) => Answer | Promise<Answer>
  readonly unanswered: (question: Question, answer: Unknown) => Answer
  readonly refusedHere: () => Answer
}

/** Of users who logged in again within seconds. */
const mostProven = 10_000
const mostUntold = 20_000
/** After the second answer that came too early, the question is not answered. */
const mostAttempts = 2
/** One object, because a client may ask many times. */
const notProven = new LineUnavailable('LINE has not confirmed the token since its user left: try again later', {
  retryAfter: 1,
  sent: false,
})

export function createProofs(options: ProofsOptions): Proofs {
  const { count, now, untoldForMs, records, rechecks, ask, answerByAge, serveStale, unanswered, refusedHere } = options

  const provenAt = createBoundedMap<number>(mostProven)
  const untoldAt = createBoundedMap<{ readonly count: number; readonly at: number }>(mostUntold)

  return { answer, isProven: (key) => provenAt.get(key) === count() }

  function answer(question: Question, record: TokenRecord, concern: NonNullable<Concern>): Answer | Promise<Answer> {
    switch (concern) {
      case 'dead':
        records.retire(question.token.key)
        return refusedHere()
      case 'unproven':
        return prove(question, record, mostAttempts)
      case 'unnamed':
        return name(question, record)
    }
  }

  /** Verifies the token again. An answer to a call that began before the tombstone is no proof. */
  async function prove(question: Question, record: TokenRecord, attemptsLeft: number): Promise<Answer> {
    const begunAt = count()
    if (attemptsLeft === 0) return unanswered(question, { verdict: 'unknown', outage: notProven })
    const verified = await ask({
      ...question,
      subject: 'verification',
      known: record,
      lane: 'recheck',
      mustAskLine: true,
    })
    if (verified.verdict !== 'valid') return verified
    const { concern, record: proven } = verified
    if (concern === undefined) {
      provenAt.set(question.token.key, begunAt)
      return confirmedBy(verified, answerByAge({ ...question, isProven: true }, proven))
    }
    return concern === 'unproven' ? prove(question, proven, attemptsLeft - 1) : answer(question, proven, concern)
  }

  /**
   * Fetches the user of the token. After that, only the tombstone of this user concerns it. If LINE does not tell the user,
   * it may still tell that the token is dead. Then it is not asked again until somebody else leaves, or for a while.
   */
  async function name(question: Question, record: TokenRecord): Promise<Answer> {
    const { key } = question.token
    const begunAt = count()
    const untold = untoldAt.get(key)
    let told: Valid | undefined
    if (untold?.count === begunAt && now() - untold.at < untoldForMs)
      return confirmedBy({ from: 'fresh' }, serveStale(question))
    for (const subject of [...namingSubjects(record).slice(0, 1), 'verification'] as const) {
      const read = await rechecks.once({ ...question, subject }, record)
      if (read?.verdict === 'invalid') return read
      if (read?.verdict !== 'valid') continue
      const { concern, record: named } = read
      if (concern === undefined) return confirmedBy(read, answerByAge(question, named))
      if (concern !== 'unnamed') return answer(question, named, concern)
      untoldAt.set(key, { count: begunAt, at: now() })
      told = read
    }
    const kept = serveStale(question)
    return told === undefined ? kept : confirmedBy(told, kept)
  }
}
