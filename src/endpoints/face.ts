import type { IncomingMessage } from 'node:http'
import type { Form } from '../http/form.ts'
import type { Reply } from '../http/send.ts'
import type { FaceName, HttpRoute } from '../telemetry/metric-labels.ts'
import type { Caller } from '../tokens/token-resolver.ts'

/**
 * An endpoint for services that do not speak GraphQL. It only adds a way to ask and a way to answer: what a credential is
 * worth is decided in `tokens/credentials.ts`.
 */
export type Face = {
  /** The kind of its requests in metrics and log lines. */
  readonly name: FaceName
  /** The route of its requests in metrics and spans. */
  readonly route: HttpRoute
  /** `path`: without the query string. */
  serves(path: string): boolean
  /** Whether scripts of the allowed origins may call it. */
  readonly isForBrowsers: boolean
  /** The request must be a POST of a form, which is read before `answer` is called. */
  readonly readsForm?: true
  /** Without a promise if the answer is in memory. It may throw or reject with `RequestRefused`. */
  answer(request: IncomingMessage, context: FaceContext): FaceReply | Promise<FaceReply>
  /** The answer to a refused request, to one that is not answered when the process ends, and to an unexpected error. */
  refusal(failure: Failure): Reply
}

export type FaceContext = Caller & {
  readonly path: string
  readonly requestId: string
  /** Empty if the face does not read forms. */
  readonly form: Form
}

export type FaceReply = Reply & {
  /** `OK`, or a code of `faceCodes`, for metrics and log lines. */
  readonly code: string
  /** LINE's `x-line-request-id` and its error word, for the log line. */
  readonly lineRequestId?: string | undefined
  readonly lineError?: string | undefined
}

export type Failure = {
  /** 4xx for a request that cannot be read, 500 for our own fault, 503 when the process ends. */
  readonly status: number
  /** The code of `RequestRefused`: one of `faceCodes`. */
  readonly code: string
  readonly message: string
  readonly headers: Readonly<Record<string, string>>
  /** Seconds. */
  readonly retryAfter: number | undefined
}
