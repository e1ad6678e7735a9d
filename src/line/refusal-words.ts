import { lineErrorWords } from '../telemetry/metric-labels.ts'
import { lineTexts } from './line-texts.ts'
import { member } from './members.ts'
import { quotes, type SentValues, valuesIn } from './sent-values.ts'

/** What LINE says about a refusal, in a form that may be logged. Never for control flow: LINE changes its texts. */
export type RefusalWords = {
  /** A word of the fixed list, else `other`. `undefined` if the answer has no `error`. */
  readonly error?: string
  /** `(withheld)` if it may hold a secret. `undefined` if the answer has no description. */
  readonly description?: string
}

const errorWords: ReadonlySet<string> = new Set(lineErrorWords)

/** Reads both shapes of LINE's errors: `error` with `error_description`, and `message`. */
export function refusalWords(body: unknown, sent: SentValues): RefusalWords {
  const error = errorWordIn(body)
  const description = member(body, 'error_description') ?? member(body, 'message')
  return {
    ...(error !== undefined && { error }),
    ...(description != null && description !== '' && { description: printable(description, sent) }),
  }
}

/** A word of the fixed list, else `other`. `undefined` if the answer has no `error`. */
export function errorWordIn(body: unknown): string | undefined {
  const error = member(body, 'error')
  if (error == null) return undefined
  return typeof error === 'string' && errorWords.has(error) ? error : 'other'
}

/** LINE's text, if it is printable ASCII of at most 200 characters and holds no value that was sent in the same call. */
function printable(description: unknown, sent: SentValues): string {
  const isPlain = typeof description === 'string' && /^[\x20-\x7e]{1,200}$/.test(description)
  return isPlain && isSafe(description, sent) ? description : '(withheld)'
}

/** Only a text that LINE is known to write may have a part of a sent value in it: it has it by chance. */
function isSafe(description: string, sent: SentValues): boolean {
  const values = valuesIn(sent)
  if (lineTexts.has(description)) return !values.some(({ value }) => description.includes(value))
  return !quotes(description, values)
}
