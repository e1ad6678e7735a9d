import type { Telemetry } from '../telemetry/telemetry.ts'
import { createBoundedMap } from './bounded-map.ts'
import { traceRecheck } from './look-up-spans.ts'
import { type Ages, ageOf, type TokenRecord } from './record.ts'
import type { Answer, Question } from './token-resolver.ts'

/** Checks records that are in memory with LINE again. */
export type Rechecks = {
  /** For an aging record, which is served at once: one re-check in the background for any number of questions. */
  startBehind(question: Question, record: TokenRecord): void
  /** For a stale record: LINE's answer. `undefined`: LINE gave no answer, now or within the last 5 seconds. */
  run(question: Question, record: TokenRecord): Promise<Answer | undefined>
  /** Asks for the subject alone, like a background call: it must not take the places of other callers. Otherwise like `run`. */
  once(question: Question, record: TokenRecord): Promise<Answer | undefined>
  /** LINE gave no answer: the next re-check waits 5 seconds. */
  postpone(question: Question): void
}

export type RechecksOptions = {
  readonly ask: (question: Question) => Promise<Answer>
  readonly isUnderWay: (question: Question) => boolean
  readonly idOf: (question: Question) => string
  readonly ages: Ages
  readonly now: () => number
  readonly telemetry: Telemetry
}

/** How long a record is served without a re-check after LINE gave no answer. */
const postponedForMs = 5_000
const mostPostponed = 20_000

const outcomes = { valid: 'valid', invalid: 'refused', unknown: 'unanswered' } as const

export function createRechecks({ ask, isUnderWay, idOf, ages, now, telemetry }: RechecksOptions): Rechecks {
  const postponed = createBoundedMap<number>(mostPostponed)

  return { startBehind, run, once, postpone }

  function startBehind(question: Question, record: TokenRecord): void {
    if (isUnderWay(question) || isPostponed(question)) return
    const check = () => recheck({ ...question, lane: 'background' }, record)
    const { tracing } = telemetry
    const checked = tracing === undefined ? check() : traceRecheck(tracing, question, check)
    checked.then(({ verdict }) => count(verdict), failed)
  }

  function failed(error: unknown): void {
    telemetry.unexpected(error, 'recheck')
    count('unknown')
  }

  function count(verdict: Answer['verdict']): void {
    telemetry.count('gateway_rechecks_total', outcomes[verdict])
  }

  async function run(question: Question, record: TokenRecord): Promise<Answer | undefined> {
    if (isPostponed(question)) return undefined
    const answer = await recheck({ ...question, lane: 'recheck' }, record)
    return answer.verdict === 'unknown' ? undefined : answer
  }

  async function once(question: Question, record: TokenRecord): Promise<Answer | undefined> {
    if (isPostponed(question)) return undefined
    const answer = await ask({ ...question, known: record, lane: 'background' })
    return answer.verdict === 'unknown' ? undefined : answer
  }

  /** A good reading also proves the token valid. If LINE does not answer the reading, the token is verified. */
  async function recheck(question: Question, record: TokenRecord): Promise<Answer> {
    const answer = await ask({ ...question, known: record })
    if (answer.verdict !== 'unknown' || question.subject === 'verification') return answer
    if (ageOf(record, 'verification', now(), ages) === 'fresh') return answer
    const verified = await ask({ ...question, known: record, subject: 'verification' })
    return verified.verdict === 'invalid' ? verified : answer
  }

  function postpone(question: Question): void {
    postponed.set(idOf(question), now())
  }

  function isPostponed(question: Question): boolean {
    const since = postponed.get(idOf(question))
    return since !== undefined && now() - since < postponedForMs
  }
}
