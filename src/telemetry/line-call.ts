import type { LineEndpoint } from './metric-labels.ts'

/** One call to LINE: the five facts that LINE asks integrators to log, how it ended and how long it took. */
export type LineCall = {
  readonly endpoint: LineEndpoint
  readonly method: 'GET' | 'POST'
  /** `undefined` if LINE gave no answer. */
  readonly status: number | undefined
  readonly lineRequestId: string | undefined
  readonly outcome: CallOutcome
  /** Why there is no usable answer. One of our own texts, never a text of LINE. */
  readonly failure?: string
  /** LINE's `error` word, from a fixed list, and its description, if it may be logged. */
  readonly error?: string
  readonly description?: string
  /** The setting that the operator must correct, and the channel: only if LINE refused our own settings. */
  readonly setting?: string
  readonly channelId?: string | undefined
  readonly ms: number
  /** Tells calls apart of which each gets log lines in a flood of the others. It has few values, and is not logged. */
  readonly sort?: string
}

/**
 * `answered`: a good answer. `refused`: LINE refused the credential or the request. `limited`: 429. `failed`: 5xx.
 * `no_answer`: time limit, reset, broken answer. `unreadable`: an answer that LINE does not document. `not_sent`: our own
 * queue had no place or no time for it, so it is no call to LINE.
 */
export type CallOutcome = 'answered' | 'refused' | 'limited' | 'failed' | 'no_answer' | 'unreadable' | 'not_sent'

/** A refusal is a normal answer. For the other outcomes an operator should look. */
export function levelOf({ outcome, setting }: LineCall): 'debug' | 'info' | 'warn' | 'error' {
  if (setting !== undefined) return 'error'
  if (outcome === 'answered') return 'debug'
  return outcome === 'refused' ? 'info' : 'warn'
}

export function messageOf({ outcome, setting }: LineCall): string {
  return setting === undefined ? messages[outcome] : `${setting}: LINE refuses the settings of this channel`
}

const messages: Readonly<Record<CallOutcome, string>> = {
  answered: 'called LINE',
  refused: 'call to LINE refused',
  limited: 'call to LINE limited',
  failed: 'call to LINE failed',
  no_answer: 'call to LINE without an answer',
  unreadable: 'call to LINE with an unreadable answer',
  not_sent: 'call to LINE not sent, because of our own queue',
}
