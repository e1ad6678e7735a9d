import { LineUnavailable } from '../line/errors.ts'
import type { Concern, Forgotten } from './forgotten.ts'
import type { Rechecks } from './rechecks.ts'
import { namingSubject, type TokenRecord, withFacts } from './record.ts'
import type { RecordStore } from './record-store.ts'
import type { Answer, Question, Unknown } from './token-resolver.ts'

/** Answers questions about tokens that a tombstone concerns. Each case is explained in `memory-tier.ts`. */
export type Proofs = {
  answer(question: Question, record: TokenRecord, concern: NonNullable<Concern>): Answer | Promise<Answer>
  /** The answer while LINE does not know that the user of the token left. */
  withheld(question: Question): Answer
}

export type ProofsOptions = {
  readonly forgotten: Forgotten
  readonly records: RecordStore
  readonly rechecks: Rechecks
  readonly ask: (question: Question) => Promise<Answer>
  readonly answerByAge: (question: Question, record: TokenRecord) => Answer | Promise<Answer>
  readonly serveStale: (question: Question) => Answer | Promise<Answer>
  readonly unanswered: (question: Question, answer: Unknown) => Answer
  readonly refusedHere: () => Answer
}

/** After the second answer that came too early, the question is not answered. */
const mostAttempts = 2
/** One object, because a client may ask many times. */
const notConfirmed = new LineUnavailable(
  'LINE has not yet confirmed that the user left this service: try again later',
  {
    retryAfter: 5,
    sent: false,
  },
)

export function createProofs(options: ProofsOptions): Proofs {
  const { forgotten, records, rechecks, ask, answerByAge, serveStale, unanswered, refusedHere } = options

  return { answer, withheld }

  function answer(question: Question, record: TokenRecord, concern: NonNullable<Concern>): Answer | Promise<Answer> {
    switch (concern) {
      case 'dead':
        records.retire(question.token.key)
        return refusedHere()
      case 'withheld':
        return withheld(question)
      case 'unproven':
        return prove(question, record, mostAttempts)
      case 'unnamed':
        return name(question, record)
    }
  }

  function withheld(question: Question): Answer {
    return unanswered(question, { verdict: 'unknown', outage: notConfirmed })
  }

  /** Verifies the token again. An answer to a call that began before the tombstone is no proof. */
  async function prove(question: Question, record: TokenRecord, attemptsLeft: number): Promise<Answer> {
    if (attemptsLeft === 0) return withheld(question)
    const verified = await ask({ ...question, subject: 'verification', known: record, lane: 'recheck' })
    if (verified.verdict !== 'valid') return verified
    const { concern, record: proven } = verified
    if (concern === undefined) return answerByAge(question, proven)
    return concern === 'unproven' ? prove(question, proven, attemptsLeft - 1) : answer(question, proven, concern)
  }

  /** Fetches the user of the token. After that, only the tombstone of this user concerns it. */
  async function name(question: Question, record: TokenRecord): Promise<Answer> {
    const read = await rechecks.run({ ...question, subject: namingSubject(record) }, record)
    if (read === undefined) return serveStale(question)
    if (read.verdict !== 'valid') return read
    const { concern, record: named } = read
    if (concern !== undefined && concern !== 'unnamed') return answer(question, named, concern)
    return isWithheld(question, record, named) ? withheld(question) : answerByAge(question, named)
  }

  /** LINE's answer is no proof while LINE does not know that the user left. So the record keeps the time from before. */
  function isWithheld({ token: { key } }: Question, { verifiedAt }: TokenRecord, named: TokenRecord): boolean {
    const asBefore = withFacts(named, { verifiedAt })
    const isSo = forgotten.concerns(key, asBefore) === 'withheld'
    if (isSo) records.set(key, asBefore)
    return isSo
  }
}
