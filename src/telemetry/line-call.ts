import type { BlamedSetting, LineEndpoint } from './metric-labels.ts'

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
  readonly setting?: BlamedSetting
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
