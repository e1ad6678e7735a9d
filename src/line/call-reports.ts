import type { LineCall } from '../telemetry/line-call.ts'
import type { BlamedSetting } from '../telemetry/metric-labels.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { lineTexts } from './line-texts.ts'
import { type RefusalWords, refusalWords } from './refusal-words.ts'
import type { SentValues } from './sent-values.ts'

/** What the reader of an answer of LINE found. */
export type Judgement = {
  /**
   * `answered`: understood and good. `refused`: LINE refused the credential or the request. `unreadable`: LINE does not
   * document this answer.
   */
  readonly outcome: 'answered' | 'refused' | 'unreadable'
  /** What is wrong with the answer, with the name of the member. */
  readonly failure?: string
  /** LINE refused our own settings. */
  readonly isMisconfigured?: boolean
}

type Call = SentValues & Pick<LineCall, 'endpoint' | 'method' | 'channelId'> & { readonly grant?: string }
type Ending = Pick<LineCall, 'outcome' | 'ms'> & Partial<Pick<LineCall, 'status' | 'lineRequestId' | 'failure'>>
type Judged = Judgement & { readonly status: number; readonly body: unknown } & Pick<LineCall, 'lineRequestId' | 'ms'>

/** Tells the telemetry how each call ended: once a call. `channelSetting` is the setting that holds our channel secrets. */
export function createCallReports(telemetry: Pick<Telemetry, 'lineCall'>, channelSetting: BlamedSetting) {
  return { ended, judged }

  /** Of a call without an answer for a reader. */
  function ended({ endpoint, method, grant }: Call, { status, lineRequestId, ...ending }: Ending): void {
    telemetry.lineCall({ endpoint, method, status, lineRequestId, ...ending, ...(grant && { sort: grant }) })
  }

  /** Of a call with an answer. LINE's words are in it only if LINE did not accept the call. */
  function judged(call: Call, { body, isMisconfigured, failure, ...ending }: Judged): void {
    const { endpoint, method, channelId } = call
    const hasWords = ending.outcome !== 'answered' && ending.status >= 400
    const words = hasWords ? refusalWords(body, call) : {}
    telemetry.lineCall({
      endpoint,
      method,
      ...ending,
      ...(failure !== undefined && { failure }),
      ...words,
      ...(isMisconfigured && { setting: channelSetting, channelId }),
      sort: sortOf(call, words),
    })
  }
}

/** A flood of junk must not hide the one line with LINE's reason. Unknown texts are one sort, because they have no bound. */
function sortOf({ grant = '' }: Call, { description = '' }: RefusalWords): string {
  return `${grant} ${lineTexts.has(description) ? description : ''}`
}
