import type { SharedLookUp } from '../telemetry/metric-labels.ts'
import { type Ages, ageOf, isStaleWithin, learnedAt, type TokenRecord } from './record.ts'
import type { SharedLooks } from './shared-looks.ts'
import type { Entries } from './shared-store.ts'
import type { Answer, BatchResolver, Invalid, Question, Valid } from './token-resolver.ts'

export type ShareRecordsOptions = {
  readonly looks: Pick<SharedLooks, 'look'>
  readonly ages: Ages
  readonly now: () => number
  readonly lookedUp: (outcome: SharedLookUp) => void
}

/**
 * The tier of the records that all processes share. One round trip to Redis answers all questions of a batch; what it cannot
 * answer goes down. A record is used as in the memory tier, by its age at this moment. Where LINE gives no answer to a stale
 * one, it is served.
 */
export function shareRecords(behind: BatchResolver, options: ShareRecordsOptions): BatchResolver {
  const { looks, ages, now, lookedUp } = options

  return (questions) => {
    const looked = look(questions)
    return questions.map(async (question, n) => answer(question, (await looked)[n]))
  }

  async function look(questions: readonly Question[]): Promise<readonly (Entries | undefined)[]> {
    const found = await looks.look(questions.map(({ token }) => token.key))
    return found === 'away' ? [] : found
  }

  async function answer(question: Question, entries: Entries | undefined): Promise<Answer> {
    if (entries === undefined) return counted('away', down(question))
    const { tombstone, record } = entries
    if (tombstone !== undefined) return counted('dead', deadInStore())
    if (record === undefined) return counted('absent', down({ ...question, shared: entries }))
    if (answers(record, question)) return counted('found', fromStore(record))
    lookedUp('old')
    const known = question.known ?? record
    return orStale(await down({ ...question, known, shared: entries }), question, record)
  }

  function counted<Result>(outcome: SharedLookUp, result: Result): Result {
    lookedUp(outcome)
    return result
  }

  function answers(record: TokenRecord, question: Question): boolean {
    const { mustAskLine, lastsMs } = question
    if (mustAskLine || (lastsMs !== undefined && isStaleWithin(lastsMs, record, now(), ages))) return false
    const age = ageOf(record, question.subject, now(), ages)
    if (question.known === undefined) return age === 'fresh' || age === 'aging'
    return age === 'fresh' && isNewer(record, question.known, question)
  }

  function isNewer(record: TokenRecord, known: TokenRecord, { subject }: Question): boolean {
    return (learnedAt(record, subject) ?? 0) > (learnedAt(known, subject) ?? 0)
  }

  /** This process did not know the token. Another one verified it some time ago. */
  function orStale(answered: Answer, { known, subject }: Question, record: TokenRecord): Answer {
    const isServed = answered.verdict === 'unknown' && known === undefined && learnedAt(record, subject) !== undefined
    return isServed ? { ...fromStore(record), from: 'stale' } : answered
  }

  async function down(question: Question): Promise<Answer> {
    const [answered] = behind([question])
    if (answered === undefined) throw new TypeError('each question gets an answer')
    return answered
  }
}

export function fromStore(record: TokenRecord): Valid {
  return { verdict: 'valid', record, isFromStore: true, from: 'redis' }
}

/** Another process has forgotten the token. */
export function deadInStore(): Invalid {
  return { verdict: 'invalid', reason: 'REVOKED', from: 'redis' }
}
